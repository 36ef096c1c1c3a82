"""One try at answering: the model thinks, and in a speech scope inside it its words are spoken."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import trio

from turnscope.core import AttemptSpent, Clause, Event, HeardWord, Message, SpokenText, StartAttempt
from turnscope.session._calling import Calling
from turnscope.session._filling import Filling
from turnscope.session._metering import Meter, MeteredLLM, MeteredTTS
from turnscope.session._requests import Request
from turnscope.session._speaking import Speaking
from turnscope.session._thinking import Thinking
from turnscope.session._voice import Voice

if TYPE_CHECKING:
    from turnscope.session._turn import TurnContext

__all__ = ["Attempt"]

SPECULATIVE_CLAUSES = 4
"""Clauses that a speculative answer may be ahead of its voice. What it writes at most, for nothing, is one more."""


class Attempt:
    """An attempt is run once, by its turn. Cancelling its scope, at any time, takes it back.

    One that is speculative has no place at the gate before it is admitted, and what happens in it is told only then.

    Args:
        order: What to answer.
        request: How the application wants it, if it has asked for it.
        context: The session, as far as a turn may use it.
        on_settled: Called whenever a tool's call has been settled.
        on_failure: Told at once when a part of the attempt fails.
    """

    def __init__(
        self,
        order: StartAttempt,
        request: Request,
        context: "TurnContext",
        on_settled: Callable[[], None],
        on_failure: Callable[["Attempt", BaseException], None],
    ) -> None:
        self.order: StartAttempt = order
        self.request: Request = request
        self.scope: trio.CancelScope = trio.CancelScope()
        self.speech_scope: trio.CancelScope = trio.CancelScope()
        self.admitted: trio.Event = trio.Event()
        """It is the answer, and no guess at one."""
        if not order.speculative:
            self.admitted.set()
        self.voice: Voice = context.open_voice(order)
        self.spoken: SpokenText = SpokenText(context.playout.hz)
        self.busy: list[str] = []
        """Providers whose streams are open."""
        self.cancelled_for: str = ""
        """Why it was taken back, if it was."""
        self._meter = Meter()
        self._session = context
        answer = order.turn_id, order.attempt
        self.context: TurnContext = replace(
            context,
            llm=MeteredLLM(context.taps.llm(context.llm, context.agent.llm.name, *answer), self._meter),
            tts=MeteredTTS(context.taps.tts(context.tts, context.agent.tts.name, *answer), self._meter),
            publish=self._publish,
        )
        """The session as it was when the attempt began: a hand-over that comes later does not reach it."""
        self.filling: Filling = Filling(order, request, replace(context, publish=self._publish), self.voice, self.busy)
        self.calling: Calling = Calling(order, self.context, on_settled)
        self._untold: list[Event] = []
        """What happened in it before it was admitted."""
        self._finished = False
        self._on_failure = on_failure

    async def run(self, messages: Callable[[], tuple[Message, ...]]) -> bool:
        """Answer. Returns whether the attempt ran to its end.

        Args:
            messages: Gives what the model is told, with all that has been said and called by then.
        """
        if self.scope.cancel_called:
            return False
        broken = False
        with self.scope:
            try:
                await self._think_and_speak(messages)
            except* Exception:
                if self.admitted.is_set():
                    raise
                broken = True
        self._finished = not (broken or self.scope.cancelled_caught)
        return self._finished

    async def _think_and_speak(self, messages: Callable[[], tuple[Message, ...]]) -> None:
        thinking = Thinking(self.order, self.request, self.context, self.spoken, self.calling, self.busy, self.admitted)
        speaking = Speaking(self.order, self.request, self.context, self.spoken, self.voice, self.busy)
        ahead = SPECULATIVE_CLAUSES if self.order.speculative else 1
        clauses_out, clauses_in = trio.open_memory_channel[Clause](ahead)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._guarded, partial(thinking.run, messages, clauses_out))
            with self.speech_scope:
                await self._guarded(partial(self._speak, speaking, clauses_in))

    async def _speak(self, speaking: Speaking, clauses: trio.MemoryReceiveChannel[Clause]) -> None:
        if not self.context.agent.speculation.synthesize and not self.admitted.is_set():
            await self.admitted.wait()
        if self.context.agent.filler is None:
            await speaking.run(clauses)
            return
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.filling.run)
            await speaking.run(clauses, self.filling.finish)
            nursery.cancel_scope.cancel()

    @property
    def asked(self) -> str:
        """What the caller wants answered; empty if the agent speaks of itself."""
        return "" if self.order.verbatim or self.order.prompted else self.order.text

    def admit(self, text: str) -> None:
        """It is the answer to `text`: let it be heard, and tell what has happened in it by now."""
        self.order = replace(self.order, text=text, speculative=False)
        self.admitted.set()
        self.voice.admit()
        untold, self._untold = self._untold, []
        for event in untold:
            self._publish(replace(event, sample=self.context.now()))

    def _publish(self, event: Event) -> None:
        if self.admitted.is_set():
            self._session.publish(event)
        else:
            self._untold.append(event)

    def pause(self) -> None:
        """Fall silent until it is resumed. What fills the wait for it is not resumed."""
        self.filling.stop()
        self.voice.pause()

    def duck(self, gain: float) -> None:
        """Go down to `gain`."""
        self.filling.duck(gain)
        self.voice.duck(gain)

    def resume(self) -> None:
        """Speak on: from the start of the word that the pause cut, or up from the duck."""
        self.filling.resume()
        self.voice.duck(1.0)
        if self.voice.playback.paused:
            self.voice.resume(self.spoken.word_start(self.voice.playback.heard_until))

    def shut(self) -> tuple[int | None, int | None]:
        """Fall silent for ever. Returns what `Voice.shut` does, for whatever of it was being heard."""
        times = (self.filling.stop(), self.voice.shut())  # in the order of the gate
        return max(times, key=lambda sent_and_silent: -1 if sent_and_silent[1] is None else sent_and_silent[1])

    def cancel(self, cause: str) -> None:
        """Take it back; nothing of it was heard. Idempotent."""
        self.cancelled_for = self.cancelled_for or cause
        self.shut()
        self.calling.release(cause)
        self.scope.cancel(reason=cause)

    def heard_words(self) -> tuple[HeardWord, ...]:
        """The words of it that were handed over to the end by now, and where they are heard."""
        playback, heard_at = self.voice.playback, self._session.playout.heard_at
        words: list[HeardWord] = []
        for word in self.spoken.words():
            start, last = playback.output_position(word.start), playback.output_position(word.stop - 1)
            if word.stop <= playback.heard_until and start is not None and last is not None:
                words.append(HeardWord(word.text, heard_at(start), heard_at(last + 1), word.estimated))
        return tuple(words)

    def spent(self, ending: str) -> AttemptSpent:
        """What it has cost by now. `ending` is how its turn ended, if it was not taken back before."""
        cause = self.cancelled_for or (ending if self.admitted.is_set() else "speculation_stale")
        made, wrote = self._meter.samples, self._meter.output_tokens
        if cause == "completed":
            played = made
        else:
            played = min(self.context.playout.to_clock(self.voice.playback.heard_until), made)
        return AttemptSpent(
            self.context.now(),
            self.order.turn_id,
            self.order.attempt,
            cause,
            self._meter.input_tokens,
            wrote,
            wrote if self._finished else round(wrote * self._heard_share()),
            self._meter.estimated,
            made,
            played,
            self.filling.meter.samples,
            min(self.context.playout.to_clock(self.filling.heard), self.filling.meter.samples),
        )

    def _heard_share(self) -> float:
        """How much of the text was heard, by its length."""
        length = len(self.spoken.text.strip())
        return len(self.spoken.heard(self.voice.playback.heard_until).heard) / length if length else 0.0

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do `work`; if it fails, say so at once, and not only when everything else of the attempt has ended."""
        try:
            await work()
        except* Exception as errors:
            self._on_failure(self, errors)
            raise
