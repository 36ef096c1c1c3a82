"""Providers that break their contract, one way each, around a fake that keeps it."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import trio

from turnscope.providers import Resources

__all__ = ["FAULTS", "Hostile"]


async def ignores_cancellation(inner: Callable[[], Awaitable[Any]]) -> Any:
    with trio.CancelScope(shield=True):
        await trio.sleep(0.3)
        return await inner()


async def shields_for_a_while(inner: Callable[[], Awaitable[Any]]) -> Any:
    with trio.CancelScope(shield=True):
        await trio.sleep(2.5)
        return await inner()


async def shields_for_ever(inner: Callable[[], Awaitable[Any]]) -> Any:
    with trio.CancelScope(shield=True):
        await trio.sleep_forever()


async def swallows_cancellation(inner: Callable[[], Awaitable[Any]]) -> Any:
    try:
        return await inner()
    except trio.Cancelled:
        with trio.CancelScope(shield=True):
            await trio.sleep(0.2)
        return await inner()


async def raises_in_cleanup(inner: Callable[[], Awaitable[Any]]) -> Any:
    try:
        return await inner()
    finally:
        raise ValueError("cleanup went wrong")


async def never_gives_an_item(inner: Callable[[], Awaitable[Any]]) -> Any:
    await trio.sleep_forever()


async def raises(inner: Callable[[], Awaitable[Any]]) -> Any:
    raise OSError("the wire is cut")


FAULTS = {
    fault.__name__: fault
    for fault in (
        ignores_cancellation,
        shields_for_a_while,
        shields_for_ever,
        swallows_cancellation,
        raises_in_cleanup,
        never_gives_an_item,
        raises,
    )
}


class _HostileStream:
    """Any of the three kinds of stream, with a fault in whatever it gives."""

    def __init__(self, inner: Any, fault: Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]) -> None:
        self._inner = inner
        self._iterator = inner.__aiter__()
        self._fault = fault

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        return await self._fault(self._iterator.__anext__)

    async def send_audio(self, samples: Any) -> None:
        await self._inner.send_audio(samples)

    async def flush(self) -> None:
        await self._inner.flush()


class Hostile:
    """A provider like `inner`, whose first `times` streams have a fault."""

    def __init__(self, inner: Any, fault: str, times: int = 1) -> None:
        self._inner = inner
        self._fault = FAULTS[fault]
        self._times = times
        self.name = f"hostile-{inner.name}"
        self.input_hz = self.output_hz = 16_000

    @asynccontextmanager
    async def connect(self, resources: Resources) -> AsyncGenerator["Hostile"]:
        async with self._inner.connect(resources) as self._connection:
            yield self

    @asynccontextmanager
    async def open_stream(self, *arguments: Any) -> AsyncGenerator[Any]:
        async with self._connection.open_stream(*arguments) as stream:
            if self._times > 0:
                self._times -= 1
                yield _HostileStream(stream, self._fault)
            else:
                yield stream
