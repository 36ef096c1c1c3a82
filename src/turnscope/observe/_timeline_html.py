"""A conversation as one page for a browser: the timeline, to be listened to wherever it is clicked."""

import base64
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, fields
from html import escape
from importlib.resources import files

import numpy as np
import soundfile

from turnscope.core import (
    CLOCK_HZ,
    Decided,
    Event,
    Latency,
    Samples,
    SpeculationAdmitted,
    SpeculationDropped,
    ToolCalled,
    ToolSettled,
    ToolStarted,
    to_pcm16,
)
from turnscope.observe import _drawing as drawn
from turnscope.observe._drawing import Drawing
from turnscope.observe._picture import Picture, choose_strips, counted_summary, picture
from turnscope.observe._spans import Span, moment
from turnscope.observe._svg import FONT, Svg, number, printable
from turnscope.observe._told import told

__all__ = ["timeline_html"]

MAX_STRIPS = 300
"""An hour of a call is drawn large as a whole; of a longer one, the overview and as much of where something happens."""

TOP = 4.0
"""Room above each drawing."""

DARK = {
    drawn.INK: "#e6edf3",
    drawn.QUIET: "#9198a1",
    drawn.FAINT: "#3d444d",
    drawn.PAPER: "#0d1117",
    drawn.CALLER: "#4493f8",
    drawn.AGENT: "#3fb950",
    drawn.DETECTED: "#12283f",
    drawn.NAMES["caller"]: "#79b8ff",
    drawn.NAMES["agent"]: "#56d364",
    drawn.UNHEARD: "#8b949e",
    drawn.ASIDE: "#f0883e",
    drawn.OVERLAPPED: "#3b2412",
    drawn.CUT: "#3c1618",
    drawn.MARKS["onset"]: "#6cb6ff",
    drawn.MARKS["yield"]: "#d29922",
    drawn.MARKS["decision"]: "#bc8cff",
    drawn.MARKS["silence"]: "#ff7b72",
    drawn.STATES["listening"]: "#262c36",
    drawn.STATES["processing"]: "#4d3800",
    drawn.STATES["speaking"]: "#1c4428",
    drawn.STATES["away"]: "#3a2340",
    drawn.TOOL: "#3d2b5c",
    drawn.STRETCH: "#161b22",
}
"""For each colour of the drawing, the one on a dark page."""


def timeline_html(
    events: Iterable[Event], user: Samples, agent: Samples, title: str = "", *, audio: bool = True
) -> str:
    """A conversation as a page.

    It needs nothing but itself: no network, no other file. A click plays from there; so do the keys that it names. It
    is the same for the same conversation, and holds about a megabyte for each minute of speech.

    Args:
        events: All events of the conversation, in order.
        user: The caller's track, at 16 kHz.
        agent: The agent's track as heard, at 16 kHz, on the same clock.
        title: Stands above it.
        audio: False leaves out what can be heard.
    """
    events = tuple(events)
    whole = picture(events, agent, max(len(user), len(agent)))
    page = _Page(whole, events, user, agent, title or "A conversation")
    return page.document(_flac(user, agent, whole.length) if audio and whole.length else b"")


