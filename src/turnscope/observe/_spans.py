"""Stretches of time on paper: how they are cut, measured and labelled. Knows nothing of conversations."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from turnscope.core import CLOCK_HZ, Samples


@dataclass(frozen=True, slots=True)
class Span:
    """Samples from `start` up to, not including, `stop`."""

    start: int
    stop: int


def envelope(samples: Samples, span: Span, columns: int) -> tuple[Samples, Samples]:
    """The lowest and the highest sample of each of `columns` equal parts of `span`; 0 where there is no audio."""
    low, high = np.zeros(columns, np.float32), np.zeros(columns, np.float32)
    edges = span.start + (span.stop - span.start) * np.arange(columns) // columns
    inside = edges[edges < len(samples)]
    if len(inside):
        piece = samples[: min(span.stop, len(samples))]
        low[: len(inside)] = np.minimum.reduceat(piece, inside)
        high[: len(inside)] = np.maximum.reduceat(piece, inside)
    return low, high


def place_words(text: str, voiced: Sequence[Span]) -> list[tuple[str, int, int]]:
    """Each word of `text` with an estimate of its first sample, and of the one in its middle.

    A place is taken to be as far into the voice as it is into the text.
    """
    words = text.split()
    lengths = np.array([len(word) + 1 for word in words])
    starts = np.cumsum(lengths) - lengths
    spoken = np.cumsum([0, *(span.stop - span.start for span in voiced)])

    def sample_at(letter: float) -> int:
        wanted = int(letter * spoken[-1] / max(lengths.sum(), 1))
        index = min(int(np.searchsorted(spoken, wanted, side="right")) - 1, len(voiced) - 1)
        return voiced[index].start + wanted - int(spoken[index])

    if not voiced:
        return []
    return [
        (word, sample_at(float(start)), sample_at(start + length / 2))
        for word, start, length in zip(words, starts, lengths, strict=True)
    ]


def clock(sample: int) -> str:
    """A time in a call, to 10 ms: ``4.69``, ``1:05.20``, ``1:00:00.00``."""
    minutes, rest = divmod(round(sample * 100 / CLOCK_HZ), 6000)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{rest / 100:05.2f}"
    return f"{minutes}:{rest / 100:05.2f}" if minutes else f"{rest / 100:.2f}"


def moment(sample: int) -> str:
    """The same where it stands alone: ``4.69 s``, ``1:05.20``."""
    written = clock(sample)
    return written if ":" in written else f"{written} s"


def tick_label(sample: int) -> str:
    """A time as it stands at an axis, without needless digits: ``5 s``, ``1:05``, ``1:00:00``."""
    written = moment(sample)
    if written.endswith(" s"):
        return written.removesuffix(" s").rstrip("0").rstrip(".") + " s"
    return written.removesuffix(".00")


def tick_step_s(seconds: float, room: float, label: float) -> float:
    """The distance of ticks on an axis of so many seconds, `room` wide, if labels are `label` wide."""
    steps = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)
    return next((step for step in steps if room * step / seconds >= label), 4 * 3600.0)
