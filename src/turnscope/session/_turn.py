"""A turn: everything that one thing said by the caller causes, in one nursery in one cancel scope."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import trio

from turnscope._errors import ProviderError
from turnscope.core import (
    AdmitAttempt,
    AttemptJoined,
    AudioFinished,
    AudioStalled,
    AudioStarted,
    AudioWentOn,
    Cause,
    CloseRequested,
    Completed,
    Event,
    Failed,
    FloorInput,
    HeardWord,
    History,
    Interrupted,
    ListenFailed,
    Message,
    ProviderQuarantined,
    ReplyCut,
    SentenceFinished,
    SpeculationFailed,
    SpeechComplete,
    StartAttempt,
    TurnFailed,
    TurnJoined,
    asks_to_go_on,
    db_to_gain,
)
from turnscope.providers import LLMConnection, STTConnection, TTSConnection
from turnscope.session._agent import Agent
from turnscope.session._attempt import Attempt
from turnscope.session._blame import as_provider_error
from turnscope.session._clock import SessionClock
from turnscope.session._ears import Ears
from turnscope.session._ending import Ending
from turnscope.session._exchange import Exchange
from turnscope.session._listening import Listening
from turnscope.session._playout import Playout
from turnscope.session._requests import Request
from turnscope.session._tapped import Taps
from turnscope.session._toolbox import Toolbox
from turnscope.session._voice import Voice, VoiceNews
from turnscope.session._zombies import unblock

__all__ = ["Turn", "TurnContext"]


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
    tools: Toolbox
    feed: Callable[[FloorInput], None]
    publish: Callable[[Event], None]
    quarantine: Callable[[str], None]
    """Has a provider's connection replaced before it is used again."""
    taps: Taps
    """Are put at what its attempts and listeners use."""

    def now(self) -> int:
        """The session's time, in samples."""
        return self.clock.now()

    def tell_complete(self, turn_id: int, text: str, voice: Voice) -> None:
        """Tell the Floor that all speech of a reply has been made, and when it ends."""
        self.feed(SpeechComplete(self.now(), turn_id, text, voice.ends_at))

    def open_voice(self, order: StartAttempt) -> Voice:
        """A way through the gate for one attempt."""
        interruption, turn_id = self.agent.interruption, order.turn_id
        news = VoiceNews(
            started=lambda: self.feed(AudioStarted(self.now(), turn_id)),
            stalled=lambda since, waits_for: self.feed(AudioStalled(self.now(), turn_id, since, waits_for)),
            went_on=lambda: self.feed(AudioWentOn(self.now(), turn_id)),
        )
        return self.playout.open(
            f"{turn_id}.{order.attempt}",
            news,
            fade_s=interruption.fade_s,
            duck_ramp_s=interruption.duck_ramp_s,
            admitted=not order.speculative,
        )


