"""The session's clock: Trio's, counted in samples from the moment the session opened."""

from collections.abc import Generator
from contextlib import contextmanager

import trio

from turnscope.core import CLOCK_HZ

__all__ = ["SessionClock"]


class SessionClock:
    """Converts between Trio's time and the session's samples. Times are derived, never accumulated."""

    __slots__ = ("_held", "_start")

    def __init__(self) -> None:
        self._start = trio.current_time()
        self._held: int | None = None

    def now(self) -> int:
        """The session's time, in samples of 16 kHz; while it is held, the time at which it is."""
        return round((trio.current_time() - self._start) * CLOCK_HZ) if self._held is None else self._held

    def seconds(self) -> float:
        """The session's time, as exactly as Trio's is, held or not."""
        return trio.current_time() - self._start

    @contextmanager
    def hold(self, sample: int) -> Generator[None]:
        """Let everything that follows from one input happen at its time, however long it takes."""
        self._held = sample
        try:
            yield
        finally:
            self._held = None

    def position(self, hz: int) -> int:
        """The session's time, in samples of another rate."""
        return round((trio.current_time() - self._start) * hz)

    def trio_time(self, position: float, hz: int = CLOCK_HZ) -> float:
        """Trio's time at a position of the session."""
        return self._start + position / hz
