"""Notices code that blocks the event loop, and says which task it ran in. For real time only."""

import time
from collections.abc import Callable

import trio

__all__ = ["BlockingWatch"]

BLOCKED_S = 0.05
"""A task that runs so long without a checkpoint holds up every voice of the process: two frames and a half."""


class BlockingWatch(trio.abc.Instrument):
    """An instrument that times every step of every task; it costs two readings of the clock a step."""

    def __init__(self) -> None:
        self.listeners: list[Callable[[str, float], None]] = []
        """Are told the task's name and for how many seconds it has run."""
        self._since = 0.0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """See `trio.abc.Instrument`."""
        self._since = time.perf_counter()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """See `trio.abc.Instrument`."""
        took_s = time.perf_counter() - self._since
        if took_s >= BLOCKED_S:
            for listener in self.listeners:
                listener(task.name, took_s)
