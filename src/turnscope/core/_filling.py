"""Fillers: when something is to be heard while an answer keeps the caller waiting. What it is, the session knows."""

from turnscope.core import _audio_inputs as inp
from turnscope.core import _orders as do
from turnscope.core._audio import to_samples
from turnscope.core._floor_state import Holder
from turnscope.core._quiet import Quiet

__all__ = ["Filling"]


class Filling(Quiet):
    """Whether the wait for an answer is filled. The wait itself goes on, and so does its deadline."""

    def _await_filler(self, holder: Holder, since: int) -> None:
        """Nothing of an answer that somebody waits for has been heard since `since`."""
        after_s, at_most = self.settings.filler_after_s, self.settings.fillers_at_most
        if after_s is None or not holder.asked or self.closing:
            return
        if at_most is None or holder.fillers < at_most:
            self._deadlines.set("filler", max(since + to_samples(after_s), self._now))

    def _stop_waiting(self, holder: Holder) -> None:
        """The answer is heard."""
        self._deadlines.clear("answer", "filler")
        holder.filler_due = False

    def _filler_overdue(self) -> None:
        if self._holder is not None:
            self._holder.filler_due = True

    def _fill_if_quiet(self) -> None:
        """Fill the wait, unless the caller is making a sound or it is not clear yet what that was."""
        holder = self._holder
        if holder is None or not holder.filler_due or self._speaking or self._heard is not None:
            return
        if holder.returning is None and holder.yielded_at is None:
            holder.filler_due = False
            holder.fillers += 1
            self._order(do.StartFiller(holder.turn_id, self._fillers))
            self._fillers += 1

    def _filler_started(self, item: inp.FillerStarted) -> None:
        """What is said over it is said over the agent, and no part of what it is to answer."""
        holder = self._holder
        if holder is not None and holder.turn_id == item.turn_id:
            holder.filling_since = self._now
            hearing = holder.hearing
            if hearing is not None and holder.returning is None:
                self._bind(hearing)
                if not (hearing.flushed or hearing.broken):  # it was cut off for its length
                    self._flush(hearing)

    def _filler_finished(self, item: inp.FillerFinished) -> None:
        holder = self._holder
        if holder is not None and holder.turn_id == item.turn_id:
            holder.filling_since = None
            if item.cause == "stopped":  # it may have been for a cough
                self._await_filler(holder, self._now)
