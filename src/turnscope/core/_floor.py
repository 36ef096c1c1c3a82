"""Who holds the floor: the one state machine that turns what happens into orders.

Sans-IO: time arrives inside inputs, orders go out, `Floor.deadline` says when it wants to be called next. It
never waits, never looks at a clock and never touches audio.
"""

from dataclasses import replace

from turnscope.core import _events as ev
from turnscope.core import _inputs as inp
from turnscope.core import _orders as do
from turnscope.core._by_hand import HANDS
from turnscope.core._gate import admit, mute_in_force
from turnscope.core._handing_over import HandingOver
from turnscope.core._hearing import Hearing, Score
from turnscope.core._states import State, Trigger

__all__ = ["Floor"]

MAX_ZOMBIES = 1
"""How many turns at once may have tasks that do not end, before the session gives up."""


class Floor(HandingOver):
    """Decides who speaks.

    Feed it inputs in the order of their `sample` with `receive`, and carry out what it orders, in order. Whenever
    `deadline` is not None, give it a `DeadlineReached` at that sample, or anything later.
    """

    def receive(self, item: inp.FloorInput) -> list[do.Order]:
        """Take one input, and say what is to be done about it, in order."""
        if isinstance(item, inp.TurnReserved):  # only takes a number: what is due at this time comes with what follows
            self._claim_id(item.turn_id)
            return []
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
            self._hear_the_ignored()
            self._end_step()
            self._close_when_finished()
            self._hand_over_if_free()
            self._fill_if_quiet()
        self._end_step()
        orders, self._given = self._given, []
        return orders

    def _take(self, item: inp.FloorInput) -> None:
        match item:
            case inp.DeadlineReached():
                pass
            case inp.SpeechStarted(source=source) if source in HANDS:
                self._turn_started_by_hand(item)
            case inp.SpeechStarted():
                self._speech_started(item)
            case inp.SpeechStopped(source=source) if source in HANDS:
                self._turn_ended_by_hand(item)
            case inp.SpeechStopped():
                self._speech_stopped(item)
            case inp.UserTurnCleared():
                self._turn_cleared()
            case inp.TranscriptReceived():
                self._transcript(item)
            case inp.EvidenceReceived():
                self._evidence_received(item)
            case inp.ListenFailed():
                self._listen_failed(item)
            case inp.AudioStarted():
                self._audio_started(item)
            case inp.SpeechComplete():
                if self._holder is not None and self._holder.turn_id == item.turn_id:
                    self._holder.complete = item
            case inp.ReplyCut():
                self._unsaid = item
            case inp.AudioStalled():
                self._audio_stalled(item)
            case inp.AudioWentOn():
                self._audio_went_on(item)
            case inp.FillerStarted():
                self._filler_started(item)
            case inp.FillerFinished():
                self._filler_finished(item)
            case inp.AudioFinished():
                self._turn_over(item.turn_id, Trigger.FINISHED)
            case inp.TurnFailed():
                self._turn_over(item.turn_id, Trigger.FAILED)
            case inp.AttemptJoined():
                self._deadlines.clear(f"attempt {item.turn_id}")
                self._begin_if_due()
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
            case inp.SayRequested() | inp.ReplyRequested() | inp.TextReceived() if self.closing:
                self._refuse(item.turn_id)
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
            case inp.KeptAlive():
                self._kept_alive()
            case inp.HandOverRequested():
                self._hand_over_requested(item)
            case inp.EndRequested():
                self._end_requested(item)
            case inp.SentenceFinished():
                if self.closing and self._holder is not None and self._holder.turn_id == item.turn_id:
                    self._close(self.closing)
            case inp.CallerHungUp() | inp.CloseRequested():
                self._close(item.reason)

    def _take_when_ended(self, item: inp.FloorInput) -> None:
        match item:
            case inp.SayRequested() | inp.ReplyRequested() | inp.TextReceived():
                self._refuse(item.turn_id)

    def _expire(self, name: str) -> None:
        match name:
            case "endpoint":
                self._endpoint()
            case "window" | "review":
                if self._holder is not None and self._holder.returning is not None:
                    self._review_return(self._holder, self._holder.returning)
                else:
                    self._review()
            case "cooldown":
                self._cooled_down()
            case "words":
                self._words_overdue()
            case "longest turn":
                self._longest_turn_reached()
            case "guess":
                self._guess_again()
            case "answer":
                self._answer_overdue()
            case "filler":
                self._filler_overdue()
            case "away":
                self._go_away()
            case "silence":
                self._silence_over()
            case "timeout":
                self._close("timeout")
            case "end":
                self._close(self.closing)
            case _:
                kind, turn_id = name.split()
                if kind == "attempt":
                    self._give_up_attempt(int(turn_id))
                else:
                    self._give_up_joining(int(turn_id))

    # The caller's speech

    def _speech_started(self, item: inp.SpeechStarted) -> None:
        self._emit(ev.SpeechBegins(self._now, item.onset, item.profile, item.source))
        if self.settings.turn_mode == "push_to_talk":
            return
        if self._heard is not None:
            self._speaking[item.profile] = item
            self._speech_resumed(self._heard, item)
        elif (why := self._why_ignored()) is not None:
            self._ignored[item.profile] = item
            if len(self._ignored) == 1:
                self._emit(ev.SpeechIgnored(self._now, item.onset, why))
        else:
            self._speaking[item.profile] = item
            self._let_in(item)

    def _let_in(self, item: inp.SpeechStarted) -> None:
        """Speech that nobody listens to yet comes to the gate."""
        holder = self._holder
        if holder is None:
            if admit("idle", item.profile) == "listen":
                self._listen_to_caller(item)
            return
        phase = self._phase(holder)
        admission = admit(phase, item.profile, self._handling(holder, phase))
        own = holder.hearing
        if phase == "thinking" and admission == "judge" and own is not None and not own.broken:
            self._consider_return(holder, own, item)
        elif admission != "ignore" and item.profile == "barge_in":
            if own is not None and not (own.flushed or own.broken):  # it was cut off for its length
                self._flush(own)
            self._challenge(holder, item)

    def _why_ignored(self) -> str | None:
        """Why new speech is not to be listened to; None if it is."""
        settings, holder = self.settings.interruption, self._holder
        if holder is not None and self._handling(holder, self._phase(holder)) == "discard":
            return self._phase(holder).replace("_", " ")
        return mute_in_force(
            settings.mute,
            audible=holder is not None and holder.sounding_since is not None,
            has_spoken=self._has_spoken,
            tools_running=self.tools_are_running,
        )

    def _hear_the_ignored(self) -> None:
        """Nothing keeps the caller from being listened to any more: hear what they say from now on."""
        if not self._ignored or self._why_ignored() is not None or self.state is State.ENDED:
            return
        ignored, self._ignored = self._ignored, {}
        self._bound_until = max(self._bound_until, self._now)
        for item in ignored.values():
            late = replace(item, sample=self._now, onset=self._now, listen_from=self._now)
            self._speaking[item.profile] = late
            if self._heard is None:
                self._let_in(late)

    def _speech_resumed(self, hearing: Hearing, item: inp.SpeechStarted) -> None:
        if hearing.speech_end is not None and not hearing.finished:
            self._drop_guess(hearing, "user_speaking")
            hearing.speech_resumed(item.onset)
            self._listen_on(hearing, item.listen_from)
            self._deadlines.clear("endpoint", "guess")
            if hearing.challenges is None:
                self._bound_the_turn(hearing)
            lost = hearing.keep_newest(self.settings.interruption.hold_at_most) if hearing.held else ""
            if lost:
                self._emit(ev.HeldWordsLost(self._now, hearing.turn_id, lost))
        self._review()

    def _speech_stopped(self, item: inp.SpeechStopped) -> None:
        self._emit(ev.SpeechEnds(self._now, item.end, item.profile, item.source))
        self._ignored.pop(item.profile, None)
        if self._speaking.pop(item.profile, None) is None or self._speaking:
            return
        hearing, holder = self._heard, self._holder
        if holder is not None and holder.returning is not None:
            self._return_stopped(holder, holder.returning, item.end)
        if hearing is None or hearing.speech_end is not None or hearing.by_hand:
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
                    if hearing.text:
                        self._deadlines.clear("words")
                    self._words_known(hearing, is_final=item.is_final)
        holder = self._holder
        if holder is not None and holder.returning is not None and item.turn_id == holder.turn_id:
            self._return_transcript(holder, holder.returning, item)

    def _words_known(self, hearing: Hearing, *, is_final: bool) -> None:
        if hearing.cutting and hearing.speech_end is None and is_final and hearing.text:
            self._cut(hearing)
        else:
            self._reconsider(hearing)

    def _evidence_received(self, item: inp.EvidenceReceived) -> None:
        score = {item.name: Score(item.value, item.stop)}
        if item.turn_id == 0:
            self._scores |= score
        holder = self._holder
        if holder is not None and holder.returning is not None and item.turn_id in (0, holder.turn_id):
            holder.returning.take_scores(score)
            self._review_return(holder, holder.returning)
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
            if self._holder.returning is not None:
                self._stay(self._holder, self._holder.returning)

    # The agent's speech

    def _audio_started(self, item: inp.AudioStarted) -> None:
        holder = self._holder
        if holder is None or holder.turn_id != item.turn_id:
            return
        holder.audible_since = self._now
        holder.returning = None
        self._stop_waiting(holder)
        self._emit(ev.SpeechStartsPlaying(self._now, holder.turn_id))
        self._go(Trigger.FIRST_AUDIO, holder.turn_id)
        self._make_final(holder)
        self._end_step()
        speech = self._speaking.get("barge_in")
        if self._heard is not None:
            self._step_back(holder, self._heard)
        elif speech is not None and speech is self._wordless:
            self._keep_listening(holder)
        elif speech is not None:
            self._let_in(speech)

    # Endings

    def _joined(self, turn_id: int) -> None:
        if turn_id not in self._joining | self._zombies | {self._muted}:
            return
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
