"""Everything that can happen to the Floor: small facts with a time, and nothing that cannot be written down.

Every field is a number, a string or a bool, so that a log of inputs can be replayed.
"""

from dataclasses import dataclass
from typing import Literal

from turnscope.core._audio_inputs import (
    AudioFinished,
    AudioStalled,
    AudioStarted,
    AudioWentOn,
    FillerEnding,
    FillerFinished,
    FillerStarted,
    SpeechComplete,
    WaitsFor,
)

__all__ = [
    "AttemptCommitted",
    "AttemptJoined",
    "AudioFinished",
    "AudioStalled",
    "AudioStarted",
    "AudioWentOn",
    "CallerHungUp",
    "CloseRequested",
    "DeadlineReached",
    "EdgeProfile",
    "EndRequested",
    "EvidenceReceived",
    "FillerEnding",
    "FillerFinished",
    "FillerStarted",
    "Finish",
    "FloorInput",
    "HandOverRequested",
    "InterruptRequested",
    "KeptAlive",
    "ListenFailed",
    "ProtectionChanged",
    "ReplyCut",
    "ReplyRequested",
    "SayCancelled",
    "SayRequested",
    "SentenceFinished",
    "SessionOpened",
    "SpeculationFailed",
    "SpeechComplete",
    "SpeechStarted",
    "SpeechStopped",
    "TextReceived",
    "ToolsDone",
    "ToolsRunning",
    "TranscriptReceived",
    "TurnFailed",
    "TurnJoined",
    "TurnReserved",
    "UserTurnCleared",
    "WaitsFor",
]

EdgeProfile = Literal["turn", "barge_in"]
"""Which settings found an edge of speech: those for starting a turn, or those for barging in."""

Finish = Literal["nothing", "sentence", "everything"]
"""What the agent may finish before the session ends."""


@dataclass(frozen=True, slots=True)
class SessionOpened:
    """The session's tasks are running. `sample` is, here and below, the session's time in samples."""

    sample: int


@dataclass(frozen=True, slots=True)
class DeadlineReached:
    """The time that `Floor.deadline` named has come."""

    sample: int


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Somebody began to speak at `onset`, and `sample` is when that was sure.

    Attributes:
        sample: The session's time.
        onset: First sample of the speech.
        listen_from: Where to begin to listen, a little earlier, so that the first syllable is whole.
        profile: Which settings found it.
        confidence: The detector's.
        source: Who noticed: a detector, or ``application`` or ``client``, whose word is final.
    """

    sample: int
    onset: int
    listen_from: int
    profile: EdgeProfile
    confidence: float = 1.0
    source: str = "vad"


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The last sample of speech was the one before `end`.

    From the `source` ``application`` or ``client`` it also says that the turn is over.
    """

    sample: int
    end: int
    profile: EdgeProfile
    source: str = "vad"


@dataclass(frozen=True, slots=True)
class TranscriptReceived:
    """What a turn's listener has understood since its last final transcript.

    `stop` is the sample of the session's clock up to which the text accounts for the audio.
    """

    sample: int
    turn_id: int
    text: str
    is_final: bool
    stop: int


@dataclass(frozen=True, slots=True)
class EvidenceReceived:
    """Somebody who examines the caller's sound says how much it is something: an echo, a noise, an interruption.

    Attributes:
        sample: The session's time.
        turn_id: Whose sound it is: a challenger's, for example; 0 for whatever is being listened to.
        name: What the score says. Well known are ``echo``, ``noise`` and ``interruption``.
        value: How much, 0 to 1.
        stop: Sample after the last one that it takes into account.
    """

    sample: int
    turn_id: int
    name: str
    value: float
    stop: int


@dataclass(frozen=True, slots=True)
class ListenFailed:
    """The listening part of a turn broke."""

    sample: int
    turn_id: int
    provider: str
    message: str


@dataclass(frozen=True, slots=True)
class ReplyCut:
    """A turn was interrupted, and this is what it had still to say, as far as it was known."""

    sample: int
    turn_id: int
    unheard: str


@dataclass(frozen=True, slots=True)
class UserTurnCleared:
    """The application or the client throws away what the caller is saying."""

    sample: int


@dataclass(frozen=True, slots=True)
class TurnFailed:
    """Answering broke; the turn is over."""

    sample: int
    turn_id: int
    provider: str
    message: str


