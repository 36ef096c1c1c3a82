"""Interrupting: from an onset while the agent speaks to the order that cancels its turn, or lets it speak on."""

from dataclasses import replace

from turnscope.core import _events as ev
from turnscope.core import _inputs as inp
from turnscope.core import _orders as do
from turnscope.core._audio import to_samples
from turnscope.core._evidence import Verdict
from turnscope.core._floor_state import Holder
from turnscope.core._hearing import Hearing
from turnscope.core._returning import Returning
from turnscope.core._states import State, Trigger

__all__ = ["Interrupting"]


class Interrupting(Returning):
    """Who may take the floor from whom."""

    # By voice

    def _challenge(self, holder: Holder, item: inp.SpeechStarted) -> None:
        """Somebody speaks over the agent, or before it is heard."""
        hearing = self._open(item.onset, item.listen_from, item.confidence, challenges=holder.turn_id)
        hearing.phase = self._phase(holder)
        hearing.held = self._handling(holder, hearing.phase) == "hold"
        hearing.judge_from = self._calm_until(holder)
        if hearing.held:
            why = "manual" if self.settings.turn_mode == "manual" else hearing.phase.replace("_", " ")
            self._emit(self._decided(holder, hearing, "hold", why))
        elif hearing.judge_from > self._now:
            self._deadlines.set("cooldown", hearing.judge_from)
        else:
            self._face(holder, hearing)

    def _challenge_instead(self, holder: Holder, returning: Hearing) -> None:
        """The answer is not taken back any more: who may have been going on may be interrupting."""
        self._deadlines.clear("window", "review")
        item = inp.SpeechStarted(self._now, returning.onset, returning.listen_from, "barge_in", returning.confidence)
        self._challenge(holder, item)
        hearing = self._heard
        if hearing is not None and returning.speech_end is not None:
            hearing.speech_stopped(returning.speech_end)
            self._flush(hearing)
            self._review()

    def _face(self, holder: Holder, hearing: Hearing) -> None:
        """Ask the policy; step back until it has decided."""
        self._open_window(hearing.phase)
        self._review()
        if self._heard is hearing and self._holder is holder:
            self._step_back(holder, hearing)

    def _calm_until(self, holder: Holder) -> int:
        """Until when nothing is an interruption, because there was one, or the reply has only just begun."""
        settings = self.settings.interruption
        times = [0]
        if self._interrupted_at is not None and settings.cooldown_s:
            times.append(self._interrupted_at + to_samples(settings.cooldown_s))
        if holder.sounding_since is not None and settings.grace_s:
            times.append(holder.sounding_since + to_samples(settings.grace_s))
        return max(times)

    def _cooled_down(self) -> None:
        hearing, holder = self._heard, self._holder
        if hearing is not None and holder is not None and hearing.challenges == holder.turn_id and not hearing.held:
            self._face(holder, hearing)

    def _step_back(self, holder: Holder, hearing: Hearing) -> None:
        if hearing.held or hearing.continued or holder.yielded_at is not None:
            return
        if holder.sounding_since is None:
            self._hold_back(holder, hearing)
            return
        reaction = self.settings.interruption.profile(hearing.phase).reaction
        if reaction is None or reaction == "continue":
            return
        holder.yielded_at, holder.paused = self._now, reaction == "pause"
        self._order(do.YieldSpeech(holder.turn_id, reaction))
        self._emit(ev.Yielded(self._now, holder.turn_id, hearing.turn_id, hearing.onset, reaction))

    def _review(self) -> None:
        """Ask the policy about the challenger, if there is one that it may judge."""
        hearing, holder = self._heard, self._holder
        if hearing is None or holder is None or hearing.challenges is None or hearing.held:
            return
        if self._now < hearing.judge_from:
            return
        ruling = self._judge(holder, hearing)
        if ruling.verdict is Verdict.WAIT:
            return
        decided = self._decided(holder, hearing, ruling.verdict.value, ruling.evidence)
        if ruling.verdict is Verdict.CONFIRM:
            self._take_the_floor(holder, hearing, ruling.evidence, decided)
        else:
            self._emit(decided)
            self._dismiss(hearing, ruling.evidence)

    def _take_the_floor(self, holder: Holder, hearing: Hearing, evidence: str, decided: ev.Decided) -> None:
        cause = ev.Cause("user_speaking", self._now, hearing.onset, evidence)
        self._order(do.InterruptTurn(holder.turn_id, cause, holder.asked))
        self._flush_says(cause)
        self._emit(decided)
        self._release(holder)
        self._go(Trigger.BARGE_IN, holder.turn_id)
        self._interrupted_at = self._now
        hearing.challenges, hearing.held, hearing.interrupted = None, False, holder.turn_id
        self._admit(hearing)
        self._bound_the_turn(hearing)
        self._await_words(hearing)
        self._await_end_of_turn(hearing)

    def _reconsider(self, hearing: Hearing) -> None:
        """Something is known that was not: is it an interruption, or the end of a turn?"""
        if hearing.challenges is not None:
            self._review()
        else:
            self._await_end_of_turn(hearing)
            self._speculate(hearing)

    def _promote_challenger(self, before: Holder) -> None:
        """The floor is free: whoever has been speaking has it now."""
        hearing = self._heard
        if hearing is not None:
            hearing.challenges = None
            hearing.held = False
            self._bound_the_turn(hearing)
            self._reconsider(hearing)
        elif before.returning is not None:
            self._listen_again(before.returning)
        elif "turn" in self._speaking:
            self._listen_to_caller(self._speaking["turn"])
        else:
            self._idle()

    def _listen_to_caller(self, item: inp.SpeechStarted) -> None:
        if self.state is State.AWAY:
            self._go(Trigger.RETURN)
        self._quiet_pauses()
        self._bound_the_turn(self._open(item.onset, item.listen_from, item.confidence, challenges=None))

    # By the application

    @property
    def judging(self) -> bool:
        """Somebody speaks, or has spoken, over the agent, and it is open what becomes of it."""
        return self._heard is not None and self._heard.challenges is not None

    @property
    def typed_input_waits(self) -> bool:
        """What is typed now waits: for protected speech, or because inputs are answered one after the other."""
        if self._holder is not None and self._holder.protected:
            return True
        return self.settings.new_input == "queue" and (self._holder is not None or self._heard is not None)

    def _text_received(self, item: inp.TextReceived) -> None:
        """The caller typed: it takes the place of what is being said or heard, unless it has to wait."""
        self._claim_id(item.turn_id)
        if self.typed_input_waits:
            self._says.append(item)
            return
        holder, hearing = self._holder, self._heard
        said = ""
        if hearing is not None:
            if hearing.challenges is None and not hearing.admitted and self.settings.new_input == "merge":
                said = hearing.text  # it will be no turn of its own; one that is, is remembered when it ends
            self._drop(hearing, "new_input")
        if holder is not None:
            cause = ev.Cause("new_input", self._now)
            self._order(do.InterruptTurn(holder.turn_id, cause, holder.asked))
            self._flush_says(cause)
            self._release(holder)
            if self.state is State.PROCESSING:
                self._go(Trigger.BARGE_IN, holder.turn_id)
        self._begin_saying(self._saying(replace(item, text=f"{said}\n{item.text}") if said else item))

    def _flush_says(self, cause: ev.Cause) -> None:
        """What the agent was to say next, unless it is protected, was to follow what was just interrupted."""
        for say in list(self._says):
            if not isinstance(say, inp.TextReceived) and say.allow_interruptions:
                self._says.remove(say)
                self._order(do.InterruptTurn(say.turn_id, cause))

    def _drop(self, hearing: Hearing, reason: str, *, closing: bool = False) -> None:
        """Nobody will answer what is being heard: an admitted turn is interrupted, any other was no turn."""
        self._forget(hearing)
        if hearing.admitted:
            self._order(do.InterruptTurn(hearing.turn_id, ev.Cause(reason, self._now), hearing.text, closing))
        else:
            self._order(do.DismissTurn(hearing.turn_id))
            self._emit_dismissed(hearing, reason)

    def _interrupt_all(self, reason: str, *, speech_only: bool) -> None:
        holder = self._holder
        if holder is not None:
            self._silence(holder, reason, speech_only=speech_only)
        elif not speech_only:
            self._end_muted(reason)
        if not speech_only:
            cause = ev.Cause(reason, self._now)
            self._flush_says(cause)
            for typed in [item for item in self._says if isinstance(item, inp.TextReceived)]:
                self._says.remove(typed)
                self._order(do.InterruptTurn(typed.turn_id, cause, typed.text))
        if holder is not None:
            self._go_on_after(holder)

    def _silence(self, holder: Holder, reason: str, *, speech_only: bool = False) -> None:
        cause = ev.Cause(reason, self._now)
        if speech_only and not holder.due:  # before its answer is begun, it has no text that could go on
            self._muted = holder.turn_id
            self._order(do.InterruptSpeech(holder.turn_id, cause))
            self._let_go(holder)
        else:
            self._order(do.InterruptTurn(holder.turn_id, cause, holder.asked))
            self._release(holder)

    def _go_on_after(self, holder: Holder) -> None:
        self._go(Trigger.BARGE_IN, holder.turn_id)
        self._promote_challenger(holder)
