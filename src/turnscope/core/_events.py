"""What happened, for those who look: typed, frozen, complete. Events never steer anything.

Each event has `sample`, its time on the session's clock, and `at`, the same in seconds.
"""

from dataclasses import dataclass, fields, is_dataclass

from turnscope.core._audio import CLOCK_HZ
from turnscope.core._messages import Message
from turnscope.core._outcomes import Cause, Completed, Failed, HungUp, Interrupted, Outcome

__all__ = [
    "AnswerHeld",
    "AttemptCancelled",
    "AttemptStarted",
    "AudioLost",
    "Cause",
    "ClauseReady",
    "Completed",
    "Decided",
    "DetectorFailed",
    "Event",
    "EventsLost",
    "Failed",
    "FalseInterruption",
    "FirstToken",
    "GateShut",
    "HeardWord",
    "HeldWordsLost",
    "HistoryChanged",
    "HungUp",
    "Interrupted",
    "LoopBlocked",
    "Outcome",
    "PolicyFailed",
    "ProviderFailed",
    "ProviderQuarantined",
    "ReplyResumed",
    "Resumed",
    "SessionEnded",
    "SpeechBegins",
    "SpeechEnds",
    "SpeechIgnored",
    "SpeechPlayed",
    "SpeechStartsPlaying",
    "StateChanged",
    "TranscriptUpdated",
    "TurnEnded",
    "TurnOpened",
    "TurnStarted",
    "UtteranceDismissed",
    "WordsHeard",
    "Yielded",
    "event_to_dict",
]


@dataclass(frozen=True, slots=True)
class Event:
    """Root of all events.

    Attributes:
        sample: When it happened, in samples of the session's clock (16 kHz).
    """

    sample: int

    @property
    def at(self) -> float:
        """When it happened, in seconds of the session's clock."""
        return self.sample / CLOCK_HZ


@dataclass(frozen=True, slots=True)
class StateChanged(Event):
    """The session went from one state to another."""

    old: str
    new: str
    trigger: str
    turn_id: int | None = None


@dataclass(frozen=True, slots=True)
class SpeechBegins(Event):
    """The caller's speech was noticed; its first sample was `onset`."""

    onset: int
    profile: str
    source: str


@dataclass(frozen=True, slots=True)
class SpeechEnds(Event):
    """The caller's speech ended with the sample before `end`."""

    end: int
    profile: str
    source: str


@dataclass(frozen=True, slots=True)
class TranscriptUpdated(Event):
    """The caller's words of one turn so far, settled ones and the rest."""

    turn_id: int
    text: str
    is_final: bool


@dataclass(frozen=True, slots=True)
class TurnOpened(Event):
    """Something is listened to that may become a turn: a first utterance, or a challenger while the agent speaks."""

    turn_id: int
    onset: int
    challenges: int | None


@dataclass(frozen=True, slots=True)
class TurnStarted(Event):
    """A turn was admitted: it holds the floor.

    `origin` is ``speech``, ``text``, ``say``, ``reply``, ``silence``, or after a false interruption ``resume`` or
    ``reprompt``.
    """

    turn_id: int
    origin: str
    onset: int | None


@dataclass(frozen=True, slots=True)
class UtteranceDismissed(Event):
    """What was listened to was no turn; with `challenges`, it was an overlap: spoken over that turn's speech."""

    turn_id: int
    onset: int
    text: str
    evidence: str
    challenges: int | None


@dataclass(frozen=True, slots=True)
class AttemptStarted(Event):
    """The turn's answer was begun. `speech_end` is the sample after the caller's last, if they spoke."""

    turn_id: int
    attempt: int
    text: str
    speech_end: int | None


@dataclass(frozen=True, slots=True)
class AttemptCancelled(Event):
    """The answer was taken back before any of it was heard."""

    turn_id: int
    attempt: int
    reason: str


@dataclass(frozen=True, slots=True)
class FirstToken(Event):
    """The language model's first text came."""

    turn_id: int
    attempt: int


@dataclass(frozen=True, slots=True)
class ClauseReady(Event):
    """A clause of the reply was cut and goes to the synthesizer."""

    turn_id: int
    attempt: int
    text: str


@dataclass(frozen=True, slots=True)
class ReplyResumed(Event):
    """The turn goes on with a reply that was interrupted, from its first unheard word: it says `text`."""

    turn_id: int
    attempt: int
    text: str


@dataclass(frozen=True, slots=True)
class SpeechStartsPlaying(Event):
    """The first sample of the turn's speech was handed to the transport."""

    turn_id: int


@dataclass(frozen=True, slots=True)
class SpeechPlayed(Event):
    """The turn's speech has been played to its end."""

    turn_id: int


