"""Jobs on workers that die: each is done, and only the one that kills is blamed."""

import concurrent.futures
from collections.abc import Generator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.sim.lost_workers import do
from turnscope import ConfigError, TurnscopeError
from turnscope.sim import LostJob, Workers, local_workers, run_jobs

Job = tuple[str, str]


class WorkerGone(Exception):
    """What a cluster says of a job whose worker died."""


class SeenFuture(Future[str]):
    """A future that tells when it is looked at."""

    def __init__(self, cluster: "FakeCluster") -> None:
        super().__init__()
        self._cluster = cluster

    def exception(self, timeout: float | None = None) -> BaseException | None:
        self._cluster.taken_back()
        return super().exception(timeout)


class FakeCluster(Executor):
    """Does jobs when they are submitted, and loses those that are named so."""

    def __init__(self) -> None:
        self.submitted: list[Job] = []
        self.beside: list[int] = []
        """How many other jobs it had when each was submitted."""
        self._had = 0

    def taken_back(self) -> None:
        """Somebody has looked at what came of a job."""
        self._had -= 1

    def submit(self, fn: Any, /, *jobs: Any, **more: Any) -> Any:
        (job,) = jobs
        self.submitted.append(job)
        self.beside.append(self._had)
        self._had += 1
        future = SeenFuture(self)
        what, name = job
        if what == "lose":
            future.set_exception(WorkerGone(name))
        elif what == "cancel":
            future.cancel()
            future.set_running_or_notify_cancel()
        else:
            try:
                future.set_result(fn(job))
            except ValueError as error:
                future.set_exception(error)
        return future


def on(cluster: FakeCluster, at_once: int = 4) -> Workers:
    @contextmanager
    def opened() -> Generator[Executor]:
        yield cluster

    return Workers(opened, at_once, (WorkerGone,))


def results(workers: Workers, jobs: list[Job]) -> dict[int, str | LostJob]:
    return dict(run_jobs(workers, do, jobs))


def test_every_job_is_done_and_keeps_its_place() -> None:
    jobs = [("say", str(number)) for number in range(20)]
    assert results(on(FakeCluster()), jobs) == {number: str(number) for number in range(20)}
    assert results(on(FakeCluster()), []) == {}


def test_what_a_job_raises_is_its_result() -> None:
    assert results(on(FakeCluster()), [("fail", "luck"), ("say", "a")]) == {0: LostJob("ValueError: no luck"), 1: "a"}


def test_a_job_whose_worker_dies_is_tried_three_times_and_after_all_others() -> None:
    cluster = FakeCluster()
    jobs = [("lose", "x"), *(("say", str(number)) for number in range(8)), ("lose", "y")]
    made = results(on(cluster), jobs)
    assert made.pop(0) == made.pop(9) == LostJob("its worker died 3 times")
    assert made == {number + 1: str(number) for number in range(8)}
    assert [name for what, name in cluster.submitted[10:] if what == "lose"] == ["x", "y", "x", "y"]
    assert cluster.beside[10:] == [0, 0, 0, 0], "alone"
    assert max(cluster.beside) == 3


def test_without_workers_it_ends() -> None:
    with pytest.raises(TurnscopeError, match="the workers are gone"):
        results(on(FakeCluster()), [("cancel", "x")])


def test_a_process_that_dies_costs_nobody_but_the_job_that_killed_it(tmp_path: Path) -> None:
    jobs = [("say", str(number)) for number in range(6)]
    jobs[1:1] = [("die once", str(tmp_path / "once"))]
    jobs[4:4] = [("die", str(tmp_path / "always"))]
    made = results(local_workers(2), jobs)
    assert made.pop(4) == LostJob("its worker died 3 times")
    assert made == {place: name for place, (_, name) in enumerate(jobs) if place != 4}


def test_less_than_one_process_is_refused() -> None:
    with pytest.raises(ConfigError, match="jobs: must be at least 1"):
        local_workers(0)
    assert isinstance(concurrent.futures.BrokenExecutor(), local_workers(1).lost)
