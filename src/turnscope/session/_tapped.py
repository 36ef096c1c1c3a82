"""Providers, streams and transports that show a tap what passes through them, and change none of it."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Generic, Protocol, TypeVar

import numpy as np

from turnscope.core import Message, Samples
from turnscope.providers import (
    DetectorConnection,
    DetectorStream,
    LLMConnection,
    LLMItem,
    SpeechChunk,
    STTConnection,
    STTStream,
    ToolSpec,
    Transcript,
    TTSConnection,
    VADStream,
    VoiceOptions,
    applies_volume,
)
from turnscope.session._clock import SessionClock
from turnscope.session._tap import (
    AudioHeard,
    Fact,
    FrameCleared,
    FrameReceived,
    FrameSent,
    Given,
    StreamClosed,
    StreamGave,
    StreamKind,
    StreamOpened,
    StreamTook,
    TapGuard,
    WindowJudged,
)
from turnscope.transports import ForeseenTransport, InputFrame, Playhead, Transport

__all__ = ["TappedTransport", "Taps"]

T = TypeVar("T", bound=Given)
T_co = TypeVar("T_co", bound=Given, covariant=True)


class TappedTransport:
    """A transport that shows what goes through it.

    Args:
        transport: What it stands for.
        clock: The session's.
        guard: Is shown it.
    """

    def __init__(self, transport: Transport, clock: SessionClock, guard: TapGuard) -> None:
        self._transport = transport
        self._clock = clock
        self._guard = guard
        self._handed_over = 0
        self._planned = 0
        """Position after the last sample sent, if nothing of it is dropped."""

    @property
    def input_hz(self) -> int:
        """See `turnscope.transports.Transport.input_hz`."""
        return self._transport.input_hz

    @property
    def output_hz(self) -> int:
        """See `turnscope.transports.Transport.output_hz`."""
        return self._transport.output_hz

    @property
    def lead_samples(self) -> int:
        """See `turnscope.transports.Transport.lead_samples`."""
        return self._transport.lead_samples

    async def receive(self) -> InputFrame | None:
        """See `turnscope.transports.Transport.receive`."""
        return self._shown(await self._transport.receive())

    def _shown(self, frame: InputFrame | None) -> InputFrame | None:
        if frame is not None:
            self._guard.take(FrameReceived(self._clock.seconds(), frame.start, frame.samples))
        return frame

    def send(self, samples: Samples, response_id: str) -> None:
        """See `turnscope.transports.Transport.send`."""
        self._transport.send(samples, response_id)
        position = max(self._planned, self._clock.position(self.output_hz))
        self._planned = position + len(samples)
        self._handed_over += len(samples)
        self._guard.take(FrameSent(self._clock.seconds(), response_id, position, samples))

    def clear(self, response_id: str) -> None:
        """See `turnscope.transports.Transport.clear`."""
        waiting = max(self._handed_over - self._transport.playhead().sample, 0)
        self._transport.clear(response_id)
        self._planned = max(self._planned - waiting, 0)
        self._guard.take(FrameCleared(self._clock.seconds(), response_id, self._planned))

    def playhead(self) -> Playhead:
        """See `turnscope.transports.Transport.playhead`."""
        return self._transport.playhead()

    def close(self) -> None:
        """See `turnscope.transports.Transport.close`."""
        self._transport.close()


class TappedForeseenTransport(TappedTransport):
    """The same for one that knows beforehand what the caller will say. Each frame is shown in its time.

    Args:
        transport: What it stands for.
        foreseen: The same.
        clock: The session's.
        guard: Is shown it.
    """

    def __init__(self, transport: Transport, foreseen: ForeseenTransport, clock: SessionClock, guard: TapGuard) -> None:
        super().__init__(transport, clock, guard)
        self._foreseen = foreseen
        self.takes_ahead: bool = False
        self.frame_samples: int = foreseen.frame_samples
        self.time_at: Callable[[int], float] = foreseen.time_at
        self.next_frame_at: Callable[[], float] = foreseen.next_frame_at
        self.take_foreseen: Callable[[Samples], InputFrame] = foreseen.take_foreseen

    def take_frame(self) -> InputFrame | None:
        """See `turnscope.transports.ForeseenTransport.take_frame`."""
        return self._shown(self._foreseen.take_frame())

    def foresee(self, before: float) -> Samples:
        """See `turnscope.transports.ForeseenTransport.foresee`."""
        return np.zeros(0, np.float32)


class Taps:
    """Puts taps at what a session uses; where nobody looks, everything stays what it is.

    Args:
        guard: Is shown what passes.
        clock: The session's.
    """

    def __init__(self, guard: TapGuard, clock: SessionClock) -> None:
        self._guard = guard
        self._clock = clock
        self._streams = 0

    def transport(self, transport: Transport) -> Transport:
        """A transport that shows what goes through it."""
        if not self._guard.looks:
            return transport
        if isinstance(transport, ForeseenTransport):
            return TappedForeseenTransport(transport, transport, self._clock, self._guard)
        return TappedTransport(transport, self._clock, self._guard)

    @property
    def looking(self) -> bool:
        """Somebody is shown what passes."""
        return self._guard.looks

    def heard(self, start: int, samples: Samples) -> None:
        """Show what was heard of the caller."""
        self._guard.take(AudioHeard(start, samples))

    def vad(self, stream: VADStream, heard_until: Callable[[], int]) -> VADStream:
        """A VAD's stream that does. `heard_until` gives the end of the window that is being judged."""
        return _TappedVAD(stream, heard_until, self._guard) if self._guard.looks else stream

    def stt(self, connection: STTConnection, provider: str, hz: int, turn_id: int) -> STTConnection:
        """The connection of an STT, for one turn."""
        return _TappedSTT(connection, _Opener(self, "stt", provider, hz, turn_id)) if self._guard.looks else connection

    def llm(self, connection: LLMConnection, provider: str, turn_id: int, attempt: int) -> LLMConnection:
        """The connection of a language model, for one attempt."""
        opener = _Opener(self, "llm", provider, 0, turn_id, attempt)
        return _TappedLLM(connection, opener) if self._guard.looks else connection

    def tts(self, connection: TTSConnection, provider: str, turn_id: int, attempt: int) -> TTSConnection:
        """The connection of a synthesizer, for one attempt."""
        opener = _Opener(self, "tts", provider, connection.output_hz, turn_id, attempt)
        return _TappedTTS(connection, opener) if self._guard.looks else connection

    def detector(self, connection: DetectorConnection, provider: str, hz: int, turn_id: int) -> DetectorConnection:
        """The connection of a detector, for one challenger."""
        opener = _Opener(self, "detector", provider, hz, turn_id)
        return _TappedDetector(connection, opener) if self._guard.looks else connection

    def open(self, opener: "_Opener", asked: tuple[object, ...]) -> "_StreamTap":
        """Show that a stream is opened."""
        self._streams += 1
        tap = _StreamTap(self._streams, self._guard.take, self._clock.seconds)
        fact = StreamOpened(
            tap.now(), tap.number, opener.kind, opener.provider, opener.turn_id, opener.attempt, opener.hz, asked
        )
        self._guard.take(fact)
        return tap


