"""Standstills: how long an answer, or speech that has begun, may keep everybody waiting."""

from turnscope.core import _events as ev
from turnscope.core import _inputs as inp
from turnscope.core import _orders as do
from turnscope.core._audio import to_samples
from turnscope.core._states import Trigger
from turnscope.core._tool_waiting import ToolWaiting
from turnscope.core._voice_events import SpeechStalled, SpeechWentOn

__all__ = ["Stalling"]


class Stalling(ToolWaiting):
    """What the Floor makes of silence where there should be speech."""

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
        self._promote_challenger(holder)

    def _audio_stalled(self, item: inp.AudioStalled) -> None:
        holder = self._holder
        if holder is None or holder.turn_id != item.turn_id:
            return
        holder.waits_for = item.waits_for
        self._emit(SpeechStalled(self._now, holder.turn_id, item.since, item.waits_for))
        if not holder.tools:  # they have timeouts of their own
            patience = to_samples(self.settings.answer_timeout_s)
            self._deadlines.set("answer", max(item.since + patience, self._now))
        if holder.has_called and item.waits_for == "answer":  # a model that only pauses is not talked into
            self._await_filler(holder, item.since)

    def _audio_went_on(self, item: inp.AudioWentOn) -> None:
        holder = self._holder
        if holder is not None and holder.turn_id == item.turn_id:
            holder.waits_for = ""
            self._emit(SpeechWentOn(self._now, holder.turn_id))
            self._stop_waiting(holder)

    def _tools_done(self, item: inp.ToolsDone) -> None:
        super()._tools_done(item)
        holder = self._holder
        if holder is not None and holder.turn_id == item.turn_id and holder.waits_for:
            self._deadlines.set("answer", self._now + to_samples(self.settings.answer_timeout_s))

    def _answer_overdue(self) -> None:
        """Somebody who answers neither gives audio nor fails, or nobody plays it: fail the turn for them."""
        holder = self._holder
        if holder is not None:
            did = {"transport": "played no", "answer": "gave no more", "": "gave no"}[holder.waits_for]
            message = f"{did} audio within {self.settings.answer_timeout_s:g} s"
            self._order(do.EndTurn(holder.turn_id, holder.waits_for or "answer", message, holder.asked))
            self._turn_over(holder.turn_id, Trigger.FAILED)
