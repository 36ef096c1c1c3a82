"""A turn: everything that one thing said by the caller causes, in one nursery in one cancel scope."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import trio

from turnscope._errors import ProviderError
from turnscope.core import (
    AudioFinished,
    AudioStarted,
    Cause,
    Completed,
    Event,
    Failed,
    FloorInput,
    GateShut,
    HeardText,
    HeardWord,
    History,
    HungUp,
    Interrupted,
    ListenFailed,
    Message,
    Outcome,
    ProviderFailed,
    ProviderQuarantined,
    StartAttempt,
    TurnEnded,
    TurnFailed,
    TurnJoined,
    WordsHeard,
    db_to_gain,
)
from turnscope.providers import LLMConnection, STTConnection, TTSConnection
from turnscope.session._agent import Agent
from turnscope.session._attempt import Attempt
from turnscope.session._blame import as_provider_error
from turnscope.session._clock import SessionClock
from turnscope.session._ears import Ears
from turnscope.session._listening import Listening
from turnscope.session._playout import Playout, Voice
from turnscope.session._zombies import unblock

__all__ = ["Turn", "TurnContext"]

CLOSING_REASONS = frozenset({"hung_up", "shutdown", "providers do not stop"})
"""Causes that end the session, so that its turns have not been interrupted but left."""


@dataclass(frozen=True, slots=True)
class TurnContext:
    """The session, as far as a turn may use it."""

    agent: Agent
    clock: SessionClock
    ears: Ears
    playout: Playout
    history: History
    stt: STTConnection
    llm: LLMConnection
    tts: TTSConnection
    feed: Callable[[FloorInput], None]
    publish: Callable[[Event], None]

    def now(self) -> int:
        """The session's time, in samples."""
        return self.clock.now()

    def open_voice(self, order: StartAttempt) -> Voice:
        """A way through the gate for one attempt."""
        return self.playout.open(
            f"{order.turn_id}.{order.attempt}",
            self.agent.interruption.fade_s,
            lambda: self.feed(AudioStarted(self.now(), order.turn_id)),
        )


