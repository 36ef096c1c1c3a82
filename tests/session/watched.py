"""A provider that is watched: which of its streams were open when, and what they were asked."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import trio

from turnscope.providers import Resources

__all__ = ["Watched"]


class Watched:
    """A provider like `inner` that writes down the use of its streams.

    Args:
        inner: An STT, LLM or TTS.
        closing_s: How long a stream takes to close, whoever is in a hurry.
        others: Watched providers whose open streams are counted, too, when one is opened.
    """

    def __init__(self, inner: Any, *, closing_s: float = 0.0, others: tuple["Watched", ...] = ()) -> None:
        self._inner = inner
        self._closing_s = closing_s
        self._others = others
        self.name = inner.name
        self.input_hz = self.output_hz = 16_000
        self.asked: list[tuple[Any, ...]] = []
        """The arguments of each stream."""
        self.open_before: list[int] = []
        """How many streams were open when each was opened."""
        self.open_now = 0
        self.most_open = 0

    @asynccontextmanager
    async def connect(self, resources: Resources) -> AsyncGenerator["Watched"]:
        async with self._inner.connect(resources) as self._connection:
            yield self

    @asynccontextmanager
    async def open_stream(self, *arguments: Any) -> AsyncGenerator[Any]:
        self.asked.append(arguments)
        self.open_before.append(self.open_now + sum(other.open_now for other in self._others))
        self.open_now += 1
        self.most_open = max(self.most_open, self.open_now)
        try:
            async with self._connection.open_stream(*arguments) as stream:
                yield stream
        finally:
            with trio.CancelScope(shield=True):
                if self._closing_s:
                    await trio.sleep(self._closing_s)
            self.open_now -= 1
