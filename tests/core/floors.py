"""A Floor on a bench: fed in seconds, its deadlines kept, its orders ready to be compared."""

from dataclasses import dataclass
from typing import TypeVar

from turnscope.core import (
    AttemptJoined,
    AudioFinished,
    AudioStarted,
    CallerHungUp,
    CancelAttempt,
    CloseRequested,
    DeadlineReached,
    EdgeProfile,
    Emit,
    Endpointing,
    Event,
    Evidence,
    EvidenceReceived,
    Floor,
    FloorInput,
    FloorSettings,
    InterruptionSettings,
    InterruptRequested,
    ListenFailed,
    NewInput,
    Order,
    PhaseProfile,
    Phases,
    Ruling,
    SayCancelled,
    SayRequested,
    SessionOpened,
    Speculation,
    SpeechStarted,
    SpeechStopped,
    TextReceived,
    TranscriptReceived,
    TurnFailed,
    TurnJoined,
    Verdict,
    WordsPolicy,
    to_samples,
)

T = TypeVar("T")

PROFILES: tuple[EdgeProfile, ...] = ("barge_in", "turn")

ENDPOINTING = Endpointing(
    min_delay_s=0.5,
    max_delay_s=0.5,
    unknown_delay_s=0.8,
    pause_factor=1.25,
    transcript_timeout_s=2.0,
    max_turn_s=10.0,
)
"""Half a second of silence ends a turn, whatever its words; these tests are not about the rules of endpointing."""


@dataclass(frozen=True)
class AtOnce:
    """Whatever it is, it is an interruption."""

    def judge(self, evidence: Evidence) -> Ruling:
        return Ruling(Verdict.CONFIRM, "at once")


INTERRUPTION = InterruptionSettings(
    policy=WordsPolicy(lexicon=frozenset({"mm-hmm"}), transcripts=2, min_speech_s=0.8),
    reaction="pause",
    decision_window_s=2.0,
    phases=Phases(thinking=PhaseProfile(policy=AtOnce())),
)
"""An answer that is not heard yet is taken back at once; `test_floor_phases.py` is about when it is not."""


def floor_settings(
    *,
    interruption: InterruptionSettings = INTERRUPTION,
    endpointing: Endpointing = ENDPOINTING,
    away_after_s: float | None = None,
    speculation: Speculation | None = None,
    new_input: NewInput = "merge",
) -> FloorSettings:
    """Settings with numbers that are easy to count with."""
    return FloorSettings(
        interruption, endpointing, 1.0, away_after_s, 20.0, speculation or Speculation(), new_input=new_input
    )


