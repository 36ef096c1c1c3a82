"""Virtual time: the same seed, the same run; compute costs what it costs; what stands still is named."""

import time
from collections.abc import Callable

import pytest
import trio
import trio._core._run as trio_run
from hypothesis import given, settings
from hypothesis import strategies as st

from turnscope.sim import StandstillError, VirtualCompute, run_virtual, seeded_scheduler

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
