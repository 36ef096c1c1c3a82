"""Answering: when the caller's turn is over, and how its answer is begun."""

from turnscope.core import _events as ev
from turnscope.core import _inputs as inp
from turnscope.core import _orders as do
from turnscope.core._audio import to_samples
from turnscope.core._evidence import Phase
from turnscope.core._floor_state import VERBATIM, Holder
from turnscope.core._hearing import Hearing
from turnscope.core._making_good import remedy
from turnscope.core._phases import Handling
from turnscope.core._speculating import Speculating
from turnscope.core._states import State, Trigger

__all__ = ["Answering"]


CUT_OVERLAP_S = 0.5
"""A final transcript that was asked for in the middle of speech may lack, or mangle, a word of this length at its end.

The next listener begins so much earlier. It may hear a word twice; it loses none.
"""


class Answering(Speculating):
    """From the caller's silence to the agent's first word."""

    # The end of the caller's turn

    def _bound_the_turn(self, hearing: Hearing) -> None:
        longest = to_samples(self.settings.endpointing.max_turn_s)
        self._deadlines.set("longest turn", max(hearing.onset + longest, self._now))

    def _await_end_of_turn(self, hearing: Hearing) -> None:
        """Set the time at which the silence after `hearing` will have been long enough."""
        if hearing.speech_end is None or self._must_be_finished(hearing):
            return
        rules = self.settings.endpointing
        if hearing.finished:
            delay = 0 if hearing.settled else to_samples(rules.transcript_timeout_s)
        else:
            delay = rules.delay(hearing.text, settled=hearing.settled, longest_pause=hearing.longest_pause)
        self._deadlines.set("endpoint", max(hearing.speech_end + delay, self._now))

    def _must_be_finished(self, hearing: Hearing) -> bool:
        """Silence does not end it: somebody else will say that it is over, and has not yet."""
        return not hearing.finished and (hearing.by_hand or self.settings.turn_mode == "manual")

    def _longest_turn_reached(self) -> None:
        """The caller's turn is over although they speak on. In a pause it will be over by itself."""
        hearing = self._heard
        if hearing is None or hearing.challenges is not None or hearing.speech_end is not None:
            return
        if hearing.text:
            self._cut(hearing)
        else:  # a listener that gives final transcripts only has to be asked for one; it hears on without a break
            hearing.cutting = True
            self._flush(hearing)
            self._listen_on(hearing, self._now)
            self._deadlines.set("longest turn", self._now + to_samples(self.settings.endpointing.max_turn_s))

    def _cut(self, hearing: Hearing) -> None:
        """Answer what is known. The word that is being spoken, and what else the text lacks, is heard again next."""
        hearing.speech_stopped(self._now)
        hearing.cut_at = hearing.accounted_for - (to_samples(CUT_OVERLAP_S) if hearing.cutting else 0)
        self._cut_at = self._now
        self._answer(hearing)

    def _endpoint(self) -> None:
        """The caller's turn is over, unless its words are still to come."""
        hearing = self._heard
        if hearing is None or hearing.challenges is not None or hearing.speech_end is None:
            return
        if not hearing.settled:
            patience = hearing.speech_end + to_samples(self.settings.endpointing.transcript_timeout_s)
            if self._now < patience:
                self._deadlines.set("endpoint", patience)
                self._speculate(hearing)
                return
            if not hearing.text:
                self._fail_listening(hearing, "stt", "gave no final transcript in time")
                return
        if hearing.text:
            self._answer(hearing)
        else:
            self._dismiss(hearing, "no words")

    def _fail_listening(self, hearing: Hearing, provider: str, message: str) -> None:
        """Nobody knows what was said. A first utterance is a turn that failed; a challenger is let go."""
        if hearing.challenges is None:
            self._admit(hearing)
        self._dismiss(hearing, f"{provider} failed", provider, message)

    def _dismiss(self, hearing: Hearing, evidence: str, provider: str = "", message: str = "") -> None:
        """It was no turn. Whoever had stepped back for it speaks on."""
        self._forget(hearing)
        holder = self._holder
        if holder is not None:
            has_paused = holder.yielded_at is not None and (holder.audible or hearing.phase == "speaking")
            if has_paused and not hearing.text:
                self._emit(ev.FalseInterruption(self._now, holder.turn_id, hearing.turn_id, "resume"))
            self._resume(holder)
        if hearing.admitted:
            self._order(do.EndTurn(hearing.turn_id, provider, message, hearing.text))
        else:
            self._order(do.DismissTurn(hearing.turn_id))
            self._emit_dismissed(hearing, evidence)
        if holder is None:
            self._make_good(hearing)
            self._idle()
        elif "barge_in" in self._speaking and not provider:  # a listener that fails would fail again, at once
            self._keep_listening(holder)

    def _keep_listening(self, holder: Holder) -> None:
        """The one who was dismissed still makes sound: hear on from here, without stepping back again."""
        hearing = self._open(self._now, self._now, 0.0, challenges=holder.turn_id)
        hearing.phase, hearing.continued = self._phase(holder), True
        hearing.held = self._handling(holder, hearing.phase) == "hold"
        if not hearing.held:
            self._open_window(hearing.phase)

    def _handling(self, holder: Holder, phase: Phase) -> Handling:
        """What becomes of speech over the agent."""
        return "hold" if self.settings.turn_mode == "manual" else self.settings.interruption.profile(phase).handling

    def _forget(self, hearing: Hearing) -> None:
        self._heard = None
        self._drop_guess(hearing, "turn_ended")
        self._bind(hearing)
        self._deadlines.clear("endpoint", "longest turn", "window", "review", "cooldown", "words", "guess")
        self._await_join(hearing.turn_id)

    def _emit_dismissed(self, hearing: Hearing, evidence: str) -> None:
        onset, text, challenged = hearing.onset, hearing.text, hearing.challenges
        self._emit(ev.UtteranceDismissed(self._now, hearing.turn_id, onset, text, evidence, challenged))

    def _open(self, onset: int, listen_from: int, confidence: float, challenges: int | None) -> Hearing:
        turn_id = self._next_turn_id
        self._claim_id(turn_id)
        onset = max(onset, self._bound_until, self._cut_at)
        self._heard = Hearing(turn_id, onset, challenges, confidence)
        self._heard.take_scores(self._scores)
        self._order(do.OpenTurn(turn_id, max(listen_from, self._bound_until)))
        self._emit(ev.TurnOpened(self._now, turn_id, onset, challenges))
        return self._heard

    # Interruptions that were none

    def _await_words(self, hearing: Hearing) -> None:
        """Somebody has interrupted without a word so far: some must come."""
        if not hearing.text:
            self._deadlines.set("words", self._now + to_samples(self.settings.interruption.words_deadline_s))

    def _words_overdue(self) -> None:
        hearing = self._heard
        if hearing is not None and hearing.interrupted is not None and not hearing.text:
            self._wordless = self._speaking.get("barge_in")
            self._dismiss(hearing, "no words in time")

    def _make_good(self, hearing: Hearing) -> None:
        """The floor is free, and if what freed it was nothing, the agent takes it again."""
        if hearing.interrupted is None or hearing.text:
            return
        cut = self._unsaid
        unheard = cut.unheard if cut is not None and cut.turn_id == hearing.interrupted else ""
        action, text = remedy(self.settings.interruption, unheard)
        self._emit(ev.FalseInterruption(self._now, hearing.interrupted, hearing.turn_id, action))
        if text:
            turn_id = self._next_turn_id
            self._claim_id(turn_id)
            self._begin_saying(Holder(turn_id, action, text))

    # The beginning of the answer

    def _answer(self, hearing: Hearing) -> None:
        self._heard = None
        self._deadlines.clear("endpoint", "longest turn", "words", "guess")
        self._admit(hearing)
        self._hold(Holder(hearing.turn_id, "speech", hearing.text, hearing))

    def _hold(self, holder: Holder) -> None:
        """Give the floor to a turn, and begin its answer as soon as no other turn is left."""
        self._holder = holder
        self._quiet_ends(holder.origin)
        self._go(Trigger.ANSWER, holder.turn_id)
        self._end_muted("new_input")
        holder.due = True
        self._begin_if_due()

    def _begin_if_due(self) -> None:
        holder = self._holder
        if holder is None or not holder.due or self._joining or self._is_leaving(self._heard):
            return
        holder.due = False
        if not self._admit_guess(holder):
            self._start_attempt(holder)
        self._deadlines.set("answer", self._now + to_samples(self.settings.answer_timeout_s))
        self._await_filler(holder, self._now)

    def _start_attempt(self, holder: Holder) -> None:
        attempt, speech_end = 1, None
        if holder.hearing is not None:
            holder.hearing.attempts += 1
            attempt, speech_end = holder.hearing.attempts, holder.hearing.speech_end
        verbatim = holder.origin in VERBATIM and not holder.prompted
        self._order(
            do.StartAttempt(
                holder.turn_id, attempt, holder.text, verbatim, held=holder.paused, prompted=holder.prompted
            )
        )
        self._emit(ev.AttemptStarted(self._now, holder.turn_id, attempt, holder.text, speech_end))

    def _next_say(self) -> None:
        if not self._says or self._holder is not None or self._heard is not None or self.state is State.INITIAL:
            return
        item = self._says.popleft()
        if isinstance(item, inp.TextReceived):
            item = self._newest(item)
        self._begin_saying(self._saying(item))

    @staticmethod
    def _saying(item: inp.SayRequested | inp.ReplyRequested | inp.TextReceived) -> Holder:
        if isinstance(item, inp.TextReceived):
            return Holder(item.turn_id, "text", item.text)
        protected = not item.allow_interruptions
        if isinstance(item, inp.ReplyRequested):
            return Holder(item.turn_id, "reply", item.text, protected=protected)
        return Holder(item.turn_id, "say", item.text, protected=protected, priority=item.priority)

    def _begin_saying(self, holder: Holder) -> None:
        if self.state is State.AWAY:
            self._go(Trigger.RETURN)
        self._order(do.OpenTurn(holder.turn_id, None))
        self._emit(ev.TurnStarted(self._now, holder.turn_id, holder.origin, None))
        self._hold(holder)

    def _newest(self, item: inp.TextReceived) -> inp.TextReceived:
        """The newest of the typed inputs that wait; unless they are to be answered one by one, it stands for all."""
        if self.settings.new_input != "queue":
            for later in [waiting for waiting in self._says if isinstance(waiting, inp.TextReceived)]:
                self._says.remove(later)
                self._order(do.InterruptTurn(item.turn_id, ev.Cause("new_input", self._now), item.text))
                item = later
        return item

    def _idle(self) -> None:
        """Nobody speaks."""
        self._next_say()
        if self._holder is None and self._heard is None:
            self._quiet_begins()
