"""Uses a provider or a tool again and again, cancelled at another await each time; names what is wrong."""

import math
import time
from collections.abc import Callable
from typing import TypeVar

import trio

from turnscope._errors import ConfigError
from turnscope.providers import Compute, Resources
from turnscope.session import ThreadCompute, unblock
from turnscope.sim._audit_calls import Calls
from turnscope.sim._audit_findings import Audit, Findings
from turnscope.sim._audit_leaks import Leaks
from turnscope.sim._audit_places import Home
from turnscope.sim._audit_uses import Exercise, Use, subjects, use_of
from turnscope.sim._audit_watch import GivenUp, Stopwatch, Watch
from turnscope.sim._virtual import StandstillError, VirtualCompute, run_virtual
from turnscope.sim._work_memory import WorkMemory

__all__ = ["audit"]

T = TypeVar("T")

GRACE_S = {False: 0.001, True: 0.05}
"""So long somebody may take to end, in virtual and in real time."""

PATIENCE_S = {False: 60.0, True: 5.0}
"""After so long, somebody who has not ended is ended."""

LONGEST_S = 120.0
"""So long one use may take."""

FORCED_ENDINGS = 10
"""How often somebody is unblocked who has not ended."""


def audit(
    given: object,
    *,
    exercise: Exercise | None = None,
    most: int = 200,
    realtime: bool = False,
    grace_s: float | None = None,
    blocked_s: float = 0.05,
    progress: Callable[[str, int, int], object] | None = None,
) -> tuple[Audit, ...]:
    """Find out what providers and tools do when they are cancelled.

    Each is used from connecting to the end of one stream or call, once as it is and then again and again, cancelled at
    another await each time. Then it has to end at once, by `trio.Cancelled` and nothing else, and to leave nothing
    behind; and it must never keep the event loop from running for long. `Finding` tells what can be wrong.

    Args:
        given: A provider, a tool, an `Agent`, or a list of such.
        exercise: What is asked of them.
        most: They are cancelled at so many awaits at most, evenly spread; the models of some compute for long.
        realtime: Use them on the wall clock, with worker threads: needed for servers outside.
        grace_s: So long they may take to end: by default no time at all, and 50 ms in real time.
        blocked_s: So long they may compute between two checkpoints, on the wall clock. Work that is given to
            `Resources.compute` does not count.
        progress: Is told the name, how often it was cancelled, and how often it will be.

    Raises:
        ConfigError: Something given is neither a provider nor a tool, or an argument is wrong.
    """
    if most < 1:
        raise ConfigError(f"most must be at least 1, got {most}")
    if blocked_s <= 0:
        raise ConfigError(f"blocked_s must be positive, got {blocked_s}")
    everybody = list(subjects(given))
    if not everybody:
        raise ConfigError("nobody was given to be audited")
    grace_s = GRACE_S[realtime] if grace_s is None else grace_s
    cache: dict[str, object] = {}
    audits = []
    for kind, somebody in everybody:
        auditor = _Auditor(kind, somebody, exercise or Exercise(), realtime, grace_s, blocked_s, cache)
        audits.append(auditor.run(most, progress))
    return tuple(audits)


