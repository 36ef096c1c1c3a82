"""Providers and tools that do something wrong when they are cancelled, each in a line of its own.

A line that is guilty says so in a comment; `line_of` finds it.
"""

import contextlib
import socket
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from turnscope.core import Samples
from turnscope.providers import Resources, TextDelta
from turnscope.session import tool
from turnscope.sim import FakeSTT


def line_of(fault: str) -> int:
    """The line that is guilty of `fault`."""
    (line,) = [
        number
        for number, text in enumerate(Path(__file__).read_text(encoding="utf-8").splitlines(), 1)
        if text.endswith(f"# guilty: {fault}")
    ]
    return line


class GuiltyLLM:
    """A model that gives three words, each as `give` has it."""

    name = "guilty-llm"

    def __init__(self, give: Callable[[], Any]) -> None:
        self._give = give

    @asynccontextmanager
    async def connect(self, resources: Resources) -> AsyncGenerator["GuiltyLLM"]:
        yield self

    @asynccontextmanager
    async def open_stream(self, messages: object, tools: object = ()) -> AsyncGenerator[AsyncIterator[TextDelta]]:
        yield _Words(self._give)


class _Words:
    def __init__(self, give: Callable[[], Any]) -> None:
        self._give = give
        self._left = 3

    def __aiter__(self) -> "_Words":
        return self

    async def __anext__(self) -> TextDelta:
        if not self._left:
            raise StopAsyncIteration
        self._left -= 1
        await self._give()
        return TextDelta("word ")


async def shields() -> None:
    with trio.CancelScope(shield=True):
        await trio.sleep(0.5)  # guilty: shield


async def shields_for_ever() -> None:
    try:
        await trio.sleep(0.1)
    except trio.Cancelled:  # noqa: ASYNC103
        with trio.CancelScope(shield=True):
            await trio.sleep_forever()  # guilty: shield for ever


async def flushes_for_long() -> None:
    try:
        await trio.sleep(0.1)
    except trio.Cancelled:
        with trio.move_on_after(0.3, shield=True):
            await trio.sleep(10)  # guilty: overrun
        raise


async def swallows() -> None:
    with contextlib.suppress(trio.Cancelled):
        await trio.sleep(0.1)  # guilty: swallowed


async def swallows_for_ever() -> None:
    while True:
        try:
            await trio.sleep(0.1)  # guilty: swallowed for ever
            return
        except trio.Cancelled:  # noqa: ASYNC103
            pass


async def cleans_up_badly() -> None:
    over = False
    try:
        await trio.sleep(0.1)
        over = True
    finally:
        if not over:
            raise ValueError("cleanup went wrong")  # guilty: cleanup


async def blocks() -> None:
    await trio.sleep(0.1)
    time.sleep(0.06)  # noqa: ASYNC251 # guilty: blocked


async def leaves_a_task() -> None:
    trio.lowlevel.spawn_system_task(_lingers)
    await trio.sleep(0.1)


async def _lingers() -> None:
    await trio.sleep(3)  # guilty: task


async def _counts() -> AsyncGenerator[int]:  # noqa: ASYNC900
    for number in range(10):
        yield number  # guilty: generator


async def leaves_a_generator() -> None:
    async for number in _counts():
        await trio.sleep(0.1)
        if number == 1:
            return


async def leaves_a_socket() -> None:
    left = socket.socket()  # guilty: socket
    await trio.sleep(0.1)
    left.close()


THREADS_MAY_END = threading.Event()


def _waits() -> None:
    THREADS_MAY_END.wait(60)  # guilty: thread


async def leaves_a_thread() -> None:
    thread = threading.Thread(target=_waits, daemon=True)
    thread.start()
    await trio.sleep(0.1)


async def breaks() -> None:
    raise OSError("the wire is cut")  # guilty: failure


class StubbornSTT:
    """Hears as the fake does, and does not let go of what it is sent."""

    name = "stubborn-stt"
    input_hz = 16_000

    @asynccontextmanager
    async def connect(self, resources: Resources) -> AsyncGenerator["StubbornSTT"]:
        yield self

    @asynccontextmanager
    async def open_stream(self) -> AsyncGenerator["_StubbornStream"]:
        async with FakeSTT().connect(Resources(None)) as connection, connection.open_stream() as stream:  # type: ignore[arg-type]
            yield _StubbornStream(stream)


class _StubbornStream:
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __aiter__(self) -> Any:
        return aiter(self._stream)

    async def send_audio(self, samples: Samples) -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(0.001)
            await trio.sleep(0.2)  # guilty: shield in the ears
        await self._stream.send_audio(samples)

    async def flush(self) -> None:
        await self._stream.flush()


class SlowEars:
    """A detector of speech that takes its time."""

    name = "slow-ears"
    input_hz = 16_000
    window_samples = 1600

    def open_stream(self) -> "SlowEars":
        return self

    def process(self, window: Samples) -> float:
        time.sleep(0.06)  # guilty: blocked by ears
        return 0.0


@tool
async def order(what: str, count: int, big: bool = False) -> str:
    """Order something."""
    assert (what, count, big) == ("example", 1, False)
    with trio.CancelScope(shield=True):
        await trio.sleep(1)  # guilty: shield in a tool
    return f"{count} {what}"