@dataclass(frozen=True, slots=True)
class SpeculationFailed:
    """A provider broke while a speculative answer was being prepared, which harms nobody."""

    sample: int
    turn_id: int
    attempt: int
    provider: str
    message: str


@dataclass(frozen=True, slots=True)
class AttemptJoined:
    """Every task of an attempt that was taken back has ended."""

    sample: int
    turn_id: int
    attempt: int


@dataclass(frozen=True, slots=True)
class ToolsRunning:
    """The answer of a turn waits for tools."""

    sample: int
    turn_id: int


@dataclass(frozen=True, slots=True)
class ToolsDone:
    """It does not any more."""

    sample: int
    turn_id: int


@dataclass(frozen=True, slots=True)
class AttemptCommitted:
    """A tool of an attempt has done, or is about to do, what cannot be undone."""

    sample: int
    turn_id: int
    attempt: int


@dataclass(frozen=True, slots=True)
class TurnJoined:
    """Every task of a turn has ended."""

    sample: int
    turn_id: int


@dataclass(frozen=True, slots=True)
class TurnReserved:
    """The application is about to begin a turn, which has this id: `Floor.next_turn_id`. No other turn will have it."""

    sample: int
    turn_id: int


@dataclass(frozen=True, slots=True)
class SayRequested:
    """The application wants something said, as a turn of its own. `text` is empty when it comes in pieces.

    With a `priority` it does not wait for what has a lower one: that is interrupted.
    """

    sample: int
    turn_id: int
    text: str
    allow_interruptions: bool = True
    priority: int = 0


@dataclass(frozen=True, slots=True)
class ReplyRequested:
    """The application wants the model to say something, as a turn of its own: to `text`, or of its own accord."""

    sample: int
    turn_id: int
    text: str = ""
    allow_interruptions: bool = True


@dataclass(frozen=True, slots=True)
class ProtectionChanged:
    """From now on, a turn that the application began may be interrupted, or may not be any more."""

    sample: int
    turn_id: int
    allow_interruptions: bool


@dataclass(frozen=True, slots=True)
class SayCancelled:
    """The application no longer wants what it asked for, whether it waits or is being said."""

    sample: int
    turn_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class TextReceived:
    """The caller typed something. It is answered next, and interrupts whatever is being said."""

    sample: int
    turn_id: int
    text: str


@dataclass(frozen=True, slots=True)
class InterruptRequested:
    """The application or the client interrupts: the whole turn, or with `speech_only` just its voice."""

    sample: int
    reason: str
    speech_only: bool = False


@dataclass(frozen=True, slots=True)
class SentenceFinished:
    """A turn that was to finish its sentence has, and all of it was played."""

    sample: int
    turn_id: int


@dataclass(frozen=True, slots=True)
class KeptAlive:
    """The application knows that somebody is there, although nobody speaks."""

    sample: int


@dataclass(frozen=True, slots=True)
class HandOverRequested:
    """Another agent, whom the Floor knows by this name, is to take over."""

    sample: int
    agent: str


@dataclass(frozen=True, slots=True)
class EndRequested:
    """The session is to end: at once, or when the agent's sentence or everything it has to say is finished.

    `within` is after how many samples it ends at the latest.
    """

    sample: int
    reason: str
    finish: Finish
    within: int


@dataclass(frozen=True, slots=True)
class CallerHungUp:
    """The caller is gone."""

    sample: int
    reason: str = "hung_up"


@dataclass(frozen=True, slots=True)
class CloseRequested:
    """The session is being closed from our side."""

    sample: int
    reason: str = "shutdown"


FloorInput = (
    SessionOpened
    | DeadlineReached
    | SpeechStarted
    | SpeechStopped
    | TranscriptReceived
    | EvidenceReceived
    | ListenFailed
    | AudioStarted
    | SpeechComplete
    | AudioStalled
    | AudioWentOn
    | FillerStarted
    | FillerFinished
    | AudioFinished
    | ReplyCut
    | UserTurnCleared
    | TurnFailed
    | SpeculationFailed
    | AttemptJoined
    | TurnJoined
    | ToolsRunning
    | ToolsDone
    | AttemptCommitted
    | TurnReserved
    | SayRequested
    | ReplyRequested
    | ProtectionChanged
    | SayCancelled
    | TextReceived
    | InterruptRequested
    | SentenceFinished
    | KeptAlive
    | HandOverRequested
    | EndRequested
    | CallerHungUp
    | CloseRequested
)
"""Whatever the Floor can be told."""
