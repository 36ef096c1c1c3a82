"""What happens to the agent's voice on its way to the caller."""

from dataclasses import dataclass

from turnscope.core._events import Event

__all__ = ["SpeechStalled", "SpeechWentOn"]


@dataclass(frozen=True, slots=True)
class SpeechStalled(Event):
    """The turn's speech has stood still since `since`, and waits for the ``answer`` or for the ``transport``."""

    turn_id: int
    since: int
    waits_for: str


@dataclass(frozen=True, slots=True)
class SpeechWentOn(Event):
    """The turn's speech that had stalled has gone on."""

    turn_id: int