class Turn:
    """One turn. Its methods are called by the watcher, are synchronous, and never fail.

    Args:
        turn_id: Its id.
        listen_from: First sample of the caller's audio that it hears; None when there is nothing to listen to.
        context: The session, as far as a turn may use it.
    """

    def __init__(self, turn_id: int, listen_from: int | None, context: TurnContext) -> None:
        self.turn_id = turn_id
        self.scope: trio.CancelScope = trio.CancelScope()
        self.outcome: Outcome | None = None
        self.ended: trio.Event = trio.Event()
        """Set when `outcome` is final and the `TurnEnded` event has been published."""
        self._context = context
        self._listening = None if listen_from is None else Listening(turn_id, listen_from, context)
        self._attempt: Attempt | None = None
        self._orders_out, self._orders_in = trio.open_memory_channel[Attempt](
            math.inf
        )  # all but the last are cancelled
        self._remembered: Message | None = None
        self._task: trio.lowlevel.Task | None = None
        self._dismissed = False
        self._abandoned = False

    # What the watcher orders

    def start_attempt(self, order: StartAttempt) -> None:
        """Begin to answer."""
        self._attempt = Attempt(order, self._context)
        self._orders_out.send_nowait(self._attempt)

    def cancel_attempt(self) -> None:
        """Take the answer back; nothing of it was heard."""
        if self._attempt is not None:
            self._attempt.voice.shut()
            self._attempt.scope.cancel()
            self._attempt = None

    def flush_utterance(self) -> None:
        """Settle the transcript up to now."""
        if self._listening is not None:
            self._listening.flush()

    def listen_on(self, listen_from: int) -> None:
        """The caller goes on."""
        if self._listening is not None:
            self._listening.listen_on(listen_from)

    def stop_listening(self) -> None:
        """Nothing that is said from now on belongs to this turn."""
        if self._listening is not None:
            self._listening.scope.cancel()

    def yield_speech(self, reaction: str) -> None:
        """Step back at once."""
        if self._attempt is None:
            return
        if reaction == "pause":
            self._attempt.voice.pause()
        else:
            self._attempt.voice.duck(db_to_gain(self._context.agent.interruption.duck_db))

    def resume_speech(self) -> None:
        """Speak on: from the start of the word that the pause cut, or up from the duck."""
        if self._attempt is not None:
            voice = self._attempt.voice
            voice.duck(1.0)
            if voice.playback.paused:
                voice.resume(self._attempt.spoken.word_start(voice.playback.heard_until))

    def interrupt(self, cause: Cause) -> None:
        """Silence first; then cancel everything. Idempotent."""
        self._cut(cause)
        self.scope.cancel(reason=cause.reason)

    def interrupt_speech(self, cause: Cause) -> None:
        """Silence first; the text may go on until the turn is interrupted or its text has ended. Idempotent."""
        self._cut(cause)
        if self._attempt is not None:
            self._attempt.speech_scope.cancel(reason=cause.reason)

    def dismiss(self) -> None:
        """It was no turn."""
        self._dismissed = True
        self.scope.cancel(reason="dismissed")

    def end_without_answer(self, provider: str, message: str) -> None:
        """It was a turn, but nothing more comes of it: there is nothing to answer, or a provider let it down.

        Args:
            provider: Who failed; ``"stt"`` and ``"answer"`` stand for those that the turn waits for, empty for nobody.
            message: How.
        """
        if not provider:
            self._settle(Completed(""))
        elif self.outcome is None:
            stand_ins = {"stt": self._context.agent.stt.name, "answer": self._culprit()}
            self._give_up(ProviderError(stand_ins.get(provider, provider), message))
        self.scope.cancel(reason="nothing more to come")

    def end_unstarted(self) -> None:
        """It was interrupted before it had begun: there is nothing to wait for."""
        self._publish_ending(joined=True)

    def abandon(self) -> None:
        """Its tasks have not ended in time: end it without them, and say who is to blame."""
        self._abandoned = True
        culprit = self._culprit()
        self._context.publish(ProviderQuarantined(self._context.now(), self.turn_id, culprit))
        self._publish_ending(joined=False, blamed=culprit)

    def force_end(self) -> None:
        """The session's block is being left: unblock whatever still shields itself."""
        if self._task is not None:
            unblock(self._task)

    # Its own task

    async def run(self) -> None:
        """Live until everything of this turn is gone."""
        self._task = trio.lowlevel.current_task()
        try:
            with self.scope:
                async with trio.open_nursery() as nursery:
                    if self._listening is not None:
                        nursery.start_soon(self._listen, self._listening)
                    await self._answer()
                    nursery.cancel_scope.cancel()
        except* Exception as errors:  # what providers raise while they are closed ends up here too
            self._fail(errors)
        finally:
            self._finish()

    async def _listen(self, listening: Listening) -> None:
        try:
            await listening.run()
        except* Exception as errors:
            failure = as_provider_error("turnscope", errors)
            now = self._context.now()
            self._context.feed(ListenFailed(now, self.turn_id, failure.provider, failure.message))
            if self.outcome != Failed(failure.provider, failure.message):  # whose ending has said it
                self._publish_failure(failure)

    async def _answer(self) -> None:
        async for attempt in self._orders_in:
            messages = self._messages(attempt.order)
            if await attempt.run(messages):
                self._complete(attempt)
                return

    def _complete(self, attempt: Attempt) -> None:
        text = attempt.spoken.text.strip()
        if self.outcome is None:
            self._publish_words(attempt)
            self._remember(text, interrupted=False, unheard="")
            self._settle(Completed(text))
        elif self._remembered is not None:  # silenced, but the text went on to its end
            heard = self._remembered.text
            amended = replace(self._remembered, unheard=text[len(heard) :].strip())
            self._context.history.amend(self._remembered, amended)
        self._context.feed(AudioFinished(self._context.now(), self.turn_id))

    def _fail(self, error: BaseException) -> None:
        failure = as_provider_error("turnscope", error)
        if self.outcome is None and not self._dismissed:
            self._give_up(failure)
            self._context.feed(TurnFailed(self._context.now(), self.turn_id, failure.provider, failure.message))
        else:
            self._publish_failure(failure)

    def _finish(self) -> None:
        if self.outcome is None and not self._dismissed:  # the whole session was cancelled from outside
            heard, _, _ = self._shut_gate()
            self._settle(HungUp("shutdown", heard.heard))
        self._orders_in.close()
        self._orders_out.close()
        if not self._abandoned:
            self._publish_ending(joined=True)
        self._context.feed(TurnJoined(self._context.now(), self.turn_id))

    # Endings

    def _cut(self, cause: Cause) -> None:
        """Shut the gate and fix what was heard, at this moment."""
        if self.outcome is not None:
            return
        heard, last_sent, silence = self._shut_gate()
        self._remember(heard.heard, interrupted=True, unheard=heard.unheard)
        now = self._context.now()
        if cause.reason in CLOSING_REASONS:
            self._settle(HungUp(cause.reason, heard.heard))
            return
        self._settle(
            Interrupted(
                cause,
                heard.heard,
                heard.unheard,
                now,
                last_sent,
                silence,
                self._context.playout.provenance,
                heard.estimated,
            )
        )

    def _give_up(self, failure: ProviderError) -> None:
        """A provider let the turn down: silence, keep what was heard, and say who it was."""
        self._publish_failure(failure)
        heard, _, _ = self._shut_gate()
        self._remember(heard.heard, interrupted=True, unheard=heard.unheard)
        self._settle(Failed(failure.provider, failure.message, heard.heard))

    def _shut_gate(self) -> tuple[HeardText, int | None, int | None]:
        attempt = self._attempt
        if attempt is None:
            return HeardText("", "", (), estimated=False), None, None
        last_sent, silence = attempt.voice.shut()
        self._context.publish(GateShut(self._context.now(), self.turn_id, last_sent, silence))
        self._publish_words(attempt)
        return attempt.spoken.heard(attempt.voice.playback.heard_until), last_sent, silence

    def _settle(self, outcome: Outcome) -> None:
        if self.outcome is None:
            self.outcome = outcome

    def _publish_words(self, attempt: Attempt) -> None:
        playback, to_clock = attempt.voice.playback, self._context.playout.to_clock
        words: list[HeardWord] = []
        for word in attempt.spoken.words():
            start, last = playback.output_position(word.start), playback.output_position(word.stop - 1)
            if word.stop <= playback.heard_until and start is not None and last is not None:
                words.append(HeardWord(word.text, to_clock(start), to_clock(last + 1), word.estimated))
        self._context.publish(WordsHeard(self._context.now(), self.turn_id, tuple(words)))

    def _publish_ending(self, *, joined: bool, blamed: str = "") -> None:
        if self.outcome is not None:
            self._context.publish(TurnEnded(self._context.now(), self.turn_id, self.outcome, joined, blamed))
        self.ended.set()

    def _publish_failure(self, failure: ProviderError) -> None:
        self._context.publish(ProviderFailed(self._context.now(), self.turn_id, failure.provider, failure.message))

    def _culprit(self) -> str:
        """Whom the turn waits for: those who answer, if they are at it, else the one who listens."""
        busy = (self._attempt and self._attempt.busy) or (self._listening and self._listening.busy) or ["turnscope"]
        return ", ".join(busy)

    # History

    def _messages(self, order: StartAttempt) -> tuple[Message, ...]:
        instructions = self._context.agent.instructions
        system = (Message("system", instructions),) if instructions else ()
        return (
            *system,
            *(message for message in self._context.history.messages if message.text),
            Message("user", order.text),
        )

    def _remember(self, heard: str, *, interrupted: bool, unheard: str) -> None:
        """Put into the history what was asked and what was heard of the answer."""
        attempt = self._attempt
        if attempt is None:
            return
        asked = () if attempt.order.verbatim else (Message("user", attempt.order.text),)
        answered = (Message("assistant", heard, interrupted, unheard),) if heard or unheard else ()
        self._remembered = next(iter(answered), None)
        self._context.history.append(*asked, *answered)
