"""What happens to the agent's voice on its way to the caller."""

from dataclasses import dataclass

from turnscope.core._events import Event

__all__ = ["FillerBegins", "FillerEnds", "SpeechStalled", "SpeechWentOn"]


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


@dataclass(frozen=True, slots=True)
class FillerBegins(Event):
    """Something begins to be heard while the turn's answer is late: `text`, or if that is empty a sound.

    It is no part of the answer.
    """

    turn_id: int
    attempt: int
    text: str


@dataclass(frozen=True, slots=True)
class FillerEnds(Event):
    """It has ended: it was ``played`` to its end, or it fades out, ``answered`` by the answer itself or ``stopped``."""

    turn_id: int
    attempt: int
    cause: str
