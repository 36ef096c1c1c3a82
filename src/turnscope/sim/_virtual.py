"""Virtual time: a clock that jumps, a scheduler with a seed, compute at a modelled cost, and a watchdog.

The only file of `turnscope.sim` that touches private names of Trio; `tests/sim/test_virtual.py` fails when they change.
"""

import heapq
import math
import random
import time
import zlib
from collections.abc import Awaitable, Callable, Generator, MutableSequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import trio
import trio._core._run as _trio_run
from trio._core._mock_clock import MockClock as _MockClock

from turnscope._errors import TurnscopeError
from turnscope.session import Part
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


class _Order(random.Random):
    """What Trio shuffles ready tasks by: a seed, the time, and how many were shuffled at that time before.

    What is drawn at one time does not depend on how much was drawn before it. So a conversation goes on in the same
    order if a task took a step more, or less, in a part of it that is over.
    """

    def __init__(self, seed: int, clock: "_DrivingClock") -> None:
        super().__init__()
        self._name = str(seed)
        self._clock = clock
        self._at = -1.0
        self._drawn = 0

    def shuffle(self, x: MutableSequence[Any]) -> None:
        """See `random.Random.shuffle`."""
        count = len(x)
        if count < 2:
            return
        now = self._clock.current_time()
        self._drawn = self._drawn + 1 if now == self._at else 0
        self._at = now
        state = zlib.crc32(f"{self._name} {now!r} {self._drawn}".encode())
        for last in range(count - 1, 0, -1):
            state = _stirred(state)
            other = (state >> 33) % (last + 1)
            x[last], x[other] = x[other], x[last]


def _stirred(state: int) -> int:
    """The next of a sequence of 64-bit numbers, of which the upper bits are as good as drawn.

    A checksum is not: two that differ in one sign differ in the same bits whatever else there is. The multiplications
    are those of SplitMix64 (G. L. Steele, D. Lea, C. H. Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
    """
    state = (state + 0x9E3779B97F4A7C15) & _MASK
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
    return state ^ (state >> 31)


_MASK = (1 << 64) - 1


@contextmanager
def _ordered_by(order: _Order) -> Generator[None]:
    """Let Trio order ready tasks by this, and put everything back afterwards."""
    generator, allowed = _trio_run._r, _trio_run._ALLOW_DETERMINISTIC_SCHEDULING
    _trio_run._r, _trio_run._ALLOW_DETERMINISTIC_SCHEDULING = order, True  # type: ignore[misc]
    try:
        yield
    finally:
        _trio_run._r, _trio_run._ALLOW_DETERMINISTIC_SCHEDULING = generator, allowed  # type: ignore[misc]


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
        self._rounds = 0
        self._virtual = -1.0
        self._since: float | None = None
        self.scope = trio.CancelScope()
        self.culprit = ""

    def before_io_wait(self, timeout: float) -> None:
        """See `trio.abc.Instrument`. It comes before every batch of steps, too."""
        self._rounds += 1
        if not self._rounds & 0xFF:
            ready = _trio_run.GLOBAL_RUN_CONTEXT.runner.runq
            self.look(f"task {ready[0].name!r} kept running" if ready else "every task waited for what never came")

    def look(self, meanwhile: str) -> None:
        """See whether time goes on."""
        virtual = self._clock.current_time()
        if virtual != self._virtual:
            self._virtual, self._since = virtual, None  # what the processor has spent is asked only if it stands still
            return
        spent = time.thread_time() - self._compute.spent_cpu_s
        if self._since is None:
            self._since = spent
        elif spent - self._since > STANDSTILL_S and not self.culprit:
            self.culprit = meanwhile
            self.scope.cancel()


_AGES_S = 1e9
"""So long nothing happens, says a clock that does not run."""


@dataclass(slots=True, eq=False)
class _Driven:
    """A part that the clock drives, and the task that waits for its end."""

    part: Part
    task: trio.lowlevel.Task
    place: float
    """Its place among parts that are due at the same time."""
    failure: BaseException | None = None
    """What its last act has raised."""


