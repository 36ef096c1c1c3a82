"""Providers that break their contract, one way each, around a fake that keeps it."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import trio

from turnscope.providers import Resources

__all__ = ["FAULTS", "Hostile", "swallows_all"]

Inner = Callable[[], Awaitable[Any]]


async def ignores_cancellation(inner: Inner) -> Any:
    """What it gives comes 0.3 s late, also when its stream was closed meanwhile."""
    with trio.CancelScope(shield=True):
        await trio.sleep(0.3)
        return await inner()


async def shields_for_a_while(inner: Inner) -> Any:
    with trio.CancelScope(shield=True):
        await trio.sleep(2.5)
        return await inner()


async def shields_for_ever(inner: Inner) -> Any:
    with trio.CancelScope(shield=True):
        await trio.sleep_forever()


async def swallows_cancellation(inner: Inner) -> Any:
    try:
        return await inner()
    except trio.Cancelled:
        with trio.CancelScope(shield=True):
            await trio.sleep(0.2)
        return await inner()


async def swallows_all() -> str:
    try:
        await trio.sleep_forever()
    except trio.Cancelled:
        return "returned all the same"


async def raises_in_cleanup(inner: Inner) -> Any:
    try:
        return await inner()
    finally:
        raise ValueError("cleanup went wrong")


async def never_comes_back(inner: Inner) -> Any:
    await trio.sleep_forever()


async def raises(inner: Inner) -> Any:
    raise OSError("the wire is cut")


async def lies(inner: Inner) -> Any:
    """Gives something, but not what it should."""
    await inner()
    return object()


FAULTS = {
    fault.__name__: fault
    for fault in (
        ignores_cancellation,
        shields_for_a_while,
        shields_for_ever,
        swallows_cancellation,
        raises_in_cleanup,
        never_comes_back,
        raises,
        lies,
    )
}


class _HostileStream:
    """Any of the three kinds of stream, with a fault in what it gives or in what it takes."""

    def __init__(self, inner: Any, on_item: Callable[[Inner], Awaitable[Any]], on_send: Any) -> None:
        self._inner = inner
        self._iterator = inner.__aiter__()
        self._on_item = on_item
        self._on_send = on_send

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        return await self._on_item(self._iterator.__anext__)

    async def send_audio(self, samples: Any) -> None:
        await self._on_send(lambda: self._inner.send_audio(samples))

    async def flush(self) -> None:
        await self._on_send(self._inner.flush)


async def keeps_its_word(inner: Inner) -> Any:
    return await inner()


class Hostile:
    """A provider like `inner`, whose first streams have a fault.

    Args:
        inner: An STT, LLM or TTS.
        fault: A name of `FAULTS`.
        where: ``open``, ``item``, ``send`` (STT only) or ``close``.
        times: How many streams have it.
    """

    def __init__(self, inner: Any, fault: str, where: str = "item", *, times: int = 1) -> None:
        self._inner = inner
        self._fault = FAULTS[fault]
        self._where = where
        self._times = times
        self.name = f"hostile-{inner.name}"
        self.input_hz = self.output_hz = 16_000

    @asynccontextmanager
    async def connect(self, resources: Resources) -> AsyncGenerator["Hostile"]:
        async with self._inner.connect(resources) as self._connection:
            yield self

    def _at(self, where: str) -> Callable[[Inner], Awaitable[Any]]:
        return self._fault if where == self._where else keeps_its_word

    @asynccontextmanager
    async def open_stream(self, *arguments: Any) -> AsyncGenerator[Any]:
        async with self._connection.open_stream(*arguments) as stream:
            self._times -= 1
            if self._times < 0:
                yield stream
                return
            await self._at("open")(trio.lowlevel.checkpoint)
            try:
                yield _HostileStream(stream, self._at("item"), self._at("send"))
            finally:
                await self._at("close")(trio.lowlevel.checkpoint)
