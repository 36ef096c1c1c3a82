"""How each kind of provider is used, once from beginning to end, so that it can be cancelled on the way."""

import contextlib
import inspect
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Generic, TypeVar

import numpy as np
import trio

from turnscope._errors import ConfigError
from turnscope.core import CLOCK_HZ, Message, Samples, resample
from turnscope.providers import VAD, AudioStage, Resources, VoiceOptions
from turnscope.session import Agent, Tool, ToolContext
from turnscope.sim._audit_calls import Calls
from turnscope.sim._wordcode import encode_words

__all__ = ["Exercise", "Use", "subjects", "use_of"]

T = TypeVar("T")

PIECE_S = 0.02
ANSWER_S = 20.0
"""So long an answer is waited for: a transcript, or a score."""


@dataclass(frozen=True, slots=True, eq=False)
class Exercise:
    """What is asked of whoever is audited.

    Attributes:
        audio: What they hear, at 16 kHz.
        text: What they are asked, or have to say.
        arguments: What tools are called with, by the names of the tools: JSON objects. Without, something that fits.
    """

    audio: Samples = field(default_factory=lambda: encode_words("two lattes please")[0])
    text: str = "Two lattes, please. And a muffin."
    arguments: Mapping[str, str] = field(default_factory=dict)


Use = Callable[[Calls, Resources], Awaitable[None]]
"""Uses somebody once."""


def subjects(given: object) -> Iterator[tuple[str, object]]:
    """Those who can be audited in what was given: kinds and objects. An agent is taken apart.

    Raises:
        ConfigError: There is something else among them.
    """
    if isinstance(given, Agent):
        yield "VAD", given.vad
        yield "STT", given.stt
        yield "LLM", given.llm
        yield "TTS", given.tts
        if given.interruption_detector is not None:
            yield "detector", given.interruption_detector
        yield from (("stage", stage) for stage in given.stages)
        yield from (("tool", tool) for tool in given.tools)
    elif isinstance(given, Tool):
        yield "tool", given
    elif isinstance(given, Sequence) and not isinstance(given, str):
        for part in given:
            yield from subjects(part)
    else:
        yield _kind(given), given


def _kind(somebody: object) -> str:
    if hasattr(somebody, "connect"):
        return "provider"
    if isinstance(somebody, VAD):
        return "VAD"
    if isinstance(somebody, AudioStage):
        return "stage"
    raise ConfigError(f"{type(somebody).__name__}: neither a provider nor a tool")


def use_of(kind: str, somebody: Any, exercise: Exercise) -> Use:
    """What uses somebody of a kind that `subjects` has named."""
    match kind:
        case "tool":
            return _tool(somebody, exercise)
        case "VAD":
            return _vad(somebody, exercise)
        case "stage":
            return _stage(somebody, exercise)
        case _:
            return _provider(somebody, exercise)


def kind_of_connection(connection: Any, provider: Any) -> str:
    """What a provider is. Protocols tell them apart by how they open streams, which only a connection can."""
    if hasattr(connection, "output_hz"):
        return "TTS"
    if not hasattr(provider, "input_hz"):
        return "LLM"
    return "detector" if inspect.signature(connection.open_stream).parameters else "STT"


def _provider(provider: Any, exercise: Exercise) -> Use:
    async def use(calls: Calls, resources: Resources) -> None:
        async with _Entered(calls, provider.connect(resources)) as connection:
            calls.kind = kind_of_connection(connection, provider)
            match calls.kind:
                case "TTS":
                    await _read_all(calls, connection.open_stream(exercise.text, VoiceOptions()))
                case "LLM":
                    await _read_all(calls, connection.open_stream((Message("user", exercise.text),)))
                case "STT":
                    await _hear(calls, connection.open_stream(), _pieces(exercise, provider.input_hz), flush=True)
                case _:
                    await _hear(calls, connection.open_stream(0), _pieces(exercise, provider.input_hz), flush=False)

    return use


class _Entered(Generic[T]):
    """Enters and leaves something of theirs as calls of it."""

    def __init__(self, calls: Calls, context: AbstractAsyncContextManager[T]) -> None:
        self._calls = calls
        self._context = context

    async def __aenter__(self) -> T:
        return await self._calls.make(self._context.__aenter__())

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        leaving = self._context.__aexit__(kind, error, traceback)
        return await self._calls.make(leaving)  # noqa: ASYNC102 -- theirs to shield


