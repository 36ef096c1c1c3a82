"""The voice's part of an attempt: from clauses through the synthesizer to the gate. It never touches the model."""

import math
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import trio

from turnscope.core import Clause, ClauseReady, SpokenText, StartAttempt
from turnscope.session._requests import Request
from turnscope.session._synthesis import Synthesis, make_speech
from turnscope.session._voice import Voice

if TYPE_CHECKING:
    from turnscope.session._turn import TurnContext

__all__ = ["Speaking"]


class Speaking:
    """Has clauses synthesized, several at once, and played in order.

    Args:
        order: Whose clauses they are.
        request: How the application wants it, if it has asked for it.
        context: The session, as far as a turn may use it.
        spoken: Ties the text to the samples of its speech.
        voice: The way through the gate.
        busy: Holds the names of the providers whose streams are open.
    """

    def __init__(
        self,
        order: StartAttempt,
        request: Request,
        context: "TurnContext",
        spoken: SpokenText,
        voice: Voice,
        busy: list[str],
    ) -> None:
        self._order = order
        self._context = context
        self._spoken = spoken
        self._voice = voice
        self._busy = busy
        self._options = request.way_to_speak(context.agent.voice)
        self._places = trio.Semaphore(context.agent.parallel_clauses)
        """For clauses that are being made or wait for their turn."""
        self.current: Synthesis | None = None
        """The clause whose turn it is, while not all of it has been made."""

    async def run(
        self, clauses: trio.MemoryReceiveChannel[Clause], before_end: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """Speak until `clauses` is closed and its last sample was played.

        Args:
            clauses: What is to be spoken.
            before_end: Is waited for when all of it has been made. Until then the speech counts as standing still.

        Raises:
            ProviderError: The synthesizer failed. Speech before the clause at which it did was handed to the gate.
        """
        # Few ever wait here: as many as there are places.
        asked_out, asked_in = trio.open_memory_channel[Synthesis](math.inf)
        async with clauses, trio.open_nursery() as nursery, asked_in:
            nursery.start_soon(self._ask_for_each, clauses, asked_out, nursery)
            async for synthesis in asked_in:
                self.current = synthesis
                await synthesis.play_out()
                self.current = None
                self._places.release()
        if before_end is not None:
            await before_end()
        self._voice.end()
        self._context.tell_complete(self._order.turn_id, self._spoken.text, self._voice)
        await self._voice.played.wait()

    async def _ask_for_each(
        self,
        clauses: trio.MemoryReceiveChannel[Clause],
        asked: trio.MemorySendChannel[Synthesis],
        nursery: trio.Nursery,
    ) -> None:
        """Have clauses synthesized as they come, so many of them at once as there are places."""
        async with asked:
            while True:
                await self._places.acquire()
                try:
                    clause = await clauses.receive()
                except trio.EndOfChannel:
                    return
                now = self._context.now()
                self._context.publish(ClauseReady(now, self._order.turn_id, self._order.attempt, clause.text))
                self._context.playout.far_end.say(clause.text)
                synthesis = Synthesis(clause, self._spoken, self._voice)
                asked.send_nowait(synthesis)
                if clause.speakable:
                    nursery.start_soon(self._synthesize, synthesis)
                else:
                    synthesis.made.set()

    async def _synthesize(self, synthesis: Synthesis) -> None:
        """Have one clause made. A failure waits for the clause's turn, unless nobody will take it any more."""
        try:
            await make_speech(self._context, synthesis.clause.text, self._options, self._busy, synthesis.take)
        except Exception as failure:
            if trio.current_effective_deadline() == -math.inf:
                raise
            synthesis.failure = failure
        synthesis.made.set()
