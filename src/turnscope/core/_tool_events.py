"""What happened about tools: events like those of `turnscope.core._events`, of which they are a part."""

from dataclasses import dataclass

from turnscope.core._audio import CLOCK_HZ
from turnscope.core._events import Event

__all__ = ["ModelAsked", "ToolCalled", "ToolFinishedLate", "ToolSettled", "ToolStarted", "ToolStuck"]


@dataclass(frozen=True, slots=True)
class ModelAsked(Event):
    """The language model is asked: `round` 1 is about what the caller said, each further one about results of tools."""

    turn_id: int
    attempt: int
    round: int


@dataclass(frozen=True, slots=True)
class ToolCalled(Event):
    """The model asks for a call. `call_id` names it, `arguments` are as the model wrote them."""

    turn_id: int
    attempt: int
    call_id: str
    tool: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolStarted(Event):
    """The tool's function is called."""

    turn_id: int
    call_id: str
    tool: str
    idempotency_key: str


@dataclass(frozen=True, slots=True)
class ToolSettled(Event):
    """A call's one ending, as far as the conversation is concerned.

    Attributes:
        turn_id: The turn that asked.
        call_id: Names the call.
        tool: The tool's name.
        kind: ``returned``, ``failed``, ``cancelled`` or ``detached``.
        text: What the model is told: the result, or what went wrong.
        cause: Why its answer no longer waited for it; empty if it did.
        idempotency_key: Names what was asked for.
        started: When its function was called; None if it could not be.
    """

    turn_id: int
    call_id: str
    tool: str
    kind: str
    text: str
    cause: str
    idempotency_key: str
    started: int | None

    @property
    def duration_s(self) -> float:
        """From its start, in seconds; 0.0 if it was not started."""
        return 0.0 if self.started is None else (self.sample - self.started) / CLOCK_HZ


@dataclass(frozen=True, slots=True)
class ToolFinishedLate(Event):
    """The function of a call that had been settled has come to an end. `kept`: the result goes into the history."""

    turn_id: int
    call_id: str
    tool: str
    kind: str
    text: str
    kept: bool


@dataclass(frozen=True, slots=True)
class ToolStuck(Event):
    """A tool did not stop when it was cancelled. It keeps its place among those that may run at once."""

    turn_id: int
    call_id: str
    tool: str
