"""Many jobs on many workers, through the interface of `concurrent.futures`: processes here, or a Dask cluster.

Knows what to do when a worker is lost: its jobs are tried again, each alone, so that the one that is to blame is found.
"""

import logging
import multiprocessing
import os
import pickle
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from turnscope._errors import ConfigError, TurnscopeError

__all__ = ["LostJob", "Workers", "dask_workers", "local_workers", "run_jobs"]

J = TypeVar("J")
R = TypeVar("R")

_logger = logging.getLogger("turnscope")

TRIES = 3
"""So often a job may lose its worker."""

AT_ONCE_ON_DASK = 256
"""So many jobs a cluster is given ahead; which worker gets which is for its scheduler to say."""

CONNECT_S = 5.0
"""A scheduler that has not answered by then is not there."""


@dataclass(frozen=True, slots=True)
class Workers:
    """Where jobs are done.

    Attributes:
        open: Gives an executor that is shut down at the end of the block.
        at_once: How many jobs it is given at a time.
        lost: What a job raises whose worker has died. With a `BrokenExecutor`, the executor is dead, too.
    """

    open: Callable[[], AbstractContextManager[Executor]]
    at_once: int
    lost: tuple[type[BaseException], ...] = (BrokenExecutor,)


@dataclass(frozen=True, slots=True)
class LostJob:
    """A job that could not be done.

    Attributes:
        reason: Why.
    """

    reason: str


def local_workers(jobs: int) -> Workers:
    """So many processes on this machine.

    Raises:
        ConfigError: There are less than one.
    """
    if jobs < 1:
        raise ConfigError(f"jobs: must be at least 1, got {jobs}")

    @contextmanager
    def opened() -> Generator[Executor]:
        # Each begins afresh: a forked process would inherit the threads of numpy and onnxruntime, which is not safe.
        pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _begin_worker, (_handlers(),))
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)

    return Workers(opened, 2 * jobs)


def _handlers() -> list[logging.Handler]:
    """What shows the log here and can do so in another process."""
    found = []
    for handler in _logger.handlers:
        with suppress(Exception):  # most have a lock, or an open file
            pickle.dumps(handler)
            found.append(handler)
    return found


def _begin_worker(handlers: Sequence[logging.Handler]) -> None:
    """Leave Ctrl-C to the parent, and do not outlive it: a killed one cannot say that there are no more jobs."""
    for handler in handlers:
        _logger.addHandler(handler)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()


def _end_with_the_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def dask_workers(address: str) -> Workers:
    """The workers of a Dask cluster.

    They need Turnscope, and the same files at the same paths. A worker does one job at a time, however many threads it
    has: more processes are what makes it faster.

    Args:
        address: Of its scheduler, such as ``tcp://10.0.0.1:8786``.

    Raises:
        ConfigError: `distributed` is not installed.
    """
    try:
        from distributed import Client, KilledWorker
    except ImportError as error:
        raise ConfigError('dask: is not installed: pip install "turnscope[dask]"') from error

    @contextmanager
    def opened() -> Generator[Executor]:
        try:
            client = Client(address, timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError, ImportError) as error:  # ImportError: a protocol that needs another package
            raise TurnscopeError(f"{address}: no scheduler answers ({error})") from error
        with client:
            yield client.get_executor(pure=False)

    return Workers(opened, AT_ONCE_ON_DASK, (KilledWorker,))


def run_jobs(
    workers: Workers, do: Callable[[J], R], jobs: Sequence[J], *, tries: int = TRIES
) -> Iterator[tuple[int, R | LostJob]]:
    """Do jobs, and give what came of each, with its place in `jobs`, in the order in which they are done.

    A job whose worker died is done again when all others are done, with no other beside it, `tries` times at most. So
    no job is blamed for what another one did.

    Args:
        workers: Where.
        do: Does one; must be importable by name where the workers are, and its results must be fit for pickle.
        jobs: What to do; fit for pickle.
        tries: How often.

    Raises:
        TurnscopeError: There are no workers any more.
    """
    run = _Run(workers, do, jobs, tries)
    while run.is_left:
        with workers.open() as executor:
            yield from run.on(executor)


class _Run(Generic[J, R]):
    """Jobs, and how far they have come."""

    def __init__(self, workers: Workers, do: Callable[[J], R], jobs: Sequence[J], tries: int) -> None:
        self._workers = workers
        self._do = do
        self._jobs = jobs
        self._tries = tries
        self._waiting = deque(range(len(jobs)))
        self._alone: deque[int] = deque()
        self._losses = [0] * len(jobs)
        self._broken = False

    @property
    def is_left(self) -> bool:
        return bool(self._waiting or self._alone)

    def on(self, executor: Executor) -> Iterator[tuple[int, R | LostJob]]:
        """Do what is left, as long as the executor lives."""
        self._broken = False
        running: dict[Future[R], int] = {}
        while True:
            if not self._broken:
                self._submit(executor, running)
            if not running:
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                index = running.pop(future)
                outcome = self._settled(index, future)
                if outcome is not None:
                    yield index, outcome

    def _submit(self, executor: Executor, running: dict[Future[R], int]) -> None:
        queue, most = (self._waiting, self._workers.at_once) if self._waiting else (self._alone, 1)
        while queue and len(running) < most:
            try:
                running[executor.submit(self._do, self._jobs[queue[0]])] = queue[0]
            except BrokenExecutor:
                self._broken = True
                return
            queue.popleft()

    def _settled(self, index: int, future: "Future[R]") -> R | LostJob | None:
        """What came of a job; None if it is to be done again."""
        if future.cancelled():
            raise TurnscopeError("the workers are gone; what was done is kept")
        error = future.exception()
        if error is None:
            return future.result()
        if not isinstance(error, self._workers.lost):
            return LostJob(f"{type(error).__name__}: {error}")
        if isinstance(error, BrokenExecutor):
            self._broken = True
        self._losses[index] += 1
        if self._losses[index] >= self._tries:
            return LostJob(f"its worker died {self._losses[index]} times")
        self._alone.append(index)
        return None
