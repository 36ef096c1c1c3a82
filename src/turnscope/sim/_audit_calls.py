"""Calls of somebody that are under way: one that returns although its task was cancelled in it has swallowed that."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import trio

from turnscope.sim._audit_places import Place

__all__ = ["Calls"]

T = TypeVar("T")


@dataclass(slots=True)
class _Call:
    cancelled_at: Place | None = None


class Calls:
    """The calls that the audit makes.

    Args:
        swallowed: Is told where a cancellation was swallowed.
    """

    def __init__(self, swallowed: Callable[[Place], object]) -> None:
        self.kind: str = ""
        """What they turned out to be, if that had to be found out."""
        self._swallowed = swallowed
        self._open: dict[trio.lowlevel.Task, _Call] = {}

    async def make(self, call: Awaitable[T]) -> T:
        """Await something of theirs."""
        task = trio.lowlevel.current_task()
        self._open[task] = this = _Call()
        try:
            result = await call
        except StopAsyncIteration:
            self._returned(this)
            raise
        finally:
            del self._open[task]
        self._returned(this)
        return result

    def cancelled(self, task: trio.lowlevel.Task, place: Place) -> None:
        """`trio.Cancelled` was raised in a task, at `place`; if it is in a call, that must not return any more."""
        if task in self._open:
            self._open[task].cancelled_at = place

    def _returned(self, call: _Call) -> None:
        if call.cancelled_at is not None:
            self._swallowed(call.cancelled_at)
