"""What the application has said: the queue of it, what is taken out again, and what may be interrupted."""

from dataclasses import replace

from turnscope.core import _events as ev
from turnscope.core import _inputs as inp
from turnscope.core import _orders as do
from turnscope.core._audio import to_samples
from turnscope.core._floor_state import Holder
from turnscope.core._hearing import Hearing
from turnscope.core._interrupting import Interrupting

__all__ = ["Saying"]


class Saying(Interrupting):
    """Turns that the application begins."""

    @property
    def queued(self) -> int:
        """How many things wait to be said."""
        return len(self._says)

    def _say_requested(self, item: inp.SayRequested | inp.ReplyRequested) -> None:
        self._claim_id(item.turn_id)
        self._says.append(item)
        self._next_say()

    def _say_cancelled(self, item: inp.SayCancelled) -> None:
        for say in list(self._says):
            if say.turn_id == item.turn_id:
                self._says.remove(say)
                self._order(do.InterruptTurn(say.turn_id, ev.Cause(item.reason, self._now)))
        if self._muted == item.turn_id:
            self._end_muted(item.reason)
        if self._holder is not None and self._holder.turn_id == item.turn_id:
            holder = self._holder
            self._silence(holder, item.reason)
            self._go_on_after(holder)

    def _protection_changed(self, item: inp.ProtectionChanged) -> None:
        for index, say in enumerate(self._says):
            if say.turn_id == item.turn_id:
                self._says[index] = replace(say, allow_interruptions=item.allow_interruptions)
        holder = self._holder
        if holder is None or holder.turn_id != item.turn_id or holder.protected is not item.allow_interruptions:
            return
        holder.protected = not item.allow_interruptions
        hearing = self._heard
        if hearing is None or hearing.challenges is None:
            return
        if holder.protected:
            self._hold_back(holder, hearing)
        else:
            self._let_judge(holder, hearing)

    def _hold_back(self, holder: Holder, hearing: Hearing) -> None:
        """Whoever challenges the turn will be heard after it; the agent speaks on."""
        self._deadlines.clear("window", "review")
        if holder.yielded:
            holder.yielded = False
            self._order(do.ResumeSpeech(holder.turn_id))
            self._emit(ev.Resumed(self._now, holder.turn_id))
        self._emit(ev.Decided(self._now, holder.turn_id, hearing.turn_id, "hold", "protected", hearing.text, 0.0))

    def _let_judge(self, holder: Holder, hearing: Hearing) -> None:
        """The policy may judge the challenger that was held until now."""
        self._deadlines.set("window", self._now + to_samples(self.settings.interruption.decision_window_s))
        self._review()
        if self._heard is hearing and self._holder is holder and hearing.speech_end is None:
            self._step_back(holder, hearing)
