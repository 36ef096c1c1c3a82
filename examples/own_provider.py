"""Write a provider: a language model is anything with a name that can be connected to and then be asked."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager

import trio

from turnscope import Agent, Message, simulate
from turnscope.providers import LLMItem, Resources, TextDelta, ToolSpec
from turnscope.sim import FakeSTT, FakeTTS, FakeVAD, HangUp, Moment, Play, encode_words


class Parrot:
    """An `LLM` that says again what it was told, word by word."""

    name = "parrot"

    @asynccontextmanager
    async def connect(self, resources: Resources) -> AsyncGenerator["Parrot"]:
        """Dial what all requests of a session share: before the yield. Hang up after it."""
        yield self

    @asynccontextmanager
    async def open_stream(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()
    ) -> AsyncGenerator[AsyncIterator[LLMItem]]:
        """Ask. Whoever leaves the block, or is cancelled in it, has closed the stream."""
        async with self._answer(messages[-1].text) as pieces:
            yield pieces

    @trio.as_safe_channel
    async def _answer(self, text: str) -> AsyncGenerator[LLMItem]:
        for word in f"You said: {text}.".split(" "):
            await trio.sleep(0.05)
            yield TextDelta(f"{word} ")


agent = Agent(vad=FakeVAD(), stt=FakeSTT(), llm=Parrot(), tts=FakeTTS())
audio, _ = encode_words("one two three")
call = simulate(agent, [Play(audio, Moment(0.5)), HangUp(Moment(2.0, "quiet"))])
print(call.history[-1].text)
