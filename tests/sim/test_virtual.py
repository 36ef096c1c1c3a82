"""Virtual time: the same seed, the same run; compute costs what it costs; what stands still is named."""

import inspect
import math
import time
from collections.abc import Callable

import pytest
import trio
import trio._core._run as trio_run
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from turnscope.session import Pace, Part
from turnscope.sim import StandstillError, VirtualCompute, run_virtual, seeded_scheduler
from turnscope.sim._virtual import _DrivingClock

# The private names of Trio


def test_trio_still_has_the_names_that_the_seed_needs() -> None:
    assert isinstance(trio_run._ALLOW_DETERMINISTIC_SCHEDULING, bool)
    state = trio_run._r.getstate()
    with seeded_scheduler(3):
        assert trio_run._ALLOW_DETERMINISTIC_SCHEDULING is True
        first = [trio_run._r.random() for _ in range(5)]
    with seeded_scheduler(3):
        assert [trio_run._r.random() for _ in range(5)] == first
    assert trio_run._r.getstate() == state


def test_trio_still_has_the_names_that_the_clock_needs() -> None:
    async def main(_: VirtualCompute) -> None:
        runner = trio_run.GLOBAL_RUN_CONTEXT.runner
        assert isinstance(runner.clock, MockClock)  # what Trio asks before it has a clock jump
        assert runner.clock_autojump_threshold == 0
        assert runner.deadlines.next_deadline() == 7.0
        assert list(runner.runq) == []
        assert runner.deadlines.expire(0.0) is False
        assert "runner.clock._autojump()" in inspect.getsource(trio_run.unrolled_run)
        assert trio_run.GLOBAL_RUN_CONTEXT.task is trio.lowlevel.current_task()

    async def within(compute: VirtualCompute) -> None:
        with trio.move_on_after(7.0):
            await main(compute)

    run_virtual(within, seed=0)


def test_the_scheduler_is_put_back_also_after_an_error() -> None:
    before = (trio_run._r.getstate(), trio_run._ALLOW_DETERMINISTIC_SCHEDULING)
    with pytest.raises(ValueError, match="mine"), seeded_scheduler(3):
        raise ValueError("mine")
    assert (trio_run._r.getstate(), trio_run._ALLOW_DETERMINISTIC_SCHEDULING) == before


def schedule(seed: int) -> str:
    """The order in which eight tasks that are always ready take thirty steps each."""
    steps: list[str] = []

    async def step(name: str) -> None:
        for _ in range(30):
            await trio.lowlevel.checkpoint()
            steps.append(name)

    async def main(_: VirtualCompute) -> None:
        async with trio.open_nursery() as nursery:
            for name in "abcdefgh":
                nursery.start_soon(step, name)

    run_virtual(main, seed=seed)
    return "".join(steps)


def test_a_seed_gives_the_same_schedule_every_time() -> None:
    assert [schedule(seed) for seed in range(10)] == [schedule(seed) for seed in range(10)]


def test_other_seeds_give_other_schedules() -> None:
    assert len({schedule(seed) for seed in range(20)}) == 20


def test_the_result_and_the_error_of_main_come_out() -> None:
    async def answer(_: VirtualCompute) -> int:
        await trio.sleep(3_600)
        return round(trio.current_time())

    async def fail(_: VirtualCompute) -> None:
        raise ValueError("mine")

    assert run_virtual(answer, seed=0) == 3_600
    with pytest.raises(ValueError, match="mine"):
        run_virtual(fail, seed=0)


def test_an_hour_of_virtual_time_is_over_at_once_and_starts_at_zero() -> None:
    seen: list[float] = []

    async def main(_: VirtualCompute) -> None:
        seen.append(trio.current_time())
        await trio.sleep(3_600)
        seen.append(trio.current_time())

    run_virtual(main, seed=0)
    assert seen == [0.0, 3_600.0]


