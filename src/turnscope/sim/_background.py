"""A sound under a whole call."""

from dataclasses import dataclass

import numpy as np

from turnscope._errors import ConfigError
from turnscope.core import Samples

__all__ = ["Background"]


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """A sound that goes on under the whole call, or a part of it; where it ends, it begins anew.

    Attributes:
        audio: At 16 kHz, shape ``(n,)``.
        start: First sample of the call at which it is heard.
        stop: The one after the last; None for the end of the call.

    Raises:
        ConfigError: There is no audio.
    """

    audio: Samples
    start: int = 0
    stop: int | None = None

    def __post_init__(self) -> None:
        if not len(self.audio):
            raise ConfigError("audio must not be empty")

    def add_to(self, frame: Samples, at: int) -> None:
        """Mix it into a frame of the call that begins at sample `at`."""
        begin = max(self.start, at)
        end = at + len(frame) if self.stop is None else min(self.stop, at + len(frame))
        if begin < end:
            frame[begin - at : end - at] += self.audio[
                np.arange(begin - self.start, end - self.start) % len(self.audio)
            ]
