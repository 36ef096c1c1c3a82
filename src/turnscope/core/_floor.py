"""Who holds the floor: the one state machine that turns what happens into orders.

Sans-IO: time arrives inside inputs, orders go out, `Floor.deadline` says when it wants to be called next. It
never waits, never looks at a clock and never touches audio.
"""

from turnscope.core import _events as ev
from turnscope.core import _inputs as inp
from turnscope.core import _orders as do
from turnscope.core._audio import to_samples
from turnscope.core._floor_state import Holder
from turnscope.core._hearing import Hearing, Score
from turnscope.core._states import State, Trigger
from turnscope.core._tool_waiting import ToolWaiting

__all__ = ["Floor"]

MAX_ZOMBIES = 1
"""How many turns at once may have tasks that do not end, before the session gives up."""


class Floor(ToolWaiting):
    """Decides who speaks.

    Feed it inputs in the order of their `sample` with `receive`, and carry out what it orders, in order. Whenever
    `deadline` is not None, give it a `DeadlineReached` at that sample, or anything later.
    """

    def receive(self, item: inp.FloorInput) -> list[do.Order]:
        """Take one input, and say what is to be done about it, in order."""
        self._now = max(self._now, item.sample)
        if isinstance(item, inp.TurnJoined):
            self._deadlines.clear(f"join {item.turn_id}")  # however late, it was in time
        while (due := self._deadlines.pop_due(self._now)) is not None:
            self._expire(due)
            self._end_step()
        if self.state is State.ENDED:
            self._take_when_ended(item)
        else:
            self._take(item)
        self._end_step()
        orders, self._given = self._given, []
        return orders

    def _take(self, item: inp.FloorInput) -> None:
        match item:
            case inp.DeadlineReached():
                pass
            case inp.SpeechStarted():
                self._speech_started(item)
            case inp.SpeechStopped():
                self._speech_stopped(item)
            case inp.TranscriptReceived():
                self._transcript(item)
            case inp.EvidenceReceived():
                self._evidence_received(item)
            case inp.ListenFailed():
                self._listen_failed(item)
            case inp.AudioStarted():
                self._audio_started(item)
            case inp.AudioFinished():
                self._turn_over(item.turn_id, Trigger.FINISHED)
            case inp.TurnFailed():
                self._turn_over(item.turn_id, Trigger.FAILED)
            case inp.AttemptJoined():
                self._deadlines.clear(f"attempt {item.turn_id}")
                self._guess_again()
            case inp.SpeculationFailed():
                self._speculation_failed(item)
            case inp.TurnJoined():
                self._joined(item.turn_id)
            case inp.ToolsRunning():
                self._tools_running(item)
            case inp.ToolsDone():
                self._tools_done(item)
            case inp.AttemptCommitted():
                self._attempt_committed(item)
            case inp.SayRequested() | inp.ReplyRequested():
                self._say_requested(item)
            case inp.SayCancelled():
                self._say_cancelled(item)
            case inp.ProtectionChanged():
                self._protection_changed(item)
            case inp.TextReceived():
                self._text_received(item)
            case inp.InterruptRequested():
                self._interrupt_all(item.reason, speech_only=item.speech_only)
            case inp.SessionOpened():
                self._go(Trigger.OPENED)
                self._idle()
            case inp.CallerHungUp() | inp.CloseRequested():
                self._close(item.reason)

    def _take_when_ended(self, item: inp.FloorInput) -> None:
        match item:
            case inp.SayRequested() | inp.ReplyRequested() | inp.TextReceived():
                self._claim_id(item.turn_id)
                self._order(do.InterruptTurn(item.turn_id, ev.Cause("shutdown", self._now)))

    def _expire(self, name: str) -> None:
        match name:
            case "endpoint":
                self._endpoint()
            case "window" | "review":
                self._review()
            case "longest turn":
                self._longest_turn_reached()
            case "guess":
                self._guess_again()
            case "answer":
                self._answer_overdue()
            case "away":
                self._go(Trigger.SILENCE)
            case _:
                kind, turn_id = name.split()
                if kind == "attempt":
                    self._give_up_attempt(int(turn_id))
                else:
                    self._give_up_joining(int(turn_id))

    # The caller's speech

    def _speech_started(self, item: inp.SpeechStarted) -> None:
        self._emit(ev.SpeechBegins(self._now, item.onset, item.profile, item.source))
        self._speaking[item.profile] = item
        if self._heard is not None:
            self._speech_resumed(self._heard, item)
        elif self._holder is None:
            if item.profile == "turn":
                self._listen_to_caller(item)
        elif self._holder.hearing is not None and not self._holder.hearing.broken:
            self._take_back(self._holder, self._holder.hearing, item)
        elif item.profile == "barge_in":
            self._challenge(self._holder, item)

    def _speech_resumed(self, hearing: Hearing, item: inp.SpeechStarted) -> None:
        if hearing.speech_end is not None:
            self._drop_guess(hearing, "user_speaking")
            hearing.speech_resumed(item.onset)
            self._listen_on(hearing, item.listen_from)
            self._deadlines.clear("endpoint", "guess")
            if hearing.challenges is None:
                self._bound_the_turn(hearing)
        self._review()

    def _take_back(self, holder: Holder, hearing: Hearing, item: inp.SpeechStarted) -> None:
        """The caller goes on before anything of the answer was heard: the same turn, a longer utterance."""
        if not holder.due:
            self._order(do.CancelAttempt(holder.turn_id, hearing.attempts, "user_speaking"))
            self._emit(ev.AttemptCancelled(self._now, holder.turn_id, hearing.attempts, "user_speaking"))
            join_by = self._now + to_samples(self.settings.join_deadline_s)
            self._deadlines.set(f"attempt {holder.turn_id}", join_by)
        self._drop_guess(hearing, "user_speaking")
        self._holder = None
        self._deadlines.clear("answer")
        self._heard = hearing
        hearing.speech_resumed(item.onset)
        self._listen_on(hearing, item.listen_from)
        self._go(Trigger.USER_RESUMED, holder.turn_id)
        self._bound_the_turn(hearing)

    def _speech_stopped(self, item: inp.SpeechStopped) -> None:
        self._emit(ev.SpeechEnds(self._now, item.end, item.profile, item.source))
        self._speaking.pop(item.profile, None)
        hearing = self._heard
        if self._speaking or hearing is None or hearing.speech_end is not None:
            return
        hearing.speech_stopped(item.end)
        self._flush(hearing)
        self._reconsider(hearing)

    def _transcript(self, item: inp.TranscriptReceived) -> None:
        """Words came; also, too late, those of a turn that is being answered: they count if the caller goes on."""
        answered = None if self._holder is None else self._holder.hearing
        for hearing in (self._heard, answered):
            if hearing is not None and hearing.turn_id == item.turn_id:
                hearing.take_transcript(item.text, is_final=item.is_final, stop=item.stop)
                self._emit(ev.TranscriptUpdated(self._now, item.turn_id, hearing.text, item.is_final))
                if hearing is self._heard:
                    self._words_known(hearing, is_final=item.is_final)

    def _words_known(self, hearing: Hearing, *, is_final: bool) -> None:
        if hearing.cutting and hearing.speech_end is None and is_final and hearing.text:
            self._cut(hearing)
        else:
            self._reconsider(hearing)

    def _evidence_received(self, item: inp.EvidenceReceived) -> None:
        score = {item.name: Score(item.value, item.stop)}
        if item.turn_id == 0:
            self._scores |= score
        hearing = self._heard
        if hearing is not None and item.turn_id in (0, hearing.turn_id):
            hearing.take_scores(score)
            self._review()

    def _listen_failed(self, item: inp.ListenFailed) -> None:
        if self._heard is not None and self._heard.turn_id == item.turn_id:
            self._fail_listening(self._heard, item.provider, item.message)
        elif self._holder is not None and self._holder.hearing is not None and self._holder.turn_id == item.turn_id:
            self._holder.hearing.broken = True  # what was heard is answered; what comes next needs another listener
            self._bind(self._holder.hearing)

    # The agent's speech

    def _audio_started(self, item: inp.AudioStarted) -> None:
        holder = self._holder
        if holder is None or holder.turn_id != item.turn_id:
            return
        holder.audible = True
        self._deadlines.clear("answer")
        self._emit(ev.SpeechStartsPlaying(self._now, holder.turn_id))
        self._go(Trigger.FIRST_AUDIO, holder.turn_id)
        self._make_final(holder)
        self._end_step()
        if self._heard is not None:
            self._step_back(holder, self._heard)
        elif "barge_in" in self._speaking:
            self._challenge(holder, self._speaking["barge_in"])

    def _turn_over(self, turn_id: int, trigger: Trigger) -> None:
        if self._muted == turn_id:
            self._muted = None
            self._await_join(turn_id)
        holder = self._holder
        if holder is None or holder.turn_id != turn_id:
            return
        if trigger is Trigger.FINISHED and holder.audible:
            self._emit(ev.SpeechPlayed(self._now, turn_id))
        self._release(holder)
        self._go(trigger, turn_id)
        self._promote_challenger()

    def _answer_overdue(self) -> None:
        """Somebody who answers neither gives audio nor fails: fail the turn for them."""
        holder = self._holder
        if holder is not None:
            message = f"gave no audio within {self.settings.answer_timeout_s:g} s"
            self._order(do.EndTurn(holder.turn_id, "answer", message, holder.asked))
            self._turn_over(holder.turn_id, Trigger.FAILED)

    # Endings

    def _joined(self, turn_id: int) -> None:
        if self._muted == turn_id:
            self._muted = None
        self._joining.discard(turn_id)
        self._zombies.discard(turn_id)
        self._begin_if_due()
        self._guess_again()

    def _give_up_attempt(self, turn_id: int) -> None:
        """What was taken back does not end, and no other answer of its turn can begin: the turn has failed."""
        message = "did not stop when it was cancelled"
        if self._heard is not None and self._heard.turn_id == turn_id:
            self._fail_listening(self._heard, "attempt", message)
        elif self._holder is not None and self._holder.turn_id == turn_id:
            self._order(do.EndTurn(turn_id, "attempt", message, self._holder.asked))
            self._turn_over(turn_id, Trigger.FAILED)
        self._give_up_joining(turn_id)

    def _give_up_joining(self, turn_id: int) -> None:
        self._order(do.AbandonTurn(turn_id))
        self._deadlines.clear(f"join {turn_id}")
        self._joining.discard(turn_id)
        self._zombies.add(turn_id)
        if self.state is not State.ENDED and len(self._zombies) > MAX_ZOMBIES:
            self._close("providers do not stop")
        self._begin_if_due()

    def _close(self, reason: str) -> None:
        cause = ev.Cause(reason, self._now)
        self._end_muted(reason)
        if self._holder is not None:
            self._order(do.InterruptTurn(self._holder.turn_id, cause, self._holder.asked))
            self._release(self._holder)
        if self._heard is not None:
            self._drop(self._heard, reason)
        for say in self._says:
            self._order(do.InterruptTurn(say.turn_id, cause))
        self._says.clear()
        self._deadlines.clear("endpoint", "longest turn", "window", "review", "away", "answer")
        self._go(Trigger.END)
        self._order(do.CloseSession(reason))
