"""What is heard while an answer keeps the caller waiting: a few words, or a soft sound. Settings only."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from turnscope._errors import AudioError, ConfigError
from turnscope.core._audio import CLOCK_HZ, Samples, as_samples

__all__ = ["Filler", "ThinkingSound", "soft_tones"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filler:
    """Words that are said when an answer is late: "One moment." They are no part of it and are not remembered.

    Attributes:
        texts: What is said, one after the other in the whole session, and from the start again.
        after_s: It is begun when nothing of the answer has been heard for so long.
        at_most: So many are said in one answer; there are several waits in one if tools are called.
    """

    texts: Sequence[str]
    after_s: float = 1.5
    at_most: int = 2

    def __post_init__(self) -> None:
        if isinstance(self.texts, str) or not self.texts or not all(text.strip() for text in self.texts):
            raise ConfigError(f"texts must be a list of texts, none of them empty, got {self.texts!r}")
        object.__setattr__(self, "texts", tuple(self.texts))
        _check_after(self.after_s)
        if self.at_most < 1:
            raise ConfigError(f"at_most must be at least 1, got {self.at_most}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ThinkingSound:
    """A sound that is played again and again while an answer is late.

    Attributes:
        samples: The sound, float32, shape ``(n,)``, -1.0 to 1.0, at `hz`. Its end should fit its beginning. None for
            `soft_tones`.
        hz: Its rate.
        after_s: It is begun when nothing of the answer has been heard for so long.
        volume: What the samples are multiplied by, more than 0 and at most 1.
    """

    samples: Samples | None = None
    hz: int = CLOCK_HZ
    after_s: float = 1.0
    volume: float = 1.0

    def __post_init__(self) -> None:
        if self.hz < 1:
            raise ConfigError(f"hz must be positive, got {self.hz}")
        _check_after(self.after_s)
        if not 0 < self.volume <= 1:
            raise ConfigError(f"volume must be more than 0 and at most 1, got {self.volume}")
        try:
            length = 1 if self.samples is None else len(as_samples(self.samples))
        except AudioError as error:
            raise ConfigError(f"samples must be a sound: {error}") from error
        if not length:
            raise ConfigError("samples must not be empty")

    def loop(self) -> Samples:
        """What is played, at `hz`: the sound at its volume, so often that it lasts half a second at least."""
        sound = soft_tones(self.hz) if self.samples is None else as_samples(self.samples)
        return np.tile(sound * np.float32(self.volume), max(1, -(-self.hz // (2 * len(sound)))))


@lru_cache(maxsize=8)
def soft_tones(hz: int = CLOCK_HZ) -> Samples:
    """The thinking sound that there is unless another is given: two low, soft tones and a rest, 1.6 s in all.

    They are sines of 220 and 262 Hz at -26 dB, swelling and dying away in 0.4 s each, so that nothing in it clicks and
    no detector of speech takes it for a voice.

    Args:
        hz: Rate at which it is wanted.

    Returns:
        Shape ``(round(1.6 * hz),)``. Read-only, as equal calls share it.
    """
    sound = np.zeros(round(1.6 * hz), np.float32)
    length = round(0.4 * hz)
    for start_s, pitch_hz in ((0.0, 220.0), (0.5, 262.0)):
        start, times = round(start_s * hz), np.arange(length) / hz
        sound[start : start + length] = 0.05 * np.hanning(length) * np.sin(2 * np.pi * pitch_hz * times)
    sound.flags.writeable = False
    return sound


def _check_after(after_s: float) -> None:
    if not 0 < after_s < math.inf:
        raise ConfigError(f"after_s must be positive, got {after_s}")
