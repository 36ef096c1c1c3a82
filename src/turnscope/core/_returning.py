"""Going on: the caller makes a sound before any of the answer is heard. Is it more of their turn, or was it a click?

Meanwhile the answer is made and held back, and the turn hears on: whatever the ruling, no word is lost.
"""

from turnscope.core import _events as ev
from turnscope.core import _inputs as inp
from turnscope.core import _orders as do
from turnscope.core._answering import Answering
from turnscope.core._audio import to_samples
from turnscope.core._evidence import Verdict
from turnscope.core._floor_state import Holder
from turnscope.core._hearing import Hearing
from turnscope.core._states import Trigger

__all__ = ["Returning"]


class Returning(Answering):
    """Whether an answer is taken back."""

    def _consider_return(self, holder: Holder, hearing: Hearing, item: inp.SpeechStarted) -> None:
        returning = holder.returning
        if returning is None:
            returning = Hearing(holder.turn_id, item.onset, None, item.confidence, item.listen_from, phase="thinking")
            returning.take_scores(self._scores)
            holder.returning = returning
            self._listen_on(hearing, item.listen_from)
            self._open_window("thinking")
        elif returning.speech_end is not None:
            returning.speech_resumed(item.onset)
            self._listen_on(hearing, item.listen_from)
        self._review_return(holder, returning)
        if holder.returning is not None:  # nothing is decided yet
            self._hold_back(holder, returning)

    def _hold_back(self, holder: Holder, hearing: Hearing) -> None:
        """Let nothing of the answer be heard before the ruling, unless the settings say so."""
        reaction = self.settings.interruption.profile("thinking").reaction
        if holder.audible or holder.yielded_at is not None or reaction == "continue":
            return
        holder.yielded_at, holder.paused = self._now, True
        self._emit(ev.AnswerHeld(self._now, holder.turn_id, hearing.turn_id, hearing.onset))
        if not holder.due:
            self._order(do.YieldSpeech(holder.turn_id, "pause"))

    def _return_stopped(self, holder: Holder, returning: Hearing, end: int) -> None:
        if returning.speech_end is None:
            returning.speech_stopped(end)
            if holder.hearing is not None:
                self._flush(holder.hearing)
            self._review_return(holder, returning)

    def _return_transcript(self, holder: Holder, returning: Hearing, item: inp.TranscriptReceived) -> None:
        if item.stop > returning.onset:  # words of before may still come
            returning.take_transcript(item.text, is_final=item.is_final, stop=item.stop)
            self._review_return(holder, returning)

    def _review_return(self, holder: Holder, returning: Hearing) -> None:
        ruling = self._judge(holder, returning)
        if ruling.verdict is Verdict.WAIT:
            return
        decided = self._decided(holder, returning, ruling.verdict.value, ruling.evidence)
        if ruling.verdict is Verdict.CONFIRM:
            self._take_back(holder, returning)
            self._emit(decided)
        else:
            self._emit(decided)
            self._stay(holder, returning)

    def _stay(self, holder: Holder, returning: Hearing) -> None:
        """They did not go on: the answer stands."""
        holder.returning = None
        hearing = holder.hearing
        if hearing is not None and hearing.cut_at is None:  # else, whoever comes next hears again from there
            self._bind(returning)
        if hearing is not None and returning.speech_end is None:
            self._flush(hearing)
        self._resume(holder)

    def _take_back(self, holder: Holder, returning: Hearing) -> None:
        """The caller goes on before anything of the answer was heard: the same turn, a longer utterance."""
        hearing = holder.hearing
        if hearing is None:
            return
        if not holder.due:
            self._order(do.CancelAttempt(holder.turn_id, hearing.attempts, "user_speaking"))
            self._emit(ev.AttemptCancelled(self._now, holder.turn_id, hearing.attempts, "user_speaking"))
            join_by = self._now + to_samples(self.settings.join_deadline_s)
            self._deadlines.set(f"attempt {holder.turn_id}", join_by)
        self._drop_guess(hearing, "user_speaking")
        self._holder = holder.returning = None
        self._deadlines.clear("answer", "filler", "window", "review")
        self._heard = hearing
        hearing.speech_resumed(returning.onset)
        hearing.speech_end, hearing.settled = returning.speech_end, returning.settled
        self._go(Trigger.USER_RESUMED, holder.turn_id)
        self._bound_the_turn(hearing)
        self._await_end_of_turn(hearing)

    def _listen_again(self, returning: Hearing) -> None:
        """The turn is over and its caller may be going on: what they say is a turn of its own."""
        hearing = self._open(returning.onset, returning.listen_from, returning.confidence, challenges=None)
        self._bound_the_turn(hearing)
        if returning.speech_end is not None:
            hearing.speech_stopped(returning.speech_end)
            self._flush(hearing)
            self._await_end_of_turn(hearing)