class Bench:
    """A Floor and what it ordered.

    Every method first lets the time pass, deadlines included, and returns all orders since.
    """

    def __init__(self, settings: FloorSettings | None = None, *, opened: bool = True) -> None:
        self.floor = Floor(settings or floor_settings())
        self.orders: list[Order] = []
        self.attempts_stop = True
        """An attempt that is taken back has ended at once."""
        if opened:
            self.feed(SessionOpened(0))

    @property
    def state(self) -> str:
        return self.floor.state.value

    @property
    def deadline_s(self) -> float | None:
        return None if self.floor.deadline is None else self.floor.deadline / 16_000

    def feed(self, item: FloorInput) -> list[Order]:
        orders = self.floor.receive(item)
        self.orders += orders
        for order in list(orders):
            if isinstance(order, CancelAttempt) and self.attempts_stop:
                orders += self.feed(AttemptJoined(item.sample, order.turn_id, order.attempt))
        return orders

    def pass_time_until(self, at_s: float) -> list[Order]:
        orders: list[Order] = []
        while (deadline := self.floor.deadline) is not None and deadline <= to_samples(at_s):
            orders += self.feed(DeadlineReached(deadline))
        return orders

    def _feed_at(self, at_s: float, item: FloorInput) -> list[Order]:
        return [*self.pass_time_until(at_s), *self.feed(item)]

    # The caller

    def speech_starts(
        self, at_s: float, onset_s: float | None = None, profiles: tuple[EdgeProfile, ...] = PROFILES
    ) -> list[Order]:
        """Speech is noticed 0.05 s after its onset, unless said otherwise, and heard from 0.25 s before it."""
        onset = to_samples(at_s - 0.05 if onset_s is None else onset_s)
        listen_from = max(onset - to_samples(0.25), 0)
        orders: list[Order] = []
        for profile in profiles:
            orders += self._feed_at(at_s, SpeechStarted(to_samples(at_s), onset, listen_from, profile))
        return orders

    def speech_stops(
        self, at_s: float, end_s: float | None = None, profiles: tuple[EdgeProfile, ...] = PROFILES
    ) -> list[Order]:
        """Its end is noticed 0.1 s late, unless said otherwise."""
        end = to_samples(at_s - 0.1 if end_s is None else end_s)
        orders: list[Order] = []
        for profile in profiles:
            orders += self._feed_at(at_s, SpeechStopped(to_samples(at_s), end, profile))
        return orders

    def words(self, at_s: float, turn_id: int, text: str, *, final: bool = False) -> list[Order]:
        """A transcript that accounts for everything up to now."""
        at = to_samples(at_s)
        return self._feed_at(at_s, TranscriptReceived(at, turn_id, text, final, at))

    def scores(
        self, at_s: float, name: str, value: float, *, turn_id: int = 0, stop_s: float | None = None
    ) -> list[Order]:
        """Somebody judges the sound up to now, unless said otherwise."""
        stop = to_samples(at_s if stop_s is None else stop_s)
        return self._feed_at(at_s, EvidenceReceived(to_samples(at_s), turn_id, name, value, stop))

    def types(self, at_s: float, turn_id: int, text: str) -> list[Order]:
        return self._feed_at(at_s, TextReceived(to_samples(at_s), turn_id, text))

    def hangs_up(self, at_s: float) -> list[Order]:
        return self._feed_at(at_s, CallerHungUp(to_samples(at_s)))

    # The agent and its parts

    def audio_starts(self, at_s: float, turn_id: int) -> list[Order]:
        return self._feed_at(at_s, AudioStarted(to_samples(at_s), turn_id))

    def audio_finishes(self, at_s: float, turn_id: int) -> list[Order]:
        return self._feed_at(at_s, AudioFinished(to_samples(at_s), turn_id))

    def fails(self, at_s: float, turn_id: int) -> list[Order]:
        return self._feed_at(at_s, TurnFailed(to_samples(at_s), turn_id, "llm", "broke"))

    def listening_fails(self, at_s: float, turn_id: int) -> list[Order]:
        return self._feed_at(at_s, ListenFailed(to_samples(at_s), turn_id, "fake-stt", "broke"))

    def joins(self, at_s: float, turn_id: int) -> list[Order]:
        return self._feed_at(at_s, TurnJoined(to_samples(at_s), turn_id))

    # The application

    def say(self, at_s: float, turn_id: int, text: str = "Hello.", *, protected: bool = False) -> list[Order]:
        return self._feed_at(at_s, SayRequested(to_samples(at_s), turn_id, text, not protected))

    def cancels_say(self, at_s: float, turn_id: int) -> list[Order]:
        return self._feed_at(at_s, SayCancelled(to_samples(at_s), turn_id, "changed my mind"))

    def interrupts(self, at_s: float, *, speech_only: bool = False) -> list[Order]:
        return self._feed_at(at_s, InterruptRequested(to_samples(at_s), "interrupted", speech_only))

    def closes(self, at_s: float) -> list[Order]:
        return self._feed_at(at_s, CloseRequested(to_samples(at_s)))

    # Whole stretches of a conversation

    def asks(self, at_s: float, turn_id: int, text: str = "two lattes") -> list[Order]:
        """The caller speaks for a second, from `at_s` on; it is understood, and half a second of silence passes."""
        return [
            *self.speech_starts(at_s + 0.05),
            *self.speech_stops(at_s + 1.1),
            *self.words(at_s + 1.2, turn_id, text, final=True),
            *self.pass_time_until(at_s + 1.5),
        ]

    def is_speaking(self, *, protected: bool = False) -> None:
        """At 1 s the agent starts to say turn 1."""
        self.say(0.5, 1, protected=protected)
        self.audio_starts(1.0, 1)


def events(orders: list[Order]) -> list[Event]:
    """The events among `orders`."""
    return [order.event for order in orders if isinstance(order, Emit)]


def deeds(orders: list[Order]) -> list[Order]:
    """The orders that do something, in order: all but events."""
    return [order for order in orders if not isinstance(order, Emit)]


def only(orders: list[Order], kind: type[T]) -> T:
    """The one order, or the one event, of a kind."""
    found = [item for item in [*orders, *events(orders)] if isinstance(item, kind)]
    assert len(found) == 1, found
    return found[0]


def none_of(orders: list[Order], *kinds: type[Order] | type[Event]) -> bool:
    """No order and no event is of these kinds."""
    return not any(isinstance(item, kinds) for item in [*orders, *events(orders)])
