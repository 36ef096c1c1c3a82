"""What providers and tools gave in a recording, played back: asked the same, they give the same, as long after."""

import json
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Generic, TypeVar, cast

import trio

from turnscope._errors import ConfigError, ProviderError
from turnscope.core import Message, Samples, ToolCalled, ToolSettled
from turnscope.observe import RecordedStream, Recording
from turnscope.providers import (
    LLM,
    TTS,
    Compute,
    LLMConnection,
    LLMItem,
    Resources,
    SpeechChunk,
    ToolSpec,
    TTSConnection,
    VoiceOptions,
)
from turnscope.session import Tool, ToolContext

__all__ = ["PlayedLLM", "PlayedTTS", "played_tools"]

T = TypeVar("T")

MORE_S = 1.0
"""What is not in the recording because nobody wanted it any more, is waited for so long."""


class _Played:
    """The streams of one kind, each of which is played once.

    Args:
        name: What to call the provider.
        streams: The recorded ones.
    """

    def __init__(self, name: str, streams: Sequence[RecordedStream]) -> None:
        self.name = name
        self._streams = streams
        self._unused = list(streams)

    def begin(self) -> None:
        """A call begins: nothing was played yet."""
        self._unused = list(self._streams)

    def find(self, *likenesses: Callable[[RecordedStream], bool]) -> RecordedStream | None:
        """The first that was not played yet and is like what is asked, by the first likeness that any has."""
        for likeness in likenesses:
            for stream in self._unused:
                if likeness(stream):
                    self._unused.remove(stream)
                    return stream
        return None


class _Items(Generic[T]):
    """What a stream gave, each item as long after its opening as it was.

    Args:
        name: What to call the provider.
        stream: The recorded stream.
        made: Makes the item of this number.
    """

    def __init__(self, name: str, stream: RecordedStream, made: Callable[[int], T]) -> None:
        self._name = name
        self._stream = stream
        self._made = made
        self._opened = trio.current_time() - stream.opened_s
        self._next = 0

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        stream, index = self._stream, self._next
        if index < len(stream.gave):
            await trio.sleep_until(self._opened + stream.gave[index][0])
            self._next += 1
            return self._made(index)
        if stream.closed_s is not None:
            await trio.sleep_until(self._opened + stream.closed_s)
        if stream.ending == "finished":
            raise StopAsyncIteration
        await trio.sleep(MORE_S)
        known = "was not recorded any further" if stream.ending in ("", "left") else stream.ending
        raise ProviderError(self._name, known)


class PlayedLLM:
    """A language model that answers what it was asked in a recording.

    Args:
        recording: What was asked, and answered.
        otherwise: Asked what was not asked there; None for nobody: then it fails.
    """

    name = "recorded-llm"

    def __init__(self, recording: Recording, otherwise: LLM | None) -> None:
        self._played = _Played(self.name, [stream for stream in recording.streams if stream.kind == "llm"])
        self._otherwise = otherwise

    @asynccontextmanager
    async def connect(self, resources: Resources) -> AsyncGenerator["_PlayedLLMConnection"]:
        """See `turnscope.providers.LLM.connect`."""
        self._played.begin()
        async with AsyncExitStack() as stack:
            other = self._otherwise
            yield _PlayedLLMConnection(
                self._played, None if other is None else await stack.enter_async_context(other.connect(resources))
            )


class _PlayedLLMConnection:
    def __init__(self, played: _Played, otherwise: LLMConnection | None) -> None:
        self._played = played
        self._otherwise = otherwise

    @asynccontextmanager
    async def open_stream(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()
    ) -> AsyncGenerator[AsyncIterator[LLMItem]]:
        asked = tuple(messages)
        stream = self._played.find(
            lambda each: each.asked[0] == asked, lambda each: _gist(each.asked[0]) == _gist(asked)
        )
        if stream is not None:
            gave = stream.gave
            yield _Items(self._played.name, stream, lambda index: cast(LLMItem, gave[index][1]))
        elif self._otherwise is not None:
            async with self._otherwise.open_stream(messages, tools) as others:
                yield others
        else:
            words = next((message.text for message in reversed(asked) if message.role == "user"), "")
            raise ProviderError(self._played.name, f"was not asked this in the recording: {words!r}")


def _gist(messages: Sequence[Message]) -> tuple[str, int]:
    """What a question is about: the caller's last words, and how many results of tools have come since."""
    results = 0
    for message in reversed(messages):
        if message.role == "user":
            return message.text, results
        results += message.role == "tool"
    return "", results


