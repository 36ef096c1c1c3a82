"""One clause on its way through the synthesizer. It may be made before its turn has come, and is played in its turn."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import numpy as np
import trio

from turnscope.core import Clause, Resampler, Samples, SpokenText, WordTiming, as_samples
from turnscope.providers import VoiceOptions, applies_volume
from turnscope.session._blame import next_item, open_blamed
from turnscope.session._voice import Voice

if TYPE_CHECKING:
    from turnscope.session._turn import TurnContext

__all__ = ["Synthesis", "make_speech"]


async def make_speech(
    context: "TurnContext",
    text: str,
    options: VoiceOptions,
    busy: list[str],
    take: Callable[[Samples, tuple[WordTiming, ...]], Awaitable[None]],
) -> None:
    """Have `text` synthesized.

    Args:
        context: The session, as far as a turn may use it.
        text: What is to be spoken.
        options: How.
        busy: Holds the names of the providers whose streams are open.
        take: Is given the speech as it is made, at the transport's rate, and words that are counted from its beginning.

    Raises:
        ProviderError: The synthesizer failed.
    """
    agent, hz = context.agent, context.playout.hz
    name, made_hz = agent.tts.name, context.tts.output_hz
    gain = 1.0 if applies_volume(context.tts) else options.volume
    resampler = Resampler(made_hz, hz)
    stream = context.tts.open_stream(text, options)
    async with open_blamed(name, stream, busy, agent.provider_timeout_s) as chunks:
        while (chunk := await next_item(name, chunks, agent.provider_timeout_s)) is not None:
            words = tuple(_at_rate(word, made_hz, hz) for word in chunk.words)
            await take(resampler.process(_at_volume(as_samples(chunk.samples), gain)), words)
    await take(resampler.flush(), ())


def _at_volume(samples: Samples, gain: float) -> Samples:
    if gain == 1.0:
        return samples
    louder: Samples = np.clip(samples * np.float32(gain), -1.0, 1.0)
    return louder


def _at_rate(word: WordTiming, from_hz: int, to_hz: int) -> WordTiming:
    start, stop = word.start * to_hz // from_hz, word.stop * to_hz // from_hz
    return WordTiming(word.text, word.char_start, word.char_stop, start, stop, word.estimated)


class Synthesis:
    """The speech of one clause.

    What is made before its turn has come waits here, as far as the voice has room ahead; from then on it goes straight
    to the gate.

    Args:
        clause: The clause.
        spoken: Ties the text to the samples of its speech.
        voice: The way through the gate.
    """

    def __init__(self, clause: Clause, spoken: SpokenText, voice: Voice) -> None:
        self.clause = clause
        self.made: trio.Event = trio.Event()
        """Set when all of its speech is made, or the synthesizer has failed."""
        self.failure: Exception | None = None
        self._spoken = spoken
        self._voice = voice
        self._waiting: list[tuple[Samples, tuple[WordTiming, ...]]] = []
        self._in_turn = False

    async def take(self, samples: Samples, words: tuple[WordTiming, ...]) -> None:
        """The next speech of the clause, with words that are counted from the clause's own beginning."""
        await self._voice.wait_for_room_ahead(lambda: self._in_turn)
        if self._in_turn:
            self._spoken.add_speech(len(samples), words)
            await self._voice.send(samples)
        else:
            self._waiting.append((samples, words))
            self._voice.put_by(len(samples))

    async def play_out(self) -> None:
        """Its turn has come: have it played as it is made. Returns when all of it was handed to the gate.

        Raises:
            Exception: What the synthesizer has raised, once what it had made before was handed on.
        """
        self._spoken.begin_clause(self.clause.text, self.clause.start)
        self._in_turn = True
        for samples, words in self._waiting:
            self._spoken.add_speech(len(samples), words)
            self._voice.bring_forward(samples)
        self._waiting.clear()
        self._voice.room.unpark_all()
        await self.made.wait()
        if self.failure is not None:
            raise self.failure
        self._spoken.end_clause()
