"""Virtual time: a clock that jumps, a scheduler with a seed, compute at a modelled cost, and a watchdog.

The only file of `turnscope.sim` that touches private names of Trio; `tests/sim/test_virtual.py` fails when they change.
"""

import heapq
import random
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import Any, TypeVar

import trio
import trio._core._run as _trio_run

from turnscope._errors import TurnscopeError
from turnscope.sim._work_memory import WorkMemory

__all__ = ["StandstillError", "VirtualCompute", "run_virtual", "seeded_scheduler"]

T = TypeVar("T")

STANDSTILL_S = 5.0
"""A run whose virtual clock has stood still for so long is stuck.

In time of the processor, not of the wall: a machine that is busy with other things makes no run stuck.
"""


class StandstillError(TurnscopeError):
    """Virtual time does not go on: a task never waits for time to pass, or every task waits for something else."""


@contextmanager
def seeded_scheduler(seed: int) -> Generator[None]:
    """Let Trio order ready tasks by a generator with this seed, and put everything back afterwards."""
    generator: random.Random = _trio_run._r
    state, allowed = generator.getstate(), _trio_run._ALLOW_DETERMINISTIC_SCHEDULING
    _trio_run._ALLOW_DETERMINISTIC_SCHEDULING = True  # type: ignore[misc]
    generator.seed(seed)
    try:
        yield
    finally:
        generator.setstate(state)
        _trio_run._ALLOW_DETERMINISTIC_SCHEDULING = allowed  # type: ignore[misc]


class VirtualCompute:
    """Runs work inline and charges its modelled cost, as a first-come-first-served queue with `workers` servers would.

    A cancelled call keeps its server busy until its work would have ended, as a thread would.

    Args:
        workers: Number of servers.
        scale: Factor on every cost: 2.0 is a machine half as fast.
        memory: What it has computed before; by default it computes everything.
    """

    def __init__(self, workers: int = 2, scale: float = 1.0, memory: WorkMemory | None = None) -> None:
        self._free_at = [0.0] * workers
        self._scale = scale
        self.memory: WorkMemory | None = memory
        self.spent_cpu_s: float = 0.0
        """The processor's time that the work has really taken, in the run's own thread."""

    def begin(self) -> None:
        """A run begins, on a clock of its own: nobody computes yet."""
        self._free_at = [0.0] * len(self._free_at)

    async def run(self, work: Callable[[], T], *, cost_s: float, name: str) -> T:
        """See `turnscope.providers.Compute.run`."""
        await trio.lowlevel.checkpoint_if_cancelled()
        begin = max(trio.current_time(), heapq.heappop(self._free_at))
        end = begin + cost_s * self._scale
        heapq.heappush(self._free_at, end)
        started = time.thread_time()
        try:
            result = work() if self.memory is None else self.memory.do(work)
        finally:
            self.spent_cpu_s += time.thread_time() - started
        await trio.sleep_until(end)
        return result


class _Watchdog(trio.abc.Instrument):
    """Notices that the clock stands still: tasks run and run, or none ever will again."""

    def __init__(self, clock: trio.abc.Clock, compute: VirtualCompute) -> None:
        self._clock = clock
        self._compute = compute
        self._steps = 0
        self._waits = 0
        self._virtual = -1.0
        self._since = 0.0
        self.scope = trio.CancelScope()
        self.culprit = ""

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._waits = 0
        self._steps += 1
        if not self._steps & 0xFF:
            self._look(f"task {task.name!r} kept running")

    def before_io_wait(self, timeout: float) -> None:
        self._waits += 1
        if not self._waits & 0xFF:
            self._look("every task waited for what never came")

    def _look(self, meanwhile: str) -> None:
        virtual = self._clock.current_time()
        spent = time.thread_time() - self._compute.spent_cpu_s
        if virtual != self._virtual:
            self._virtual, self._since = virtual, spent
        elif spent - self._since > STANDSTILL_S and not self.culprit:
            self.culprit = meanwhile
            self.scope.cancel()


def run_virtual(
    main: Callable[[VirtualCompute], Awaitable[T]],
    *,
    seed: int,
    compute: VirtualCompute | None = None,
    instruments: tuple[trio.abc.Instrument, ...] = (),
) -> T:
    """Run `main` in virtual time. The same seed gives the same run.

    Args:
        main: Is given the compute seam that it has to use.
        seed: For the order in which ready tasks run.
        compute: The machine that is modelled.
        instruments: Watch the run, as in `trio.run`.

    Raises:
        StandstillError: Virtual time stood still for 5 seconds of the processor's time.
    """
    from trio.testing import MockClock  # not at the top: it brings pytest along

    compute = compute or VirtualCompute()
    compute.begin()
    clock = MockClock(autojump_threshold=0)
    watchdog = _Watchdog(clock, compute)
    result: list[T] = []

    async def guarded() -> None:
        with watchdog.scope:
            result.append(await main(compute))

    arguments: dict[str, Any] = {"clock": clock, "instruments": [watchdog, *instruments]}
    with seeded_scheduler(seed):
        trio.run(guarded, **arguments)
    if watchdog.culprit:
        raise StandstillError(f"virtual time stood still for {STANDSTILL_S:g} s while {watchdog.culprit}")
    return result[0]
