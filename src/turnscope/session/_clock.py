"""The session's clock: Trio's, counted in samples from the moment the session opened."""

import trio

from turnscope.core import CLOCK_HZ

__all__ = ["SessionClock"]


class SessionClock:
    """Converts between Trio's time and the session's samples. Times are derived, never accumulated."""

    __slots__ = ("_start",)

    def __init__(self) -> None:
        self._start = trio.current_time()

    def now(self) -> int:
        """The session's time, in samples of 16 kHz."""
        return round((trio.current_time() - self._start) * CLOCK_HZ)

    def position(self, hz: int) -> int:
        """The session's time, in samples of another rate."""
        return round((trio.current_time() - self._start) * hz)

    def trio_time(self, position: int, hz: int = CLOCK_HZ) -> float:
        """Trio's time at a position of the session."""
        return self._start + position / hz
