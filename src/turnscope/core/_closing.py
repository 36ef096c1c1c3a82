"""Closing: what the Floor does of itself when nobody speaks, and how a session comes to its end."""

from turnscope.core import _events as ev
from turnscope.core import _inputs as inp
from turnscope.core import _orders as do
from turnscope.core._by_hand import ByHand
from turnscope.core._floor_state import Holder
from turnscope.core._states import State, Trigger

__all__ = ["Closing"]


class Closing(ByHand):
    """From silence to away, and from a wish to end to the end."""

    # Silence

    def _silence_over(self) -> None:
        """Nobody has spoken for the time that the agent waits: speak up, or give up."""
        rules = self.settings.silence
        if rules is None or self.state is not State.LISTENING:
            return
        if self._reprompts < rules.times:
            self._reprompts += 1
            self._speak_up(rules.prompt if rules.say is None else rules.say, verbatim=rules.say is not None)
        elif rules.then == "away":
            self._go_away()
        else:
            self._close("silence")

    def _speak_up(self, text: str, *, verbatim: bool) -> None:
        turn_id = self._next_turn_id
        self._claim_id(turn_id)
        self._begin_saying(Holder(turn_id, "silence", text, prompted=not verbatim))

    def _go_away(self) -> None:
        if self.state is State.LISTENING:
            self._deadlines.clear("away", "silence")
            self._go(Trigger.SILENCE)

    def _kept_alive(self) -> None:
        """The application knows that somebody is there."""
        self._alive_until = self._now
        self._reprompts = 0
        if self.state is State.AWAY:
            self._go(Trigger.RETURN)
        if self._quiet_since is not None:
            self._quiet_since = self._now
            if self._heard is None:
                self._quiet_begins()

    # The end

    def _end_requested(self, item: inp.EndRequested) -> None:
        """End when what is to be finished is finished, or in time. A second wish can only make it sooner."""
        due = self._deadlines.get("end")
        self._deadlines.set("end", min(item.sample + item.within, item.sample + item.within if due is None else due))
        self.closing: str = self.closing or item.reason
        holder = self._holder
        if item.finish == "everything":
            return
        if item.finish == "nothing" or holder is None or not holder.audible:
            self._close(self.closing)
            return
        self._order(do.FinishSentence(holder.turn_id))
        self._drop_what_waits(ev.Cause(self.closing, self._now))

    def _drop_what_waits(self, cause: ev.Cause) -> None:
        for item in self._says:
            asked = item.text if isinstance(item, inp.TextReceived) else ""
            self._order(do.InterruptTurn(item.turn_id, cause, asked, closing=True))
        self._says.clear()

    def _close_when_finished(self) -> None:
        """Once the agent has nothing more to say, a session that is to end ends."""
        if not self.closing or self.state is State.ENDED or self._holder is not None:
            return
        if self._says and self._heard is not None:
            self._drop(self._heard, self.closing)
        self._next_say()
        if self._holder is None:
            self._close(self.closing)

    def _refuse(self, turn_id: int) -> None:
        """The session is at its end, or about to be: nothing new is begun."""
        self._claim_id(turn_id)
        cause = ev.Cause(self.closing or "shutdown", self._now)
        self._order(do.InterruptTurn(turn_id, cause, closing=True))

    def _close(self, reason: str) -> None:
        cause = ev.Cause(reason, self._now)
        if self._muted is not None:
            self._order(do.InterruptTurn(self._muted, cause, closing=True))
            self._await_join(self._muted)
            self._muted = None
        if self._holder is not None:
            self._order(do.InterruptTurn(self._holder.turn_id, cause, self._holder.asked, closing=True))
            self._release(self._holder)
        if self._heard is not None:
            self._drop(self._heard, reason, closing=True)
        self._drop_what_waits(cause)
        self._deadlines.clear(
            "endpoint", "longest turn", "window", "review", "answer", "filler", "cooldown", "words", "guess", "end"
        )
        self._quiet_pauses()
        self._go(Trigger.END)
        self._order(do.CloseSession(reason))
