"""A conversation on the terminal: both voices, the states, how the agent fell silent, and who said what."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import numpy as np
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.text import Text

from turnscope.core import CLOCK_HZ, Event, Samples, to_samples
from turnscope.observe._canvas import Canvas, Words, wrap
from turnscope.observe._flags import place_flags
from turnscope.observe._picture import ASIDES, Mark, Phrase, Picture, choose_strips, counted_summary, picture
from turnscope.observe._spans import Span, envelope, place_words, tick_label, tick_step_s
from turnscope.observe._timeline_table import words_table

__all__ = ["render_strip", "render_timeline"]

MAX_STRIPS = 8
"""Of a longer call only eventful stretches are shown."""

LONGEST_STRIP_S = 12.0
COLUMNS_PER_S = 12
"""With fewer columns for a second, words do not fit below the voice that speaks them."""

GUTTER = 8
MIN_WIDTH, MAX_WIDTH = 60, 240
MAX_TEXT_LINES = 3
MAX_FLAG_ROWS = 10
STRIP_FLAG_ROWS = 6
"""Of a strip that stands alone, which must not be long."""

BLOCKS = "▁▂▃▄▅▆▇█"
RANGE_DB = 40.0
"""Below the loudest column by so much, a column is blank."""

STYLES = {"caller": "cyan", "agent": "green"}
MARKS = {
    "onset": "bold blue",
    "yield": "bold yellow",
    "decision": "bold magenta",
    "silence": "bold red",
    "overlap": "yellow",
    "here": "bold red",
}
STATES = {"listening": ("·", "dim"), "processing": ("░", "yellow"), "speaking": ("▒", "green"), "away": (" ", "dim")}


def render_timeline(
    events: Iterable[Event], user: Samples, agent: Samples, *, width: int | None = None
) -> RenderableType:
    """A conversation, to be printed by rich.

    Args:
        events: All events of the conversation, in order.
        user: The caller's track, at 16 kHz.
        agent: The agent's track as heard, at 16 kHz, on the same clock.
        width: In columns; by default that of the console, at most `MAX_WIDTH`. At least `MIN_WIDTH`.

    Returns:
        Something for ``rich.print``. It says the same without colours, and uses ASCII where there is nothing else.
    """
    return _Timeline(picture(events, agent, max(len(user), len(agent))), user, agent, width)


def render_strip(
    events: Iterable[Event],
    user: Samples,
    agent: Samples,
    *,
    around_s: float | None = None,
    label: str = "",
    width: int | None = None,
) -> RenderableType:
    """One stretch of a conversation, in 25 lines at most: for the message of a test that failed.

    Args:
        events: All events of the conversation, in order.
        user: The caller's track, at 16 kHz.
        agent: The agent's track as heard, at 16 kHz, on the same clock.
        around_s: The moment in its middle, in seconds. By default the last interruption, else the last time that
            somebody spoke over the agent, else the end.
        label: What to write at that moment; nothing unless `around_s` is given.
        width: As for `render_timeline`.

    Returns:
        Something for ``rich.print``, as `render_timeline` gives it.
    """
    whole = picture(events, agent, max(len(user), len(agent)))
    if around_s is None:
        return _OneStrip(whole, user, agent, width, _worth_seeing(whole))
    middle = max(min(to_samples(around_s), whole.length), 0)
    if label:
        here = (Mark(min(middle, max(whole.length - 1, 0)), "here", label),)
        whole = replace(whole, marks=(here, *whole.marks))  # first, so that there is room for it
    return _OneStrip(whole, user, agent, width, middle)


def _worth_seeing(whole: Picture) -> int:
    """The sample of the last interruption, else of the last overlap, else the last."""
    stopped = [group[0].sample for group in whole.marks if group[0].kind != "overlap"]
    spoken_over = [group[0].sample for group in whole.marks]
    return next((samples[-1] for samples in (stopped, spoken_over) if samples), whole.length)


class _Timeline:
    def __init__(self, whole: Picture, user: Samples, agent: Samples, width: int | None) -> None:
        self._whole = whole
        self._tracks = {"caller": user, "agent": agent}
        self._peaks = {who: float(np.abs(track).max()) if len(track) else 0.0 for who, track in self._tracks.items()}
        self._width = width

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = max(min(self._width or options.max_width, MAX_WIDTH), MIN_WIDTH)
        plain = options.ascii_only
        yield Text(counted_summary(self._whole, " - " if plain else " · "), style="bold")
        yield Text()
        strips, left_out = self._strips(width - GUTTER)
        for strip in strips:
            canvas = _Strip(self._whole, strip, width, MAX_FLAG_ROWS).draw(self._tracks, self._peaks)
            yield from canvas.lines(ascii_only=plain)
            yield Text()
        if left_out:
            each = (strips[0].stop - strips[0].start) / CLOCK_HZ
            yield Text(
                f"{left_out} more stretches of {each:g} s, in which nobody was interrupted first, are not shown."
            )
            yield Text()
        yield words_table(self._whole, width, ascii_only=plain)

    def _strips(self, columns: int) -> tuple[list[Span], int]:
        seconds = self._whole.length / CLOCK_HZ
        roomy = max(min(columns / COLUMNS_PER_S, LONGEST_STRIP_S), 1.0)
        fitting = next(
            (s for s in (roomy, *np.arange(1.0, LONGEST_STRIP_S)) if s >= roomy and s * MAX_STRIPS >= seconds), 0
        )
        return choose_strips(self._whole, MAX_STRIPS, float(fitting or LONGEST_STRIP_S))


class _OneStrip(_Timeline):
    """A strip that stands alone, with a sample in its middle as far as the call reaches."""

    def __init__(self, whole: Picture, user: Samples, agent: Samples, width: int | None, middle: int) -> None:
        super().__init__(whole, user, agent, width)
        self._middle = middle

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = max(min(self._width or options.max_width, MAX_WIDTH), MIN_WIDTH)
        length = to_samples(min((width - GUTTER) / COLUMNS_PER_S, LONGEST_STRIP_S))
        start = max(min(self._middle - length // 2, self._whole.length - length), 0)
        strip = _Strip(self._whole, Span(start, start + length), width, STRIP_FLAG_ROWS)
        yield from strip.draw(self._tracks, self._peaks).lines(ascii_only=options.ascii_only)


class _Strip:
    """One stretch of a call, as rows of cells."""

    def __init__(self, whole: Picture, span: Span, width: int, flag_rows: int) -> None:
        self._whole = whole
        self._flag_rows = flag_rows
        self._span = span
        self._columns = width - GUTTER
        self._canvas = Canvas(width)

    def draw(self, tracks: dict[str, Samples], peaks: dict[str, float]) -> Canvas:
        """Draw everything."""
        self._voice("caller", tracks["caller"], peaks["caller"])
        self._detected()
        self._words("caller")
        self._flags()
        self._voice("agent", tracks["agent"], peaks["agent"])
        self._words("agent")
        self._states()
        self._time_axis()
        return self._canvas

    def _column(self, sample: int) -> int:
        span = self._span
        return GUTTER + (sample - span.start) * self._columns // (span.stop - span.start)

    def _columns_of(self, span: Span) -> tuple[int, int] | None:
        """The columns from the first to after the last that a span touches."""
        start, stop = max(span.start, self._span.start), min(span.stop, self._span.stop)
        return (self._column(start), self._column(stop - 1) + 1) if start < stop else None

    def _voice(self, who: str, track: Samples, peak: float) -> None:
        row = self._canvas.height
        self._canvas.put(row, 0, who, f"bold {STYLES[who]}")
        low, high = envelope(track, self._span, self._columns)
        levels = np.maximum(high, -low)
        for column in np.flatnonzero(levels > peak * 10 ** (-RANGE_DB / 20)):
            below_db = -20 * np.log10(levels[column] / peak)
            step = round((len(BLOCKS) - 1) * (1 - float(below_db) / RANGE_DB))
            self._canvas.put(row, GUTTER + int(column), BLOCKS[step], STYLES[who])

    def _detected(self) -> None:
        row = self._canvas.height
        self._canvas.extend(row + 1)
        for span in self._whole.caller_speech:
            if (edges := self._columns_of(span)) is not None:
                self._canvas.put(row, edges[0], "━" * (edges[1] - edges[0]), STYLES["caller"])

    def _words(self, who: str) -> None:
        row = self._canvas.height
        texts = [text for phrase in self._whole.phrases if phrase.who == who for text in self._text_of(phrase)]
        for index, (column, words) in enumerate(texts):
            stop = texts[index + 1][0] - 1 if index + 1 < len(texts) else self._canvas.width
            if stop - column < 2:
                continue
            for line, content in enumerate(wrap(words, stop - column, MAX_TEXT_LINES)):
                at = column
                for word, style in content:
                    self._canvas.put(row + line, at, word, style)
                    at += cell_len(word) + 1

    def _text_of(self, phrase: Phrase) -> list[tuple[int, Words]]:
        """The words of a phrase that belong into this strip, and the column at which they begin."""
        words: list[tuple[str, int, str]] = []
        if phrase.heard:
            style = "italic" if phrase.note in ASIDES else ""
            places = phrase.words() or place_words(phrase.heard, (Span(phrase.start, phrase.start + 1),))
            words += [(word, phrase.start if not phrase.voiced else middle, style) for word, _, middle in places]
        elif phrase.who == "caller":
            words.append(("(no", phrase.start, "italic dim"))
            words.append(("words)", phrase.start, "italic dim"))
        if phrase.unheard:
            unheard = f"[{phrase.unheard}]".split()
            words += [(word, phrase.stop, "dim") for word in unheard]
        here = [word for word in words if self._span.start <= word[1] < self._span.stop]
        if not here:
            return []
        start = min(here[0][1], max(phrase.start, self._span.start)) if phrase.heard else here[0][1]
        return [(self._column(max(start, self._span.start)), [(word, style) for word, _, style in here])]

    def _flags(self) -> None:
        groups = [
            [mark for mark in group if self._span.start <= mark.sample < self._span.stop] for group in self._whole.marks
        ]
        flags, _ = place_flags(
            [group for group in groups if group],
            self._column,
            lambda label: cell_len(label) + 2,
            (GUTTER, self._canvas.width),
            self._flag_rows,
        )
        top = self._canvas.height
        bottom = top + 1 + max((flag.row for flag in flags), default=-1)
        for flag in flags:
            for row in range(top + flag.row, bottom):
                self._canvas.put(row, int(flag.x), "│", MARKS[flag.mark.kind])
        for flag in flags:
            row, column, style = top + flag.row, int(flag.x), MARKS[flag.mark.kind]
            passing = any(other.row < flag.row and int(other.x) == column for other in flags)
            if flag.flipped:
                self._canvas.put(row, column - cell_len(flag.mark.label) - 1, flag.mark.label, style)
                self._canvas.put(row, column, "┤" if passing else "┐", style)
            else:
                self._canvas.put(row, column, "├" if passing else "┌", style)
                self._canvas.put(row, column + 2, flag.mark.label, style)

    def _states(self) -> None:
        row = self._canvas.height
        self._canvas.put(row, 0, "state", "dim")
        for span in self._whole.states:
            if (edges := self._columns_of(span)) is None:
                continue
            fill, style = STATES[span.state]
            room = edges[1] - edges[0]
            name = f"{span.state} " if room > len(span.state) + 1 else ""
            self._canvas.put(row, edges[0], name + fill * (room - len(name)), style)

    def _time_axis(self) -> None:
        row = self._canvas.height
        span = self._span
        self._canvas.put(row, GUTTER, "─" * self._columns, "dim")
        tick = to_samples(tick_step_s((span.stop - span.start) / CLOCK_HZ, self._columns, 9))
        places = [(self._column(at), tick_label(at)) for at in range(-(-span.start // tick) * tick, span.stop, tick)]
        for (column, label), (limit, _) in pairwise([*places, (self._canvas.width + 1, "")]):
            self._canvas.put(row, column, "┴", "dim")
            if column + cell_len(label) < limit:
                self._canvas.put(row + 1, column, label, "dim")
