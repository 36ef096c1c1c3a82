"""What became of each thing that the caller said, and what would have by other settings.

The conversation stays the recorded one: each utterance is judged anew on what had happened up to it, so that one
decision that changes does not leave the others without a comparison.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from turnscope.core import (
    CLOCK_HZ,
    AnswerHeld,
    AttemptStarted,
    DeadlineReached,
    Decided,
    Emit,
    EvidenceReceived,
    Floor,
    FloorInput,
    FloorSettings,
    Order,
    SpeechIgnored,
    SpeechStarted,
    SpeechStopped,
    TranscriptReceived,
    TurnOpened,
    UtteranceDismissed,
    Yielded,
)
from turnscope.session import Decision

__all__ = ["Compared", "Ruled", "compare_rulings", "rulings_of"]

FAR = 15 * CLOCK_HZ
"""So long after the conversation has become another one, nobody looks any further."""


@dataclass(frozen=True, slots=True)
class Ruled:
    """What became of something that the caller said. Times are samples of the session's clock.

    Attributes:
        turn_id: The turn, or would-be turn, that listened to it; None if nobody did.
        onset: Where it began.
        over: The turn that it was spoken over; None if the agent was silent.
        yielded: When the agent stepped back, or held its answer back; None if it did not.
        verdict: ``confirm``, ``dismiss`` or ``hold`` over the agent, ``answer`` or ``dismiss`` else; ``ignore`` if
            nobody listened; empty if nothing was decided.
        decided: When.
        evidence: What decided.
        text: The words by then.
    """

    onset: int
    turn_id: int | None = None
    over: int | None = None
    yielded: int | None = None
    verdict: str = ""
    decided: int | None = None
    evidence: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Compared:
    """One thing that the caller said.

    Attributes:
        was: What became of it.
        would: What would have become of it.
        certain: All that the second rests on is in the recording as it would have been. Else the caller would have
            heard something else before it was decided, and may have said something else.
    """

    was: Ruled
    would: Ruled
    certain: bool

    @property
    def differs(self) -> bool:
        """Something else is done, or at another time."""
        return _conduct(self.was) != _conduct(self.would)


def _conduct(ruled: Ruled) -> tuple[object, ...]:
    return ruled.verdict, ruled.decided, ruled.yielded


def compare_rulings(
    floor: Floor, decisions: Sequence[Decision], settings: Mapping[str, FloorSettings]
) -> tuple[Compared, ...]:
    """Judge each utterance of a recording twice.

    Args:
        floor: As it was when the recording began. It is taken along.
        decisions: The recording's.
        settings: The other settings, by the names of agents.
    """
    found: list[Compared] = []
    deadlines = _deadlines(floor, decisions)
    for index, decision in enumerate(decisions):
        other = floor.fork(settings) if _may_open(decision) else None
        floor.receive(decision.item)
        if other is None:
            continue
        was = _watched(decisions[index:])
        would = _Fork(other, decision.item, was.subject).run(decisions[index:], deadlines[index:])
        if was.subject is not None or would.watch.subject is not None:
            found.append(Compared(was.ruled(), would.watch.ruled(), would.certain))
    return tuple(found)


def rulings_of(decisions: Sequence[Decision]) -> tuple[Ruled, ...]:
    """What became of each utterance of a recording."""
    watches = (_watched(decisions[index:]) for index, each in enumerate(decisions) if _may_open(each))
    return tuple(watch.ruled() for watch in watches if watch.subject is not None)


def _may_open(decision: Decision) -> bool:
    return isinstance(decision.item, SpeechStarted) or _opened(decision.orders)


def _watched(decisions: Sequence[Decision]) -> "_Watch":
    """What becomes of what the first of these has opened."""
    watch = _Watch(decisions[0].item)
    for each in decisions:
        watch.take(each.orders)
        if watch.over:
            break
    return watch


def _deadlines(floor: Floor, decisions: Sequence[Decision]) -> list[int | None]:
    """What the recorded Floor waited for, before each input."""
    floor = floor.fork({})
    found = []
    for decision in decisions:
        found.append(floor.deadline)
        floor.receive(decision.item)
    return found


def _opened(orders: Iterable[Order]) -> bool:
    return any(isinstance(order, Emit) and isinstance(order.event, TurnOpened) for order in orders)


class _Watch:
    """Reads off the orders what becomes of what one input has opened."""

    def __init__(self, item: FloorInput) -> None:
        self.subject: int | None = None
        """The turn that listens to it."""
        self.over = False
        """It was decided."""
        self._first = True
        self._onset = item.onset if isinstance(item, SpeechStarted) else item.sample
        self._over_turn: int | None = None
        self._yielded: int | None = None
        self._ignored: SpeechIgnored | None = None
        self._ruling: Decided | UtteranceDismissed | AttemptStarted | None = None

    def take(self, orders: Iterable[Order]) -> None:
        """Orders that follow from the next input; from the one that may have opened something, at first."""
        first, self._first = self._first, False
        for order in orders:
            if isinstance(order, Emit) and not self.over:
                if first:
                    self._look_for_subject(order.event)
                self._look_for_ruling(order.event)
        if first and self.subject is None:
            self.over = True

    def _look_for_subject(self, event: object) -> None:
        match event:
            case TurnOpened(_, turn_id, onset, challenges) if self.subject is None:
                self.subject, self._onset, self._over_turn = turn_id, onset, challenges
            case AnswerHeld(_, turn_id, _, onset) if self.subject is None:
                self.subject, self._onset, self._over_turn = turn_id, onset, turn_id
            case SpeechIgnored():
                self._ignored = event

    def _look_for_ruling(self, event: object) -> None:
        subject = self.subject
        match event:
            case Yielded(sample, _, turn_id) | AnswerHeld(sample, _, turn_id) if turn_id == subject:
                self._yielded = sample if self._yielded is None else self._yielded
            case Decided(_, _, turn_id) | UtteranceDismissed(_, turn_id) if turn_id == subject:
                self._ruling, self.over = event, True
            case AttemptStarted(_, turn_id) if turn_id == subject and self._over_turn is None:
                self._ruling, self.over = event, True

    def ruled(self) -> Ruled:
        """What became of it."""
        onset, yielded = self._onset, self._yielded
        if self.subject is None:
            why = "" if self._ignored is None else self._ignored.reason
            return Ruled(onset, verdict="ignore", evidence=why)
        known = onset, self.subject, self._over_turn, yielded
        match self._ruling:
            case Decided(sample, _, _, verdict, evidence, text):
                return Ruled(*known, verdict, sample, evidence, text)
            case UtteranceDismissed(sample, _, _, text, evidence):
                return Ruled(*known, "dismiss", sample, evidence, text)
            case AttemptStarted(sample, _, _, text):
                return Ruled(*known, "answer", sample, "", text)
        return Ruled(*known)


class _Fork:
    """A Floor with other settings, told what the recorded one was told, as far as that would have happened."""

    def __init__(self, floor: Floor, item: FloorInput, recorded: int | None) -> None:
        self.watch = _Watch(item)
        self.certain = True
        self._floor = floor
        self._recorded = recorded
        """The turn that listened in the recording."""
        self._left_at: int | None = None
        """When this conversation became another one."""

    def run(self, decisions: Sequence[Decision], deadlines: Sequence[int | None]) -> "_Fork":
        """Tell it everything up to its own decision. `deadlines` are those that the recorded Floor had meanwhile."""
        for decision, kept in zip(decisions, deadlines, strict=True):
            item = decision.item
            if self._left_at is not None and item.sample > self._left_at + FAR:
                break
            self._keep_deadlines(item.sample, kept)
            if self.watch.over:
                break
            if self._left_at is None or self._is_the_callers(item):
                self._tell(item, tuple(decision.orders))
            if self.watch.over:
                break
        return self

    def _keep_deadlines(self, before: int, kept: int | None) -> None:
        """Deadlines that the recorded Floor did not have pass between its inputs; its own it was told of."""
        while (due := self._floor.deadline) is not None and due < before and not self.watch.over:
            if due == kept and self._left_at is None:
                return
            self._tell(DeadlineReached(due), ())

    def _tell(self, item: FloorInput, recorded: tuple[Order, ...]) -> None:
        orders = tuple(self._floor.receive(item))
        self.watch.take(orders)
        if self._left_at is None and orders != recorded:
            self._left_at = item.sample
        elif self._left_at is not None:
            self.certain = False

    def _is_the_callers(self, item: FloorInput) -> bool:
        """What the caller did they may have done all the same; what the agent did, it may not."""
        match item:
            case SpeechStarted() | SpeechStopped() | DeadlineReached():
                return True
            case TranscriptReceived(turn_id=turn_id) | EvidenceReceived(turn_id=turn_id):
                return turn_id in (0, self._recorded)
        return False
