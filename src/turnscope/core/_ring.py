"""The ears' memory: one writer, any number of readers, each at its own place.

Samples are addressed by their absolute index, the first one ever written being 0. The writer never
waits and never fails because a reader is slow; the reader that was overtaken is told, and how much it lost is counted.
"""

import numpy as np

from turnscope._errors import AudioError, ConfigError, ProtocolError
from turnscope.core._audio import Samples

__all__ = ["RingBuffer", "RingCursor", "RingOverrun"]


class RingOverrun(AudioError):
    """Samples were asked for that newer ones have overwritten.

    Args:
        lost_start: First sample that was asked for and is gone.
        lost_stop: Sample after the last one that is gone. Reading may go on from here.
    """

    def __init__(self, lost_start: int, lost_stop: int) -> None:
        super().__init__(f"samples {lost_start} to {lost_stop} were overwritten before they were read")
        self.lost_start = lost_start
        self.lost_stop = lost_stop

    @property
    def lost_samples(self) -> int:
        """How many samples are gone."""
        return self.lost_stop - self.lost_start


class RingBuffer:
    """The last `capacity_samples` samples of a stream that goes on for ever.

    Its memory is 4 bytes a sample, taken once. How long a reader may fall behind before it loses
    anything is the capacity less the writer's block.

    Args:
        capacity_samples: How many samples are held.

    Raises:
        ConfigError: The capacity is below one sample.
    """

    __slots__ = ("_capacity", "_data", "_end")

    def __init__(self, capacity_samples: int) -> None:
        if capacity_samples < 1:
            raise ConfigError(f"capacity_samples must be at least 1; got {capacity_samples}")
        self._capacity = capacity_samples
        self._data: Samples = np.zeros(capacity_samples, np.float32)
        self._end = 0

    @property
    def capacity_samples(self) -> int:
        """How many samples are held at most."""
        return self._capacity

    @property
    def begin(self) -> int:
        """Index of the oldest sample still held."""
        return max(0, self._end - self._capacity)

    @property
    def end(self) -> int:
        """Index after the last sample written; equal to `begin` while nothing was."""
        return self._end

    def write(self, samples: Samples) -> None:
        """Append samples, shape ``(n,)``, any number of them; the oldest make room. They are copied.

        Raises:
            AudioError: `samples` is not one-dimensional.
        """
        if samples.ndim != 1:
            raise AudioError(f"audio must be mono, of shape (n,); got shape {samples.shape}")
        self._end += samples.size
        kept = min(samples.size, self._capacity)
        if kept < samples.size:
            samples = samples[samples.size - kept :]
        place = (self._end - kept) % self._capacity
        head = min(kept, self._capacity - place)
        self._data[place : place + head] = samples[:head]
        if head < kept:
            self._data[: kept - head] = samples[head:]

    def write_silence(self, count: int) -> None:
        """Append `count` zeros, without making them first: a pause may be far longer than what the ring holds."""
        self.write(np.zeros(min(count, self._capacity), np.float32))
        self._end += max(count - self._capacity, 0)

    def read(self, start: int, stop: int, out: Samples | None = None) -> Samples:
        """The samples from index `start` up to, not including, `stop`.

        The result is a copy that later writes do not touch. A reader that takes windows of one length hands in
        `out` and makes no garbage.

        Args:
            start: Index of the first sample.
            stop: Index after the last one.
            out: Where to put them, shape ``(stop - start,)``, ``float32``; by default a new array.

        Returns:
            Samples of shape ``(stop - start,)``: `out` itself, if given.

        Raises:
            RingOverrun: Some of them were overwritten. Nothing was read.
            ProtocolError: Some of them were not written yet, `start` is negative, or `stop` is before `start`.
            AudioError: `out` has the wrong shape.
        """
        if not 0 <= start <= stop <= self._end:
            raise ProtocolError(f"samples {start} to {stop} cannot be read: written so far are 0 to {self._end}")
        begin = self._end - self._capacity
        if start < begin and start < stop:
            raise RingOverrun(start, min(begin, stop))
        length = stop - start
        if out is None:
            out = np.empty(length, np.float32)
        elif out.shape != (length,):
            raise AudioError(f"out must have shape ({length},); got {out.shape}")
        place = start % self._capacity
        head = min(length, self._capacity - place)
        out[:head] = self._data[place : place + head]
        if head < length:
            out[head:] = self._data[: length - head]
        return out

    def cursor(self, start: int | None = None) -> "RingCursor":
        """A reader of its own, whose next sample is `start`; by default the next one to be written.

        A `start` that is already overwritten is a loss that the first read counts.

        Raises:
            ProtocolError: `start` is negative or beyond `end`.
        """
        start = self._end if start is None else start
        if not 0 <= start <= self._end:
            raise ProtocolError(f"a cursor cannot start at sample {start}: written so far are 0 to {self._end}")
        return RingCursor(self, start)


class RingCursor:
    """One reader's place in a `RingBuffer`; made by `RingBuffer.cursor`."""

    __slots__ = ("_lost_samples", "_position", "_ring")

    def __init__(self, ring: RingBuffer, start: int) -> None:
        self._ring = ring
        self._position = start
        self._lost_samples = 0

    @property
    def position(self) -> int:
        """Index of the next sample to be read."""
        return self._position

    @property
    def available_samples(self) -> int:
        """How many samples have been written from `position` on, overwritten ones included."""
        return self._ring.end - self._position

    @property
    def lost_samples(self) -> int:
        """How many samples were overwritten before this cursor could read them, all told."""
        return self._lost_samples

    def read(self, max_samples: int) -> Samples:
        """The next samples, at most `max_samples` of them; none when all has been read. A copy.

        If the writer has overtaken the cursor, what is gone is counted in `lost_samples` and reading goes on with the
        oldest sample still held. What is returned always ends at `position`; it follows what was returned before
        without a break exactly if `lost_samples` has not changed.

        Raises:
            ConfigError: `max_samples` is negative.
        """
        if max_samples < 0:
            raise ConfigError(f"max_samples must not be negative; got {max_samples}")
        lost = self._ring.begin - self._position
        if lost > 0:
            self._lost_samples += lost
            self._position += lost
        stop = min(self._ring.end, self._position + max_samples)
        samples = self._ring.read(self._position, stop)
        self._position = stop
        return samples

    def skip_to(self, position: int) -> None:
        """Move forward to `position` without reading; what is passed over is not lost.

        Raises:
            ProtocolError: `position` is behind the cursor or beyond what was written.
        """
        if not self._position <= position <= self._ring.end:
            raise ProtocolError(f"a cursor at sample {self._position} of {self._ring.end} cannot skip to {position}")
        self._position = position