class _Opener:
    """What is known about a stream before it is opened."""

    def __init__(self, taps: Taps, kind: StreamKind, provider: str, hz: int, turn_id: int, attempt: int = 0) -> None:
        self.kind: StreamKind = kind
        self.provider = provider
        self.hz = hz
        self.turn_id = turn_id
        self.attempt = attempt
        self._taps = taps

    def open(self, *asked: object) -> "_StreamTap":
        return self._taps.open(self, asked)


class _StreamTap:
    """Shows what passes through one stream, and how it was left."""

    def __init__(self, number: int, show: Callable[[Fact], None], now: Callable[[], float]) -> None:
        self.number = number
        self.show = show
        self.now = now
        self._ending = "left"

    def __enter__(self) -> "_StreamTap":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception):
            self._ending = f"{type(error).__name__}: {error}"
        self.show(StreamClosed(self.now(), self.number, self._ending))

    def finished(self) -> None:
        self._ending = "finished"

    def gave(self, item: Given) -> None:
        self.show(StreamGave(self.now(), self.number, item))

    def took(self, count: int, *, flush: bool = False) -> None:
        self.show(StreamTook(self.now(), self.number, count, flush))


class _Shown(Generic[T]):
    """What a stream gives, each item of which is shown."""

    def __init__(self, items: AsyncIterator[T], tap: _StreamTap) -> None:
        self._items = items
        self._tap = tap

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        try:
            item = await anext(self._items)
        except StopAsyncIteration:
            self._tap.finished()
            raise
        self._tap.gave(item)
        return item


