"""What the Floor tells the session to do. The session obeys in order and decides nothing itself."""

from dataclasses import dataclass

from turnscope.core._events import Cause, Event

__all__ = [
    "AbandonTurn",
    "AdmitAttempt",
    "CancelAttempt",
    "ChangeAgent",
    "CloseSession",
    "DismissTurn",
    "Emit",
    "EndTurn",
    "FinishSentence",
    "FlushUtterance",
    "InterruptSpeech",
    "InterruptTurn",
    "ListenOn",
    "OpenTurn",
    "Order",
    "ResumeSpeech",
    "StartAttempt",
    "StartFiller",
    "StopListening",
    "YieldSpeech",
]


@dataclass(frozen=True, slots=True)
class Emit:
    """Publish an event."""

    event: Event


@dataclass(frozen=True, slots=True)
class OpenTurn:
    """Open a turn. With `listen_from`, its listening part hears the caller from that sample on."""

    turn_id: int
    listen_from: int | None


@dataclass(frozen=True, slots=True)
class ListenOn:
    """The caller goes on: the turn's listening part hears them again, from that sample on or from where it stopped."""

    turn_id: int
    listen_from: int


@dataclass(frozen=True, slots=True)
class FlushUtterance:
    """The caller paused: have the turn's transcript settled up to now, and hear nothing more until `ListenOn`."""

    turn_id: int


@dataclass(frozen=True, slots=True)
class StopListening:
    """Nothing that is said from here on belongs to this turn."""

    turn_id: int


@dataclass(frozen=True, slots=True)
class StartAttempt:
    """Answer `text`; with `verbatim`, speak `text` itself; with `prompted`, nobody has said it: do what it says.

    A speculative answer is prepared only: nothing of it may be heard, told, remembered or done before `AdmitAttempt`.
    If the answer is `held`, nothing is heard before a `ResumeSpeech`.
    """

    turn_id: int
    attempt: int
    text: str
    verbatim: bool
    speculative: bool = False
    held: bool = False
    prompted: bool = False


@dataclass(frozen=True, slots=True)
class StartFiller:
    """Nothing of the turn's answer is heard yet: fill the wait. It is the session's filler `number`, from 0 on."""

    turn_id: int
    number: int


@dataclass(frozen=True, slots=True)
class AdmitAttempt:
    """The speculative answer is the answer; `text` is what the caller has really said. `held`: see `StartAttempt`."""

    turn_id: int
    attempt: int
    text: str
    held: bool = False


@dataclass(frozen=True, slots=True)
class CancelAttempt:
    """Take the attempt back; nothing of it was heard."""

    turn_id: int
    attempt: int
    reason: str


@dataclass(frozen=True, slots=True)
class YieldSpeech:
    """Step back at once: `reaction` is ``"pause"`` or ``"duck"``."""

    turn_id: int
    reaction: str


@dataclass(frozen=True, slots=True)
class ResumeSpeech:
    """It was no interruption: speak on."""

    turn_id: int


@dataclass(frozen=True, slots=True)
class InterruptTurn:
    """Shut the gate, cancel the turn's scope and everything in it; `closing`, because the session ends.

    `asked` is what the caller had said in it by then, to be remembered although it is not answered.
    """

    turn_id: int
    cause: Cause
    asked: str = ""
    closing: bool = False


@dataclass(frozen=True, slots=True)
class FinishSentence:
    """Speak to the end of the sentence, and tell the Floor: a `SentenceFinished`."""

    turn_id: int


@dataclass(frozen=True, slots=True)
class InterruptSpeech:
    """Shut the gate and cancel the turn's speech; its text may go on until the turn is interrupted or ends.

    It listens no more, either.
    """

    turn_id: int
    cause: Cause


@dataclass(frozen=True, slots=True)
class DismissTurn:
    """Close a turn that was never admitted."""

    turn_id: int


@dataclass(frozen=True, slots=True)
class EndTurn:
    """End a turn that was admitted and brought nothing to answer; with `provider`, because that one failed.

    `asked` is what the caller had said in it by then, as in `InterruptTurn`.
    """

    turn_id: int
    provider: str = ""
    message: str = ""
    asked: str = ""


@dataclass(frozen=True, slots=True)
class AbandonTurn:
    """The turn's tasks have not ended in time: record who is to blame and go on without them."""

    turn_id: int


@dataclass(frozen=True, slots=True)
class ChangeAgent:
    """From the next answer on, the agent of this name speaks."""

    agent: str


@dataclass(frozen=True, slots=True)
class CloseSession:
    """The session is over."""

    reason: str


Order = (
    Emit
    | OpenTurn
    | FlushUtterance
    | StopListening
    | StartAttempt
    | StartFiller
    | AdmitAttempt
    | CancelAttempt
    | YieldSpeech
    | ResumeSpeech
    | InterruptSpeech
    | InterruptTurn
    | ListenOn
    | DismissTurn
    | EndTurn
    | AbandonTurn
    | FinishSentence
    | ChangeAgent
    | CloseSession
)
"""Whatever the Floor can order."""
