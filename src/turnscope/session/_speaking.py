"""The voice's part of an attempt: from clauses through the synthesizer to the gate. It never touches the model."""

from typing import TYPE_CHECKING

import trio

from turnscope.core import Clause, ClauseReady, Resampler, SpokenText, StartAttempt, WordTiming, as_samples
from turnscope.session._blame import next_item, open_blamed
from turnscope.session._playout import Voice

if TYPE_CHECKING:
    from turnscope.session._turn import TurnContext

__all__ = ["Speaking"]


class Speaking:
    """Has clauses synthesized and played, in order.

    Args:
        order: Whose clauses they are.
        context: The session, as far as a turn may use it.
        spoken: Ties the text to the samples of its speech.
        voice: The way through the gate.
        busy: Holds the names of the providers whose streams are open.
    """

    def __init__(
        self, order: StartAttempt, context: "TurnContext", spoken: SpokenText, voice: Voice, busy: list[str]
    ) -> None:
        self._order = order
        self._context = context
        self._spoken = spoken
        self._voice = voice
        self._busy = busy

    async def run(self, clauses: trio.MemoryReceiveChannel[Clause]) -> None:
        """Speak until `clauses` is closed and its last sample was played."""
        async with clauses:
            await self._speak_each(clauses)
        self._voice.end()
        await self._voice.played.wait()

    async def _speak_each(self, clauses: trio.MemoryReceiveChannel[Clause]) -> None:
        async for clause in clauses:
            now = self._context.now()
            self._context.publish(ClauseReady(now, self._order.turn_id, self._order.attempt, clause.text))
            self._spoken.begin_clause(clause.text, clause.start)
            if clause.speakable:
                await self._synthesize(clause.text)
            self._spoken.end_clause()

    async def _synthesize(self, text: str) -> None:
        context = self._context
        agent, hz = context.agent, context.playout.hz
        name, made_hz = agent.tts.name, context.tts.output_hz
        resampler = Resampler(made_hz, hz)
        async with open_blamed(
            name, context.tts.open_stream(text, agent.voice), self._busy, agent.provider_timeout_s
        ) as chunks:
            while (chunk := await next_item(name, chunks, agent.provider_timeout_s)) is not None:
                words = tuple(_at_rate(word, made_hz, hz) for word in chunk.words)
                samples = resampler.process(as_samples(chunk.samples))
                self._spoken.add_speech(len(samples), words)
                await self._voice.send(samples)
        tail = resampler.flush()
        self._spoken.add_speech(len(tail))
        await self._voice.send(tail)


def _at_rate(word: WordTiming, from_hz: int, to_hz: int) -> WordTiming:
    start, stop = word.start * to_hz // from_hz, word.stop * to_hz // from_hz
    return WordTiming(word.text, word.char_start, word.char_stop, start, stop, word.estimated)
