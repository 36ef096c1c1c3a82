"""One clause on its way through the synthesizer. It may be made before its turn has come, and is played in its turn."""

import trio

from turnscope.core import Clause, Samples, SpokenText, WordTiming
from turnscope.session._playout import Voice

__all__ = ["Synthesis"]


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

    async def take(self, samples: Samples, words: tuple[WordTiming, ...] = ()) -> None:
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
