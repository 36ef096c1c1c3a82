"""Interrupting: from an onset while the agent speaks to the order that cancels its turn, or lets it speak on."""

from turnscope.core import _events as ev
from turnscope.core import _inputs as inp
from turnscope.core import _orders as do
from turnscope.core._answering import Answering
from turnscope.core._audio import to_samples
from turnscope.core._evidence import Evidence, Ruling, Verdict
from turnscope.core._floor_state import Holder
from turnscope.core._hearing import Hearing
from turnscope.core._judging import judge_safely
from turnscope.core._states import State, Trigger

__all__ = ["Interrupting"]


class Interrupting(Answering):
    """Who may take the floor from whom."""

    # By voice

    def _challenge(self, holder: Holder, item: inp.SpeechStarted) -> None:
        hearing = self._open(item.onset, item.listen_from, item.confidence, challenges=holder.turn_id)
        if holder.protected:
            self._emit(ev.Decided(self._now, holder.turn_id, hearing.turn_id, "hold", "protected", "", 0.0))
            return
        self._deadlines.set("window", self._now + to_samples(self.settings.interruption.decision_window_s))
        self._review()
        if self._heard is hearing and self._holder is holder:  # nothing is decided yet
            self._step_back(holder, hearing)

    def _step_back(self, holder: Holder, hearing: Hearing) -> None:
        reaction = self.settings.interruption.reaction
        if holder.protected or not holder.audible or reaction == "continue":
            return
        holder.yielded = True
        self._order(do.YieldSpeech(holder.turn_id, reaction))
        self._emit(ev.Yielded(self._now, holder.turn_id, hearing.turn_id, hearing.onset, reaction))

    def _review(self) -> None:
        """Ask the policy about the challenger, if there is one that it may judge."""
        hearing, holder = self._heard, self._holder
        if hearing is None or holder is None or hearing.challenges is None or holder.protected:
            return
        window = self._deadlines.get("window")
        evidence = self._evidence(hearing, window_elapsed=window is None or window <= self._now)
        ruling = self._judge(holder, hearing, evidence)
        verdict = ruling.verdict
        if verdict is Verdict.WAIT and evidence.window_elapsed:
            verdict = Verdict.DISMISS
        if verdict is Verdict.WAIT:
            again = ruling.review_at
            self._deadlines.set("review", again if again is not None and again > self._now else None)
            return
        self._deadlines.clear("window", "review")
        decided = ev.Decided(
            self._now, holder.turn_id, hearing.turn_id, verdict.value, ruling.evidence, hearing.text, evidence.speech_s
        )
        if verdict is Verdict.CONFIRM:
            self._take_the_floor(holder, hearing, ruling.evidence, decided)
        else:
            self._emit(decided)
            self._dismiss(hearing, ruling.evidence)

    def _evidence(self, hearing: Hearing, *, window_elapsed: bool) -> Evidence:
        return Evidence(
            self._now,
            hearing.onset,
            hearing.speech_end,
            hearing.confidence,
            hearing.text,
            hearing.settled,
            hearing.recent,
            window_elapsed,
            tuple((name, score.value) for name, score in sorted(hearing.scores.items())),
        )

    def _judge(self, holder: Holder, hearing: Hearing, evidence: Evidence) -> Ruling:
        policy = self.settings.interruption.policy
        ruling, complaint = judge_safely(policy, evidence)
        if complaint and not self._policy_failed:
            self._policy_failed = True
            name = type(policy).__name__
            self._emit(ev.PolicyFailed(self._now, holder.turn_id, hearing.turn_id, name, complaint))
        return ruling

    def _take_the_floor(self, holder: Holder, hearing: Hearing, evidence: str, decided: ev.Decided) -> None:
        cause = ev.Cause("user_speaking", self._now, hearing.onset, evidence)
        self._order(do.InterruptTurn(holder.turn_id, cause, holder.asked))
        self._emit(decided)
        self._release(holder)
        self._go(Trigger.BARGE_IN, holder.turn_id)
        hearing.challenges = None
        self._admit(hearing)
        self._bound_the_turn(hearing)
        self._await_end_of_turn(hearing)

    def _reconsider(self, hearing: Hearing) -> None:
        """Something is known that was not: is it an interruption, or the end of a turn?"""
        if hearing.challenges is not None:
            self._review()
        else:
            self._await_end_of_turn(hearing)
            self._speculate(hearing)

    def _promote_challenger(self) -> None:
        """The floor is free: whoever has been speaking has it now."""
        hearing = self._heard
        if hearing is not None:
            hearing.challenges = None
            self._bound_the_turn(hearing)
            self._reconsider(hearing)
        elif "turn" in self._speaking:
            self._listen_to_caller(self._speaking["turn"])
        else:
            self._idle()

    def _listen_to_caller(self, item: inp.SpeechStarted) -> None:
        if self.state is State.AWAY:
            self._go(Trigger.RETURN)
        self._deadlines.clear("away")
        self._bound_the_turn(self._open(item.onset, item.listen_from, item.confidence, challenges=None))

    # By the application

    def _text_received(self, item: inp.TextReceived) -> None:
        self._claim_id(item.turn_id)
        if self._heard is not None:
            self._drop(self._heard, "new_input")
        holder = self._holder
        if holder is not None:
            self._order(do.InterruptTurn(holder.turn_id, ev.Cause("new_input", self._now), holder.asked))
            self._release(holder)
            if self.state is State.PROCESSING:
                self._go(Trigger.BARGE_IN, holder.turn_id)
        if self.state is State.AWAY:
            self._go(Trigger.RETURN)
        self._emit(ev.TurnStarted(self._now, item.turn_id, "text", None))
        self._order(do.OpenTurn(item.turn_id, None))
        self._hold(Holder(item.turn_id, "text", item.text))

    def _drop(self, hearing: Hearing, reason: str) -> None:
        """Nobody will answer what is being heard: an admitted turn is interrupted, any other was no turn."""
        self._forget(hearing)
        if hearing.admitted:
            self._order(do.InterruptTurn(hearing.turn_id, ev.Cause(reason, self._now), hearing.text))
        else:
            self._order(do.DismissTurn(hearing.turn_id))
            self._emit_dismissed(hearing, reason)

    def _interrupt_all(self, reason: str, *, speech_only: bool) -> None:
        holder = self._holder
        if holder is not None:
            self._silence(holder, reason, speech_only=speech_only)
        elif not speech_only:
            self._end_muted(reason)
        for say in [say for say in self._says if say.allow_interruptions and not speech_only]:
            self._says.remove(say)
            self._order(do.InterruptTurn(say.turn_id, ev.Cause(reason, self._now)))
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
        if self._heard is not None:
            self._admit(self._heard)
        self._promote_challenger()
