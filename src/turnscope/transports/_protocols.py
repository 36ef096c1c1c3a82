"""What carries a conversation's audio must be able to do: one small protocol.

Only `Transport.receive` waits. Everything that goes towards the caller is synchronous, so that falling silent
never stands in a queue and never needs a checkpoint.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from turnscope.core import Samples

__all__ = ["ForeseenTransport", "InputFrame", "Playhead", "Provenance", "Transport"]

Provenance = Literal["measured", "acknowledged", "estimated"]
"""How it is known what the caller has heard: by the device itself, by the far end's word, or by arithmetic."""


class InputFrame(NamedTuple):
    """The next piece of the caller's audio.

    It is a tuple because one is made for every frame of every call.

    Attributes:
        samples: Shape ``(n,)`` at the transport's `Transport.input_hz`. They will not change.
        start: Index of the first one since the stream began. A transport that loses audio leaves a gap here.
    """

    samples: Samples
    start: int


@dataclass(frozen=True, slots=True)
class Playhead:
    """How far the caller's end has come.

    Attributes:
        sample: How many of the samples given to `Transport.send` are behind it, heard or cleared, counted since the
            stream began. It stands still while there is nothing to play.
        provenance: How that is known.
    """

    sample: int
    provenance: Provenance


@runtime_checkable
class Transport(Protocol):
    """Moves one caller's audio both ways.

    Opening it is the business of whoever makes it; a session uses it and says when it is over. One task receives. After
    the caller has hung up, `send` and `clear` do nothing.
    """

    @property
    def input_hz(self) -> int:
        """Sample rate of what the caller says."""
        ...

    @property
    def output_hz(self) -> int:
        """Sample rate of what the caller hears."""
        ...

    @property
    def lead_samples(self) -> int:
        """How many samples may be sent and not be played yet, at `output_hz`. It bounds what a `clear` has to stop."""
        ...

    async def receive(self) -> InputFrame | None:
        """Wait for the next piece of the caller's audio; None, then and ever after, once the caller has hung up.

        A piece arrives when its last sample has been spoken. Where a transport can choose when the stream begins,
        it begins with the first call of this or of `send`. Cancelling loses nothing.

        Raises:
            TransportError: The way to the caller failed.
        """
        ...

    def send(self, samples: Samples, response_id: str) -> None:
        """Have samples played behind those sent before, or now if there are none left.

        Args:
            samples: Shape ``(n,)`` at `output_hz`. The transport may keep them: do not change them afterwards.
            response_id: The response they belong to, so that a far end can drop what is late.

        Raises:
            TransportError: More than `lead_samples` would wait to be played.
        """
        ...

    def clear(self, response_id: str) -> None:
        """Drop what was sent of a response and was not played yet, ahead of everything else on the wire.

        Until it takes effect at the far end, the playhead may still move through what was dropped.
        """
        ...

    def playhead(self) -> Playhead:
        """How far the caller's end has come by now."""
        ...

    def close(self) -> None:
        """The session is over: nothing more is sent or received. The far end may be told. Idempotent."""
        ...


@runtime_checkable
class ForeseenTransport(Protocol):
    """What a `Transport` can do, too, if it knows beforehand what the caller will say, as that of a script does.

    Where time is not real, a session asks such a one for its frames instead of waiting for each of them.
    """

    @property
    def takes_ahead(self) -> bool:
        """Whether `Transport.send` may be given at once, ahead of time, what would be sent in frames one by one.

        It is only given what is heard to its end, as things stand.
        """
        ...

    @property
    def frame_samples(self) -> int:
        """Length of its frames, at `Transport.input_hz`."""
        ...

    def time_at(self, sample: int) -> float:
        """Trio's time at which a sample of the stream is due. Asking for it begins the stream."""
        ...

    def next_frame_at(self) -> float:
        """Trio's time at which the last sample of the next frame is due."""
        ...

    def take_frame(self) -> InputFrame | None:
        """The next frame, at its time; None once the caller has hung up."""
        ...

    def foresee(self, before: float) -> Samples:
        """What the frames hold that are due before a time of Trio's, shape ``(n * frame_samples,)``. Takes none.

        It holds as long as the agent goes on as it does, with speech or silence, and ends where anything else might
        happen: it may be empty at any time.
        """
        ...

    def take_foreseen(self, samples: Samples) -> InputFrame:
        """Take the first whole frames of what was foreseen, as one."""
        ...