def test_what_is_drawn_at_one_time_does_not_depend_on_what_was_drawn_before() -> None:
    def order(seed: int, earlier: int) -> str:
        steps: list[str] = []

        async def step(name: str) -> None:
            await trio.sleep_until(1.0)
            for _ in range(30):
                await trio.lowlevel.checkpoint()
                steps.append(name)

        async def shuffle_earlier() -> None:
            for _ in range(earlier):
                await trio.lowlevel.checkpoint()

        async def main(compute: VirtualCompute) -> None:
            async with trio.open_nursery() as nursery:
                for name in "abcd":
                    nursery.start_soon(step, name)
                for _ in range(earlier):
                    nursery.start_soon(shuffle_earlier)

        run_virtual(main, seed=seed)
        return "".join(steps)

    assert [order(seed, 0) for seed in range(10)] == [order(seed, 5) for seed in range(10)]


# Parts


class Ticks(Part):
    """Notes that it acts, every `period_s`, ahead of time where it may."""

    def __init__(self, name: str, period_s: float, noted: list[tuple[str, float]], *, matters: bool = True) -> None:
        super().__init__()
        self._name = name
        self._period_s = period_s
        self._noted = noted
        self._matters = matters
        self._left = 8
        self.acts = 0

    @property
    def matters_at(self) -> float:
        return self.due if self._matters else math.inf

    def act(self, until: float, pace: Pace) -> bool:
        self.acts += 1
        time = trio.current_time()
        while self._left:
            self._noted.append((self._name, time))
            self._left -= 1
            time += self._period_s
            if time >= until:
                break
        self.due = time
        return self._left > 0


def ticked(seed: int, coalesce: bool, *, matters: bool = True) -> tuple[list[tuple[str, float]], list[int], float]:
    """What two parts and a task noted, how often the parts acted, and when both had ended."""
    noted: list[tuple[str, float]] = []
    parts = [Ticks("a", 0.25, noted, matters=matters), Ticks("b", 0.5, noted, matters=matters)]

    async def main(_: VirtualCompute) -> float:
        async with trio.open_nursery() as nursery:
            for part in parts:
                nursery.start_soon(part.drive)
            await trio.sleep(1.125)
            noted.append(("task", trio.current_time()))
        return trio.current_time()

    ended = run_virtual(main, seed=seed, coalesce=coalesce)
    return noted, [part.acts for part in parts], ended


def test_parts_act_when_they_are_due_in_an_order_that_is_drawn() -> None:
    runs = [ticked(seed, coalesce=False) for seed in range(10)]
    assert runs == [ticked(seed, coalesce=False) for seed in range(10)]
    assert {noted[0][0] for noted, _, _ in runs} == {"a", "b"}
    for noted, acts, ended in runs:
        assert [time for _, time in noted] == sorted(time for _, time in noted)
        assert [time for name, time in noted if name == "a"] == [0.25 * tick for tick in range(8)]
        assert [time for name, time in noted if name == "b"] == [0.5 * tick for tick in range(8)]
        assert (acts, ended) == ([8, 8], 3.5)


def test_parts_that_matter_to_each_other_act_in_order_and_others_ahead_of_time() -> None:
    for seed in range(10):
        assert ticked(seed, coalesce=True)[0] == ticked(seed, coalesce=False)[0]
        noted, acts, _ = ticked(seed, coalesce=True, matters=False)
        assert sorted(noted) == sorted(ticked(seed, coalesce=False)[0])
        assert max(acts) <= 3  # up to the task, and after it


def test_on_the_wall_clock_a_part_is_driven_by_its_own_task() -> None:
    noted: list[tuple[str, float]] = []
    trio.run(Ticks("a", 0.001, noted).drive)
    assert len(noted) == 8
    assert [time for _, time in noted] == sorted(time for _, time in noted)


