"""The contract of `turnscope.providers`, as checks that every provider has to pass, and the means to run them.

A case says how to get at a provider and what to ask it; the checks say what must hold whatever is asked.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import trio
import trio.testing

from turnscope.core import Message, Samples
from turnscope.providers import (
    VAD,
    DetectorConnection,
    DetectorStream,
    LLMConnection,
    LLMItem,
    Resources,
    Score,
    SpeechChunk,
    STTConnection,
    STTStream,
    TextDelta,
    Transcript,
    TTSConnection,
    VoiceOptions,
)
from turnscope.sim import VirtualCompute

__all__ = ["DetectorCase", "LLMCase", "STTCase", "TTSCase", "VADCase", "connected", "resources"]

_CACHE: dict[str, object] = {}
"""Weights are loaded once for all tests."""


def resources() -> Resources:
    return Resources(VirtualCompute(), _CACHE)


@asynccontextmanager
async def connected(provider: Any) -> AsyncGenerator[Any]:
    async with provider.connect(resources()) as connection:
        yield connection


# What the tasks do while a stream is used


def _tasks_below(task: trio.lowlevel.Task) -> Iterator[trio.lowlevel.Task]:
    for nursery in task.child_nurseries:
        for child in nursery.child_tasks:
            yield child
            yield from _tasks_below(child)


def task_names() -> list[str]:
    """The tasks that run below the current one, those of a test's server aside."""
    names = (task.name for task in _tasks_below(trio.lowlevel.current_task()))
    return sorted(name for name in names if not name.startswith("tests."))


class _CancelAtStep(trio.abc.Instrument):
    """Counts the steps of one task and those below it, and cancels `scope` before the `step`-th of them."""

    def __init__(self, step: int) -> None:
        self.scope = trio.CancelScope()
        self.root: trio.lowlevel.Task | None = None
        self.steps = 0
        self.cancelled_at: float | None = None
        self._step = step

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if not self._is_below(task):
            return
        self.steps += 1
        if self.steps == self._step:
            self.cancelled_at = trio.current_time()
            self.scope.cancel()

    def _is_below(self, task: trio.lowlevel.Task) -> bool:
        while task is not self.root:
            if task.parent_nursery is None:
                return False
            task = task.parent_nursery.parent_task
        return True


async def _run_cancelled(use: Callable[[], Awaitable[object]], step: int) -> _CancelAtStep:
    watch = _CancelAtStep(step)
    left_at = -1.0

    async def run(task_status: trio.TaskStatus[None]) -> None:
        nonlocal left_at
        watch.root = trio.lowlevel.current_task()
        task_status.started()
        with watch.scope:
            await use()
        left_at = trio.current_time()

    trio.lowlevel.add_instrument(watch)
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(run)
    finally:
        trio.lowlevel.remove_instrument(watch)
    if watch.cancelled_at is not None:
        assert left_at == watch.cancelled_at, f"cancelled at step {step}, it took {left_at - watch.cancelled_at} s more"
    return watch


