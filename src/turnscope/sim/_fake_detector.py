"""A detector that is exact: it says the same of every sound, after the time that it is told."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import trio

from turnscope.core import CLOCK_HZ, Samples, to_samples
from turnscope.providers import Resources, Score

__all__ = ["FakeDetector"]


class FakeDetector:
    """Takes every sound for an interruption, or none.

    Args:
        value: How much it takes each sound for an interruption, 0 to 1; the rest is ``noise``.
        after_s: How much speech it has to hear.
        latency_s: How long it then thinks.
    """

    name = "fake-detector"
    input_hz = CLOCK_HZ

    def __init__(self, value: float = 1.0, *, after_s: float = 0.1, latency_s: float = 0.02) -> None:
        self._value = value
        self._after = to_samples(after_s)
        self._latency_s = latency_s

    @asynccontextmanager
    async def connect(self, resources: Resources) -> AsyncGenerator["FakeDetector"]:
        """It needs nothing, so it is its own connection."""
        yield self

    @asynccontextmanager
    async def open_stream(self, onset: int) -> AsyncGenerator["_FakeDetectorStream"]:
        """See `turnscope.providers.DetectorConnection.open_stream`."""
        stream = _FakeDetectorStream(self._value, onset + self._after, self._latency_s)
        try:
            yield stream
        finally:
            stream.close()


class _FakeDetectorStream:
    def __init__(self, value: float, enough: int, latency_s: float) -> None:
        self._enough = enough
        self._latency_s = latency_s
        self._scores = [Score("interruption", value, enough), Score("noise", 1 - value, enough)]
        self._received = 0
        self._wake = trio.Event()
        self._closed = False

    def close(self) -> None:
        self._closed = True
        self._wake.set()

    async def send_audio(self, samples: Samples) -> None:
        await trio.lowlevel.checkpoint()
        self._received += len(samples)
        if self._received >= self._enough:
            self._wake.set()

    def __aiter__(self) -> AsyncIterator[Score]:
        return self

    async def __anext__(self) -> Score:
        await self._wake.wait()
        if len(self._scores) == 2:
            await trio.sleep(self._latency_s)
        if self._closed or not self._scores:
            raise StopAsyncIteration
        return self._scores.pop(0)