@pytest.mark.parametrize("virtual", [True, False])
def test_what_a_part_raises_comes_out_of_the_task_that_drives_it(virtual: bool) -> None:
    class Fails(Part):
        def act(self, until: float, pace: Pace) -> bool:
            raise ValueError("mine")

    def run() -> None:
        if virtual:
            run_virtual(lambda _: Fails().drive(), seed=0)
        else:
            trio.run(Fails().drive)

    with pytest.raises(ValueError, match="mine"):
        run()


def test_a_part_that_is_cancelled_acts_no_more() -> None:
    noted: list[tuple[str, float]] = []

    async def main(_: VirtualCompute) -> None:
        with trio.move_on_after(1.1):
            await Ticks("a", 0.25, noted).drive()
        await trio.sleep(5)

    run_virtual(main, seed=0)
    assert [time for _, time in noted] == [0.0, 0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt])
def test_a_part_may_have_its_own_task_cancelled_and_end(error: type[BaseException] | None) -> None:
    class LeavesItself(Part):
        scope = trio.CancelScope()

        def act(self, until: float, pace: Pace) -> bool:
            self.scope.cancel()
            if error is not None:
                raise error
            return False

    async def main(_: VirtualCompute) -> float:
        part = LeavesItself()
        with part.scope:
            await trio.sleep(1)
            await part.drive()
        await trio.sleep(1)
        return trio.current_time()

    if error is None:
        assert run_virtual(main, seed=0) == 2.0
    else:
        with pytest.raises(error):
            run_virtual(main, seed=0)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_whatever_a_part_raises_belongs_to_its_task(error: type[BaseException]) -> None:
    class Fails(Part):
        def act(self, until: float, pace: Pace) -> bool:
            raise error

    with pytest.raises(error):
        run_virtual(lambda _: Fails().drive(), seed=0)


def test_ties_and_places_are_drawn_in_every_way() -> None:
    clocks = [_DrivingClock(seed, coalesce=True, look=lambda _: None) for seed in range(1000)]
    times = [1.25, 2.02, 3.14, 4.56]  # written in as many signs
    assert len({tuple(clock._draw(time) < 0.5 for time in times) for clock in clocks}) == 16
    assert len({tuple(sorted(range(4), key=clock._draw)) for clock in clocks}) == 24


def test_a_part_that_lets_no_time_pass_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("turnscope.sim._virtual.STANDSTILL_S", 0.05)

    class Restless(Part):
        def act(self, until: float, pace: Pace) -> bool:
            return True

    async def main(_: VirtualCompute) -> None:
        await trio.sleep(1)
        await Restless().drive()

    with pytest.raises(StandstillError, match=r"the part of task .*guarded.* kept acting"):
        run_virtual(main, seed=0)


# Standing still


def test_a_task_that_never_lets_time_pass_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("turnscope.sim._virtual.STANDSTILL_S", 0.05)

    async def spins() -> None:
        while True:
            await trio.lowlevel.checkpoint()

    async def main(_: VirtualCompute) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(spins, name="the one that spins")
            await trio.sleep(1)

    with pytest.raises(StandstillError, match="the one that spins"):
        run_virtual(main, seed=0)