class PlayedTTS:
    """A synthesizer that speaks what it spoke in a recording.

    Args:
        recording: What was spoken.
        otherwise: Speaks what was not; None for nobody.

    Raises:
        ConfigError: Nothing was spoken, or not all of it at one rate.
    """

    name = "recorded-tts"

    def __init__(self, recording: Recording, otherwise: TTS | None) -> None:
        streams = [stream for stream in recording.streams if stream.kind == "tts"]
        rates = {stream.hz for stream in streams}
        if len(rates) > 1:
            raise ConfigError(f"{recording.folder}: was spoken at several rates, which is not played back: {rates}")
        self._hz = next(iter(rates), 0)
        self._played = _Played(self.name, streams)
        self._speech = recording.speech()
        self._otherwise = otherwise

    @asynccontextmanager
    async def connect(self, resources: Resources) -> AsyncGenerator["_PlayedTTSConnection"]:
        """See `turnscope.providers.TTS.connect`."""
        self._played.begin()
        async with AsyncExitStack() as stack:
            other = self._otherwise
            opened = None if other is None else await stack.enter_async_context(other.connect(resources))
            if opened is not None and self._hz not in (0, opened.output_hz):
                raise ConfigError(f"tts must speak at {self._hz} Hz, as it did, but speaks at {opened.output_hz} Hz")
            hz = self._hz or (16000 if opened is None else opened.output_hz)
            yield _PlayedTTSConnection(self._played, self._speech, hz, opened)


class _PlayedTTSConnection:
    def __init__(self, played: _Played, speech: Samples, hz: int, otherwise: TTSConnection | None) -> None:
        self.output_hz: int = hz
        self._played = played
        self._speech = speech
        self._otherwise = otherwise

    @asynccontextmanager
    async def open_stream(self, text: str, options: VoiceOptions) -> AsyncGenerator[AsyncIterator[SpeechChunk]]:
        stream = self._played.find(lambda each: each.asked == (text, options), lambda each: each.asked[0] == text)
        if stream is not None:
            yield _Items(self._played.name, stream, partial(self._chunk, stream))
        elif self._otherwise is not None:
            async with self._otherwise.open_stream(text, options) as others:
                yield others
        else:
            raise ProviderError(self._played.name, f"did not speak this in the recording: {text!r}")

    def _chunk(self, stream: RecordedStream, index: int) -> SpeechChunk:
        count, offset = stream.audio[index]
        if offset is None or offset + count > len(self._speech):  # of one that was cut off, the end may be missing
            raise ProviderError(self._played.name, "its audio is not in the recording")
        item = cast(SpeechChunk, stream.gave[index][1])
        return replace(item, samples=self._speech[offset : offset + count])


# Tools

Outcome = tuple[str, str, float]
"""How a call was settled, what the model was told, and how long it took, in seconds."""


def played_tools(recording: Recording) -> list[Tool]:
    """Tools that return what those of the same name returned in a recording, to the same arguments."""
    specs: dict[str, ToolSpec] = {}
    for stream in recording.streams:
        if stream.kind == "llm":
            specs |= {spec.name: spec for spec in stream.asked[1]}
    asked = {event.call_id: event for event in recording.events if isinstance(event, ToolCalled)}
    outcomes: dict[str, dict[str, list[Outcome]]] = defaultdict(lambda: defaultdict(list))
    for event in recording.events:
        if isinstance(event, ToolSettled) and event.call_id in asked:
            outcome = event.kind, event.text, event.duration_s
            outcomes[event.tool][_canonical(asked[event.call_id].arguments)].append(outcome)
    policies = {told["name"]: told for told in recording.settings[recording.agent]["tools"]}
    return [_PlayedTool(spec, outcomes[name], policies.get(name, {})) for name, spec in specs.items()]


async def _nothing() -> None:
    pass


class _PlayedTool(Tool):
    def __init__(self, spec: ToolSpec, outcomes: Mapping[str, Sequence[Outcome]], told: Mapping[str, Any]) -> None:
        super().__init__(
            _nothing,
            name=spec.name,
            description=spec.description,
            on_interruption=told.get("on_interruption", "cancel"),
            keep_s=told.get("keep_s", 2.0),
            announce=told.get("announce", False),
        )
        self._spec = spec
        self._outcomes = {arguments: list(each) for arguments, each in outcomes.items()}

    @property
    def spec(self) -> ToolSpec:
        return self._spec

    def read(self, arguments: str) -> dict[str, object]:
        return {"asked": _canonical(arguments)}

    async def call(self, arguments: dict[str, object], context: ToolContext, compute: Compute) -> object:
        waiting = self._outcomes.get(str(arguments["asked"]), [])
        if not waiting:
            raise LookupError("was not called like this in the recording")
        kind, text, took_s = waiting.pop(0)
        if kind in ("cancelled", "detached"):
            await trio.sleep_forever()  # what it would have returned is not known
        await trio.sleep(took_s)
        if kind == "failed":
            raise RuntimeError(text)
        return text


def _canonical(arguments: str) -> str:
    try:
        return json.dumps(json.loads(arguments or "{}"), sort_keys=True)
    except ValueError:
        return arguments
