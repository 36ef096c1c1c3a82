"""Everything that can happen to the Floor: small facts with a time, and nothing that cannot be written down.

Every field is a number, a string or a bool, so that a log of inputs can be replayed (`input_from_dict`).
"""

from dataclasses import asdict, dataclass, fields
from typing import Literal, get_args

from turnscope._errors import ProtocolError

__all__ = [
    "AttemptCommitted",
    "AttemptJoined",
    "AudioFinished",
    "AudioStarted",
    "CallerHungUp",
    "CloseRequested",
    "DeadlineReached",
    "EdgeProfile",
    "EvidenceReceived",
    "FloorInput",
    "InterruptRequested",
    "ListenFailed",
    "ProtectionChanged",
    "ReplyRequested",
    "SayCancelled",
    "SayRequested",
    "SessionOpened",
    "SpeculationFailed",
    "SpeechStarted",
    "SpeechStopped",
    "TextReceived",
    "ToolsDone",
    "ToolsRunning",
    "TranscriptReceived",
    "TurnFailed",
    "TurnJoined",
    "input_from_dict",
    "input_to_dict",
]

EdgeProfile = Literal["turn", "barge_in"]
"""Which settings found an edge of speech: those for starting a turn, or those for barging in."""


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
        source: Who noticed.
    """

    sample: int
    onset: int
    listen_from: int
    profile: EdgeProfile
    confidence: float = 1.0
    source: str = "vad"


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The last sample of speech was the one before `end`."""

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
class AudioStarted:
    """The first sample of a turn's speech was handed to the transport."""

    sample: int
    turn_id: int


@dataclass(frozen=True, slots=True)
class AudioFinished:
    """A turn has said all that it had to say, and the last sample of it has been played."""

    sample: int
    turn_id: int


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
class SayRequested:
    """The application wants something said, as a turn of its own. `text` is empty when it comes in pieces."""

    sample: int
    turn_id: int
    text: str
    allow_interruptions: bool = True


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
    | AudioFinished
    | TurnFailed
    | SpeculationFailed
    | AttemptJoined
    | TurnJoined
    | ToolsRunning
    | ToolsDone
    | AttemptCommitted
    | SayRequested
    | ReplyRequested
    | ProtectionChanged
    | SayCancelled
    | TextReceived
    | InterruptRequested
    | CallerHungUp
    | CloseRequested
)
"""Whatever the Floor can be told."""

_BY_NAME: dict[str, type[FloorInput]] = {kind.__name__: kind for kind in get_args(FloorInput)}

_RANK = {
    DeadlineReached: 0,
    SpeechStarted: 2,
    SpeechStopped: 2,
    AudioStarted: 2,
    AudioFinished: 2,
    TranscriptReceived: 3,
    EvidenceReceived: 3,
}


def input_rank(item: FloorInput) -> int:
    """Where an input stands among others of the same time: deadline 0, control 1, audio 2, what it says 3."""
    return _RANK.get(type(item), 1)


def input_to_dict(item: FloorInput) -> dict[str, object]:
    """An input as plain JSON data, with its kind under ``"input"``."""
    return {"input": type(item).__name__, **asdict(item)}


def input_from_dict(data: dict[str, object]) -> FloorInput:
    """The inverse of `input_to_dict`.

    Raises:
        ProtocolError: The kind is unknown, or a field is missing, unknown or of the wrong type.
    """
    values = dict(data)
    name = values.pop("input", None)
    kind = _BY_NAME.get(str(name))
    if kind is None:
        raise ProtocolError(f"unknown floor input {name!r}")
    known = {field.name: field.type for field in fields(kind)}
    for key, value in values.items():
        if key not in known:
            raise ProtocolError(f"{name} has no field {key!r}")
        values[key] = _checked(f"{name}.{key}", known[key], value)
    try:
        return kind(**values)  # type: ignore[arg-type]  # the names and types were checked above
    except TypeError as error:
        raise ProtocolError(f"{name}: {error}") from error


def _checked(where: str, expected: object, value: object) -> object:
    """`value`, if it may stand in a field of the type `expected`: a JSON number without a fraction is a float, too."""
    if isinstance(expected, type):
        if expected is float and type(value) is int:
            return float(value)
        if type(value) is not expected:
            raise ProtocolError(f"{where} must be {expected.__name__}, got {value!r}")
    elif value not in get_args(expected):
        raise ProtocolError(f"{where} must be one of {', '.join(get_args(expected))}, got {value!r}")
    return value