class _TappedVAD:
    def __init__(self, stream: VADStream, heard_until: Callable[[], int], guard: TapGuard) -> None:
        self._stream = stream
        self._heard_until = heard_until
        self._guard = guard

    def process(self, window: Samples) -> float:
        probability = self._stream.process(window)
        self._guard.take(WindowJudged(self._heard_until(), probability))
        return probability


class _TakesAudio(Protocol[T_co]):
    async def send_audio(self, samples: Samples) -> None: ...

    def __aiter__(self) -> AsyncIterator[T_co]: ...


class _Listener(Generic[T]):
    """A stream that takes audio and gives something."""

    def __init__(self, stream: _TakesAudio[T], tap: _StreamTap) -> None:
        self._stream = stream
        self._tap = tap

    async def send_audio(self, samples: Samples) -> None:
        self._tap.took(len(samples))
        await self._stream.send_audio(samples)

    def __aiter__(self) -> AsyncIterator[T]:
        return _Shown(aiter(self._stream), self._tap)


class _TappedSTTStream(_Listener[Transcript]):
    def __init__(self, stream: STTStream, tap: _StreamTap) -> None:
        super().__init__(stream, tap)
        self._stt = stream

    async def flush(self) -> None:
        self._tap.took(0, flush=True)
        await self._stt.flush()


class _TappedSTT:
    def __init__(self, connection: STTConnection, opener: _Opener) -> None:
        self._connection = connection
        self._opener = opener

    @asynccontextmanager
    async def open_stream(self) -> AsyncGenerator[STTStream]:
        with self._opener.open() as tap:
            async with self._connection.open_stream() as stream:
                yield _TappedSTTStream(stream, tap)


class _TappedDetector:
    def __init__(self, connection: DetectorConnection, opener: _Opener) -> None:
        self._connection = connection
        self._opener = opener

    @asynccontextmanager
    async def open_stream(self, onset: int) -> AsyncGenerator[DetectorStream]:
        with self._opener.open(onset) as tap:
            async with self._connection.open_stream(onset) as stream:
                yield _Listener(stream, tap)


class _TappedLLM:
    def __init__(self, connection: LLMConnection, opener: _Opener) -> None:
        self._connection = connection
        self._opener = opener

    @asynccontextmanager
    async def open_stream(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()
    ) -> AsyncGenerator[AsyncIterator[LLMItem]]:
        with self._opener.open(tuple(messages), tuple(tools)) as tap:
            stream = self._connection.open_stream(messages, tools) if tools else self._connection.open_stream(messages)
            async with stream as items:
                yield _Shown(items, tap)


class _TappedTTS:
    def __init__(self, connection: TTSConnection, opener: _Opener) -> None:
        self._connection = connection
        self._opener = opener

    @property
    def output_hz(self) -> int:
        return self._connection.output_hz

    @property
    def applies_volume(self) -> bool:
        return applies_volume(self._connection)

    @asynccontextmanager
    async def open_stream(self, text: str, options: VoiceOptions) -> AsyncGenerator[AsyncIterator[SpeechChunk]]:
        with self._opener.open(text, options) as tap:
            async with self._connection.open_stream(text, options) as chunks:
                yield _Shown(chunks, tap)
