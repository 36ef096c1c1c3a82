"""While tools run: a turn that waits for them is not late, and one of them may make its answer final."""

from turnscope.core import _inputs as inp
from turnscope.core import _orders as do
from turnscope.core._audio import to_samples
from turnscope.core._floor_state import Holder
from turnscope.core._saying import Saying

__all__ = ["ToolWaiting"]


class ToolWaiting(Saying):
    """What the Floor makes of tools."""

    @property
    def tools_are_running(self) -> bool:
        """The turn that holds the floor waits for tools."""
        return self._holder is not None and self._holder.tools

    def _tools_running(self, item: inp.ToolsRunning) -> None:
        holder = self._holder
        if holder is not None and holder.turn_id == item.turn_id:
            holder.tools = holder.has_called = True
            self._deadlines.clear("answer")  # tools have timeouts of their own
            if holder.waits_for == "answer":
                self._await_filler(holder, self._now)

    def _tools_done(self, item: inp.ToolsDone) -> None:
        holder = self._holder
        if holder is not None and holder.turn_id == item.turn_id:
            holder.tools = False
            if not holder.audible:
                self._deadlines.set("answer", self._now + to_samples(self.settings.answer_timeout_s))

    def _attempt_committed(self, item: inp.AttemptCommitted) -> None:
        """What was done cannot be undone: from now on whoever goes on interrupts, as if they had heard something."""
        holder = self._holder
        if holder is None or holder.turn_id != item.turn_id or holder.hearing is None:
            return
        if holder.hearing.attempts == item.attempt and not holder.due:
            returning = holder.returning
            self._make_final(holder)
            self._end_step()
            if returning is not None:
                self._challenge_instead(holder, returning)
            elif "barge_in" in self._speaking and self._heard is None:
                self._challenge(holder, self._speaking["barge_in"])

    def _make_final(self, holder: Holder) -> None:
        """The answer is not taken back any more: what comes next is another utterance."""
        holder.returning = None
        if holder.hearing is not None:
            self._bind(holder.hearing)
            holder.hearing = None
            self._order(do.StopListening(holder.turn_id))
