"""What the application has said: the queue of it, what is taken out again, and what may be interrupted."""

from dataclasses import replace

from turnscope.core import _events as ev
from turnscope.core import _inputs as inp
from turnscope.core import _orders as do
from turnscope.core._floor_state import Holder
from turnscope.core._hearing import Hearing
from turnscope.core._interrupting import Interrupting
from turnscope.core._states import Trigger

__all__ = ["Saying"]


class Saying(Interrupting):
    """Turns that the application begins."""

    @property
    def queued(self) -> int:
        """How many things wait to be said or answered."""
        return len(self._says)

    def _say_requested(self, item: inp.SayRequested | inp.ReplyRequested) -> None:
        """Say it when its time comes: after what waits already, unless it has a higher priority than that."""
        self._claim_id(item.turn_id)
        place = sum(1 for say in self._says if _priority(say) >= _priority(item))
        self._says.insert(place, item)
        if isinstance(item, inp.SayRequested) and item.priority > 0:
            self._make_way(item)
        self._next_say()

    def _make_way(self, item: inp.SayRequested) -> None:
        """Nothing of a lower priority is said before it."""
        holder = self._holder
        if holder is not None and holder.priority < item.priority:
            self._order(do.InterruptTurn(holder.turn_id, ev.Cause("priority_message", self._now), holder.asked))
            self._release(holder)
            self._go(Trigger.BARGE_IN, holder.turn_id)
            if holder.returning is not None and self._heard is None:
                self._listen_again(holder.returning)
        self._announce_next()

    def _promote_challenger(self, before: Holder) -> None:
        """Something urgent that waits goes before whoever has been speaking."""
        if not self._announce_next():
            super()._promote_challenger(before)
            self._announce_next()

    def _announce_next(self) -> bool:
        """Say what is urgent, if somebody is heard who would be answered before it."""
        hearing = self._heard
        if hearing is None or self._holder is not None or not self._says or _priority(self._says[0]) <= 0:
            return False
        item = self._says.popleft()
        assert isinstance(item, inp.SayRequested)  # nothing else has a priority
        self._announce_over(hearing, item)
        return True

    def _announce_over(self, hearing: Hearing, item: inp.SayRequested) -> None:
        """The caller is speaking: what they say is held until it has been said."""
        self._deadlines.clear("endpoint", "longest turn", "window", "review", "cooldown", "words", "guess")
        self._drop_guess(hearing, "priority_message")
        holder = self._saying(item)
        hearing.challenges, hearing.held, hearing.interrupted = item.turn_id, True, None
        hearing.cutting = False  # however long it has been: it is answered afterwards
        self._emit(self._decided(holder, hearing, "hold", "priority message"))
        self._begin_saying(holder)

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
            if say.turn_id == item.turn_id and not isinstance(say, inp.TextReceived):
                self._says[index] = replace(say, allow_interruptions=item.allow_interruptions)
        holder = self._holder
        if holder is None or holder.turn_id != item.turn_id or holder.protected is not item.allow_interruptions:
            return
        holder.protected = not item.allow_interruptions
        hearing = self._heard
        if hearing is None or hearing.challenges is None:
            return
        if holder.protected:
            self._hold_challenger(holder, hearing)
        else:
            self._let_judge(holder, hearing)

    def _hold_challenger(self, holder: Holder, hearing: Hearing) -> None:
        """Whoever challenges the turn will be heard after it; the agent speaks on."""
        hearing.held = True
        self._deadlines.clear("window", "review", "cooldown")
        self._resume(holder)
        self._emit(self._decided(holder, hearing, "hold", "protected"))

    def _let_judge(self, holder: Holder, hearing: Hearing) -> None:
        """The policy may judge the challenger that was held until now."""
        hearing.phase = self._phase(holder)
        hearing.held = self._handling(holder, hearing.phase) == "hold"
        if hearing.held:
            return
        self._open_window(hearing.phase)
        self._review()
        if self._heard is hearing and self._holder is holder and hearing.speech_end is None:
            self._step_back(holder, hearing)


def _priority(item: inp.SayRequested | inp.ReplyRequested | inp.TextReceived) -> int:
    return item.priority if isinstance(item, inp.SayRequested) else 0