class Turn:
    """One turn. Its methods are called by the watcher, are synchronous, and never fail.

    Args:
        turn_id: Its id.
        listen_from: First sample of the caller's audio that it hears; None when there is nothing to listen to.
        current: Gives the session, as far as a turn may use it, with the agent of the moment.
        request: How the application wants it, if it has begun it.
    """

    def __init__(
        self,
        turn_id: int,
        listen_from: int | None,
        current: Callable[[], TurnContext],
        request: Request | None = None,
    ) -> None:
        context = current()
        self.turn_id = turn_id
        self.scope: trio.CancelScope = trio.CancelScope()
        self._exchange = Exchange()
        self.ending: Ending = Ending(turn_id, context, self._exchange)
        self.task: trio.lowlevel.Task | None = None
        """In which everything of it runs, while it does."""
        self._current = current
        self._context = context
        self._request = request or Request()
        self._listening = None if listen_from is None else Listening(turn_id, listen_from, context)
        self._attempt: Attempt | None = None
        self._unpaid: list[Attempt] = []
        """Those whose `AttemptSpent` is still to come."""
        # All attempts but the last one are cancelled, so few ever wait here.
        self._orders_out, self._orders_in = trio.open_memory_channel[Attempt](math.inf)
        self._running: Attempt | None = None
        """The attempt whose tasks live, also when it was taken back."""
        self._dismissed = False
        self._abandoned = False

    @property
    def heard_words(self) -> tuple[HeardWord, ...]:
        """See `Session.words_heard`."""
        return () if self._attempt is None else self._attempt.heard_words()

    # What the watcher orders

    def start_attempt(self, order: StartAttempt) -> None:
        """Begin to answer, or to prepare an answer."""
        attempt = Attempt(order, self._request_for(order), self._current(), self.ending.rewrite, self._attempt_failed)
        if not order.speculative:
            self._attempt = attempt
        if order.held:
            attempt.pause()
        self._unpaid.append(attempt)
        self._orders_out.send_nowait(attempt)

    def admit_attempt(self, order: AdmitAttempt) -> None:
        """The answer that was prepared is the answer."""
        for attempt in self._unpaid:
            if attempt.order.attempt == order.attempt:
                self._attempt = attempt
                if order.held:
                    attempt.pause()
                attempt.admit(order.text)
                if attempt.voice.playback.ended:
                    self._context.tell_complete(self.turn_id, attempt.spoken.text, attempt.voice)

    def cancel_attempt(self, number: int) -> None:
        """Take an answer back; nothing of it was heard."""
        for attempt in self._unpaid:
            if attempt.order.attempt == number:
                if attempt.admitted.is_set():
                    attempt.cancel("user_resumed")
                    self._exchange.take_back(attempt.asked, attempt.calling.rounds)
                else:
                    attempt.cancel("speculation_stale")
                if attempt is self._attempt:
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

    def fill(self, number: int) -> None:
        """The answer is late: let something be heard meanwhile."""
        if self._attempt is not None:
            self._attempt.filling.ask(number)

    def yield_speech(self, reaction: str) -> None:
        """Step back at once."""
        if self._attempt is None:
            return
        if reaction == "pause":
            self._attempt.pause()
        else:
            self._attempt.duck(db_to_gain(self._attempt.context.agent.interruption.duck_db))

    def resume_speech(self) -> None:
        """Speak on."""
        if self._attempt is not None:
            self._attempt.resume()
            if self._attempt.voice.playback.ended:
                self._context.tell_complete(self.turn_id, self._attempt.spoken.text, self._attempt.voice)

    def finish_sentence(self) -> None:
        """Speak to the end of the sentence, and say when that was. Idempotent."""
        attempt = self._attempt
        if attempt is None:
            return
        attempt.filling.stop()
        at = attempt.voice.playback.heard_until
        attempt.voice.stop_at(
            lambda: attempt.spoken.sentence_end(at),
            lambda: self._context.feed(SentenceFinished(self._context.now(), self.turn_id)),
        )

    def interrupt(self, cause: Cause, asked: str = "", *, closing: bool = False) -> None:
        """Silence first; then cancel everything. What was `asked` is remembered. Idempotent.

        Args:
            cause: Why.
            asked: What the caller had said.
            closing: Because the session ends.
        """
        self.ending.cut(self._attempt, cause, asked=self._to_remember(asked), closing=closing)
        self.scope.cancel(reason=cause.reason)
        if cause.reason == "user_speaking" and isinstance(self.ending.outcome, Interrupted):
            self._context.feed(ReplyCut(self._context.now(), self.turn_id, self.ending.outcome.unheard))

    def interrupt_speech(self, cause: Cause) -> None:
        """Silence first; the text may go on until the turn is interrupted or its text has ended. Idempotent."""
        self.ending.cut(self._attempt, cause, text_goes_on=True)
        self.stop_listening()
        if self._attempt is not None:
            self._attempt.speech_scope.cancel(reason=cause.reason)

    def dismiss(self) -> None:
        """It was no turn."""
        self._dismissed = True
        self.scope.cancel(reason="dismissed")

    def end_without_answer(self, provider: str, message: str, asked: str) -> None:
        """It was a turn, but nothing more comes of it: there is nothing to answer, or a provider let it down.

        Args:
            provider: Who failed; ``"stt"``, ``"answer"`` and ``"attempt"`` stand for those that the turn waits for.
            message: How.
            asked: What the caller had said by then.
        """
        if not provider:
            self.ending.complete_without_answer()
        elif self.ending.outcome is None:
            culprit = self._culprit()
            stand_ins = {"stt": self._context.agent.stt.name, "answer": culprit, "attempt": culprit}
            self.ending.give_up(
                self._attempt, ProviderError(stand_ins.get(provider, provider), message), self._to_remember(asked)
            )
        self.scope.cancel(reason="nothing more to come")

    def end_unstarted(self) -> None:
        """It was interrupted before it had begun: there is nothing to wait for."""
        self.ending.publish(joined=True)

    def abandon(self) -> None:
        """Its tasks have not ended in time: end it without them, and say who is to blame."""
        self._abandoned = True
        culprit = self._culprit()
        self._context.publish(ProviderQuarantined(self._context.now(), self.turn_id, culprit))
        for name in culprit.split(", "):
            self._context.quarantine(name)
        self._settle_all()
        self.ending.publish(joined=False, blamed=culprit)

    def force_end(self) -> None:
        """The session's block is being left: unblock whatever still shields itself."""
        if self.task is not None:
            unblock(self.task)

    # Its own task

    async def run(self) -> None:
        """Live until everything of this turn is gone."""
        self.task = trio.lowlevel.current_task()
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
            if self.ending.outcome != Failed(failure.provider, failure.message):  # whose ending has said it
                self.ending.publish_failure(failure)

    async def _answer(self) -> None:
        async for attempt in self._orders_in:
            self._running = attempt
            finished = await attempt.run(partial(self._messages, attempt))
            self._running = None
            if not finished:
                self._settle(attempt)
                self._context.feed(AttemptJoined(self._context.now(), self.turn_id, attempt.order.attempt))
            else:
                self.ending.complete(attempt)
                self._context.feed(AudioFinished(self._context.now(), self.turn_id))
                if attempt.calling.closing and isinstance(self.ending.outcome, Completed):
                    self._context.feed(CloseRequested(self._context.now(), attempt.calling.closing))
                return

    def _attempt_failed(self, attempt: Attempt, error: BaseException) -> None:
        """A part of an attempt broke. If it was not admitted, it is as if there had been none."""
        if attempt.admitted.is_set():
            self._fail(error)
            return
        failure, number = as_provider_error("turnscope", error), attempt.order.attempt
        attempt.cancel("failed")
        self.ending.publish_failure(failure)
        now = self._context.now()
        self._context.feed(SpeculationFailed(now, self.turn_id, number, failure.provider, failure.message))

    def _fail(self, error: BaseException) -> None:
        failure = as_provider_error("turnscope", error)
        outcome = self.ending.outcome
        if isinstance(outcome, Failed) and (outcome.provider, outcome.message) == (failure.provider, failure.message):
            return  # it has been said already
        if outcome is None and not self._dismissed:
            self.ending.give_up(self._attempt, failure)
            self._context.feed(TurnFailed(self._context.now(), self.turn_id, failure.provider, failure.message))
        else:
            self.ending.publish_failure(failure)

    def _finish(self) -> None:
        if not self._dismissed:  # without an outcome by now, the whole session was cancelled from outside
            self.ending.cut(self._attempt, Cause("shutdown", self._context.now()), closing=True)
        self._orders_in.close()
        self._orders_out.close()
        if not self._abandoned:
            self._settle_all()
            self.ending.publish(joined=True)
        self._context.feed(TurnJoined(self._context.now(), self.turn_id))

    def _settle_all(self) -> None:
        for attempt in list(self._unpaid):
            self._settle(attempt)

    def _settle(self, attempt: Attempt) -> None:
        """Say, once, what it has cost."""
        if attempt in self._unpaid:
            self._unpaid.remove(attempt)
            outcome = self.ending.outcome
            self._context.publish(attempt.spent("hung_up" if outcome is None else outcome.kind))

    def _to_remember(self, asked: str) -> str:
        return asked if self._request.add_to_history else ""

    def _culprit(self) -> str:
        """Whom the turn waits for: those who answer, if they are at it, else the one who listens."""
        busy = (self._running and self._running.busy) or (self._listening and self._listening.busy) or ["turnscope"]
        return ", ".join(dict.fromkeys(busy))

    def _request_for(self, order: StartAttempt) -> Request:
        """The caller may ask for nothing but that the agent goes on with what they cut off."""
        settings = self._current().agent.resume
        if not (order.verbatim or order.prompted) and asks_to_go_on(order.text, settings.phrases):
            return replace(self._request, resumes=self._context.history.resumable(settings.max_turns_between))
        return self._request

    def _messages(self, attempt: Attempt) -> tuple[Message, ...]:
        instructions = attempt.context.agent.instructions
        system = (Message("system", instructions),) if instructions else ()
        prompt = (Message("system", attempt.order.text),) if attempt.order.prompted else ()
        so_far = self._exchange.so_far(attempt.asked, attempt.spoken.text, attempt.calling.rounds)
        told = (Message("system", self._request.instructions),) if self._request.instructions else ()
        return (*system, *self._context.history.prompt(*prompt, *so_far), *told)
