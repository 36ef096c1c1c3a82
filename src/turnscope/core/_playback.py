"""The voice of one reply between synthesis and ear: what is played, faded, ducked, paused or never played.

Sans-IO: speech goes in, frames come out when asked for. It knows to the sample which part of the speech was
heard. Output positions are samples of the transport's clock at its own rate.
"""

from dataclasses import dataclass, replace

import numpy as np

from turnscope.core._audio import CLOCK_HZ, Samples
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


RAMP_S = 0.02
"""Length of a change of level that is neither a stop nor a start, unless somebody says otherwise."""

GAP_S = 0.02
"""After a longer gap the voice stands still, and has nothing to fade out from. A shorter one is a late wake-up."""

KEPT_S = 5.0
"""Speech that was played stays this long, so that it can be resumed from the start of a word."""


class Playback:
    """Plays the speech of one reply.

    Args:
        fade_samples: Length of the tail when it is paused or shut.
        hz: Rate of the speech.
        ramp_samples: How long it takes to duck, and to come up again; None for 20 ms.
    """

    def __init__(self, fade_samples: int, *, hz: int = CLOCK_HZ, ramp_samples: int | None = None) -> None:
        self.fade_samples = fade_samples
        self.ramp_samples: int = round(RAMP_S * hz) if ramp_samples is None else ramp_samples
        self.segments: list[Segment] = []
        self.received: int = 0
        """Samples of speech taken in so far."""
        self.heard_until: int = 0
        """Speech before this sample was heard at an audible level, tails of fades not counted."""
        self._chunks: list[Samples] = []
        self._chunks_start = 0
        self._cursor = 0
        self._limit: int | None = None
        self._ended = False
        self._paused = False
        self._shut = False
        self._sounding = False
        """The last sample of the output was speech that goes on: it would click if it just ended."""
        self._tail: Samples | None = None
        """The newest fade, and how much of it was handed out."""
        self._tail_at = 0
        self._kept = round(KEPT_S * hz)
        self._gap = round(GAP_S * hz)
        self._gain = 1.0
        self._target = 1.0
        self._ramp_left = 0
        """Samples until the gain is the target."""

    # Speech in

    def push(self, samples: Samples) -> None:
        """More speech. After `shut` it is dropped."""
        if not self._shut and len(samples):
            self._chunks.append(samples)
            self.received += len(samples)

    def end(self) -> None:
        """There will be no more speech."""
        self._ended = True

    def limit(self, stop: int) -> None:
        """Play nothing from sample `stop` on."""
        self._limit = stop

    @property
    def limit_reached(self) -> bool:
        """Everything before the limit has been handed out."""
        return self._limit is not None and self._cursor >= self._limit

    @property
    def ended(self) -> bool:
        """All its speech has come."""
        return self._ended

    @property
    def buffered(self) -> int:
        """Samples that wait to be played."""
        return max(self._stop - self._cursor, 0)

    @property
    def _stop(self) -> int:
        return self.received if self._limit is None else min(self.received, self._limit)

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
        return not self.fading and (self._shut or (self._ended and not self._paused and self.buffered == 0))

    @property
    def was_shut(self) -> bool:
        """It was shut, and will play nothing more but its fade."""
        return self._shut

    @property
    def dry(self) -> bool:
        """It has begun, wants to go on, and has nothing to go on with."""
        waits = self._ended or self._paused or self._shut
        return bool(self.segments) and not waits and not self.fading and self.buffered == 0

    @property
    def playable(self) -> bool:
        """`take` would give something now."""
        return self.fading or not (self._paused or self._shut or self.buffered == 0)

    @property
    def steady(self) -> bool:
        """It just goes on: nothing fades, is paused, or is on the way to another level."""
        return not (self.fading or self._paused or self._shut or self._ramp_left)

    # Frames out

    def take(self, count: int, at: int) -> Samples | None:
        """The next at most `count` samples, heard from output position `at` on; None when there is nothing to play."""
        if self._tail is not None and self.fading:
            tail = self._tail[self._tail_at : self._tail_at + count]
            self._tail_at += len(tail)
            return tail
        if self._paused or self._shut or self.buffered == 0:
            return None
        start = self._cursor
        frame = self._source(start, min(start + count, self._stop))
        self._cursor = start + len(frame)
        frame = self._levelled(frame, start, at)
        self.heard_until = max(self.heard_until, self._cursor)
        self._sounding = True
        return frame

    def take_back(self, count: int) -> None:
        """The last `count` samples handed out were dropped before they were heard: they are played again, or never."""
        if self._tail is not None:
            dropped = min(count, self._tail_at)
            self._tail_at -= dropped
            count -= dropped
        while count > 0 and self.segments and self.segments[-1].gain_stop > 0:
            count -= self._take_back_segment(count)
        self.heard_until = max((part.source_stop for part in self.segments if part.gain_stop > 0), default=0)
        self._sounding = self._sounding and bool(self.segments)
        self.duck(self._target)

    @property
    def fading(self) -> bool:
        """A fade is being played."""
        return self._tail is not None and self._tail_at < len(self._tail)

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
        self._ramp_left = 0
        if not self.fading:
            self._tail = None
        self._cursor = min(max(from_sample, self._chunks_start), self._cursor)

    def duck(self, gain: float) -> None:
        """Go down to a linear `gain`, or up again with 1.0, in a straight line over `ramp_samples`."""
        self._target = gain
        self._ramp_left = 0 if gain == self._gain else self.ramp_samples
        if self._ramp_left == 0:
            self._gain = gain

    def shut(self, at: int) -> int | None:
        """Play nothing more but a fade from output position `at`, ever. Idempotent.

        Returns:
            The output position after the last sample that will be heard; None if nothing is being heard.
        """
        if self._shut:
            return None
        silence: int | None = None
        if self._tail is not None and self.fading:
            silence = at + len(self._tail) - self._tail_at
        elif self.segments:
            silence = self._fade(at)
        self._shut = True
        self._chunks.clear()
        return silence

    # Inside

    def _fade(self, at: int) -> int:
        start = self._cursor
        stop = min(start + self.fade_samples, self._stop)
        stands_still = bool(self.segments) and at - self.segments[-1].output_stop > self._gap
        sounding, self._sounding = self._sounding and not stands_still, False
        if sounding and stop > start:
            self._tail = fade_out(self._source(start, stop), stop - start, from_gain=self._gain)
            self._tail_at = 0
            self._record(Segment(start, stop, at, self._gain, 0.0))
            return at + stop - start
        return self.segments[-1].output_stop if self.segments else at

    def _take_back_segment(self, count: int) -> int:
        """Take back at most `count` samples of the last segment, the level included. Returns how many it were."""
        last = self.segments.pop()
        length = last.source_stop - last.source_start
        kept = max(length - count, 0)
        self._cursor = last.source_start + kept
        self._gain = last.gain_start + (last.gain_stop - last.gain_start) * kept / length
        if kept:
            self.segments.append(replace(last, source_stop=self._cursor, gain_stop=self._gain))
        return length - kept

    def _levelled(self, frame: Samples, start: int, at: int) -> Samples:
        """The speech from `start` as it is heard at `at`, put on record; a ramp is a segment of its own."""
        ramp = min(self._ramp_left, len(frame))
        if ramp:
            before, gains = self._gain, self._next_gains(ramp)
            self._record(Segment(start, start + ramp, at, before, self._gain))
            frame = np.concatenate([frame[:ramp] * gains, frame[ramp:] * np.float32(self._gain)])
        elif self._gain != 1.0:
            frame = frame * np.float32(self._gain)
        if ramp < len(frame):
            self._record(Segment(start + ramp, start + len(frame), at + ramp, self._gain, self._gain))
        return frame

    def _next_gains(self, count: int) -> Samples:
        """The next `count` gains of the ramp."""
        step = (self._target - self._gain) / self._ramp_left
        self._ramp_left -= count
        left = np.arange(self._ramp_left + count - 1, self._ramp_left - 1, -1)
        self._gain = self._target - step * self._ramp_left
        gains: Samples = (self._target - step * left).astype(np.float32)
        return gains

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
        while self._chunks and self._chunks_start + len(self._chunks[0]) <= start - self._kept:
            self._chunks_start += len(self._chunks.pop(0))
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
