"""What a model must be able to do to judge by its sound whether somebody interrupts.

The contract is that of `turnscope.providers._protocols`.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from turnscope.core import Samples
from turnscope.providers._protocols import Resources

__all__ = ["DetectorConnection", "DetectorStream", "InterruptionDetector", "Score"]


@dataclass(frozen=True, slots=True)
class Score:
    """What a detector says of the sound so far.

    Attributes:
        name: What it is about. Well known are ``interruption``, ``backchannel``, ``noise`` and ``echo``.
        value: How much it is that, 0 to 1.
        stop: Sample after the last one that this takes into account, counted from the first one sent on its stream.
    """

    name: str
    value: float
    stop: int


@runtime_checkable
class InterruptionDetector(Protocol):
    """Judges by its sound whether what a caller says, while the agent speaks, is an interruption."""

    @property
    def name(self) -> str:
        """The provider's name in events, errors and reports."""
        ...

    @property
    def input_hz(self) -> int:
        """Sample rate it takes."""
        ...

    def connect(self, resources: Resources) -> AbstractAsyncContextManager["DetectorConnection"]:
        """Load or dial what all streams of a session share."""
        ...


class DetectorConnection(Protocol):
    """What the streams of one session share."""

    def open_stream(self, onset: int) -> AbstractAsyncContextManager["DetectorStream"]:
        """A stream for one stretch of speech, with a little of what precedes it.

        Args:
            onset: Where the speech begins: a sample, counted from the first one that will be sent.
        """
        ...


class DetectorStream(Protocol):
    """One stretch of speech. One task sends while another iterates."""

    async def send_audio(self, samples: Samples) -> None:
        """Give the next samples, any number of them, as they come in. May wait."""
        ...

    def __aiter__(self) -> AsyncIterator[Score]:
        """Scores as they come; of each name, the newest counts. May end when there is nothing more to say."""
        ...
