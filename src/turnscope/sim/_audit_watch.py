"""Watches the steps of somebody's tasks: cancels them after one of them, and times each of them.

Touches private names of Trio, as does `turnscope.sim._virtual`; `tests/sim/test_audit.py` fails when they change.
"""

import math
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import trio
import trio._core._run as _trio_run

from turnscope.session import tasks_below
from turnscope.sim._audit_calls import Calls
from turnscope.sim._audit_findings import Findings
from turnscope.sim._audit_places import NOWHERE, Home, Place

__all__ = ["GivenUp", "Stopwatch", "Watch"]

RUNAWAY_STEPS = 2000
"""Who takes so many steps after being cancelled, while no time goes by, will never end."""


class GivenUp(BaseException):
    """Ends a task that ends by nothing else."""


class Stopwatch:
    """Times the steps of tasks, and looks where one is that takes too long.

    Args:
        limit_s: So long a step may take.
        home: Whose line is looked for.
    """

    def __init__(self, limit_s: float, home: Home) -> None:
        self._limit_s = limit_s
        self._home = home
        self._thread_id = threading.get_ident()
        self._since = 0.0
        self._before_pause_s = 0.0
        self._seen = NOWHERE
        self._over = threading.Event()
        self._looker = threading.Thread(target=self._look, name="Trio audit stopwatch", daemon=True)

    def __enter__(self) -> "Stopwatch":
        self._looker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()
        self._looker.join()

    def begin(self) -> None:
        """A step begins."""
        self._seen = NOWHERE
        self._before_pause_s = 0.0
        self._since = time.perf_counter()

    def end(self) -> tuple[float, Place]:
        """A step has ended: how long it has taken, and where, if that was too long."""
        took_s = self._before_pause_s + time.perf_counter() - self._since
        self._since = 0.0
        return took_s, self._seen

    @contextmanager
    def paused(self) -> Iterator[None]:
        """What is done in the block would be done elsewhere in real time."""
        self._before_pause_s += time.perf_counter() - self._since
        self._since = 0.0
        try:
            yield
        finally:
            self._since = time.perf_counter()

    def _look(self) -> None:
        while not self._over.wait(self._limit_s / 4):
            since = self._since
            if since and time.perf_counter() - since > self._limit_s and self._seen is NOWHERE:
                frame = sys._current_frames().get(self._thread_id)
                place = self._home.of_stack(frame)
                if self._since == since:  # still the same step
                    self._seen = place


class Watch(trio.abc.Instrument):
    """Cancels whoever is audited after the `cut_at`-th step of their tasks, 0 for never.

    Args:
        home: Their code.
        findings: Is told what is wrong.
        calls: The calls of them.
        stopwatch: Times the steps.
        blocked_s: So long a step may take.
        cut_at: After which step.
    """

    def __init__(
        self, home: Home, findings: Findings, calls: Calls, stopwatch: Stopwatch, blocked_s: float, cut_at: int
    ) -> None:
        self.scope: trio.CancelScope = trio.CancelScope()
        self.root: trio.lowlevel.Task | None = None
        """The task in which they are used."""
        self.steps: int = 0
        self.was_cancelled: bool = False
        self.news: trio.Event = trio.Event()
        """They were cancelled, or have ended."""
        self.at_s: float = 0.0
        self.at_wall_s: float = 0.0
        self.place: Place = NOWHERE
        """Where they were when they were cancelled."""
        self._home = home
        self._findings = findings
        self._calls = calls
        self._stopwatch = stopwatch
        self._blocked_s = blocked_s
        self._cut_at = cut_at
        self._scheduled: list[trio.lowlevel.Task] | None = None
        self._last_time = 0.0
        self._since_then = 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """See `trio.abc.Instrument`."""
        if self.was_cancelled and self.is_theirs(task):
            self._stop_runaway(task)
        self._stopwatch.begin()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """See `trio.abc.Instrument`."""
        took_s, place = self._stopwatch.end()
        if not self.is_theirs(task):
            return
        self.steps += 1
        if took_s > self._blocked_s and place is not NOWHERE:
            self._findings.add("blocked", f"blocks the event loop, for {took_s:.3f} s", place)
        if self.steps == self._cut_at:
            self._cancel(task)

    def task_scheduled(self, task: trio.lowlevel.Task) -> None:
        """See `trio.abc.Instrument`."""
        if self._scheduled is not None:
            self._scheduled.append(task)

    def is_theirs(self, task: trio.lowlevel.Task) -> bool:
        """It is the task in which they are used, or below it."""
        if self.root is None:
            return False
        while task is not self.root:
            if task.parent_nursery is None:
                return False
            task = task.parent_nursery.parent_task
        return True

    def living(self) -> list[trio.lowlevel.Task]:
        """The tasks of theirs that no other task is below: those that are waited for."""
        assert self.root is not None
        return [task for task in (self.root, *tasks_below(self.root)) if not any(tasks_below(task))]

    def protected_for_s(self, task: trio.lowlevel.Task) -> float | None:
        """How long a task is shielded from its cancellation; infinite without a deadline, None if it is not."""
        inside: float = math.inf
        status: Any = task._cancel_status
        for _ in range(_sleeping(task)):  # its own deadline is no deadline of the shield
            status = status._parent
        while status._scope is not self.scope:
            inside = min(inside, status._scope.deadline)
            if status._scope.shield:
                return inside - trio.current_time()
            status = status._parent
        return None

    def _cancel(self, task: trio.lowlevel.Task) -> None:
        assert self.root is not None
        places = {each: self._home.of_task(each) for each in (self.root, *tasks_below(self.root))}
        self.place = places.get(task, NOWHERE)
        self.at_s, self.at_wall_s = trio.current_time(), time.perf_counter()
        self._scheduled = []
        self.scope.cancel()
        scheduled, self._scheduled = self._scheduled, None
        for each in scheduled:  # by being cancelled: so `Cancelled` is raised where they wait
            if each in places:
                self._calls.cancelled(each, places[each])
        self.was_cancelled = True
        self.news.set()

    def _stop_runaway(self, task: trio.lowlevel.Task) -> None:
        """Whoever swallows every cancellation takes steps for ever, and time stands still meanwhile."""
        now = trio.current_time()
        self._since_then = self._since_then + 1 if now == self._last_time else 0
        self._last_time = now
        if self._since_then > RUNAWAY_STEPS:
            self._findings.add("swallowed", "swallows cancellation again and again", self._home.of_task(task))
            self._since_then = 0
            sending: Any = task
            sending._next_send = _trio_run.Error(GivenUp())  # type: ignore[attr-defined]


def _sleeping(task: trio.lowlevel.Task) -> int:
    """How many of the cancel scopes around where a task waits are `trio.sleep`'s."""
    return sum(frame.f_code is trio.sleep_until.__code__ for frame, _ in task.iter_await_frames())
