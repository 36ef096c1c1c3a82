"""What the agent played, and when: the reference by which an echo of it is known, or taken out."""

from collections import deque
from collections.abc import Iterator
from math import gcd

import numpy as np

from turnscope.core import CLOCK_HZ, Samples, resample

__all__ = ["FarEnd"]

KEPT_S = 3.0
"""How much is remembered; an echo is over long before."""

MARGIN_S = 0.01
"""What is resampled beside the stretch that is wanted, as the filter looks to both sides."""

SAID_CLAUSES = 4
"""How many clauses back its words are its own: those in the making, the one that is heard, and the one before."""


class FarEnd:
    """The last seconds of the agent's sound, in its place on the session's clock.

    Args:
        hz: Rate at which it is handed to the transport.
    """

    def __init__(self, hz: int) -> None:
        self._hz = hz
        self._kept: Samples = np.zeros(round(KEPT_S * hz), np.float32)
        self._until = 0
        """Position after the last sample that was played, or will be."""
        self._played = 0
        self._said: deque[str] = deque(maxlen=SAID_CLAUSES)
        common = gcd(hz, CLOCK_HZ)
        self._step, self._clock_step = hz // common, CLOCK_HZ // common

    @property
    def until(self) -> int:
        """Sample of the session's clock after the last one played."""
        return self._until * CLOCK_HZ // self._hz

    @property
    def played(self) -> int:
        """How many samples were played so far, at 16 kHz."""
        return self._played * CLOCK_HZ // self._hz

    @property
    def text(self) -> str:
        """The newest clauses of what it says."""
        return " ".join(self._said)

    def say(self, clause: str) -> None:
        """`clause` is about to be spoken."""
        self._said.append(clause)

    def play(self, at: int, samples: Samples) -> None:
        """`samples` are handed over, to be played from output position `at` on."""
        self._played += len(samples)
        if at > self._until:
            self._silence(self._until, at)
        self._write(at, samples)
        self._until = at + len(samples)

    def drop(self, at: int) -> None:
        """What was handed over for output position `at` and later is not played after all."""
        if at < self._until:
            self._played -= self._until - at
            self._silence(at, self._until)
            self._until = at

    def read(self, start: int, stop: int) -> Samples:
        """What was played from sample `start` to before `stop` of the session's clock, shape ``(stop - start,)``.

        Zero where nothing was, where it is forgotten, and before the session began.
        """
        if self._hz == CLOCK_HZ:
            return self._raw(start, stop)
        margin = round(MARGIN_S * CLOCK_HZ)
        steps = (start - margin) // self._clock_step
        raw_start, clock_start = steps * self._step, steps * self._clock_step
        raw_stop = -(-(stop + margin) * self._hz // CLOCK_HZ)
        made = resample(self._raw(raw_start, raw_stop), self._hz, CLOCK_HZ)
        return made[start - clock_start : stop - clock_start]

    def _silence(self, start: int, stop: int) -> None:
        self._write(start, np.zeros(min(stop - start, len(self._kept)), np.float32))

    def _write(self, at: int, samples: Samples) -> None:
        for kept, place in self._places(at, at + len(samples)):
            self._kept[kept] = samples[place]

    def _raw(self, start: int, stop: int) -> Samples:
        samples = np.zeros(stop - start, np.float32)
        first = max(start, self._until - len(self._kept), 0)
        for kept, place in self._places(first, min(stop, self._until)):
            samples[first - start :][place] = self._kept[kept]
        return samples

    def _places(self, start: int, stop: int) -> Iterator[tuple[slice, slice]]:
        """Where positions from `start` on are kept, and where they are among these; of too many, the last."""
        size = len(self._kept)
        at = max(start, stop - size)
        while at < stop:
            begin = at % size
            count = min(size - begin, stop - at)
            yield slice(begin, begin + count), slice(at - start, at - start + count)
            at += count