class _Auditor:
    """Audits one provider or tool."""

    def __init__(
        self,
        kind: str,
        somebody: object,
        exercise: Exercise,
        realtime: bool,
        grace_s: float,
        blocked_s: float,
        cache: dict[str, object],
    ) -> None:
        self._kind = kind
        self._somebody = somebody
        self._use: Use = use_of(kind, somebody, exercise)
        self._home = Home(getattr(somebody, "function", somebody) if kind == "tool" else somebody)
        self._realtime = realtime
        self._grace_s = grace_s
        self._blocked_s = blocked_s
        self._cache = cache
        self._findings = Findings()
        self._stopwatch = Stopwatch(blocked_s, self._home)
        self._memory = _Elsewhere(self._stopwatch)

    def run(self, most: int, progress: Callable[[str, int, int], object] | None) -> Audit:
        """Use them once, and then cancelled at each of `most` awaits."""
        name = str(getattr(self._somebody, "name", type(self._somebody).__name__))
        with self._stopwatch:
            self._hold(0)  # whatever is loaded or imported at first is there now
            steps = 0 if self._findings.failed else self._hold(0)
            awaits = range(1, steps + 1, max(1, -(-steps // most)))
            for done, step in enumerate(awaits, 1):
                self._hold(step)
                if progress is not None:
                    progress(name, done, len(awaits))
        return self._findings.report(name, self._kind)

    def _hold(self, cut_at: int) -> int:
        """Use them once, and give how many steps they took."""
        calls = Calls(lambda place: self._findings.add("swallowed", "goes on when it is cancelled", place))
        watch = Watch(self._home, self._findings, calls, self._stopwatch, self._blocked_s, cut_at)
        leaks = Leaks(self._home, self._findings)

        async def main(compute: Compute) -> None:
            with leaks.watching():
                await self._supervise(watch, calls, Resources(compute, self._cache))
                await leaks.close()

        try:
            if self._realtime:
                trio.run(main, ThreadCompute(2), instruments=[watch])
            else:
                run_virtual(main, seed=0, compute=VirtualCompute(memory=self._memory), instruments=(watch,))
        except StandstillError as error:
            self._findings.add("failure", str(error), watch.place)
        self._kind = calls.kind or self._kind
        return watch.steps

    async def _supervise(self, watch: Watch, calls: Calls, resources: Resources) -> None:
        """Use them in a task of their own, and see that it ends."""
        over = trio.Event()

        async def used() -> None:
            watch.root = trio.lowlevel.current_task()
            try:
                with watch.scope:
                    await self._use(calls, resources)
            except BaseException as error:  # noqa: ASYNC103 -- nobody has cancelled anything around this
                self._complain(error, watch)
                if isinstance(error, KeyboardInterrupt | SystemExit):
                    raise
            finally:
                over.set()
                watch.news.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(used, name="audited")
            with trio.move_on_after(LONGEST_S):
                await watch.news.wait()
            if not over.is_set():
                await self._see_the_end(watch, over)
            if watch.was_cancelled:
                took_s, wall_s = trio.current_time() - watch.at_s, time.perf_counter() - watch.at_wall_s
                self._findings.unwound(took_s, wall_s, watch.place)
            nursery.cancel_scope.cancel()

    async def _see_the_end(self, watch: Watch, over: trio.Event) -> None:
        """They were cancelled, or will never end by themselves: see to it that they end."""
        if not watch.was_cancelled:
            for task in watch.living():
                self._findings.add("failure", f"does not end within {LONGEST_S:g} s", self._home.of_task(task))
            watch.scope.cancel()
        with trio.move_on_after(self._grace_s):
            await over.wait()
            return
        for task in watch.living():
            self._blame(task, watch)
        with trio.move_on_after(PATIENCE_S[self._realtime]):
            await over.wait()
            return
        for _ in range(FORCED_ENDINGS):
            assert watch.root is not None
            unblock(watch.root)
            with trio.move_on_after(self._grace_s):
                await over.wait()
                return

    def _blame(self, task: trio.lowlevel.Task, watch: Watch) -> None:
        """Say why a task has not ended."""
        protected_s, place = watch.protected_for_s(task), self._home.of_task(task)
        if protected_s is None:
            self._findings.add("overrun", "does not end when it is cancelled", place)
        elif protected_s == math.inf:
            self._findings.add("shield", "shields itself from cancellation, without a deadline", place)
        else:
            self._findings.add("overrun", f"shields itself from cancellation for {protected_s:.3g} s", place)

    def _complain(self, error: BaseException, watch: Watch) -> None:
        """Name every exception that is none of Trio's."""
        if isinstance(error, BaseExceptionGroup):
            for part in error.exceptions:
                self._complain(part, watch)
        elif not isinstance(error, trio.Cancelled | GivenUp):
            what = f"{type(error).__name__}: {error}"
            if watch.was_cancelled:
                self._findings.add("cleanup", f"raises {what} when it is cancelled", self._home.of_error(error))
            else:
                self._findings.add("failure", what, self._home.of_error(error))


class _Elsewhere(WorkMemory):
    """Computes what would be computed in another thread in real time, and does not block the loop by it."""

    def __init__(self, stopwatch: Stopwatch) -> None:
        super().__init__()
        self._stopwatch = stopwatch

    def do(self, work: Callable[[], T]) -> T:
        """See `WorkMemory.do`."""
        with self._stopwatch.paused():
            return super().do(work)
