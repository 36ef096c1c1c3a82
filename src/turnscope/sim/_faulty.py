"""A provider as it is on a bad day: slower than it should be, and now and then at fault."""

import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio

from turnscope.providers import LLM, STT, TTS, InterruptionDetector, Resources, Transcript
from turnscope.session import outermost_error
from turnscope.sim._distributions import Distribution, draw_s
from turnscope.sim._faults import Fault, FaultPlace, behave

__all__ = ["Faulty"]

_IN_THE_LINE = 8
"""Items that may be on their way; the provider waits before it gives more."""


class Faulty:
    """A provider around another one – any STT, LLM, TTS or interruption detector – that is slower, or at fault.

    What is drawn comes from a generator with a seed, in the order in which streams are opened: the same call has the
    same faults. Streams are counted anew for each runtime, and so for each simulated call.

    Args:
        inner: The provider itself.
        faults: What can go wrong with its streams.
        latency: How much later everything comes. It is drawn for each stream, and of an STT for each transcript; the
            order is kept.
        seed: For what is drawn.
    """

    def __init__(
        self,
        inner: STT | LLM | TTS | InterruptionDetector,
        faults: Sequence[Fault] = (),
        *,
        latency: Distribution = 0.0,
        seed: int = 0,
    ) -> None:
        self.inner: STT | LLM | TTS | InterruptionDetector = inner
        self.faults: tuple[Fault, ...] = tuple(faults)
        self.latency: Distribution = latency
        self.name: str = inner.name
        self._seed = seed
        self._resources: Resources | None = None
        self._generator = random.Random()
        self._opened = 0

    def __repr__(self) -> str:
        return f"<Faulty {self.inner!r}>"

    @property
    def input_hz(self) -> int:
        """Sample rate that it takes, if it takes audio."""
        hz: int = self.inner.input_hz  # type: ignore[union-attr]  # nobody asks those that take none
        return hz

    @asynccontextmanager
    async def connect(self, resources: Resources) -> AsyncGenerator[Any]:
        """Connect the provider itself."""
        if resources is not self._resources:
            self._resources, self._opened = resources, 0
            self._generator = random.Random(f"{self._seed} {self.name}")
        async with self.inner.connect(resources) as connection:
            yield _FaultyConnection(connection, self)

    def _of_next_stream(self) -> tuple[list[Fault], random.Random]:
        """What goes wrong with the stream that is opened now, and what its own numbers are drawn from."""
        self._opened += 1
        drawn = [(self._generator.random(), fault) for fault in self.faults]
        found = [fault for chance, fault in drawn if fault.call in (None, self._opened) and chance < fault.probability]
        return found, random.Random(self._generator.getrandbits(64))


class _FaultyConnection:
    def __init__(self, connection: Any, provider: Faulty) -> None:
        self._connection = connection
        self._provider = provider

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)  # the rate, and whatever else a connection tells

    @asynccontextmanager
    async def open_stream(self, *arguments: Any) -> AsyncGenerator[Any]:
        faults, generator = self._provider._of_next_stream()
        async with (
            self._connection.open_stream(*arguments) as stream,
            _delayed(stream, self._provider.latency, generator) as items,
        ):
            faulty = _FaultyStream(stream, items, faults, generator)
            await faulty.at("open", trio.lowlevel.checkpoint)
            try:
                yield faulty
            finally:
                await faulty.at("close", trio.lowlevel.checkpoint)  # noqa: ASYNC102 -- as providers should not


class _FaultyStream:
    """Any kind of stream, with faults in what it gives or in what it takes."""

    def __init__(self, inner: Any, items: AsyncIterator[Any], faults: list[Fault], generator: random.Random) -> None:
        self._inner = inner
        self._items = items
        self._faults = faults
        self._generator = generator
        self._given = 0

    async def at(self, where: FaultPlace, inner: Callable[[], Awaitable[Any]]) -> Any:
        """Do `inner`, or what becomes of it at this place."""
        for fault in self._faults:
            if fault.where == where and self._given >= fault.after_items and not self._is_over(fault):
                return await behave(fault, inner, self._generator)
        return await inner()

    def _is_over(self, fault: Fault) -> bool:
        """Only one item of an answer or of speech is late."""
        return fault.kind == "late" and self._given > fault.after_items and not hasattr(self._inner, "flush")

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        item = await self.at("item", self._items.__anext__)
        self._given += 1
        return item

    async def send_audio(self, samples: Any) -> None:
        await self.at("send", lambda: self._inner.send_audio(samples))

    async def flush(self) -> None:
        await self.at("send", self._inner.flush)


# Latency


@asynccontextmanager
async def _delayed(stream: Any, latency: Distribution, generator: random.Random) -> AsyncGenerator[AsyncIterator[Any]]:
    """What a stream gives, later."""
    if latency == 0.0:
        yield aiter(stream)
        return
    line_in, line_out = trio.open_memory_channel[tuple[float, Any]](_IN_THE_LINE)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_read, stream, line_in, latency, generator)
            yield _Line(line_out)
            nursery.cancel_scope.cancel()
    except ExceptionGroup as group:  # of one, as the reader raises nothing
        error = outermost_error(group)
        raise error from error.__cause__


async def _read(
    stream: Any,
    line: trio.MemorySendChannel[tuple[float, Any]],
    latency: Distribution,
    generator: random.Random,
) -> None:
    """Note when each item is due. What the stream raises is an item, too."""
    delay_s = draw_s(latency, generator)
    async with line:
        try:
            async for item in stream:
                if isinstance(item, Transcript):
                    delay_s = draw_s(latency, generator)
                await line.send((trio.current_time() + delay_s, item))
        except Exception as error:
            await line.send((trio.current_time() + delay_s, _Raised(error)))


class _Raised:
    def __init__(self, error: Exception) -> None:
        self.error = error


class _Line:
    """What is on its way, each thing when it is due, but not before the one in front of it."""

    def __init__(self, line: trio.MemoryReceiveChannel[tuple[float, Any]]) -> None:
        self._line = line
        self._next: tuple[float, Any] | None = None

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        if self._next is None:
            try:
                self._next = await self._line.receive()
            except trio.EndOfChannel:
                raise StopAsyncIteration from None
        due, item = self._next
        await trio.sleep_until(due)
        self._next = None
        if isinstance(item, _Raised):
            raise item.error
        return item
