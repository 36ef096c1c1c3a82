"""Counts what an attempt asks of its providers, where the answers pass. It never changes any."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from turnscope.core import CLOCK_HZ, Message, ToolCall
from turnscope.providers import (
    LLMConnection,
    LLMItem,
    SpeechChunk,
    TextDelta,
    ToolSpec,
    TTSConnection,
    Usage,
    VoiceOptions,
    applies_volume,
)

__all__ = ["Meter", "MeteredLLM", "MeteredTTS"]

T = TypeVar("T")

CHARS_PER_TOKEN = 4
"""English text, as a rule of thumb (OpenAI's help page "What are tokens and how to count them?")."""

LONGEST_TOKEN_CHARS = 8
"""Pieces longer than this on average hold several tokens each. Servers that stream token by token stay far below."""


@dataclass(slots=True)
class _Request:
    input_chars: int
    pieces: int = 0
    output_chars: int = 0
    usage: Usage | None = None

    def take(self, item: object) -> None:
        if isinstance(item, Usage):
            self.usage = item
        elif isinstance(item, TextDelta):
            self.pieces += 1
            self.output_chars += len(item.text)
        elif isinstance(item, ToolCall):
            self.pieces += 1
            self.output_chars += len(item.name) + len(item.arguments)

    @property
    def input_tokens(self) -> int:
        return self.usage.input_tokens if self.usage is not None else -(-self.input_chars // CHARS_PER_TOKEN)

    @property
    def output_tokens(self) -> int:
        if self.usage is not None:
            return self.usage.output_tokens
        if self.output_chars <= self.pieces * LONGEST_TOKEN_CHARS:
            return self.pieces
        return -(-self.output_chars // CHARS_PER_TOKEN)


class Meter:
    """What one attempt has asked for so far.

    A request counts from the moment in which it is made, whatever becomes of it. Where the provider says what it used
    (`Usage`), that is what counts; until it does, tokens are estimated: a piece of the stream is a token unless pieces
    are too long for that, and four characters of other text are one.
    """

    def __init__(self) -> None:
        self._requests: list[_Request] = []
        self.samples: int = 0
        """Synthesized speech, in samples of the session's clock."""

    @property
    def input_tokens(self) -> int:
        """Tokens that the model was given."""
        return sum(request.input_tokens for request in self._requests)

    @property
    def output_tokens(self) -> int:
        """Tokens that it wrote."""
        return sum(request.output_tokens for request in self._requests)

    @property
    def estimated(self) -> bool:
        """Not all of them were counted by the provider."""
        return any(request.usage is None for request in self._requests)

    def ask(self, messages: Sequence[Message]) -> Callable[[object], None]:
        """A model is asked. What the function that this returns is given is its answer."""
        request = _Request(sum(len(message.text) for message in messages))
        self._requests.append(request)
        return request.take

    def hear(self, hz: int) -> Callable[[object], None]:
        """A synthesizer is asked for speech at `hz`. What the function that this returns is given is its answer."""
        length = 0

        def take(chunk: object) -> None:
            nonlocal length
            if isinstance(chunk, SpeechChunk):
                before, length = length, length + len(chunk.samples)
                self.samples += length * CLOCK_HZ // hz - before * CLOCK_HZ // hz

        return take


class _Counted(Generic[T]):
    """A provider's stream, each item of which is shown to `take`."""

    def __init__(self, items: AsyncIterator[T], take: Callable[[object], None]) -> None:
        self._items = items
        self._take = take

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        item = await anext(self._items)
        self._take(item)
        return item


class MeteredLLM:
    """A connection to a language model, for one attempt."""

    def __init__(self, llm: LLMConnection, meter: Meter) -> None:
        self._llm = llm
        self._meter = meter

    @asynccontextmanager
    async def open_stream(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()
    ) -> AsyncGenerator[AsyncIterator[LLMItem]]:
        """See `turnscope.providers.LLMConnection.open_stream`."""
        take = self._meter.ask(messages)
        stream = self._llm.open_stream(messages, tools) if tools else self._llm.open_stream(messages)
        async with stream as items:
            yield _Counted(items, take)


class MeteredTTS:
    """A connection to a synthesizer, for one attempt."""

    def __init__(self, tts: TTSConnection, meter: Meter) -> None:
        self._tts = tts
        self._meter = meter

    @property
    def output_hz(self) -> int:
        """See `turnscope.providers.TTSConnection.output_hz`."""
        return self._tts.output_hz

    @property
    def applies_volume(self) -> bool:
        """See `turnscope.providers.TTSConnection`."""
        return applies_volume(self._tts)

    @asynccontextmanager
    async def open_stream(self, text: str, options: VoiceOptions) -> AsyncGenerator[AsyncIterator[SpeechChunk]]:
        """See `turnscope.providers.TTSConnection.open_stream`."""
        async with self._tts.open_stream(text, options) as chunks:
            yield _Counted(chunks, self._meter.hear(self._tts.output_hz))