async def check_that_cancelling_is_immediate_at_every_step(use: Callable[[], Awaitable[object]], most: int) -> int:
    """Use a stream again and again, cancelled a step later each time (or, for slow models, at `most` steps in all).

    Each time no virtual time may pass between the cancellation and the end, and no task may be left. Returns how many
    cancellations landed.
    """
    before = task_names()
    steps = (await _run_cancelled(use, step=0)).steps
    landed = 0
    for step in range(1, steps + 1, max(1, steps // most)):
        landed += (await _run_cancelled(use, step)).cancelled_at is not None
        await trio.testing.wait_all_tasks_blocked()
        assert task_names() == before, f"cancelled at step {step}, it left tasks"
    return landed


async def check_that_nothing_comes_any_more(items: AsyncIterator[Any]) -> None:
    """`items` is of a stream that was left."""
    with trio.move_on_after(30):
        try:
            item = await anext(items)
        except (StopAsyncIteration, trio.ClosedResourceError):
            return
        raise AssertionError(f"a stream that was left has given {item!r}")


# Voice activity detection


@dataclass(frozen=True)
class VADCase:
    """A detector, and speech that it must hear."""

    vad: Callable[[], VAD]
    speech: Callable[[], Samples]
    """With silence at both ends, at the detector's rate."""


def scores(vad: VAD, audio: Samples) -> list[float]:
    stream = vad.open_stream()
    size = vad.window_samples
    return [stream.process(audio[start : start + size]) for start in range(0, len(audio) - size + 1, size)]


# Speech to text


@dataclass(frozen=True)
class STTCase:
    """A recognizer, and speech that it must understand."""

    open: Callable[[], AbstractAsyncContextManager[STTConnection]]
    speech: Callable[[], Samples]
    words: str
    """In lower case, without punctuation."""
    most_cancellations: int = 10_000


@dataclass
class Heard:
    """What a stream has given, and how many of its samples had been sent at each flush."""

    transcripts: list[Transcript]
    flushed_at: list[int]

    @property
    def finals(self) -> list[Transcript]:
        return [transcript for transcript in self.transcripts if transcript.is_final]


async def transcribe(connection: STTConnection, pieces: list[Samples], flush_after: set[int]) -> Heard:
    """Send pieces as a microphone would, in chunks of 100 ms, flush after some, and wait for all finals."""
    heard = Heard([], [])
    all_final = trio.Event()

    async def read(stream: STTStream) -> None:
        async for transcript in stream:
            heard.transcripts.append(transcript)
            if len(heard.finals) == len(flush_after):
                all_final.set()

    sent = 0
    async with connection.open_stream() as stream, trio.open_nursery() as nursery:
        nursery.start_soon(read, stream)
        for number, piece in enumerate(pieces):
            for start in range(0, len(piece), 1_600):
                chunk = piece[start : start + 1_600]
                await trio.sleep(len(chunk) / 16_000)
                await stream.send_audio(chunk)
                sent += len(chunk)
            if number in flush_after:
                await stream.flush()
                heard.flushed_at.append(sent)
        await all_final.wait()
        await trio.sleep(5)  # another final would come by now
        nursery.cancel_scope.cancel()
    return heard


def plain(text: str) -> str:
    return "".join(char for char in text.lower() if char.isalnum() or char.isspace()).strip()


# Interruption detectors


@dataclass(frozen=True)
class DetectorCase:
    """A detector, and speech that it has something to say about."""

    open: Callable[[], AbstractAsyncContextManager[DetectorConnection]]
    speech: Callable[[], Samples]
    most_cancellations: int = 10_000


async def judge(connection: DetectorConnection, speech: Samples, onset: int, after_s: float = 2.0) -> list[Score]:
    """Send speech as a microphone would, in chunks of 20 ms, and give what was said of it until `after_s` later."""
    given: list[Score] = []

    async def read(stream: DetectorStream) -> None:
        async for score in stream:
            given.append(score)

    async with connection.open_stream(onset) as stream, trio.open_nursery() as nursery:
        nursery.start_soon(read, stream)
        for start in range(0, len(speech), 320):
            await trio.sleep(0.02)
            await stream.send_audio(speech[start : start + 320])
        await trio.sleep(after_s)
        nursery.cancel_scope.cancel()
    return given


# Language models


@dataclass(frozen=True)
class LLMCase:
    """A model that answers `question` with `answer`, and one that fails if it can be made to."""

    open: Callable[[], AbstractAsyncContextManager[LLMConnection]]
    name: str
    question: tuple[Message, ...]
    answer: str
    open_failing: Callable[[], AbstractAsyncContextManager[LLMConnection]] | None = None


async def ask(connection: LLMConnection, question: tuple[Message, ...]) -> list[LLMItem]:
    async with connection.open_stream(question) as items:
        return [item async for item in items]


def text_of(items: list[LLMItem]) -> str:
    return "".join(item.text for item in items if isinstance(item, TextDelta))


# Text to speech


@dataclass(frozen=True)
class TTSCase:
    """A synthesizer, and a text of several words."""

    open: Callable[[], AbstractAsyncContextManager[TTSConnection]]
    text: str
    gives_timings: bool = True
    most_cancellations: int = 10_000


async def speak(connection: TTSConnection, text: str, options: VoiceOptions = VoiceOptions()) -> list[SpeechChunk]:
    async with connection.open_stream(text, options) as chunks:
        return [chunk async for chunk in chunks]


def joined(chunks: list[SpeechChunk]) -> Samples:
    return np.concatenate([chunk.samples for chunk in chunks])
