"""Providers that are exact: they hear, think and speak what they are told, after the time they are told.

They speak and understand `turnscope.sim._wordcode`, so nothing reaches them that did not pass as audio.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import trio

from turnscope.core import CLOCK_HZ, Samples, WordTiming
from turnscope.providers import Resources, SpeechChunk, Transcript, VoiceOptions
from turnscope.sim._wordcode import LEVEL, encoded_words, read_words, unread_from, word_ends

__all__ = ["FakeSTT", "FakeTTS", "FakeVAD"]


class FakeVAD:
    """Says 1.0 for a window of 10 ms that is anything but quiet, and 0.0 for any other.

    Args:
        window_s: Length of its windows.
    """

    name = "fake-vad"
    input_hz = CLOCK_HZ

    def __init__(self, window_s: float = 0.01) -> None:
        self.window_samples: int = round(window_s * CLOCK_HZ)

    def open_stream(self) -> "FakeVAD":
        """It has no state, so it is its own stream."""
        return self

    def process(self, window: Samples) -> float:
        """See `turnscope.providers.VADStream.process`."""
        return 1.0 if np.abs(window).max() > LEVEL / 10 else 0.0


class FakeSTT:
    """Understands word-coded audio, each word when it has been heard to its end.

    Args:
        interim_latency_s: From the audio to the interim transcript.
        final_latency_s: From the flush to the final transcript.
    """

    name = "fake-stt"
    input_hz = CLOCK_HZ

    def __init__(self, interim_latency_s: float = 0.05, final_latency_s: float = 0.1) -> None:
        self._interim_latency_s = interim_latency_s
        self._final_latency_s = final_latency_s

    @asynccontextmanager
    async def connect(self, resources: Resources) -> AsyncGenerator["FakeSTT"]:
        """It needs nothing, so it is its own connection."""
        yield self

    @asynccontextmanager
    async def open_stream(self) -> AsyncGenerator["_FakeSTTStream"]:
        """See `turnscope.providers.STTConnection.open_stream`."""
        stream = _FakeSTTStream(self._interim_latency_s, self._final_latency_s)
        try:
            yield stream
        finally:
            stream.close()


class _FakeSTTStream:
    def __init__(self, interim_latency_s: float, final_latency_s: float) -> None:
        self._interim_latency_s = interim_latency_s
        self._final_latency_s = final_latency_s
        self._pending = np.zeros(0, dtype=np.float32)
        self._received = 0
        self._segment_start = 0
        self._words: list[str] = []
        self._out, self._in = trio.open_memory_channel[tuple[float, Transcript]](1000)
        self._closed = False

    def close(self) -> None:
        self._closed = True
        self._out.close()

    async def send_audio(self, samples: Samples) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()
        self._pending = np.concatenate([self._pending, samples])
        self._received += len(samples)
        found = read_words(self._pending)
        if found:
            self._words += [word for word, _ in found]
            self._pending = self._pending[found[-1][1] :]
            self._put(is_final=False, latency_s=self._interim_latency_s)
        self._pending = self._pending[unread_from(self._pending) :]

    def calm_for(self, samples: Samples) -> int:
        """See `turnscope.providers.CalmSTTStream`: nothing comes of audio before a word of it ends."""
        before = len(self._pending)
        ends = (end - before for end in word_ends(np.concatenate([self._pending, samples])))
        return min((end - 1 for end in ends if end > 0), default=len(samples))

    async def flush(self) -> None:
        await trio.lowlevel.checkpoint()
        self._put(is_final=True, latency_s=self._final_latency_s)
        self._words = []
        self._segment_start = self._received

    def _put(self, *, is_final: bool, latency_s: float) -> None:
        item = Transcript(" ".join(self._words), is_final, self._segment_start, self._received)
        self._out.send_nowait((trio.current_time() + latency_s, item))

    def __aiter__(self) -> AsyncIterator[Transcript]:
        return self

    async def __anext__(self) -> Transcript:
        try:
            due, item = await self._in.receive()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None
        await trio.sleep_until(due)
        if self._closed:
            raise StopAsyncIteration
        return item


class FakeTTS:
    """Speaks word code.

    Args:
        first_audio_s: From the request to the first audio.
        words_per_s: Pace of its speech.
        real_time_factor: Time that synthesis takes, as a fraction of the speech's length.
        timings: Whether it tells where its words are.
    """

    name = "fake-tts"

    def __init__(
        self,
        first_audio_s: float = 0.1,
        words_per_s: float = 3.0,
        real_time_factor: float = 0.1,
        *,
        timings: bool = True,
    ) -> None:
        self.output_hz = CLOCK_HZ
        self._first_audio_s = first_audio_s
        self._words_per_s = words_per_s
        self._real_time_factor = real_time_factor
        self._timings = timings

    @asynccontextmanager
    async def connect(self, resources: Resources) -> AsyncGenerator["FakeTTS"]:
        """It needs nothing, so it is its own connection."""
        yield self

    @asynccontextmanager
    async def open_stream(self, text: str, options: VoiceOptions) -> AsyncGenerator[AsyncIterator[SpeechChunk]]:
        """See `turnscope.providers.TTSConnection.open_stream`."""
        speech = _FakeSpeech(self._chunks(text, options), self._first_audio_s, self._real_time_factor)
        try:
            yield speech
        finally:
            speech.close()

    def _chunks(self, text: str, options: VoiceOptions) -> list[SpeechChunk]:
        audio, words = encoded_words(text, self._words_per_s * options.speed)
        if not words:
            return []
        stops = [*(word.start for word in words[1:]), len(audio)]
        starts = [0, *stops[:-1]]
        return [
            SpeechChunk(audio[start:stop], self._told(word))
            for word, start, stop in zip(words, starts, stops, strict=True)
        ]

    def _told(self, word: WordTiming) -> tuple[WordTiming, ...]:
        return (word,) if self._timings else ()


class _FakeSpeech:
    def __init__(self, chunks: list[SpeechChunk], first_audio_s: float, real_time_factor: float) -> None:
        self._chunks = iter(chunks)
        self._due = trio.current_time() + first_audio_s
        self._real_time_factor = real_time_factor

    def close(self) -> None:
        self._chunks = iter(())

    def __aiter__(self) -> AsyncIterator[SpeechChunk]:
        return self

    async def __anext__(self) -> SpeechChunk:
        await trio.sleep_until(self._due)
        chunk = next(self._chunks, None)
        if chunk is None:
            raise StopAsyncIteration
        self._due += len(chunk.samples) / CLOCK_HZ * self._real_time_factor
        return chunk