@_MockClock.register  # Trio asks for one of its own before it has a clock jump, and lets none be derived
class _DrivingClock(trio.abc.Clock):
    """Jumps to what is due next as soon as every task waits, and makes the parts of sessions act without their tasks.

    Which of several that are due at the same instant acts first is drawn, as the order of tasks is.

    Args:
        seed: For what is drawn.
        coalesce: Whether parts may act ahead of time where that matters to nobody.
        look: Is told now and then, however few steps tasks take, what goes on.
    """

    def __init__(self, seed: int, coalesce: bool, look: Callable[[str], None]) -> None:
        self._now = 0.0
        self._seed = seed
        self._coalesce = coalesce
        self._look = look
        self._driven: list[_Driven] = []
        self._acting: _Driven | None = None
        self._begun = 0
        self._acts = 0

    def current_time(self) -> float:
        """See `trio.abc.Clock`."""
        return self._now

    def start_clock(self) -> None:
        """See `trio.abc.Clock`."""
        _trio_run.GLOBAL_RUN_CONTEXT.runner.clock_autojump_threshold = 0.0

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """See `trio.abc.Clock`. Trio asks when no task can run: before it looks whether all of them wait for long."""
        runner = _trio_run.GLOBAL_RUN_CONTEXT.runner
        while not runner.runq and (first := self._first()) is not None and self._due(first) <= self._now < deadline:
            self._act(first, self._until(first, deadline))
            deadline = runner.deadlines.next_deadline()
        return 0.0 if runner.runq or deadline <= self._now else _AGES_S

    def _autojump(self) -> None:
        """Trio calls it when every task waits."""
        runner = _trio_run.GLOBAL_RUN_CONTEXT.runner
        while not runner.runq:
            deadline = runner.deadlines.next_deadline()
            first = self._first()
            due = math.inf if first is None else self._due(first)
            if first is not None and (due < deadline or (due == deadline < math.inf and self._draw(due) < 0.5)):
                self._now = due
                self._act(first, self._until(first, deadline))
            elif deadline < math.inf:
                self._now = max(deadline, self._now)
                runner.deadlines.expire(self._now)
            else:
                return
        runner.deadlines.expire(self._now)  # as Trio does before any batch, if time has come that far in an act

    # Parts

    async def drive(self, part: Part) -> None:
        """See `turnscope.session.DrivingClock`."""
        self._begun += 1
        driven = _Driven(part, trio.lowlevel.current_task(), self._draw(self._begun))
        self._driven.append(driven)

        def abort(_: object) -> trio.lowlevel.Abort:
            self._driven.remove(driven)
            return trio.lowlevel.Abort.SUCCEEDED

        try:
            await trio.lowlevel.wait_task_rescheduled(abort)
        finally:
            if driven.failure is not None:
                raise driven.failure

    def settle_at(self, time: float) -> None:
        """See `turnscope.session.Pace`.

        What the others do until then wakes nobody: no part may act beyond the time at which another one's acts matter.
        """
        acting = self._acting
        assert acting is not None
        while (first := self._first(acting)) is not None and (self._due(first), first.place) < (time, acting.place):
            self._now = self._due(first)
            self._act(first, time)
        assert time >= self._now
        self._now = time

    def _first(self, other_than: _Driven | None = None) -> _Driven | None:
        """Whose turn it is."""
        first, first_due = None, math.inf
        for driven in self._driven:
            due = max(driven.part.due, self._now)
            if driven is not other_than and (first is None or (due, driven.place) < (first_due, first.place)):
                first, first_due = driven, due
        return first

    def _due(self, driven: _Driven) -> float:
        return max(driven.part.due, self._now)

    def _until(self, driven: _Driven, deadline: float) -> float:
        """Before when nothing else happens, if it is `driven` that acts now."""
        if not self._coalesce:
            return -math.inf
        return min(deadline, *(other.part.matters_at for other in self._driven if other is not driven), math.inf)

    def _act(self, driven: _Driven, until: float) -> None:
        self._acts += 1
        if not self._acts & 0xFF:
            self._look(f"the part of task {driven.task.name!r} kept acting")
        context, acting = _trio_run.GLOBAL_RUN_CONTEXT, self._acting
        context.task, self._acting = driven.task, driven
        try:
            if not driven.task.context.run(driven.part.act, until, self):
                self._end(driven)
        except BaseException as error:  # noqa: ASYNC103 -- whatever it is, it belongs to the task, which raises it
            driven.failure = error
            self._end(driven)
        finally:
            self._acting = acting
            if acting is None:
                del context.task
            else:
                context.task = acting.task

    def _end(self, driven: _Driven) -> None:
        if driven in self._driven:  # else its own act has cancelled the task that waits for it
            self._driven.remove(driven)
            trio.lowlevel.reschedule(driven.task)

    def _draw(self, what: float) -> float:
        """From 0 to less than 1, the same for the same seed."""
        return (_stirred(zlib.crc32(f"{self._seed} {what!r}".encode())) >> 33) / (1 << 31)


def run_virtual(
    main: Callable[[VirtualCompute], Awaitable[T]],
    *,
    seed: int,
    compute: VirtualCompute | None = None,
    coalesce: bool = True,
    instruments: tuple[trio.abc.Instrument, ...] = (),
) -> T:
    """Run `main` in virtual time. The same seed gives the same run.

    Args:
        main: Is given the compute seam that it has to use.
        seed: For the order in which ready tasks run.
        compute: The machine that is modelled.
        coalesce: Handle at once what sessions do with many frames, as long as that changes nothing.
        instruments: Watch the run, as in `trio.run`.

    Raises:
        StandstillError: Virtual time stood still for 5 seconds of the processor's time.
    """
    compute = compute or VirtualCompute()
    compute.begin()
    clock = _DrivingClock(seed, coalesce, lambda meanwhile: watchdog.look(meanwhile))
    watchdog = _Watchdog(clock, compute)
    result: list[T] = []

    async def guarded() -> None:
        with watchdog.scope:
            result.append(await main(compute))

    arguments: dict[str, Any] = {"clock": clock, "instruments": [watchdog, *instruments]}
    with _ordered_by(_Order(seed, clock)):
        trio.run(guarded, **arguments)
    if watchdog.culprit:
        raise StandstillError(f"virtual time stood still for {STANDSTILL_S:g} s while {watchdog.culprit}")
    return result[0]
