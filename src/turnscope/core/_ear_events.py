"""What happened to the caller's sound on its way in. Told like all events; steers nothing."""

from dataclasses import dataclass

from turnscope.core._events import Event

__all__ = ["ClockCorrected", "EchoIgnored", "InputGap", "StageFailed"]


@dataclass(frozen=True, slots=True)
class InputGap(Event):
    """The caller's audio has a gap from `start` to before `stop`, which was filled with silence.

    `reason` is ``lost`` if the transport lost it, or ``paused`` if nothing came in its time.
    """

    start: int
    stop: int
    reason: str


@dataclass(frozen=True, slots=True)
class ClockCorrected(Event):
    """The caller's clock had run apart from ours: so many samples of silence were put in, or if negative left out."""

    correction: int


@dataclass(frozen=True, slots=True)
class EchoIgnored(Event):
    """What was heard from sample `start` to before `stop` was the agent's own voice, to the share `score`."""

    start: int
    stop: int
    score: float


@dataclass(frozen=True, slots=True)
class StageFailed(Event):
    """A stage that the caller's audio passes has failed, and is left out from now on. Nothing else changes."""

    stage: str
    message: str