def _flac(user: Samples, agent: Samples, length: int) -> bytes:
    """Both tracks, the caller left and the agent right, without loss beyond 16 bits."""
    both = np.zeros((length, 2), np.int16)
    both[: len(user), 0] = to_pcm16(user)
    both[: len(agent), 1] = to_pcm16(agent)
    file = io.BytesIO()
    soundfile.write(file, both, CLOCK_HZ, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def _variable(colour: str) -> str:
    assert colour in DARK, colour
    return f"var(--c{colour[1:]})"


class _Page:
    def __init__(self, whole: Picture, events: Sequence[Event], user: Samples, agent: Samples, title: str) -> None:
        self._whole = whole
        self._events = events
        self._drawing = Drawing(whole, user, agent, Svg(_variable))
        self._title = title

    def document(self, audio: bytes) -> str:
        strips, left_out = choose_strips(self._whole, MAX_STRIPS)
        parts = [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{_text(self._title)}</title>",
            f"<style>{_colours()}\n{_asset('_page.css')}</style></head><body>",
            *self._header(audio, strips),
            f'<main aria-label="Timeline" style="font-family:{escape(FONT)}">',
            *(self._strip(strip) for strip in strips),
        ]
        if left_out:
            parts.append(f"<p>{left_out} more stretches are in the overview only.</p>")
        parts += ["</main>", *self._tables(), f"<script>{_asset('_page.js')}</script>", "</body></html>", ""]
        return "\n".join(parts)

    # The timeline

    def _header(self, audio: bytes, strips: Sequence[Span]) -> Iterator[str]:
        yield f"<header><h1>{_text(self._title)}</h1>"
        yield f"<p>{_text(counted_summary(self._whole, ' · '))}</p>"
        yield "<p class=legend>" + "".join(_swatches(self._whole)) + "</p></header>"
        yield '<div id="bar">'
        length = self._whole.length / CLOCK_HZ
        if audio:
            data = base64.b64encode(audio).decode()
            yield f'<audio id="audio" preload="auto" src="data:audio/flac;base64,{data}"></audio>'
        yield '<button id="play" type="button" aria-keyshortcuts="Space">Play</button>'
        yield '<output id="time" aria-live="off">0.00 s</output>'
        yield "<label>speed <select id=speed>"
        yield "".join(f"<option{' selected' * (x == 1)}>{x:g}</option>" for x in (0.25, 0.5, 1, 1.5, 2))
        yield "</select></label>"
        yield (
            "<span class=keys><kbd>Space</kbd> play or pause, <kbd>←</kbd> <kbd>→</kbd> one second, with "
            "<kbd>Shift</kbd> five, <kbd>n</kbd> <kbd>p</kbd> next and previous event</span>"
        )
        yield (
            f'<div id="seek" role="slider" tabindex="0" aria-label="Position in the call" aria-valuemin="0" '
            f'aria-valuemax="{length:.2f}" aria-valuenow="0" aria-valuetext="0 seconds">'
        )
        self._drawing.begin(Svg(_variable), TOP)
        self._drawing.overview(() if len(strips) == 1 else strips)
        yield self._svg(Span(0, max(self._whole.length, 1)), "The whole call")
        yield "</div></div>"

    def _strip(self, strip: Span) -> str:
        self._drawing.begin(Svg(_variable), TOP)
        self._drawing.strip(strip)
        return self._svg(strip, f"From {moment(strip.start)} to {moment(strip.stop)}")

    def _svg(self, span: Span, label: str) -> str:
        height = self._drawing.y
        box = f'viewBox="0 0 {number(drawn.WIDTH)} {number(height)}" role="img" aria-label="{_text(label)}"'
        edges = f'data-left="{number(drawn.LEFT)}" data-right="{number(drawn.RIGHT)}"'
        times = f'data-from="{span.start / CLOCK_HZ}" data-to="{span.stop / CLOCK_HZ}"'
        head = f'<line class="playhead" x1="0" x2="0" y1="0" y2="{number(height)}" visibility="hidden"/>'
        return f"<svg {box} {edges} {times}>\n{self._drawing.svg.shapes()}\n{head}</svg>"

    # What was said, decided, called, and how long it took

    def _tables(self) -> Iterator[str]:
        yield from _table("What was said", ("time", "who", "words", "what came of it"), self._said())
        yield from _table("Decisions", ("time", "turn", "decision", "evidence", "words by then"), self._decisions())
        yield from _table("Tools", ("time", "turn", "tool", "arguments", "outcome", "text", "took"), self._tools())
        every = [asdict(turn.latency) for turn in self._whole.turns]
        names = [field.name for field in fields(Latency) if any(each[field.name] is not None for each in every)]
        heads = ("time", "turn", *(name.removesuffix("_s").replace("_", " ") for name in names))
        yield from _table("Latencies, in ms", heads, self._latencies(names))

    def _said(self) -> Iterator[tuple[int, list[str]]]:
        for phrase, notes in told(self._whole):
            words = [_text(phrase.heard)] if phrase.heard else []
            if phrase.unheard:
                words.append(f"<del>{_text(phrase.unheard)}</del>")
            cells = [_text(phrase.who), " ".join(words) or "<i>(no words)</i>", "<br>".join(map(_text, notes))]
            yield phrase.start, cells

    def _decisions(self) -> Iterator[tuple[int, list[str]]]:
        for event in self._events:
            match event:
                case Decided(sample, turn_id, _, verdict, evidence, text):
                    yield sample, [str(turn_id), *map(_text, (verdict, evidence, text))]
                case SpeculationAdmitted(sample, turn_id, _, text):
                    yield sample, [str(turn_id), "guess used", "", _text(text)]
                case SpeculationDropped(sample, turn_id, _, cause):
                    yield sample, [str(turn_id), "guess dropped", _text(cause.replace("_", " ")), ""]

    def _tools(self) -> Iterator[tuple[int, list[str]]]:
        started = {event.call_id: event.sample for event in self._events if isinstance(event, ToolStarted)}
        settled = {event.call_id: event for event in self._events if isinstance(event, ToolSettled)}
        for event in self._events:
            if isinstance(event, ToolCalled):
                end = settled.get(event.call_id)
                told_of = ("never started" if event.call_id not in started else "running", "", "")
                if end is not None:
                    told_of = (end.kind, end.text, f"{end.duration_s:.2f} s")
                cells = (str(event.turn_id), event.tool, event.arguments, *told_of)
                yield started.get(event.call_id, event.sample), [_text(cell) for cell in cells]

    def _latencies(self, names: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
        for turn in self._whole.turns:
            values = [getattr(turn.latency, name) for name in names]
            begun = turn.audio_started if turn.attempt_started is None else turn.attempt_started
            if any(value is not None for value in values) and begun is not None:
                cells = ["" if value is None else f"{value * 1000:.0f}" for value in values]
                yield begun, [str(turn.turn_id), *cells]


def _table(title: str, heads: Sequence[str], rows: Iterable[tuple[int, list[str]]]) -> Iterator[str]:
    """A table, if there is anything in it. Times are buttons that play from there."""
    lines = []
    for sample, cells in rows:
        button = f'<button type="button" data-at="{sample / CLOCK_HZ}">{_text(moment(sample))}</button>'
        lines.append(f"<tr><td>{button}</td>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    if lines:
        yield f"<section><h2>{_text(title)}</h2><div class=scroll><table><thead><tr>"
        yield "".join(f"<th scope=col>{_text(head)}</th>" for head in heads)
        yield "</tr></thead><tbody>"
        yield from lines
        yield "</tbody></table></div></section>"


def _swatches(whole: Picture) -> Iterator[str]:
    states = {span.state for span in whole.states}
    shown = [("caller’s speech, as detected", drawn.DETECTED)]
    shown += [(name, fill) for name, fill in drawn.STATES.items() if name in states]
    if whole.overlaps:
        shown.append(("overlap: no interruption", drawn.OVERLAPPED))
    for name, fill in shown:
        yield f'<span><i style="background:{_variable(fill)}"></i>{_text(name)}</span>'
    yield "<span>heard</span><span><del>not heard</del></span>"


def _colours() -> str:
    light = "".join(f"--c{colour[1:]}:{colour};" for colour in DARK)
    dark = "".join(f"--c{colour[1:]}:{other};" for colour, other in DARK.items())
    named = f"--ink:{_variable(drawn.INK)};--paper:{_variable(drawn.PAPER)};--quiet:{_variable(drawn.QUIET)};"
    named += f"--faint:{_variable(drawn.FAINT)};--now:{_variable(drawn.MARKS['silence'])};"
    return f":root{{{light}{named}}}\n@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"


def _text(text: str) -> str:
    return escape(printable(text))


def _asset(name: str) -> str:
    return files("turnscope.observe").joinpath(name).read_text(encoding="utf-8").strip()
