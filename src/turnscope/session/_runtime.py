"""What a process shares among its sessions: model weights, the compute seam, and the cap on sessions."""

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar

import trio

from turnscope._errors import ConfigError, TooManySessions
from turnscope.providers import Compute, Resources
from turnscope.session._blocking import BlockingWatch

__all__ = ["Runtime", "ThreadCompute", "open_runtime"]

T = TypeVar("T")


class ThreadCompute:
    """Runs CPU-bound work in at most `workers` threads, first come first served.

    A cancelled call returns at once. Its thread cannot be stopped: it keeps its place until its work ends, and
    what it returns is dropped.
    """

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise ConfigError(f"workers must be at least 1, got {workers}")
        self._limiter = trio.CapacityLimiter(workers)

    @property
    def busy(self) -> int:
        """How many threads are at work, abandoned ones included."""
        return self._limiter.borrowed_tokens

    async def run(self, work: Callable[[], T], *, cost_s: float, name: str) -> T:
        """See `turnscope.providers.Compute.run`."""
        return await trio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=self._limiter)


class Runtime:
    """Made by `open_runtime`; passed to `open_session`."""

    def __init__(
        self,
        compute: Compute,
        tool_compute: Compute,
        max_sessions: int,
        blocking: BlockingWatch | None = None,
        cache: dict[str, object] | None = None,
    ) -> None:
        self.resources: Resources = Resources(compute, {} if cache is None else cache)
        self.tool_compute: Compute = tool_compute
        """Where synchronous tools run: apart from models, as they may wait for long."""
        self._blocking = blocking
        self._max_sessions = max_sessions
        self._sessions = 0

    @contextmanager
    def told_of_blocking(self, listener: Callable[[str, float], None]) -> Generator[None]:
        """Have `listener` told of tasks that block the event loop: their names, and for how many seconds they did."""
        if self._blocking is None:
            yield
            return
        self._blocking.listeners.append(listener)
        try:
            yield
        finally:
            self._blocking.listeners.remove(listener)

    @contextmanager
    def session_place(self) -> Generator[None]:
        """Take one of the places for sessions.

        Raises:
            TooManySessions: All are taken.
        """
        if self._sessions >= self._max_sessions:
            raise TooManySessions(self._max_sessions)
        self._sessions += 1
        try:
            yield
        finally:
            self._sessions -= 1


@asynccontextmanager
async def open_runtime(
    *,
    compute: Compute | None = None,
    workers: int = 2,
    tool_workers: int = 16,
    max_sessions: int = 100,
    cache: dict[str, object] | None = None,
) -> AsyncGenerator[Runtime]:
    """What sessions of one process share. Sessions opened with it must be left before it is.

    Args:
        compute: Where CPU-bound work runs; by default worker threads, and tasks that block the event loop are noticed
            (`turnscope.core.LoopBlocked`).
        workers: How many of them.
        tool_workers: How many threads there are for tools that are synchronous functions, beside the others. With
            `compute`, tools run there, too.
        max_sessions: One more is refused with `TooManySessions`.
        cache: What was loaded already, by an earlier runtime; what this one loads is added to it.
    """
    if max_sessions < 1:
        raise ConfigError(f"max_sessions must be at least 1, got {max_sessions}")
    if compute is not None:
        yield Runtime(compute, compute, max_sessions, cache=cache)
        return
    watch = BlockingWatch()
    trio.lowlevel.add_instrument(watch)
    try:
        yield Runtime(ThreadCompute(workers), ThreadCompute(tool_workers), max_sessions, watch, cache)
    finally:
        trio.lowlevel.remove_instrument(watch)