def test_work_that_takes_long_in_wall_time_is_no_standstill(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("turnscope.sim._virtual.STANDSTILL_S", 0.05)

    def work() -> None:
        started = time.perf_counter()
        while time.perf_counter() < started + 0.1:
            pass

    async def main(compute: VirtualCompute) -> None:
        for _ in range(300):  # steps enough for the watchdog to look before the work, and after it
            await trio.lowlevel.checkpoint()
        await compute.run(work, cost_s=0.0, name="work")
        for _ in range(300):
            await trio.lowlevel.checkpoint()

    run_virtual(main, seed=0)


# Compute


def run_jobs(jobs: list[tuple[float, float]], workers: int, scale: float = 1.0) -> list[tuple[float, float]]:
    """Jobs, each with its arrival and its cost, in order of arrival. Returns when each began and ended."""
    ended: dict[int, tuple[float, float]] = {}

    async def job(number: int, arrival_s: float, cost_s: float, compute: VirtualCompute) -> None:
        await trio.sleep_until(arrival_s)
        assert await compute.run(lambda: number, cost_s=cost_s, name="job") == number
        ended[number] = (arrival_s, trio.current_time())

    async def main(compute: VirtualCompute) -> None:
        async with trio.open_nursery() as nursery:
            for number, (arrival_s, cost_s) in enumerate(jobs):
                nursery.start_soon(job, number, arrival_s, cost_s, compute)

    run_virtual(main, seed=1, compute=VirtualCompute(workers, scale))
    return [ended[number] for number in range(len(jobs))]


def first_come_first_served(jobs: list[tuple[float, float]], workers: int) -> list[float]:
    """When each job of a queue with so many servers ends, by the book."""
    free_at = [0.0] * workers
    ends: list[float] = []
    for arrival_s, cost_s in jobs:
        server = min(range(workers), key=lambda number: free_at[number])
        free_at[server] = max(arrival_s, free_at[server]) + cost_s
        ends.append(free_at[server])
    return ends


@given(
    gaps=st.lists(st.tuples(st.integers(1, 64), st.integers(0, 256)), min_size=1, max_size=20),
    workers=st.integers(1, 4),
)
@settings(deadline=None, max_examples=50)
def test_compute_is_a_queue_with_so_many_servers(gaps: list[tuple[int, int]], workers: int) -> None:
    # In 64ths of a second, which floats hold exactly; no two jobs arrive together.
    arrivals = [sum(gap for gap, _ in gaps[: number + 1]) / 64 for number in range(len(gaps))]
    jobs = [(arrival, cost / 64) for arrival, (_, cost) in zip(arrivals, gaps, strict=True)]
    assert [end for _, end in run_jobs(jobs, workers)] == first_come_first_served(jobs, workers)


def test_a_slower_machine_takes_longer() -> None:
    assert run_jobs([(0.0, 1.0)], workers=1, scale=2.5) == [(0.0, 2.5)]


async def test_a_cancelled_job_keeps_its_server_until_it_would_have_ended() -> None:
    compute = VirtualCompute(workers=1)
    with trio.move_on_after(0.25) as scope:
        await compute.run(lambda: None, cost_s=1.0, name="given up")
    assert scope.cancelled_caught
    assert trio.current_time() == 0.25
    await compute.run(lambda: None, cost_s=1.0, name="next")
    assert trio.current_time() == 2.0


async def test_a_job_that_is_cancelled_before_it_begins_costs_nothing() -> None:
    compute = VirtualCompute(workers=1)
    done: list[int] = []
    with trio.CancelScope() as scope:
        scope.cancel()
        await compute.run(lambda: done.append(1), cost_s=1.0, name="never")
    await compute.run(lambda: done.append(2), cost_s=1.0, name="next")
    assert (done, trio.current_time()) == ([2], 1.0)


async def test_what_the_work_raises_comes_out() -> None:
    def work() -> None:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        await VirtualCompute().run(work, cost_s=1.0, name="work")


@pytest.mark.parametrize("make", [lambda: VirtualCompute(workers=1), lambda: VirtualCompute(workers=3)])
def test_the_time_that_work_takes_is_counted(make: Callable[[], VirtualCompute]) -> None:
    compute = make()

    async def main(seam: VirtualCompute) -> None:
        await seam.run(lambda: sum(range(100_000)), cost_s=0.0, name="work")

    run_virtual(main, seed=0, compute=compute)
    assert compute.spent_cpu_s > 0


def test_a_run_in_which_nothing_will_ever_happen_again_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("turnscope.sim._virtual.STANDSTILL_S", 0.05)

    async def main(_: VirtualCompute) -> None:
        await trio.sleep(1)
        await trio.Event().wait()

    with pytest.raises(StandstillError, match="every task waited for what never came"):
        run_virtual(main, seed=0)