async def _read_all(calls: Calls, stream: AbstractAsyncContextManager[AsyncIterator[object]]) -> None:
    async with _Entered(calls, stream) as items:
        iterator = aiter(items)
        with contextlib.suppress(StopAsyncIteration):
            while True:
                await calls.make(anext(iterator))


async def _hear(
    calls: Calls, stream: AbstractAsyncContextManager[Any], pieces: Sequence[Samples], *, flush: bool
) -> None:
    """Have audio heard as it comes, while another task reads what is made of it."""
    async with _Entered(calls, stream) as ears, trio.open_nursery() as nursery:
        nursery.start_soon(_read_answers, calls, aiter(ears), nursery.cancel_scope, name="reader")
        for piece in pieces:
            await trio.sleep(PIECE_S)
            await calls.make(ears.send_audio(piece))
        if flush:
            await calls.make(ears.flush())
        await trio.sleep(ANSWER_S)
        nursery.cancel_scope.cancel()


async def _read_answers(calls: Calls, answers: AsyncIterator[Any], enough: trio.CancelScope) -> None:
    """Read to the final transcript, or to the last score."""
    with contextlib.suppress(StopAsyncIteration):
        while not getattr(await calls.make(anext(answers)), "is_final", False):
            pass
    enough.cancel()


def _vad(vad: VAD, exercise: Exercise) -> Use:
    async def use(calls: Calls, resources: Resources) -> None:
        stream, audio = vad.open_stream(), _at_rate(exercise.audio, vad.input_hz)
        for start in range(0, len(audio) - vad.window_samples + 1, vad.window_samples):
            stream.process(audio[start : start + vad.window_samples])
            await trio.lowlevel.checkpoint()

    return use


def _stage(stage: AudioStage, exercise: Exercise) -> Use:
    async def use(calls: Calls, resources: Resources) -> None:
        stream, size = stage.open_stream(), CLOCK_HZ // 100
        for start in range(0, len(exercise.audio) - size + 1, size):
            stream.process(exercise.audio[start : start + size], np.zeros(size, np.float32))
            await trio.lowlevel.checkpoint()

    return use


def _tool(tool: Tool, exercise: Exercise) -> Use:
    written = exercise.arguments.get(tool.name) or json.dumps(_example(tool.spec.parameters))
    try:
        arguments = tool.read(written)
    except Exception as error:
        raise ConfigError(f"arguments of the tool {tool.name}: {error}; got {written}") from error
    context = ToolContext(
        call_id="1.1.1",
        tool=tool.name,
        turn_id=1,
        idempotency_key="audit",
        session_id="audit",
        metadata={},
        control=_Control(),
    )

    async def use(calls: Calls, resources: Resources) -> None:
        await calls.make(tool.call(arguments, context, resources.compute))

    return use


class _Control:
    """What a tool may say about its call; nobody listens."""

    def commit(self) -> None:
        pass

    def close(self, reason: str) -> None:
        pass

    async def hand_over(self, agent: Agent) -> None:
        await trio.lowlevel.checkpoint()


def _example(schema: Any) -> object:
    """Something that a JSON Schema allows, as far as it is a simple one."""
    if "default" in schema or "enum" in schema:
        return schema.get("default", [*schema.get("enum", ()), None][0])
    if "anyOf" in schema:
        return _example(schema["anyOf"][0])
    if schema.get("type") == "object":
        needed = schema.get("required", ())
        return {name: _example(part) for name, part in schema.get("properties", {}).items() if name in needed}
    if schema.get("type") in ("number", "integer"):
        return schema.get("minimum", 1)
    return {"string": "example", "boolean": True, "array": []}.get(schema.get("type"))


def _pieces(exercise: Exercise, hz: int) -> list[Samples]:
    audio, size = _at_rate(exercise.audio, hz), round(PIECE_S * hz)
    return [audio[start : start + size] for start in range(0, len(audio), size)]


def _at_rate(audio: Samples, hz: int) -> Samples:
    return resample(audio, CLOCK_HZ, hz)
