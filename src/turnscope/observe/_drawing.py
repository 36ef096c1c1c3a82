"""Draws stretches of a conversation as SVG shapes: what every picture of one is made of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from turnscope.core import CLOCK_HZ, Interrupted, Samples, ToolRecord, to_samples
from turnscope.observe._flags import Flag, place_flags
from turnscope.observe._picture import Mark, Picture
from turnscope.observe._spans import Span, envelope, tick_label, tick_step_s
from turnscope.observe._svg import Svg, text_width
from turnscope.observe._wordlines import Piece, lay_out_words

WIDTH = 1200.0
LEFT, RIGHT = 88.0, WIDTH - 24.0
LANE, SMALL_LANE = 60.0, 30.0
WORD_PX, LABEL_PX, LINE_PX, ROW_PX = 12.0, 11.0, 16.0, 15.0
BAND, AXIS, GAP = 15.0, 20.0, 22.0
COLUMN_PX = 2.0
MAX_FLAG_ROWS = 12
MIN_PX = 0.5
"""What is narrower cannot be seen, and is not drawn or drawn together with its neighbour."""

INK, QUIET, FAINT, PAPER, FRAME = "#1f2328", "#59636e", "#d1d9e0", "#ffffff", "#d1d9e0"
CALLER, AGENT, DETECTED = "#4a98e8", "#46ab62", "#e3f1ff"
NAMES = {"caller": "#0969da", "agent": "#1a7f37"}
UNHEARD, ASIDE, OVERLAPPED, CUT = "#818b98", "#bc4c00", "#ffe8d6", "#ffebe9"
TOOL, STRETCH = "#e5d5fb", "#f6f8fa"
MARKS = {"onset": "#0550ae", "yield": "#9a6700", "decision": "#8250df", "silence": "#cf222e", "overlap": ASIDE}
STATES = {"listening": "#e4e9ef", "processing": "#ffe7a8", "speaking": "#c5ebcf", "away": "#f3e3f5"}


@dataclass(frozen=True, slots=True)
class _Axis:
    """Samples across, from the left edge to the right."""

    span: Span

    def x(self, sample: int) -> float:
        return LEFT + (sample - self.span.start) / (self.span.stop - self.span.start) * (RIGHT - LEFT)

    def inside(self, start: int, stop: int) -> tuple[float, float] | None:
        low, high = max(start, self.span.start), min(stop, self.span.stop)
        return (self.x(low), self.x(high)) if low < high else None


class Drawing:
    """Stretches of a conversation, one below the other.

    Args:
        whole: The conversation.
        user: The caller's track, at 16 kHz.
        agent: The agent's track as heard, at 16 kHz.
        svg: What is drawn on.
    """

    def __init__(self, whole: Picture, user: Samples, agent: Samples, svg: Svg) -> None:
        self.svg = svg
        self.y = 0.0
        """Where the next shapes go."""
        self._whole = whole
        self._tracks = {"caller": user, "agent": agent}
        self._scales = {who: _peak(track) for who, track in self._tracks.items()}

    def begin(self, svg: Svg, y: float) -> None:
        """Draw on something else from now on."""
        self.svg, self.y = svg, y

    def strip(self, strip: Span) -> None:
        """One stretch, large."""
        axis = _Axis(strip)
        groups = [[mark for mark in group if strip.start <= mark.sample < strip.stop] for group in self._whole.marks]
        flags, bare = place_flags(
            [group for group in groups if group],
            axis.x,
            lambda label: text_width(label, LABEL_PX) + 8,
            (LEFT, RIGHT),
            MAX_FLAG_ROWS,
        )
        phrases = [phrase for phrase in self._whole.phrases if phrase.stop >= strip.start]
        words = {who: lay_out_words(phrases, who, strip, axis.x, WORD_PX, (LEFT, RIGHT + 12)) for who in self._tracks}
        lines = {who: 1 + max((piece.line for piece in pieces), default=0) for who, pieces in words.items()}
        top = self.y
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
        self.y = bottom + LINE_PX * lines["agent"] + 8
        self._tools(axis)
        self._time_axis(axis, self.y)
        self.y += AXIS + GAP

    def overview(self, strips: Sequence[Span]) -> None:
        """The whole call, small, with frames around `strips`."""
        axis = _Axis(Span(0, max(self._whole.length, 1)))
        caller, band, agent = self.y, self.y + SMALL_LANE + 3, self.y + SMALL_LANE + 14
        for strip in strips:
            if (edges := axis.inside(strip.start, strip.stop)) is not None:
                x, stop = edges
                self.svg.rect(x, caller - 3, stop - x, agent + SMALL_LANE - caller + 6, STRETCH, stroke=FRAME)
        self._lane("caller", axis, caller, SMALL_LANE)
        self._band(axis, band, 8, named=False)
        self._lane("agent", axis, agent, SMALL_LANE)
        drawn = dict.fromkeys((round(axis.x(group[-1].sample)), group[-1].kind) for group in self._whole.marks)
        for x, kind in drawn:  # at most a few for each pixel
            self.svg.line(x, caller, x, agent + SMALL_LANE, MARKS[kind], stroke_width=1)
        self.y = agent + SMALL_LANE + 6
        self._time_axis(axis, self.y)
        self.y += AXIS + GAP

    def _shade(self, axis: _Axis, caller: float, agent: float, height: float) -> None:
        """Where somebody spoke over the agent: until it was silent, or until that was found to be no interruption."""
        zones = [(Span(overlap.start, overlap.stop), OVERLAPPED) for overlap in self._whole.overlaps]
        for turn in self._whole.turns:
            if isinstance(turn.outcome, Interrupted) and turn.outcome.cause.onset is not None:
                zones.append((Span(turn.outcome.cause.onset, turn.outcome.silence or 0), CUT))
        for span, fill in zones:
            if (edges := axis.inside(span.start, span.stop)) is not None:
                self.svg.rect(edges[0], agent, edges[1] - edges[0], height, fill)

    def _lane(self, who: str, axis: _Axis, y: float, height: float) -> None:
        colour = CALLER if who == "caller" else AGENT
        middle = y + height / 2
        self.svg.text(24, middle + 4, who, NAMES[who], font_size=13, font_weight=600)
        if who == "caller":
            for x, stop in _joined(axis, self._whole.caller_speech):
                self.svg.rect(x, y, stop - x, height, DETECTED, rx=2.0)
        end = axis.inside(axis.span.start, self._whole.length)
        self.svg.line(LEFT, middle, end[1] if end else LEFT, middle, FAINT)
        columns = round((RIGHT - LEFT) / COLUMN_PX)
        low, high = envelope(self._tracks[who], axis.span, columns)
        self.svg.area(_outlines(low, high, middle, (height / 2 - 2) / self._scales[who]), colour)

    def _band(self, axis: _Axis, y: float, height: float, *, named: bool = True) -> None:
        if named:
            self.svg.text(24, y + 11, "state", QUIET, font_size=LABEL_PX)
        for span in self._whole.states:
            if (edges := axis.inside(span.start, span.stop)) is not None:
                x, width = edges[0], edges[1] - edges[0]
                if width < MIN_PX:
                    continue
                self.svg.rect(x, y, width, height, STATES[span.state])
                if named and width > text_width(span.state, 10) + 8:
                    self.svg.text(x + 5, y + 11, span.state, QUIET, font_size=10)

    def _tools(self, axis: _Axis) -> None:
        """Calls of tools from their start to their settlement, those that overlap below one another."""
        rows: list[float] = []
        for call in sorted(self._calls(), key=lambda call: call.started or 0):
            edges = axis.inside(call.started or 0, max(self._settled(call), (call.started or 0) + 1))
            if edges is None:
                continue
            label = call.tool if call.kind in ("", "returned") else f"{call.tool}: {call.kind}"
            right = max(edges[1], min(edges[0] + text_width(label, 10) + 10, RIGHT))
            row = next((index for index, until in enumerate(rows) if until <= edges[0]), len(rows))
            rows[row : row + 1] = [right + 4]
            y = self.y + row * BAND
            if not row:
                self.svg.text(24, y + 11, "tools", QUIET, font_size=LABEL_PX)
            self.svg.rect(edges[0], y, max(edges[1] - edges[0], 2), BAND - 2, TOOL, rx=2.0)
            x, side = (edges[0] + 5, {}) if right < RIGHT else (edges[1] - 5, {"text_anchor": "end"})
            self.svg.text(x, y + 10, label, INK, font_size=10, **side)
        self.y += len(rows) * BAND + (6 if rows else 0)

    def _calls(self) -> list[ToolRecord]:
        return [call for turn in self._whole.turns for call in turn.tools if call.started is not None]

    def _settled(self, call: ToolRecord) -> int:
        return self._whole.length if call.settled is None else call.settled

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
            self.svg.text(x, y + 10, flag.mark.label, colour, font_size=LABEL_PX, **side)
        for mark in bare:
            self._line(axis.x(mark.sample), MARKS[mark.kind], *lanes)

    def _line(self, x: float, colour: str, *pieces: tuple[float, float]) -> None:
        for start, stop in pieces:
            self.svg.line(x, start, x, stop, colour, stroke_width=1.2)

    def _words(self, pieces: Iterable[Piece], y: float) -> None:
        for piece in pieces:
            fill = {"unheard": UNHEARD, "aside": ASIDE}.get(piece.style, INK)
            style = {
                "unheard": {"text_decoration": "line-through"},
                "more": {"font_style": "italic"},
                "aside": {"font_style": "italic"},
            }.get(piece.style, {})
            fill = QUIET if piece.style == "more" else fill
            self.svg.text(piece.x, y + piece.line * LINE_PX, piece.text, fill, font_size=WORD_PX, **style)

    def _time_axis(self, axis: _Axis, y: float) -> None:
        seconds = (axis.span.stop - axis.span.start) / CLOCK_HZ
        tick = to_samples(tick_step_s(seconds, RIGHT - LEFT, 56))
        self.svg.line(LEFT, y, RIGHT, y, FAINT)
        for sample in range(-(-axis.span.start // tick) * tick, axis.span.stop + 1, tick):
            x = axis.x(sample)
            self.svg.line(x, y, x, y + 4, QUIET)
            self.svg.text(x, y + 15, tick_label(sample), QUIET, font_size=10, text_anchor="middle")


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
