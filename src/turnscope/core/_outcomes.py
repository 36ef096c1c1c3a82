"""How a turn ends, and why."""

from dataclasses import dataclass

__all__ = ["Cause", "Completed", "Failed", "HungUp", "Interrupted", "Outcome"]


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a turn was cancelled.

    Attributes:
        reason: ``user_speaking``, ``user_clicked_stop``, ``client_request``, ``timeout``, ``priority_message``,
            ``new_input``, ``shutdown``, ``hung_up``, ``interrupted`` or a word of the application's own.
        decision: When it was decided, in samples.
        onset: First sample of the speech that interrupted, if it was speech.
        evidence: What decided, for a person to read.
    """

    reason: str
    decision: int
    onset: int | None = None
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Completed:
    """Everything was said and heard."""

    heard: str
    kind: str = "completed"


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The turn was cut off, which is a normal way to end.

    Attributes:
        cause: Why, when, and by what onset.
        heard: The words whose audio was played, as they stand in the text.
        unheard: What had been generated after them.
        gate_shut: When the gate shut, in samples of the session's clock.
        last_sent: Sample after the last one handed to the transport before that.
        silence: Sample after the last one that is heard, fade included; None when nothing was being played.
        silence_source: ``measured``, ``acknowledged`` or ``estimated``.
        heard_estimated: The words' places were estimated, as the synthesizer does not tell them.
    """

    cause: Cause
    heard: str
    unheard: str
    gate_shut: int
    last_sent: int | None
    silence: int | None
    silence_source: str = "measured"
    heard_estimated: bool = False
    kind: str = "interrupted"


@dataclass(frozen=True, slots=True)
class Failed:
    """A part of the turn broke; the session goes on."""

    provider: str
    message: str
    heard: str = ""
    kind: str = "failed"


@dataclass(frozen=True, slots=True)
class HungUp:
    """The caller left, or the session was closed, before the turn had ended."""

    reason: str
    heard: str = ""
    kind: str = "hung_up"


Outcome = Completed | Interrupted | Failed | HungUp
"""How a turn ends."""
