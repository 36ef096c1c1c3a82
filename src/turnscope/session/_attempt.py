"""One try at answering: the model thinks, and in a speech scope inside it its words are spoken."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

import trio

from turnscope.core import (
    Clause,
    ClauseReady,
    ClauseSegmenter,
    FirstToken,
    Message,
    Resampler,
    SpokenText,
    StartAttempt,
    WordTiming,
    as_samples,
)
from turnscope.providers import TextDelta
from turnscope.session._blame import next_item, open_blamed
from turnscope.session._playout import Voice

if TYPE_CHECKING:
    from turnscope.session._turn import TurnContext

__all__ = ["Attempt"]


class Attempt:
    """An attempt is run once, by its turn. Cancelling its scope, at any time, takes it back.

    Args:
        order: What to answer.
        context: The session, as far as a turn may use it.
        on_failure: Told at once when a part of the attempt fails.
    """

    def __init__(
        self, order: StartAttempt, context: "TurnContext", on_failure: Callable[[BaseException], None]
    ) -> None:
        self.order: StartAttempt = order
        self.scope: trio.CancelScope = trio.CancelScope()
        self.speech_scope: trio.CancelScope = trio.CancelScope()
        self.voice: Voice = context.open_voice(order)
        self.spoken: SpokenText = SpokenText(context.playout.hz)
        self.busy: list[str] = []
        """Providers whose streams are open."""
        self._context = context
        self._on_failure = on_failure

    async def run(self, messages: tuple[Message, ...]) -> bool:
        """Answer `messages`. Returns whether the attempt ran to its end."""
        if self.scope.cancel_called:
            return False
        with self.scope:
            clauses_out, clauses_in = trio.open_memory_channel[Clause](1)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._guarded, partial(self._think, messages, clauses_out))
                with self.speech_scope:
                    await self._guarded(partial(self._speak, clauses_in))
        return not self.scope.cancelled_caught

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do `work`; if it fails, say so at once, and not only when everything else of the attempt has ended."""
        try:
            await work()
        except* Exception as errors:
            self._on_failure(errors)
            raise

    async def _think(self, messages: tuple[Message, ...], clauses: trio.MemorySendChannel[Clause]) -> None:
        segmenter = ClauseSegmenter(self._context.agent.clauses)
        async with clauses:
            if self.order.verbatim:
                await self._pass_on(segmenter.push(self.order.text), self.order.text, clauses)
            else:
                await self._generate(messages, segmenter, clauses)
            await self._pass_on(segmenter.flush(), "", clauses)

    async def _generate(
        self, messages: tuple[Message, ...], segmenter: ClauseSegmenter, clauses: trio.MemorySendChannel[Clause]
    ) -> None:
        agent = self._context.agent
        name, first = agent.llm.name, True
        async with open_blamed(
            name, self._context.llm.open_stream(messages), self.busy, agent.provider_timeout_s
        ) as items:
            while (item := await next_item(name, items, agent.provider_timeout_s)) is not None:
                if not isinstance(item, TextDelta):
                    continue
                if first:
                    first = False
                    self._context.publish(FirstToken(self._context.now(), self.order.turn_id, self.order.attempt))
                await self._pass_on(segmenter.push(item.text), item.text, clauses)

    async def _pass_on(self, ready: list[Clause], text: str, clauses: trio.MemorySendChannel[Clause]) -> None:
        self.spoken.add_text(text)
        for clause in ready:
            try:
                await clauses.send(clause)
            except trio.BrokenResourceError:  # the speech was interrupted; the text goes on
                return

    async def _speak(self, clauses: trio.MemoryReceiveChannel[Clause]) -> None:
        async with clauses:
            await self._speak_each(clauses)
        self.voice.end()
        await self.voice.played.wait()

    async def _speak_each(self, clauses: trio.MemoryReceiveChannel[Clause]) -> None:
        async for clause in clauses:
            now = self._context.now()
            self._context.publish(ClauseReady(now, self.order.turn_id, self.order.attempt, clause.text))
            self.spoken.begin_clause(clause.text, clause.start)
            if clause.speakable:
                await self._synthesize(clause.text)
            self.spoken.end_clause()

    async def _synthesize(self, text: str) -> None:
        context = self._context
        agent, hz = context.agent, context.playout.hz
        name, made_hz = agent.tts.name, context.tts.output_hz
        resampler = Resampler(made_hz, hz)
        async with open_blamed(
            name, context.tts.open_stream(text, agent.voice), self.busy, agent.provider_timeout_s
        ) as chunks:
            while (chunk := await next_item(name, chunks, agent.provider_timeout_s)) is not None:
                words = tuple(_at_rate(word, made_hz, hz) for word in chunk.words)
                samples = resampler.process(as_samples(chunk.samples))
                self.spoken.add_speech(len(samples), words)
                await self.voice.send(samples)
        tail = resampler.flush()
        self.spoken.add_speech(len(tail))
        await self.voice.send(tail)


def _at_rate(word: WordTiming, from_hz: int, to_hz: int) -> WordTiming:
    start, stop = word.start * to_hz // from_hz, word.stop * to_hz // from_hz
    return WordTiming(word.text, word.char_start, word.char_stop, start, stop, word.estimated)
