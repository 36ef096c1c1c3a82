"""What the Floor knows, and the small steps that all its decisions are made of."""

from collections import deque
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Self

from turnscope.core import _events as ev
from turnscope.core import _inputs as inp
from turnscope.core import _orders as do
from turnscope.core._audio import CLOCK_HZ, to_samples
from turnscope.core._deadlines import Deadlines
from turnscope.core._evidence import Evidence, Phase, Ruling, Verdict
from turnscope.core._floor_settings import FloorSettings
from turnscope.core._hearing import Hearing, Score
from turnscope.core._judging import judge_safely
from turnscope.core._states import State, Trigger, next_state

__all__ = ["VERBATIM", "FloorState", "Holder"]

_QUIETENING = (do.InterruptTurn, do.InterruptSpeech, do.YieldSpeech, do.CancelAttempt, do.FinishSentence)
"""Orders that make the agent quiet, or quieter; and what is given up before its turn is, in this order."""


VERBATIM = ("say", "silence", "resume", "reprompt")
"""Origins of turns whose text is spoken as it stands, unless it is a prompt; of none has the caller said it."""

_CLOSING = " \t\n\"'”’)]}"
"""What may follow the mark at the end of a question."""


@dataclass(slots=True)
class Holder:
    """The turn that holds the floor."""

    turn_id: int
    origin: str
    text: str
    hearing: Hearing | None = None
    protected: bool = False
    priority: int = 0
    due: bool = False
    """Its answer is to begin once no other turn is left."""
    audible_since: int | None = None
    """When its first sample was heard."""
    prompted: bool = False
    """`text` is an instruction to the model, which nobody has said."""
    yielded_at: int | None = None
    """When it stepped back, or was held back before it was heard."""
    paused: bool = False
    """It has stepped back to silence."""
    filling_since: int | None = None
    """When a filler began that is being heard."""
    filler_due: bool = False
    """One is to begin as soon as the caller makes no sound."""
    fillers: int = 0
    """How many were ordered."""
    complete: inp.SpeechComplete | None = None
    waits_for: str = ""
    """What its speech has come to a standstill for."""
    tools: bool = False
    """It waits for tools."""
    has_called: bool = False
    """It has waited for some."""
    returning: "Hearing | None" = None
    """What the caller says before any of the answer is heard, while it is not sure that they go on."""

    @property
    def asked(self) -> str:
        """What the caller wants answered; nothing, if the agent speaks by itself."""
        if self.returning is not None and self.hearing is not None:
            return self.hearing.text
        return "" if self.origin in VERBATIM else self.text

    @property
    def audible(self) -> bool:
        """Its answer is heard, or was until it stepped back."""
        return self.audible_since is not None

    @property
    def sounding_since(self) -> int | None:
        """Since when it is heard, if it is: its answer, or a filler.

        Whoever may have been going on when a filler began still may.
        """
        if self.audible_since is not None or self.returning is not None:
            return self.audible_since
        return self.filling_since

    def left(self, now: int) -> int | None:
        """How many samples it still has to say, if that is known."""
        if self.complete is None:
            return None
        if self.paused and self.yielded_at is not None:  # its end moves away as time passes
            now = max(self.yielded_at, self.complete.sample)
        return self.complete.stop - now


