"""Where on the session's clock each piece of the caller's audio lies.

A client has a clock of its own, may pause, and loses packets; samples counted as they come are not the session's time.
Sans-IO: it is told when a piece came, and says what to put before it or to leave out of it. It never touches audio.
"""

from dataclasses import dataclass
from typing import Literal

from turnscope._errors import ConfigError

__all__ = ["GapReason", "InputClock", "Placement"]

TOLERANCE_S = 0.04
"""Audio that is placed so much beside its time is left alone: an onset is not known more exactly than that."""

PAUSE_S = 0.5
"""When nothing has come for so long, the client has paused. Networks hold packets back for shorter times."""

MAX_AHEAD_S = 0.2
"""Audio from the future is taken in so much before its time; whoever sends faster is made to wait."""

WATCH_S = 1.0
"""How long audio must have been off, each piece of it, until that is the clock's doing and not the network's."""

GapReason = Literal["lost", "paused"]
"""Why audio is missing: the transport says that it lost it, or nothing came in its time."""


@dataclass(frozen=True, slots=True)
class Placement:
    """What to do about a piece of audio, in samples at the input's rate.

    Attributes:
        gap: Silence to put before it, because something is missing there.
        reason: Why; None without a gap.
        correction: The clocks run apart: so many samples of silence to put before it, or, if negative, to leave out
            from its beginning.
        start: Its place on the session's clock: that of its first sample that is kept.
        ready_at: When to take it in, if it has come too early.
    """

    gap: int
    reason: GapReason | None
    correction: int
    start: int
    ready_at: int | None


class InputClock:
    """Places one stream of audio on the session's clock.

    Audio that comes without a break and on time, to within 40 ms, is placed without a break, sample for sample. What is
    done about the rest:

    - *Lost*, by the indices of the pieces: a gap as long as what was lost, but ending at most 0.2 s from now.
    - *Paused*: nothing came for 0.5 s, or the first piece came late. A gap, so that what comes now is now. If it was
      the network after all and the missing audio comes in a burst, it is placed behind the gap, and as much quiet audio
      as the gap was long is left out afterwards.
    - *Clocks that run apart*: when each piece of the last second or two was off by more than 40 ms, it is corrected by
      that much in the next quiet moment. Speech is never stretched or cut for it. A clock that is 0.1 % off needs a
      correction every 40 s.
    - *Ahead of time* by more than 0.2 s: the piece is to be taken in later, which slows down the sender.

    All arguments and results are in samples at the input's rate; `now` is the session's time at that rate.

    Args:
        hz: The input's rate.

    Raises:
        ConfigError: The rate is not positive.
    """

    __slots__ = (
        "_debt",
        "_expected",
        "_last_arrival",
        "_least",
        "_least_before",
        "_max_ahead",
        "_pause",
        "_position",
        "_tolerance",
        "_watch",
        "_watch_until",
    )

    def __init__(self, hz: int) -> None:
        if hz <= 0:
            raise ConfigError(f"hz must be positive, got {hz}")
        self._tolerance = round(TOLERANCE_S * hz)
        self._pause = round(PAUSE_S * hz)
        self._max_ahead = round(MAX_AHEAD_S * hz)
        self._watch = round(WATCH_S * hz)
        self._position = 0
        self._expected: int | None = None
        self._last_arrival = 0
        self._debt = 0
        """Quiet audio that is to be left out, because silence was put in for a pause, or because the client hurries."""
        self._watch_until = 0
        self._least: int | None = None
        """How late audio was at least, in the watch that goes on; None before the first piece of it."""
        self._least_before: int | None = None
        """The same in the watch before; None if there is none to be compared with."""

    @property
    def pause_s(self) -> float:
        """When nothing has come for so long, in seconds, the client has paused."""
        return PAUSE_S

    @property
    def position(self) -> int:
        """Where the next sample will be placed, if nothing is missing."""
        return self._position

    @property
    def off_by(self) -> int:
        """How far audio has constantly been behind the session's clock, or if negative ahead; 0 if it is to be left."""
        if self._debt:
            return -self._debt
        if self._least is None or self._least_before is None:
            return 0
        least = min(self._least, self._least_before)
        return least if least > self._tolerance or -self._max_ahead < least < -self._tolerance else 0

    def place(self, start: int, count: int, now: int, *, quiet: bool) -> Placement:
        """Place a piece that has just come.

        Args:
            start: Its index in the stream, as the transport says.
            count: How many samples it has.
            now: The session's time.
            quiet: Nobody speaks in it or around it, so that it may be shortened.
        """
        gap, reason = self._gap(start, count, now)
        self._position += gap
        correction = self._correction(count, now, quiet=quiet)
        at = self._position + max(correction, 0)
        self._position = at + count + min(correction, 0)
        self._expected = start + count
        self._last_arrival = now
        self._watch_lateness(now - self._position, now)
        earliest = self._position - self._max_ahead
        return Placement(gap, reason, correction, at, earliest if earliest > now else None)

    def fill(self, now: int) -> int:
        """Nothing has come for too long: how much silence brings the stream up to `now`. It counts as placed."""
        gap = max(now - self._position, 0)
        self._position += gap
        self._debt += gap
        self._forget_lateness()
        return gap

    def _gap(self, start: int, count: int, now: int) -> tuple[int, GapReason | None]:
        late = now - self._position - count
        first = self._expected is None
        if self._expected is not None and start > self._expected:
            gap = min(start - self._expected, max(late, 0) + self._max_ahead)
            self._forget_lateness()
            return (gap, "lost") if gap > 0 else (0, None)
        if late > self._tolerance and (first or now - self._last_arrival - count >= self._pause):
            self._debt = 0 if first else self._debt + late
            self._forget_lateness()
            return late, "paused"
        return 0, None

    def _correction(self, count: int, now: int, *, quiet: bool) -> int:
        late = now - self._position - count
        if self._debt and late >= -self._tolerance and self._least is not None and now >= self._watch_until:
            self._debt = 0  # what was missing did not come after all: it was a pause
        off_by = self.off_by if quiet else 0
        if off_by < 0 and not self._debt:
            self._debt = -off_by
        if self._debt:
            dropped = min(-late, count, self._debt) if quiet and late < -self._tolerance else 0
            self._debt -= dropped
            return -dropped
        if off_by:
            self._forget_lateness()
        return off_by

    def _watch_lateness(self, late: int, now: int) -> None:
        if self._least is not None and now >= self._watch_until:
            self._least_before, self._least = self._least, None
        if self._least is None:
            self._watch_until = now + self._watch
            self._least = late
        else:
            self._least = min(self._least, late)

    def _forget_lateness(self) -> None:
        self._least = self._least_before = None
