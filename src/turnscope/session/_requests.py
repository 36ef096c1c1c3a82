"""What the application asks of a turn that it begins itself. Values only; nothing happens here."""

from collections.abc import AsyncIterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from turnscope.core import Message
from turnscope.providers import VoiceOptions

__all__ = ["Pieces", "Request"]

Pieces = AsyncIterable[str] | AbstractAsyncContextManager[AsyncIterable[str]]
"""Text that comes piece by piece: an async iterator, or the context of one, such as `trio.as_safe_channel` makes."""


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """How a turn differs from one that the caller has begun.

    Attributes:
        pieces: The text to say, as it is being written; None when it is known or is the model's to write.
        voice: As in `VoiceOptions`; None for that of the agent who says it.
        speed: The same.
        volume: The same.
        add_to_history: The language model will know of it later.
        instructions: Told to the model for this answer only.
        resumes: The reply that is gone on with, from its first unheard word; no model is asked.
    """

    pieces: Pieces | None = None
    voice: str | None = None
    speed: float | None = None
    volume: float | None = None
    add_to_history: bool = True
    instructions: str = ""
    resumes: Message | None = None

    def way_to_speak(self, own: VoiceOptions) -> VoiceOptions:
        """The agent's `own` way, as far as nothing else is wanted.

        Raises:
            ConfigError: What is wanted makes no sense.
        """
        return VoiceOptions(
            own.voice if self.voice is None else self.voice,
            own.speed if self.speed is None else self.speed,
            own.volume if self.volume is None else self.volume,
        )
