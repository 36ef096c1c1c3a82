"""A stream without a task of its own: whoever iterates over it has its work done, one piece at a time."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, Self, TypeVar

import trio

from turnscope._errors import ProviderError
from turnscope.providers._protocols import Compute

__all__ = ["WorkedStream"]

T = TypeVar("T")
R = TypeVar("R")


class WorkedStream(ABC, Generic[T]):
    """Cancelling whoever iterates cancels the work; closing the stream ends their loop.

    Args:
        compute: Where the work runs.
        name: Whose stream it is.
        what: What it is, for who iterates over it twice.
    """

    def __init__(self, compute: Compute, name: str, what: str) -> None:
        self._compute = compute
        self._name = name
        self._what = what
        self._wake = trio.Event()
        """There may be something to do."""
        self._working = trio.CancelScope()
        self._iterating = False
        self._closed = False

    def __aiter__(self) -> Self:
        """The stream iterates over itself."""
        return self

    async def __anext__(self) -> T:
        """The next item; does the work for it as soon as there is some.

        Raises:
            ProviderError: The work failed.
            trio.BusyResourceError: Another task is iterating.
        """
        if self._iterating:
            raise trio.BusyResourceError(f"another task is iterating over {self._what}")
        self._iterating = True
        try:
            await trio.lowlevel.checkpoint()
            while not self._closed:
                if (item := await self._step()) is not None:
                    return item
            raise StopAsyncIteration
        finally:
            self._iterating = False

    def close(self) -> None:
        """Stop: a task that iterates ends its loop at once, and nothing can be sent any more. Idempotent."""
        self._closed = True
        self._working.cancel()
        self._wake.set()
        self._forget()

    @abstractmethod
    async def _step(self) -> T | None:
        """Give an item, do a piece of work, or wait for some."""

    @abstractmethod
    def _forget(self) -> None:
        """Let go of what waits to be worked on."""

    async def _wait_for_work(self) -> None:
        self._wake = trio.Event()
        await self._wake.wait()

    async def _work(self, work: Callable[[], R], cost_s: float, failing: str) -> R | None:
        """What `work` gives; None if the stream was closed meanwhile.

        Raises:
            ProviderError: It failed; the message begins with `failing`.
        """
        result: R | None = None
        with trio.CancelScope() as self._working:
            try:
                result = await self._compute.run(work, cost_s=cost_s, name=self._name)
            except Exception as error:
                raise ProviderError(self._name, f"{failing}: {error}") from error
        return None if self._closed else result