@dataclass(frozen=True, slots=True)
class Yielded(Event):
    """The agent stepped back for somebody who may be interrupting."""

    turn_id: int
    challenger_id: int
    onset: int
    reaction: str


@dataclass(frozen=True, slots=True)
class Resumed(Event):
    """The agent speaks on after it had stepped back."""

    turn_id: int


@dataclass(frozen=True, slots=True)
class Decided(Event):
    """The policy's ruling on a challenger: ``confirm``, ``dismiss`` or ``hold``, and the evidence that decided."""

    turn_id: int
    challenger_id: int
    verdict: str
    evidence: str
    text: str
    speech_s: float


@dataclass(frozen=True, slots=True)
class AnswerHeld(Event):
    """Nothing of the turn's answer is heard before it is clear whether the caller speaks."""

    turn_id: int
    challenger_id: int
    onset: int


@dataclass(frozen=True, slots=True)
class FalseInterruption(Event):
    """The agent stepped back from its turn, or was interrupted in it, and no words came.

    `action` says what it does: ``resume``, ``reprompt``, or ``nothing`` if nothing was left to say or nothing is to be.
    """

    turn_id: int
    challenger_id: int
    action: str


@dataclass(frozen=True, slots=True)
class SpeechIgnored(Event):
    """The caller's speech is not listened to: a mute is in force, or the agent's words are protected."""

    onset: int
    reason: str


@dataclass(frozen=True, slots=True)
class HeldWordsLost(Event):
    """More was said over protected words than is held: these words, the oldest, will not be answered."""

    turn_id: int
    text: str


@dataclass(frozen=True, slots=True)
class DetectorFailed(Event):
    """The interruption detector failed, or said what cannot be; the policy goes by what else it knows."""

    challenger_id: int
    provider: str
    message: str


@dataclass(frozen=True, slots=True)
class PolicyFailed(Event):
    """The interruption policy raised, or gave no ruling. Said once; wherever it fails, the default policy judges."""

    turn_id: int
    challenger_id: int
    policy: str
    message: str


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A word that the caller heard, and where: from sample `start` to before `stop` of the session's clock."""

    text: str
    start: int
    stop: int
    estimated: bool


@dataclass(frozen=True, slots=True)
class WordsHeard(Event):
    """Which words of a turn's reply were heard, and when. Comes once a turn, when no more of it will be."""

    turn_id: int
    words: tuple[HeardWord, ...]


@dataclass(frozen=True, slots=True)
class GateShut(Event):
    """Nothing of this turn will ever be played again after `silence`."""

    turn_id: int
    last_sent: int | None
    silence: int | None


@dataclass(frozen=True, slots=True)
class TurnEnded(Event):
    """The turn's one ending. `joined` is False when a provider (`blamed`) had not given its tasks back in time."""

    turn_id: int
    outcome: Outcome
    joined: bool = True
    blamed: str = ""


@dataclass(frozen=True, slots=True)
class HistoryChanged(Event):
    """What is remembered of the conversation has changed; see `HistoryChange` for `change` and `messages`."""

    change: str
    messages: tuple[Message, ...]
    turn_id: int | None = None


@dataclass(frozen=True, slots=True)
class ProviderFailed(Event):
    """A provider raised, hung or lied. What becomes of the turn is said by its `TurnEnded`."""

    turn_id: int
    provider: str
    message: str


@dataclass(frozen=True, slots=True)
class ProviderQuarantined(Event):
    """A provider did not stop when it was cancelled."""

    turn_id: int
    provider: str


@dataclass(frozen=True, slots=True)
class AudioLost(Event):
    """A listener was too slow: these samples of the caller were overwritten before it read them."""

    turn_id: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class LoopBlocked(Event):
    """A task ran for `blocked_s` seconds without letting any other run, and every voice of the process waited."""

    task: str
    blocked_s: float


@dataclass(frozen=True, slots=True)
class EventsLost(Event):
    """This subscriber was too slow and missed `count` events. The event log never is."""

    count: int


@dataclass(frozen=True, slots=True)
class SessionEnded(Event):
    """The session is over; `tasks_left` counts the tasks of turns that are still running."""

    reason: str
    tasks_left: int


def event_to_dict(event: Event) -> dict[str, object]:
    """An event as plain JSON data: its kind under ``"event"``, `at` in seconds, and its fields."""
    return {"event": type(event).__name__, "at": round(event.at, 7), **_plain(event)}


def _plain(value: object) -> dict[str, object]:
    plain: dict[str, object] = {}
    for field in fields(value):  # type: ignore[arg-type]  # only dataclasses get here
        item = getattr(value, field.name)
        if isinstance(item, tuple):
            plain[field.name] = [_plain(part) if is_dataclass(part) else part for part in item]
        else:
            plain[field.name] = _plain(item) if is_dataclass(item) else item
    return plain
