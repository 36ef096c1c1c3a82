"""Speculating: an answer is begun before the caller's turn is known to be over, and nobody hears it until it is.

A guess is an attempt that is not admitted. It is given up as soon as it is known to be wrong, and joined before the
next attempt of its turn.
"""

from turnscope.core import _attempt_events as spent
from turnscope.core import _events as ev
from turnscope.core import _inputs as inp
from turnscope.core import _orders as do
from turnscope.core._audio import to_samples
from turnscope.core._filling import Filling
from turnscope.core._floor_state import Holder
from turnscope.core._hearing import Guess, Hearing
from turnscope.core._speculation import spoken_words, word_similarity

__all__ = ["Speculating"]


class Speculating(Filling):
    """From words that may be all to an answer that is there when they are."""

    def _speculate(self, hearing: Hearing) -> None:
        """Something is known that was not: is the guess still good, or is it time for one?"""
        words = spoken_words(hearing.text)
        if words != hearing.words:
            hearing.words, hearing.words_since = words, self._now
        guess = hearing.guess
        if guess is not None and not self.settings.speculation.accepts(guess.text, hearing.text):
            self._drop_guess(hearing, "words_changed")
        self._deadlines.clear("guess")
        if self._may_guess(hearing):
            settled = hearing.settled and hearing.speech_end is not None
            due = self._now if settled else hearing.words_since + to_samples(self.settings.speculation.stable_s)
            over = self._deadlines.get("endpoint")
            if over is not None and over <= max(due, self._now):
                return  # by then the turn is over, and there is nothing left to guess
            if due <= self._now:
                self._begin_guess(hearing)
            else:
                self._deadlines.set("guess", due)

    def _guess_again(self) -> None:
        """Something that stood in the way of a guess may be gone."""
        if self._heard is not None:
            self._speculate(self._heard)

    def _may_guess(self, hearing: Hearing) -> bool:
        rules = self.settings.speculation
        return (
            rules.policy != "off"
            and hearing.guess is None
            and not hearing.broken
            and hearing.guesses < rules.max_tries
            and len(hearing.words) >= rules.min_words
            and (hearing.whole or (rules.while_speaking and hearing.speech_end is None))
            and (hearing.speech_end or self._now) - hearing.onset <= to_samples(rules.max_speech_s)
            and self._nobody_answers(hearing)
        )

    def _nobody_answers(self, hearing: Hearing) -> bool:
        """No other answer is being made, or has tasks left."""
        undecided = hearing.challenges is not None or self._holder is not None or self._muted is not None
        return not (undecided or self._joining or self._is_leaving(hearing))

    def _is_leaving(self, hearing: Hearing | None) -> bool:
        """Whether an answer to somebody who is heard was taken back, and still has tasks."""
        return hearing is not None and self._deadlines.get(f"attempt {hearing.turn_id}") is not None

    def _begin_guess(self, hearing: Hearing) -> None:
        hearing.attempts += 1
        hearing.guesses += 1
        hearing.guess = Guess(hearing.attempts, hearing.text)
        order = do.StartAttempt(hearing.turn_id, hearing.attempts, hearing.text, verbatim=False, speculative=True)
        self._order(order)
        self._emit(spent.SpeculationStarted(self._now, hearing.turn_id, hearing.attempts, hearing.text))

    def _admit_guess(self, holder: Holder) -> bool:
        """The turn is over: if the guess was right, its answer is the answer."""
        hearing = holder.hearing
        if hearing is None or hearing.guess is None:
            return False
        guess = hearing.guess
        if not self.settings.speculation.accepts(guess.text, holder.text):
            self._drop_guess(hearing, "words_changed")
            return False
        hearing.guess = None
        turn_id, similarity = holder.turn_id, word_similarity(guess.text, holder.text)
        self._emit(ev.AttemptStarted(self._now, turn_id, guess.attempt, holder.text, hearing.speech_end))
        self._emit(spent.SpeculationAdmitted(self._now, turn_id, guess.attempt, guess.text, similarity))
        self._order(do.AdmitAttempt(turn_id, guess.attempt, holder.text, held=holder.paused))
        return True

    def _drop_guess(self, hearing: Hearing, cause: str) -> None:
        """Give the guess up, if there is one."""
        guess, hearing.guess = hearing.guess, None
        if guess is not None:
            self._order(do.CancelAttempt(hearing.turn_id, guess.attempt, cause))
            self._emit(spent.SpeculationDropped(self._now, hearing.turn_id, guess.attempt, cause))
            self._deadlines.set(f"attempt {hearing.turn_id}", self._now + to_samples(self.settings.join_deadline_s))

    def _speculation_failed(self, item: inp.SpeculationFailed) -> None:
        """Who fails at a guess is asked once more, when the turn is over."""
        answered = None if self._holder is None else self._holder.hearing
        for hearing in (self._heard, answered):
            if hearing is not None and hearing.turn_id == item.turn_id:
                hearing.guesses = self.settings.speculation.max_tries
                if hearing.guess is not None and hearing.guess.attempt == item.attempt:
                    self._drop_guess(hearing, "failed")
