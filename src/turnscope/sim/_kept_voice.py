"""A voice whose speech is kept, for calls that all have the same agent say the same."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import trio

from turnscope.providers import TTS, Resources, SpeechChunk, TTSConnection, VoiceOptions

__all__ = ["KeptTTS"]


class KeptTTS:
    """A voice whose speech is kept: what it has said once, it says again at once and at no cost.

    Args:
        voice: Who speaks.
    """

    def __init__(self, voice: TTS) -> None:
        self.name: str = voice.name
        self.output_hz: int = 0
        self._voice = voice
        self._inner: TTSConnection | None = None
        self._kept: dict[tuple[str, VoiceOptions], list[SpeechChunk]] = {}

    @asynccontextmanager
    async def connect(self, resources: Resources) -> AsyncGenerator["KeptTTS"]:
        """Connect the voice, too."""
        async with self._voice.connect(resources) as self._inner:
            self.output_hz = self._inner.output_hz
            yield self

    @asynccontextmanager
    async def open_stream(self, text: str, options: VoiceOptions) -> AsyncGenerator[AsyncIterator[SpeechChunk]]:
        """What was kept, or the voice's own stream, which is kept if it is heard to its end."""
        key = (text, options)
        if key in self._kept:
            yield _Again(self._kept[key])
            return
        assert self._inner is not None
        async with self._inner.open_stream(text, options) as chunks:
            yield _Keeping(chunks, lambda said: self._kept.setdefault(key, said))


class _Keeping:
    """Speech on its way, which is kept once it has been heard to its end."""

    def __init__(self, chunks: AsyncIterator[SpeechChunk], keep: Callable[[list[SpeechChunk]], object]) -> None:
        self._chunks = chunks
        self._keep = keep
        self._said: list[SpeechChunk] = []

    def __aiter__(self) -> "_Keeping":
        return self

    async def __anext__(self) -> SpeechChunk:
        try:
            chunk = await anext(self._chunks)
        except StopAsyncIteration:
            self._keep(self._said)
            raise
        self._said.append(chunk)
        return chunk


class _Again:
    """Speech that was kept."""

    def __init__(self, chunks: Sequence[SpeechChunk]) -> None:
        self._chunks = iter(chunks)

    def __aiter__(self) -> "_Again":
        return self

    async def __anext__(self) -> SpeechChunk:
        await trio.lowlevel.checkpoint()
        chunk = next(self._chunks, None)
        if chunk is None:
            raise StopAsyncIteration
        return chunk
