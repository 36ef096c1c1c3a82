"""What the Floor is told about the agent's voice on its way to the caller."""

from dataclasses import dataclass
from typing import Literal

__all__ = [
    "AudioFinished",
    "AudioStalled",
    "AudioStarted",
    "AudioWentOn",
    "FillerEnding",
    "FillerFinished",
    "FillerStarted",
    "SpeechComplete",
    "WaitsFor",
]

WaitsFor = Literal["answer", "transport"]
"""What a voice that has come to a standstill waits for: speech, or somebody to play it."""

FillerEnding = Literal["played", "answered", "stopped"]
"""How a filler ends: it was played to its end, the answer took its place, or it was cut off."""


@dataclass(frozen=True, slots=True)
class AudioStarted:
    """The first sample of a turn's speech was handed to the transport."""

    sample: int
    turn_id: int


@dataclass(frozen=True, slots=True)
class SpeechComplete:
    """All speech of a turn's reply has been made; as things stand, its last sample is played before `stop`.

    Said again when that time changes, because the agent had stepped back. `text` is the whole reply.
    """

    sample: int
    turn_id: int
    text: str
    stop: int


@dataclass(frozen=True, slots=True)
class AudioStalled:
    """A turn's speech has stood still since `since`: it `waits_for` its ``answer`` or for the ``transport``."""

    sample: int
    turn_id: int
    since: int
    waits_for: WaitsFor


@dataclass(frozen=True, slots=True)
class AudioWentOn:
    """A turn's speech that had stalled has gone on."""

    sample: int
    turn_id: int


@dataclass(frozen=True, slots=True)
class AudioFinished:
    """A turn has said all that it had to say, and the last sample of it has been played."""

    sample: int
    turn_id: int


@dataclass(frozen=True, slots=True)
class FillerStarted:
    """The first sample of what fills the wait for a turn's answer was handed to the transport."""

    sample: int
    turn_id: int


@dataclass(frozen=True, slots=True)
class FillerFinished:
    """What filled the wait for a turn's answer has ended, or fades out."""

    sample: int
    turn_id: int
    cause: FillerEnding
