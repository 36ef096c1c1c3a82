"""The voice of one reply between synthesis and ear: what is played, faded, ducked, paused or never played.

Sans-IO: speech goes in, frames come out when asked for. It knows to the sample which part of the speech was
heard. Output positions are samples of the transport's clock at its own rate.
"""

from dataclasses import dataclass, replace

import numpy as np

from turnscope.core._audio import Samples
from turnscope.core._fade import fade_out

__all__ = ["Playback", "Segment"]


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech that was handed to the transport.

    Attributes:
        source_start: Its first sample, counted in the reply's speech.
        source_stop: Sample after its last one.
        output_start: Where it was put in the output.
        gain_start: Linear gain at its start.
        gain_stop: Linear gain at its end; 0.0 for the tail of a fade.
    """

    source_start: int
    source_stop: int
    output_start: int
    gain_start: float
    gain_stop: float

    @property
    def output_stop(self) -> int:
        """Output position after its last sample."""
        return self.output_start + self.source_stop - self.source_start


RAMP_SAMPLES = 320
"""Length of a change of level that is neither a stop nor a start: 20 ms at 16 kHz."""


class Playback:
    """Plays the speech of one reply.

    Args:
        fade_samples: Length of the tail when it is paused or shut.
    """

    def __init__(self, fade_samples: int) -> None:
        self.fade_samples = fade_samples
        self.segments: list[Segment] = []
        self.received: int = 0
        """Samples of speech taken in so far."""
        self.heard_until: int = 0
        """Speech before this sample was heard at an audible level, tails of fades not counted."""
        self._chunks: list[Samples] = []
        self._chunks_start = 0
        self._cursor = 0
        self._ended = False
        self._paused = False
        self._shut = False
        self._sounding = False
        """The last sample of the output was speech that goes on: it would click if it just ended."""
        self._tail: Samples | None = None
        self._gain = 1.0
        self._target = 1.0

    # Speech in

    def push(self, samples: Samples) -> None:
        """More speech. After `shut` it is dropped."""
        if not self._shut and len(samples):
            self._chunks.append(samples)
            self.received += len(samples)

    def end(self) -> None:
        """There will be no more speech."""
        self._ended = True

    @property
    def buffered(self) -> int:
        """Samples that wait to be played."""
        return self.received - self._cursor

    def output_position(self, source: int) -> int | None:
        """Where a sample of the speech was put in the output, the last time that it was; None if it never was."""
        for segment in reversed(self.segments):
            if segment.source_start <= source < segment.source_stop:
                return segment.output_start + source - segment.source_start
        return None

    @property
    def paused(self) -> bool:
        """It was paused and not resumed."""
        return self._paused

    @property
    def done(self) -> bool:
        """There is nothing left to hand out, now or later."""
        return self._tail is None and (self._shut or (self._ended and not self._paused and self.buffered == 0))

    @property
    def playable(self) -> bool:
        """`take` would give something now."""
        return self._tail is not None or not (self._paused or self._shut or self.buffered == 0)

    # Frames out

    def take(self, count: int, at: int) -> Samples | None:
        """The next at most `count` samples, heard from output position `at` on; None when there is nothing to play."""
        if self._tail is not None:
            tail, self._tail = self._tail[:count], self._tail[count:] if len(self._tail) > count else None
            return tail
        if self._paused or self._shut or self.buffered == 0:
            return None
        start = self._cursor
        frame = self._source(start, min(start + count, self.received))
        self._cursor = start + len(frame)
        before = self._gain
        frame = self._levelled(frame)
        self._record(Segment(start, self._cursor, at, before, self._gain))
        self.heard_until = max(self.heard_until, self._cursor)
        self._sounding = True
        return frame

    def take_back(self, count: int) -> None:
        """The last `count` samples handed out were dropped before they were heard. Not while a fade is being played."""
        while count > 0 and self.segments:
            last = self.segments.pop()
            kept = max(last.source_stop - last.source_start - count, 0)
            count -= last.source_stop - last.source_start - kept
            self._cursor = last.source_start + kept
            if kept:
                self.segments.append(replace(last, source_stop=self._cursor))
        self.heard_until = max((part.source_stop for part in self.segments if part.gain_stop > 0), default=0)
        self._sounding = self._sounding and bool(self.segments)

    @property
    def fading(self) -> bool:
        """A fade is being played."""
        return self._tail is not None

    def pause(self, at: int) -> int:
        """Stop after a fade that begins at output position `at`. Returns the position after the last sample heard."""
        if self._paused or self._shut:
            return at
        self._paused = True
        return self._fade(at)

    def resume(self, from_sample: int) -> None:
        """Go on from `from_sample` of the speech, at most where it was paused, and at full level."""
        self._paused = False
        self._gain = self._target = 1.0
        self._cursor = min(max(from_sample, self._chunks_start), self._cursor)

    def duck(self, gain: float) -> None:
        """Go down to a linear `gain`, and up again with 1.0, over `RAMP_SAMPLES`."""
        self._target = gain

    def shut(self, at: int) -> int | None:
        """Play nothing more but a fade from output position `at`, ever. Idempotent.

        Returns:
            The output position after the last sample that will be heard; None if nothing is being heard.
        """
        if self._shut:
            return None
        silence: int | None = None
        if self._tail is not None:
            silence = at + len(self._tail)
        elif self.segments:
            silence = self._fade(at)
        self._shut = True
        self._chunks.clear()
        return silence

    # Inside

    def _fade(self, at: int) -> int:
        start = self._cursor
        stop = min(start + self.fade_samples, self.received)
        sounding, self._sounding = self._sounding, False
        if sounding and stop > start:
            self._tail = fade_out(self._source(start, stop), stop - start, from_gain=self._gain)
            self._record(Segment(start, stop, at, self._gain, 0.0))
            return at + stop - start
        return self.segments[-1].output_stop if self.segments else at

    def _levelled(self, frame: Samples) -> Samples:
        if self._gain == self._target:
            return frame if self._gain == 1.0 else frame * np.float32(self._gain)
        step = (1.0 if self._target > self._gain else -1.0) / RAMP_SAMPLES
        ramp = self._gain + step * np.arange(1, len(frame) + 1, dtype=np.float32)
        ramp = np.minimum(ramp, self._target) if step > 0 else np.maximum(ramp, self._target)
        self._gain = float(ramp[-1])
        levelled: Samples = frame * ramp.astype(np.float32)
        return levelled

    def _record(self, segment: Segment) -> None:
        last = self.segments[-1] if self.segments else None
        if (
            last is not None
            and last.gain_start == last.gain_stop == segment.gain_start == segment.gain_stop
            and last.source_stop == segment.source_start
            and last.output_stop == segment.output_start
        ):
            self.segments[-1] = Segment(
                last.source_start, segment.source_stop, last.output_start, last.gain_start, last.gain_stop
            )
        else:
            self.segments.append(segment)

    def _source(self, start: int, stop: int) -> Samples:
        """Speech from `start` to `stop`, and forget what is behind the place where a resumption could begin."""
        pieces: list[Samples] = []
        position = self._chunks_start
        for chunk in self._chunks:
            if position >= stop:
                break
            if position + len(chunk) > start:
                pieces.append(chunk[max(start - position, 0) : stop - position])
            position += len(chunk)
        while self._chunks and self._chunks_start + len(self._chunks[0]) <= start - KEPT_SAMPLES:
            self._chunks_start += len(self._chunks.pop(0))
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


KEPT_SAMPLES = 5 * 48_000
"""Speech that was played stays this long, so that it can be resumed from the start of a word."""