class FloorState:
    """The Floor's memory. Decisions are made in the classes below it.

    These are, each knowing those before it: `Quiet`, `Filling`, `Speculating`, `Answering`, `Returning`,
    `Interrupting`, `Saying`, `ToolWaiting`, `Stalling`, `ByHand`, `Closing`, `HandingOver`, `Floor`.
    """

    def __init__(self, settings: FloorSettings | None = None, agent: str = "agent") -> None:
        self.settings: FloorSettings = settings or FloorSettings()
        self.agent: str = agent
        """Who speaks."""
        self.closing: str = ""
        """Why the session is about to end; empty while it is not."""
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
        self._says: deque[inp.SayRequested | inp.ReplyRequested | inp.TextReceived] = deque()
        """What waits to be said, and what the caller typed that waits to be answered, in the order of coming."""
        self._speaking: dict[inp.EdgeProfile, inp.SpeechStarted] = {}
        """The speech that goes on right now, by the settings that found it."""
        self._scores: dict[str, Score] = {}
        """What others said last of the caller's sound as such: it may come before anybody is sure that it is speech."""
        self._policy_failed = False
        self._has_spoken = False
        """The agent has been heard, and has stopped, once at least."""
        self._ignored: dict[inp.EdgeProfile, inp.SpeechStarted] = {}
        """The speech that goes on right now and that nobody listens to."""
        self._wordless: inp.SpeechStarted | None = None
        """Speech that interrupted and brought no words: it does not do so again by going on."""
        self._interrupted_at: int | None = None
        """When the caller interrupted last."""
        self._unsaid: inp.ReplyCut | None = None
        """What was cut off last."""
        self._bound_until = 0
        """Input before this sample belongs to an utterance already: nothing is transcribed twice."""
        self._cut_at = 0
        """When speech was last cut off for its length: what goes on counts as having begun there."""
        self._known = {agent: self.settings}
        self._next_agent: str | None = None
        """Who takes over as soon as no answer is under way."""
        self._quiet_since: int | None = None
        self._alive_until = 0
        """When there was the last sign of life, apart from one that is going on."""
        self._life_seen = False
        """There was one since `_alive_until`, and it is not known yet until when."""
        self._reprompts = 0
        self._fillers = 0
        """How many were ordered."""
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

    def fork(self, settings: Mapping[str, FloorSettings]) -> Self:
        """A Floor that knows all that this one does, and goes on by other settings: what would it decide?

        Args:
            settings: By the names of agents. An agent that is not named keeps its own.
        """
        shared = {id(each): each for each in self._known.values()}
        other = deepcopy(self, dict(shared))
        other._known |= settings
        other.settings = other._known[self.agent]
        return other

    @property
    def agent_is_audible(self) -> bool:
        """Speech now would be a barge-in."""
        return self._holder is not None and self._holder.sounding_since is not None

    # Orders

    def _order(self, order: do.Order) -> None:
        self._orders.append(order)

    def _emit(self, event: ev.Event) -> None:
        self._orders.append(do.Emit(event))

    def _end_step(self) -> None:
        """The orders that quieten the agent go before the others of the step: no observer of events delays them.

        One to a turn that is opened in the same step stays behind that: there is nothing of it yet to be quiet.
        """
        opened = {order.turn_id for order in self._orders if isinstance(order, do.OpenTurn)}
        self._given += sorted(
            self._orders, key=lambda order: not (isinstance(order, _QUIETENING) and order.turn_id not in opened)
        )
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

    # What is known about somebody who may be interrupting

    def _phase(self, holder: Holder) -> Phase:
        left, settings = holder.left(self._now), self.settings.interruption
        if holder.protected:
            return "protected"
        if not holder.audible:
            return "thinking" if holder.sounding_since is None else "speaking"
        if left is not None and left < to_samples(settings.nearly_finished_s):
            return "nearly_finished"
        asks = holder.complete is not None and holder.complete.text.rstrip(_CLOSING).endswith("?")
        if asks and left is not None and left < to_samples(settings.question_s):
            return "answering_question"
        return "speaking"

    def _judge(self, holder: Holder, hearing: Hearing) -> Ruling:
        """The ruling on what `hearing` has said so far. At the end of the window nobody waits."""
        window = self._deadlines.get("window")
        evidence = Evidence(
            self._now,
            hearing.onset,
            hearing.speech_end,
            hearing.confidence,
            hearing.text,
            hearing.settled,
            hearing.recent,
            window is None or window <= self._now,
            tuple((name, score.value) for name, score in sorted(hearing.scores.items())),
            hearing.phase,
            hearing.continued,
            0.0 if holder.sounding_since is None else (self._now - holder.sounding_since) / CLOCK_HZ,
        )
        policy = self.settings.interruption.policy_for(hearing.phase)
        ruling, complaint = judge_safely(policy, evidence)
        if complaint and not self._policy_failed:
            self._policy_failed = True
            name = type(policy).__name__
            self._emit(ev.PolicyFailed(self._now, holder.turn_id, hearing.turn_id, name, complaint))
        if ruling.verdict is Verdict.WAIT and evidence.window_elapsed:
            ruling = replace(ruling, verdict=Verdict.DISMISS)
        if ruling.verdict is Verdict.WAIT:
            again = ruling.review_at
            self._deadlines.set("review", again if again is not None and again > self._now else None)
        else:
            self._deadlines.clear("window", "review")
        return ruling

    def _decided(self, holder: Holder, hearing: Hearing, verdict: str, evidence: str) -> ev.Decided:
        until = self._now if hearing.speech_end is None else hearing.speech_end
        speech_s = (until - hearing.onset) / CLOCK_HZ
        return ev.Decided(self._now, holder.turn_id, hearing.turn_id, verdict, evidence, hearing.text, speech_s)

    def _open_window(self, phase: Phase) -> None:
        window_s = self.settings.interruption.profile(phase).decision_window_s
        self._deadlines.set("window", self._now + to_samples(window_s or 0.0))

    def _resume(self, holder: Holder) -> None:
        """It was nothing: whoever had stepped back speaks on."""
        if holder.yielded_at is not None:
            holder.yielded_at, holder.paused = None, False
            if not holder.due:
                self._order(do.ResumeSpeech(holder.turn_id))
            self._emit(ev.Resumed(self._now, holder.turn_id))

    # The turn that holds the floor, and those whose tasks have yet to end

    def _let_go(self, holder: Holder) -> None:
        self._holder = None
        self._deadlines.clear("window", "review", "answer", "filler", "cooldown")
        self._has_spoken = self._has_spoken or holder.audible
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
