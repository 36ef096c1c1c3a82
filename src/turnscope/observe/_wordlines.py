"""Puts words under the voice that speaks them, in as few lines as they need, so that none covers another."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from turnscope.observe._picture import ASIDES, Phrase
from turnscope.observe._spans import Span
from turnscope.observe._svg import text_width

MAX_LINES = 5
UNHEARD_LINES = 3
"""How many lines of a reply that was cut off show what was not heard; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Text with a place. `style` is ``heard``, ``unheard``, ``aside`` or ``more``."""

    text: str
    x: float
    line: int
    style: str


def lay_out_words(
    phrases: Iterable[Phrase],
    who: str,
    strip: Span,
    x_of: Callable[[int], float],
    size: float,
    limits: tuple[float, float],
) -> list[Piece]:
    """The words of one of the two that belong into a strip.

    Args:
        phrases: Of the whole conversation, in order.
        who: ``caller`` or ``agent``.
        strip: The strip.
        x_of: Where a sample is drawn.
        size: Of the font, in pixels.
        limits: Left and right edge.
    """
    layout = _Layout(size, limits)
    mine = [phrase for phrase in phrases if phrase.who == who and phrase.start < strip.stop]
    for index, phrase in enumerate(mine):
        following = next((x_of(other.start) for other in mine[index + 1 :] if other.heard or other.unheard), limits[1])
        words = [(word, x_of(at)) for word, at, middle in _placed(phrase) if strip.start <= middle < strip.stop]
        if words:
            layout.flow(words, "aside" if phrase.note in ASIDES else "heard")
        if phrase.unheard and strip.start <= phrase.stop < strip.stop:
            layout.pack(phrase.unheard.split(), x_of(phrase.stop) + 5, following - 10)
    return layout.pieces


def _placed(phrase: Phrase) -> Sequence[tuple[str, int, int]]:
    """Words with their first sample, and with the one in their middle, which decides in which strip they are."""
    if phrase.who == "caller" and not phrase.heard:
        return [("(no words)", phrase.start, phrase.start)]
    if phrase.note == "typed":
        return [(word, phrase.start, phrase.start) for word in f"typed: {phrase.heard}".split()]
    return phrase.words()


class _Layout:
    """Lines that are filled from the left to the right."""

    def __init__(self, size: float, limits: tuple[float, float]) -> None:
        self.pieces: list[Piece] = []
        self._size = size
        self._left, self._right = limits
        self._used: list[float] = []
        """Up to where each line is full."""

    def flow(self, words: Sequence[tuple[str, float]], style: str) -> None:
        """Each word at its own place, or as soon after it as there is room."""
        space = 0.38 * self._size
        line = self._free_line(words[0][1])
        for word, x in words:
            width = text_width(word, self._size)
            at = max(min(x, self._right - width), self._until(line), self._left)
            if at + width > self._right + 1 and line + 1 < MAX_LINES:
                line += 1
                at = max(min(x, self._right - width), self._until(line), self._left)
            if at + width > self._right + 1:
                self._leave_out(line, space)
                return
            self._put(word, at, line, style, space)

    def _leave_out(self, line: int, space: float) -> None:
        """Say at the end of a line that is full, instead of its last word if need be, that there is more."""
        until, dots = self._until(line), text_width("…", self._size)
        if until + dots <= self._right:
            self._put("…", until, line, "more", space)
            return
        index = max(index for index, piece in enumerate(self.pieces) if piece.line == line)
        last = self.pieces[index]
        if last.style != "more":
            kept = last.text.split()[:-1]
            self.pieces[index] = replace(last, text=" ".join([*kept, "…"]), style=last.style if kept else "more")

    def pack(self, words: Sequence[str], x: float, limit: float) -> None:
        """What was not heard, word by word from `x` on; below that, in lines that may be longer."""
        line = next((index for index, until in enumerate(self._used) if until >= x - 5), 0)
        waiting = list(words)
        shown = 0
        while waiting and shown < UNHEARD_LINES and line < MAX_LINES:
            start, stop = self._room(line, waiting, x, limit)
            taken = _that_fit(waiting, stop - start, self._size)
            shown += taken > 0
            more = f"… {_counted(len(waiting), 'more word')}"
            if shown == UNHEARD_LINES and taken < len(waiting):
                taken = max(_that_fit(waiting, stop - start - text_width(more, self._size) - 5, self._size), 1)
                more = f"… {_counted(len(waiting) - taken, 'more word')}"
            if taken:
                self._put(" ".join(waiting[:taken]), start, line, "unheard", 0.4 * self._size)
                waiting = waiting[taken:]
                if waiting and shown == UNHEARD_LINES:
                    self._put(more, self._until(line), line, "more", self._size)
            line += 1

    def _room(self, line: int, words: Sequence[str], x: float, limit: float) -> tuple[float, float]:
        """Where words that were not heard may stand: only the first line has to end before the next phrase."""
        if line == 0:
            return max(x, self._until(line)), limit
        wanted = min(text_width(" ".join(words), self._size), 35 * self._size)
        return max(min(x, self._right - wanted), self._until(line), self._left), self._right

    def _put(self, text: str, x: float, line: int, style: str, space: float) -> None:
        self.pieces.append(Piece(text, x, line, style))
        self._used += [0.0] * (line + 1 - len(self._used))
        self._used[line] = x + text_width(text, self._size) + space

    def _until(self, line: int) -> float:
        return self._used[line] if line < len(self._used) else 0.0

    def _free_line(self, x: float) -> int:
        tolerance = 2.5 * self._size
        lines = range(MAX_LINES)
        return next((line for line in lines if self._until(line) <= x + tolerance), MAX_LINES - 1)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _that_fit(words: Sequence[str], room: float, size: float) -> int:
    """How many of `words` go into `room`."""
    count = 0
    while count < len(words) and text_width(" ".join(words[: count + 1]), size) <= room:
        count += 1
    return count
