"""Write a detector: this one takes whoever speaks up for an interruption, and whoever mumbles for a nod."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import numpy as np
import trio

from turnscope import Agent, ScriptedLLM, simulate
from turnscope.core import Samples
from turnscope.providers import Resources, Score
from turnscope.sim import FakeSTT, FakeTTS, FakeVAD, HangUp, Moment, Play, Step, encode_words


class Loudness:
    """An `InterruptionDetector` that looks at the level of the first tenth of a second."""

    name = "loudness"
    input_hz = 16_000

    @asynccontextmanager
    async def connect(self, resources: Resources) -> AsyncGenerator["Loudness"]:
        yield self

    @asynccontextmanager
    async def open_stream(self, onset: int) -> AsyncGenerator["LoudnessStream"]:
        """A stream for one stretch of speech, which begins at its sample `onset`."""
        stream = LoudnessStream(onset)
        try:
            yield stream
        finally:
            stream.closed = True
            stream.enough.set()


class LoudnessStream:
    def __init__(self, onset: int) -> None:
        self.sound = np.zeros(0, np.float32)
        self.onset, self.until = onset, onset + 1_600
        self.enough = trio.Event()
        self.closed = False

    async def send_audio(self, samples: Samples) -> None:
        await trio.lowlevel.checkpoint()
        self.sound = np.concatenate([self.sound, samples])
        if len(self.sound) >= self.until:
            self.enough.set()

    def __aiter__(self) -> "LoudnessStream":
        return self

    async def __anext__(self) -> Score:
        await self.enough.wait()
        if self.closed:
            raise StopAsyncIteration
        self.closed = True
        level = float(np.abs(self.sound[self.onset : self.until]).max())
        return Score("interruption", 1.0 if level > 0.1 else 0.0, self.until)


def says(words: str, moment: Moment, volume: float = 1.0) -> Step:
    return Play(encode_words(words)[0] * np.float32(volume), moment)


reply = ScriptedLLM([], fallback="One, two, three, four, five, six, seven, eight, nine, ten, eleven, twelve.")
agent = Agent(vad=FakeVAD(), stt=FakeSTT(), llm=reply, tts=FakeTTS(), detector=Loudness())
call = simulate(
    agent,
    [
        says("count please", Moment(0.5)),
        says("so many", Moment(0.5, "agent_starts"), volume=0.3),
        says("stop", Moment(0.5, "previous")),
        HangUp(Moment(1.0, "quiet")),
    ],
)
for overlap in call.overlaps:
    print(f"{overlap.text!r} was no interruption: {overlap.evidence}")
print(call.turns[0].outcome)
