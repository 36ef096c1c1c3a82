"""What the Floor knows, and the small steps that all its decisions are made of."""

from collections import deque
from dataclasses import dataclass

from turnscope.core import _events as ev
from turnscope.core import _inputs as inp
from turnscope.core import _orders as do
from turnscope.core._audio import to_samples
from turnscope.core._deadlines import Deadlines
from turnscope.core._floor_settings import FloorSettings
from turnscope.core._hearing import Hearing, Score
from turnscope.core._states import State, Trigger, next_state

__all__ = ["FloorState", "Holder"]

_QUIETENING = (do.InterruptTurn, do.InterruptSpeech, do.YieldSpeech, do.CancelAttempt)
"""Orders that make the agent quiet, or quieter; and what is given up before its turn is, in this order."""


@dataclass(slots=True)
class Holder:
    """The turn that holds the floor."""

    turn_id: int
    origin: str
    text: str
    hearing: Hearing | None = None
    protected: bool = False
    due: bool = False
    """Its answer is to begin once no other turn is left."""
    audible: bool = False
    yielded: bool = False
    tools: bool = False
    """It waits for tools."""

    @property
    def asked(self) -> str:
        """What the caller wants answered; nothing, if the agent speaks by itself."""
        return "" if self.origin == "say" else self.text


class FloorState:
    """The Floor's memory. Decisions are made in the classes below it: `Answering`, `Interrupting`, `Floor`."""

    def __init__(self, settings: FloorSettings | None = None) -> None:
        self.settings: FloorSettings = settings or FloorSettings()
        self.state: State = State.INITIAL
        self._now = 0
        self._orders: list[do.Order] = []
        """Orders of the step that is being taken."""
        self._given: list[do.Order] = []
        """Orders of the steps before it."""
        self._deadlines = Deadlines()
        self._next_turn_id = 1
        self._holder: Holder | None = None
        self._heard: Hearing | None = None
        """What is listened to and does not hold the floor: a first utterance, or a challenger."""
        self._says: deque[inp.SayRequested | inp.ReplyRequested] = deque()
        self._speaking: dict[inp.EdgeProfile, inp.SpeechStarted] = {}
        """The speech that goes on right now, by the settings that found it."""
        self._scores: dict[str, Score] = {}
        """What others said last of the caller's sound as such: it may come before anybody is sure that it is speech."""
        self._policy_failed = False
        self._bound_until = 0
        """Input before this sample belongs to an utterance already: nothing is transcribed twice."""
        self._cut_at = 0
        """When speech was last cut off for its length: what goes on counts as having begun there."""
        self._muted: int | None = None
        """The turn whose voice was interrupted while its text goes on."""
        self._joining: set[int] = set()
        self._zombies: set[int] = set()

    @property
    def deadline(self) -> int | None:
        """When the Floor wants to be called at the latest, in samples."""
        return self._deadlines.next_at

    @property
    def next_turn_id(self) -> int:
        """The id that the next turn will have."""
        return self._next_turn_id

    def reserve_turn_id(self) -> int:
        """An id for a turn that the application begins; no other turn will have it."""
        self._next_turn_id += 1
        return self._next_turn_id - 1

    @property
    def agent_is_audible(self) -> bool:
        """Speech now would be a barge-in."""
        return self._holder is not None and self._holder.audible

    # Orders

    def _order(self, order: do.Order) -> None:
        self._orders.append(order)

    def _emit(self, event: ev.Event) -> None:
        self._orders.append(do.Emit(event))

    def _end_step(self) -> None:
        """The orders that quieten the agent go before the others of the step: no observer of events delays them."""
        self._given += sorted(self._orders, key=lambda order: not isinstance(order, _QUIETENING))
        self._orders = []

    def _go(self, trigger: Trigger, turn_id: int | None = None) -> None:
        old, self.state = self.state, next_state(self.state, trigger)
        self._emit(ev.StateChanged(self._now, old.value, self.state.value, trigger.value, turn_id))

    def _claim_id(self, turn_id: int) -> None:
        self._next_turn_id = max(self._next_turn_id, turn_id + 1)

    # Utterances

    def _bind(self, hearing: Hearing) -> None:
        """What was heard of an utterance is its own from now on."""
        until = self._now if hearing.speech_end is None else hearing.speech_end
        if hearing.cut_at is not None:
            until = min(until, hearing.cut_at)
        self._bound_until = max(self._bound_until, until)

    def _flush(self, hearing: Hearing) -> None:
        hearing.flushed = True
        self._order(do.FlushUtterance(hearing.turn_id))

    def _listen_on(self, hearing: Hearing, listen_from: int) -> None:
        if hearing.flushed:
            hearing.flushed = False
            self._order(do.ListenOn(hearing.turn_id, listen_from))

    def _admit(self, hearing: Hearing) -> None:
        if not hearing.admitted:
            hearing.admitted = True
            self._emit(ev.TurnStarted(self._now, hearing.turn_id, "speech", hearing.onset))

    # The turn that holds the floor, and those whose tasks have yet to end

    def _let_go(self, holder: Holder) -> None:
        self._holder = None
        self._deadlines.clear("window", "review", "answer")
        if holder.hearing is not None:
            self._bind(holder.hearing)

    def _release(self, holder: Holder) -> None:
        """The turn no longer holds the floor; its tasks may take a moment to be gone."""
        self._let_go(holder)
        self._await_join(holder.turn_id)

    def _await_join(self, turn_id: int) -> None:
        self._joining.add(turn_id)
        self._deadlines.clear(f"attempt {turn_id}")
        self._deadlines.set(f"join {turn_id}", self._now + to_samples(self.settings.join_deadline_s))

    def _end_muted(self, reason: str) -> None:
        """A turn that was silenced may write on until somebody else is to be answered: that is now."""
        if self._muted is not None:
            self._order(do.InterruptTurn(self._muted, ev.Cause(reason, self._now)))
            self._await_join(self._muted)
            self._muted = None
