"""Parts of a session that act at times of their own and never wait in between, and who makes them act.

On the wall clock that is a task for each of them. A clock that is not real may do it itself, without a task's step for
every frame, and let a part act ahead of time where nobody could tell.
"""

import math
from abc import ABC, abstractmethod
from typing import Protocol, runtime_checkable

import trio

__all__ = ["DrivingClock", "Pace", "Part"]


class Pace(Protocol):
    """Lets a part that acts ahead of time have it be the time at which it should have acted."""

    def settle_at(self, time: float) -> None:
        """It is `time` now, and the other parts have acted up to it: what follows may matter to them."""
        ...


class Part(ABC):
    """Something that acts at times that it names, and rests until something changes."""

    def __init__(self) -> None:
        self.due: float = -math.inf
        """Trio's time at which it is to act next, or at once if that has passed; infinite while it rests."""
        self._woken = trio.Event()

    @abstractmethod
    def act(self, until: float, pace: Pace) -> bool:
        """Do what is due now, and set `due`.

        What would be due later, but before `until`, may be done already as long as it matters to nobody else: until
        then nobody else will do anything. Before anything that does matter, `Pace.settle_at` has to be called.

        Returns:
            Whether it goes on.
        """

    @property
    def matters_at(self) -> float:
        """Trio's time from which on what it does may matter to other parts, if nothing is done to it before."""
        return self.due

    def wake(self) -> None:
        """Have it act at once."""
        self.due = -math.inf
        self._woken.set()

    async def drive(self) -> None:
        """Have it act whenever it is due, until it ends or is cancelled."""
        clock = trio.lowlevel.current_clock()
        if isinstance(clock, DrivingClock):
            await clock.drive(self)
            return
        while True:
            self._woken = trio.Event()
            if not self.act(-math.inf, _RealPace()):
                return
            with trio.move_on_at(self.due):
                await self._woken.wait()


@runtime_checkable
class DrivingClock(Protocol):
    """A clock that makes parts act itself."""

    async def drive(self, part: Part) -> None:
        """Make a part act whenever it is due, until it ends or is cancelled."""
        ...


class _RealPace:
    def settle_at(self, time: float) -> None:
        """Nobody acts ahead of time."""
