"""By hand: the application or the client says when the caller's turn begins and ends. Their word is final."""

from turnscope.core import _events as ev
from turnscope.core import _inputs as inp
from turnscope.core._floor_state import Holder
from turnscope.core._hearing import Hearing
from turnscope.core._stalling import Stalling

__all__ = ["HANDS", "ByHand"]

HANDS = ("application", "client")
"""Sources of edges that are no detectors."""


class ByHand(Stalling):
    """Push-to-talk, and turns that only the application ends."""

    def _turn_started_by_hand(self, item: inp.SpeechStarted) -> None:
        self._emit(ev.SpeechBegins(self._now, item.onset, item.profile, item.source))
        holder = self._holder
        if self._heard is None:
            self._open_by_hand(holder, item)
        elif self._heard.speech_end is not None:
            self._drop_guess(self._heard, "user_speaking")
            self._heard.speech_resumed(item.onset)
            self._listen_on(self._heard, item.listen_from)
            self._deadlines.clear("endpoint", "guess")
        hearing = self._heard
        if hearing is not None:
            hearing.by_hand, hearing.finished = True, False
            self._interrupt_by_hand(hearing, item.source)

    def _open_by_hand(self, holder: Holder | None, item: inp.SpeechStarted) -> None:
        if holder is None:
            self._listen_to_caller(item)
        elif holder.hearing is not None and not holder.hearing.broken:
            returning = holder.returning
            if returning is None:
                returning = Hearing(holder.turn_id, item.onset, None, item.confidence)
            self._listen_on(holder.hearing, item.listen_from)
            returning.speech_end = None
            self._take_back(holder, returning)
        else:
            self._open(item.onset, item.listen_from, item.confidence, challenges=holder.turn_id)

    def _interrupt_by_hand(self, hearing: Hearing, source: str) -> None:
        """Whoever presses the button means it; only protected words are finished first."""
        holder = self._holder
        if holder is None or hearing.challenges is None:
            return
        self._deadlines.clear("window", "review", "cooldown")
        hearing.held = True
        if holder.protected:
            self._emit(self._decided(holder, hearing, "hold", "protected"))
        else:
            self._take_the_floor(holder, hearing, source, self._decided(holder, hearing, "confirm", source))

    def _turn_ended_by_hand(self, item: inp.SpeechStopped) -> None:
        self._emit(ev.SpeechEnds(self._now, item.end, item.profile, item.source))
        hearing = self._heard
        if hearing is None:
            return
        if hearing.speech_end is None:
            hearing.speech_stopped(item.end)
            self._flush(hearing)
        hearing.finished = True
        if hearing.challenges is None:
            self._await_end_of_turn(hearing)
        else:
            self._interrupt_by_hand(hearing, item.source)

    def _turn_cleared(self) -> None:
        """What the caller is saying is thrown away."""
        hearing, holder = self._heard, self._holder
        if hearing is None:
            return
        self._drop(hearing, "cleared")
        if holder is not None:
            self._resume(holder)
        else:
            self._idle()
