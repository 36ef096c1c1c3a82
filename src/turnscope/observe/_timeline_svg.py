"""A conversation as one SVG image: both voices, states, words heard and unheard, and how the agent fell silent."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from turnscope.core import CLOCK_HZ, Event, Interrupted, Samples, to_samples
from turnscope.observe._flags import Flag, place_flags
from turnscope.observe._picture import Mark, Picture, choose_strips, counted_summary, picture
from turnscope.observe._spans import Span, envelope, tick_label, tick_step_s
from turnscope.observe._svg import Svg, text_width
from turnscope.observe._wordlines import Piece, lay_out_words

__all__ = ["timeline_svg"]

MAX_STRIPS = 12
"""A longer call is drawn small as a whole, and large where something happens in it."""

WIDTH = 1200.0
LEFT, RIGHT = 88.0, WIDTH - 24.0
LANE, SMALL_LANE = 60.0, 30.0
WORD_PX, LABEL_PX, LINE_PX, ROW_PX = 12.0, 11.0, 16.0, 15.0
BAND, AXIS, GAP = 15.0, 20.0, 22.0
COLUMN_PX = 2.0
MAX_FLAG_ROWS = 12
MAX_NOTES = 12
MIN_PX = 0.5
"""What is narrower cannot be seen, and is not drawn or drawn together with its neighbour."""

INK, QUIET, FAINT, PAPER, FRAME = "#1f2328", "#59636e", "#d1d9e0", "#ffffff", "#d1d9e0"
CALLER, AGENT, DETECTED = "#4a98e8", "#46ab62", "#e3f1ff"
NAMES = {"caller": "#0969da", "agent": "#1a7f37"}
UNHEARD, ASIDE, OVERLAPPED, CUT = "#818b98", "#bc4c00", "#ffe8d6", "#ffebe9"
MARKS = {"onset": "#0550ae", "yield": "#9a6700", "decision": "#8250df", "silence": "#cf222e", "overlap": ASIDE}
STATES = {"listening": "#e4e9ef", "processing": "#ffe7a8", "speaking": "#c5ebcf", "away": "#f3e3f5"}


def timeline_svg(events: Iterable[Event], user: Samples, agent: Samples, title: str = "") -> str:
    """Draw a conversation.

    The image needs nothing but itself, has a light background of its own, is the same for the same conversation, and
    does not grow without bound: of a call longer than `MAX_STRIPS` × 12 s only eventful stretches are drawn large.

    Args:
        events: All events of the conversation, in order.
        user: The caller's track, at 16 kHz.
        agent: The agent's track as heard, at 16 kHz, on the same clock.
        title: Stands above it.
    """
    whole = picture(events, agent, max(len(user), len(agent)))
    return _Drawing(whole, user, agent).draw(title or "A conversation")


@dataclass(frozen=True, slots=True)
class _Axis:
    """Samples across, from the left edge to the right."""

    span: Span

    def x(self, sample: int) -> float:
        return LEFT + (sample - self.span.start) / (self.span.stop - self.span.start) * (RIGHT - LEFT)

    def inside(self, start: int, stop: int) -> tuple[float, float] | None:
        low, high = max(start, self.span.start), min(stop, self.span.stop)
        return (self.x(low), self.x(high)) if low < high else None


class _Drawing:
    def __init__(self, whole: Picture, user: Samples, agent: Samples) -> None:
        self._whole = whole
        self._tracks = {"caller": user, "agent": agent}
        self._scales = {who: _peak(track) for who, track in self._tracks.items()}
        self._svg = Svg()
        self._y = 0.0

    def draw(self, title: str) -> str:
        body = self._svg
        strips, left_out = choose_strips(self._whole, MAX_STRIPS)
        self._header(title)
        if left_out:
            self._overview(strips)
        for strip in strips:
            self._strip(strip)
        self._notes(left_out, strips)
        height = self._y + 6
        self._svg = Svg()
        self._svg.rect(0.5, 0.5, WIDTH - 1, height - 1, PAPER, stroke=FRAME, rx=10.0)
        self._svg.extend(body)
        return self._svg.document(WIDTH, height, title)

    # Header and footer

    def _header(self, title: str) -> None:
        self._svg.text(24, 36, _shortened(title, 23, RIGHT - 24), INK, font_size=20, font_weight=600)
        counts = counted_summary(self._whole, " · ")
        self._svg.text(24, 57, counts, QUIET, font_size=13)
        x = 24.0
        shown = {span.state for span in self._whole.states}
        swatches = [("caller’s speech, as detected", DETECTED), *(item for item in STATES.items() if item[0] in shown)]
        if self._whole.overlaps:
            swatches.append(("overlap: no interruption", OVERLAPPED))
        for name, fill in swatches:
            self._svg.rect(x, 70, 14, 12, fill, rx=2.0, stroke=FAINT)
            self._svg.text(x + 19, 80, name, QUIET, font_size=LABEL_PX)
            x += 19 + text_width(name, LABEL_PX) + 14
        for name, style in (("heard", {}), ("not heard", {"text_decoration": "line-through"})):
            self._svg.text(x, 80, name, UNHEARD if style else INK, font_size=LABEL_PX, **style)
            x += text_width(name, LABEL_PX) + 14
        self._svg.text(x, 80, "(the caller’s words are placed by their length)", UNHEARD, font_size=LABEL_PX)
        self._y = 96

    def _notes(self, left_out: int, strips: Sequence[Span]) -> None:
        notes = []
        for turn in self._whole.turns:
            if isinstance(turn.outcome, Interrupted):
                latency, cause = turn.latency, turn.outcome.cause
                known = [
                    f"{name} {value * 1000:.0f} ms"
                    for name, value in (
                        ("onset → yield", latency.onset_to_yield_s),
                        ("onset → decision", latency.onset_to_decision_s),
                        ("onset → silence", latency.onset_to_silence_s),
                        ("decision → silence", latency.decision_to_silence_s),
                        ("decision → join", latency.decision_to_join_s),
                    )
                    if value is not None
                ]
                why = cause.reason.replace("_", " ") + (f" ({cause.evidence})" if cause.evidence else "")
                notes.append((f"Turn {turn.turn_id}: {why}", " · ".join(known).replace("-", "−")))
        if left_out:
            each = (strips[0].stop - strips[0].start) / CLOCK_HZ
            self._note(f"{left_out} more stretches of {each:g} s are shown in the overview only.", "")
        for why, times in notes[:MAX_NOTES]:
            self._note(why, times)
        if len(notes) > MAX_NOTES:
            self._note(f"… and {len(notes) - MAX_NOTES} more interruptions.", "")

    def _note(self, why: str, times: str) -> None:
        room = RIGHT - 24 - text_width(times, WORD_PX) - 16
        self._svg.text(24, self._y + 12, _shortened(why, WORD_PX, room), INK, font_size=WORD_PX)
        if times:
            self._svg.text(RIGHT, self._y + 12, times, QUIET, font_size=WORD_PX, text_anchor="end")
        self._y += 19

    # Strips

    def _strip(self, strip: Span) -> None:
        axis = _Axis(strip)
        groups = [[mark for mark in group if strip.start <= mark.sample < strip.stop] for group in self._whole.marks]
        flags, bare = place_flags(
            [group for group in groups if group],
            axis.x,
            lambda label: text_width(label, LABEL_PX) + 8,
            (LEFT, RIGHT),
            MAX_FLAG_ROWS,
        )
        words = {
            who: lay_out_words(self._whole.phrases, who, strip, axis.x, WORD_PX, (LEFT, RIGHT + 12))
            for who in self._tracks
        }
        lines = {who: 1 + max((piece.line for piece in pieces), default=0) for who, pieces in words.items()}
        top = self._y
        caller = top + ROW_PX * (1 + max((flag.row for flag in flags), default=-1)) + 2
        band = caller + LANE + LINE_PX * lines["caller"] + 8
        agent = band + BAND + 3
        bottom = agent + LANE
        self._shade(axis, caller, agent, LANE)
        self._lane("caller", axis, caller, LANE)
        self._band(axis, band, BAND)
        self._lane("agent", axis, agent, LANE)
        self._lines(flags, bare, axis, top, (caller, caller + LANE), (agent, bottom))
        self._words(words["caller"], caller + LANE + 14)
        self._words(words["agent"], bottom + 14)
        self._y = bottom + LINE_PX * lines["agent"] + 8
        self._time_axis(axis, self._y)
        self._y += AXIS + GAP

    def _overview(self, strips: Sequence[Span]) -> None:
        axis = _Axis(Span(0, max(self._whole.length, 1)))
        caller, band, agent = self._y, self._y + SMALL_LANE + 3, self._y + SMALL_LANE + 14
        for strip in strips:
            if (edges := axis.inside(strip.start, strip.stop)) is not None:
                x, stop = edges
                self._svg.rect(x, caller - 3, stop - x, agent + SMALL_LANE - caller + 6, "#f6f8fa", stroke=FRAME)
        self._lane("caller", axis, caller, SMALL_LANE)
        self._band(axis, band, 8, named=False)
        self._lane("agent", axis, agent, SMALL_LANE)
        drawn = dict.fromkeys((round(axis.x(group[-1].sample)), group[-1].kind) for group in self._whole.marks)
        for x, kind in drawn:  # at most a few for each pixel
            self._svg.line(x, caller, x, agent + SMALL_LANE, MARKS[kind], stroke_width=1)
        self._y = agent + SMALL_LANE + 6
        self._time_axis(axis, self._y)
        self._y += AXIS + GAP

    def _shade(self, axis: _Axis, caller: float, agent: float, height: float) -> None:
        """Where somebody spoke over the agent: until it was silent, or until that was found to be no interruption."""
        zones = [(Span(overlap.start, overlap.stop), OVERLAPPED) for overlap in self._whole.overlaps]
        for turn in self._whole.turns:
            if isinstance(turn.outcome, Interrupted) and turn.outcome.cause.onset is not None:
                zones.append((Span(turn.outcome.cause.onset, turn.outcome.silence or 0), CUT))
        for span, fill in zones:
            if (edges := axis.inside(span.start, span.stop)) is not None:
                self._svg.rect(edges[0], agent, edges[1] - edges[0], height, fill)

    def _lane(self, who: str, axis: _Axis, y: float, height: float) -> None:
        colour = CALLER if who == "caller" else AGENT
        middle = y + height / 2
        self._svg.text(24, middle + 4, who, NAMES[who], font_size=13, font_weight=600)
        if who == "caller":
            for x, stop in _joined(axis, self._whole.caller_speech):
                self._svg.rect(x, y, stop - x, height, DETECTED, rx=2.0)
        end = axis.inside(axis.span.start, self._whole.length)
        self._svg.line(LEFT, middle, end[1] if end else LEFT, middle, FAINT)
        columns = round((RIGHT - LEFT) / COLUMN_PX)
        low, high = envelope(self._tracks[who], axis.span, columns)
        self._svg.area(_outlines(low, high, middle, (height / 2 - 2) / self._scales[who]), colour)

    def _band(self, axis: _Axis, y: float, height: float, *, named: bool = True) -> None:
        if named:
            self._svg.text(24, y + 11, "state", QUIET, font_size=LABEL_PX)
        for span in self._whole.states:
            if (edges := axis.inside(span.start, span.stop)) is not None:
                x, width = edges[0], edges[1] - edges[0]
                if width < MIN_PX:
                    continue
                self._svg.rect(x, y, width, height, STATES[span.state])
                if named and width > text_width(span.state, 10) + 8:
                    self._svg.text(x + 5, y + 11, span.state, QUIET, font_size=10)

    def _lines(
        self,
        flags: Sequence[Flag],
        bare: Sequence[Mark],
        axis: _Axis,
        top: float,
        *lanes: tuple[float, float],
    ) -> None:
        """Each line goes from its label through both lanes; between them it leaves room for the caller's words."""
        for flag in flags:
            colour = MARKS[flag.mark.kind]
            y = top + flag.row * ROW_PX
            self._line(flag.x, colour, (y, lanes[0][1]), *lanes[1:])
            side = {"text_anchor": "end"} if flag.flipped else {}
            x = flag.x + (-4 if flag.flipped else 4)
            self._svg.text(x, y + 10, flag.mark.label, colour, font_size=LABEL_PX, **side)
        for mark in bare:
            self._line(axis.x(mark.sample), MARKS[mark.kind], *lanes)

    def _line(self, x: float, colour: str, *pieces: tuple[float, float]) -> None:
        for start, stop in pieces:
            self._svg.line(x, start, x, stop, colour, stroke_width=1.2)

    def _words(self, pieces: Iterable[Piece], y: float) -> None:
        for piece in pieces:
            fill = {"unheard": UNHEARD, "aside": ASIDE}.get(piece.style, INK)
            style = {
                "unheard": {"text_decoration": "line-through"},
                "more": {"font_style": "italic"},
                "aside": {"font_style": "italic"},
            }.get(piece.style, {})
            fill = QUIET if piece.style == "more" else fill
            self._svg.text(piece.x, y + piece.line * LINE_PX, piece.text, fill, font_size=WORD_PX, **style)

    def _time_axis(self, axis: _Axis, y: float) -> None:
        seconds = (axis.span.stop - axis.span.start) / CLOCK_HZ
        tick = to_samples(tick_step_s(seconds, RIGHT - LEFT, 56))
        self._svg.line(LEFT, y, RIGHT, y, FAINT)
        for sample in range(-(-axis.span.start // tick) * tick, axis.span.stop + 1, tick):
            x = axis.x(sample)
            self._svg.line(x, y, x, y + 4, QUIET)
            self._svg.text(x, y + 15, tick_label(sample), QUIET, font_size=10, text_anchor="middle")


def _joined(axis: _Axis, spans: Iterable[Span]) -> list[tuple[float, float]]:
    """Where spans are drawn; those nearer than can be seen as one, so that there are not too many."""
    drawn: list[tuple[float, float]] = []
    for span in spans:
        edges = axis.inside(span.start, span.stop)
        if edges is not None and drawn and edges[0] - drawn[-1][1] < MIN_PX:
            drawn[-1] = (drawn[-1][0], edges[1])
        elif edges is not None:
            drawn.append(edges)
    return drawn


def _peak(track: Samples) -> float:
    return max(float(np.abs(track).max()) if len(track) else 0.0, 0.02)


def _outlines(low: Samples, high: Samples, middle: float, scale: float) -> list[list[tuple[float, float]]]:
    """One polygon for each run of columns that hold sound."""
    sounding = np.flatnonzero((low != 0) | (high != 0))
    if not len(sounding):
        return []
    outlines = []
    for run in np.split(sounding, np.flatnonzero(np.diff(sounding) > 1) + 1):
        xs = [LEFT + float(column) * COLUMN_PX for column in (*run, run[-1] + 1)]
        tops = [middle - max(float(high[column]) * scale, 0.4) for column in (*run, run[-1])]
        bottoms = [middle - min(float(low[column]) * scale, -0.4) for column in (*run, run[-1])]
        upper, lower = list(zip(xs, tops, strict=True)), list(zip(xs, bottoms, strict=True))
        outlines.append(upper + lower[::-1])
    return outlines


def _shortened(text: str, size: float, room: float) -> str:
    if text_width(text, size) <= room:
        return text
    while text and text_width(text + "…", size) > room:
        text = text[:-1]
    return text.rstrip() + "…"
