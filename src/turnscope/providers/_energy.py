"""A detector that only measures loudness above the room's noise: no model, no weights, and easily fooled.

For machines and tests where `SileroVAD` is too much; it cannot tell a voice from a slamming door.
"""

import math
from collections import deque

import numpy as np

from turnscope._errors import AudioError, ConfigError
from turnscope.core import CLOCK_HZ, Samples

__all__ = ["EnergyVAD"]

SILENCE_DBFS = -100.0
"""Level of digital silence: a logarithm needs an end."""

BLOCKS = 8
"""Into how many parts the noise floor's memory is divided: it forgets by one of them at a time."""

SLOPE_DB = 2.0
"""How many dB take the score from 0.5 to 0.73."""

MAX_EXPONENT = 50.0
"""Beyond it the score is 0 or 1 anyway."""

LOUDEST = 1e6
"""Samples beyond it are no audio."""


class EnergyVAD:
    """Level above an adaptive noise floor, with hysteresis, as a score from 0 to 1.

    For each window, with ``n`` samples ``x``::

        level = 10 * log10(mean((x - mean(x)) ** 2))       dB re full scale, at least -100
        floor = max(floor_dbfs, least level of the last adapt_s)
        score = 1 / (1 + exp(-(level - floor - edge) / 2))
        edge  = release_db if the score before was 0.5 or more, else attack_db

    so that the score is 0.5 just at the edge in force, and 0.73 another 2 dB above it. The floor is that of minimum
    statistics (R. Martin, "Noise power spectral density estimation based on optimal smoothing and minimum
    statistics", IEEE Trans. Speech and Audio Processing 9(5), 2001), taken over the whole band: speech falls back to
    the noise between its words, noise does not. When noise falls, the floor follows at once; when it rises, it counts
    as speech until the floor has followed, after `adapt_s` at most. A vowel sung for longer is taken for noise.
    A stream begins as if it had been quiet at `floor_dbfs` before.

    Args:
        attack_db: How far above the floor a window must be to be speech.
        release_db: How far above it a window must stay, once there is speech.
        floor_dbfs: The floor is never below this, so that the faintest hiss after digital silence is not speech.
        adapt_s: How far back the floor remembers. Longer than a breathless phrase, shorter than patience.
        input_hz: Sample rate it takes.
        window_samples: Length of its windows; the default is 20 ms.

    Raises:
        ConfigError: A setting is out of its range; the message names it.
    """

    def __init__(
        self,
        *,
        attack_db: float = 15.0,
        release_db: float = 9.0,
        floor_dbfs: float = -65.0,
        adapt_s: float = 2.0,
        input_hz: int = CLOCK_HZ,
        window_samples: int = 320,
    ) -> None:
        if not 0 < release_db <= attack_db <= 60:
            raise ConfigError(f"it must be that 0 < release_db <= attack_db <= 60, got {release_db} and {attack_db}")
        if not SILENCE_DBFS <= floor_dbfs <= 0:
            raise ConfigError(f"floor_dbfs must be from {SILENCE_DBFS:g} to 0, got {floor_dbfs}")
        if not 0.1 <= adapt_s <= 60:
            raise ConfigError(f"adapt_s must be from 0.1 to 60 seconds, got {adapt_s}")
        if not input_hz > 0:
            raise ConfigError(f"input_hz must be positive, got {input_hz}")
        if not 0 < window_samples <= input_hz:
            raise ConfigError(f"window_samples must be from 1 to one second's worth, got {window_samples}")
        self._attack_db = float(attack_db)
        self._release_db = float(release_db)
        self._floor_dbfs = float(floor_dbfs)
        self._adapt_windows = max(BLOCKS, round(adapt_s * input_hz / window_samples))
        self._input_hz = input_hz
        self._window_samples = window_samples

    @property
    def name(self) -> str:
        """``"energy"``."""
        return "energy"

    @property
    def input_hz(self) -> int:
        """The sample rate that it was made for."""
        return self._input_hz

    @property
    def window_samples(self) -> int:
        """The window's length that it was made for."""
        return self._window_samples

    def open_stream(self) -> "EnergyStream":
        """A detector that has heard nothing yet."""
        return EnergyStream(
            self._window_samples, NoiseFloor(self._floor_dbfs, self._adapt_windows), self._attack_db, self._release_db
        )


class NoiseFloor:
    """The least level of the last so many windows, at no more than a few comparisons a window.

    Args:
        least_dbfs: Never below this, and this until enough was heard.
        windows: How many windows it remembers, rounded down to eighths.
    """

    __slots__ = ("_block_windows", "_blocks", "_least_dbfs", "_left", "_value")

    def __init__(self, least_dbfs: float, windows: int) -> None:
        self._least_dbfs = least_dbfs
        self._block_windows = windows // BLOCKS
        self._left = self._block_windows
        # The last entry is the minimum of the block that is being heard.
        self._blocks = deque([least_dbfs] * (BLOCKS - 1) + [0.0], maxlen=BLOCKS)
        self._value = least_dbfs

    @property
    def value_dbfs(self) -> float:
        """The floor now."""
        return self._value

    def hear(self, level_dbfs: float) -> None:
        """Take the next window's level."""
        if self._left == 0:
            self._blocks.append(level_dbfs)
            self._left = self._block_windows
            self._value = max(self._least_dbfs, min(self._blocks))
        elif level_dbfs < self._blocks[-1]:
            self._blocks[-1] = level_dbfs
            self._value = max(self._least_dbfs, min(self._value, level_dbfs))
        self._left -= 1


class EnergyStream:
    """One continuous stream of audio, and its noise floor. Made by `EnergyVAD.open_stream`."""

    __slots__ = ("_active", "_attack_db", "_floor", "_release_db", "_window_samples")

    def __init__(self, window_samples: int, floor: NoiseFloor, attack_db: float, release_db: float) -> None:
        self._window_samples = window_samples
        self._floor = floor
        self._attack_db = attack_db
        self._release_db = release_db
        self._active = False

    @property
    def floor_dbfs(self) -> float:
        """The noise floor in force."""
        return self._floor.value_dbfs

    def process(self, window: Samples) -> float:
        """The score of the next window, see `EnergyVAD`.

        Args:
            window: ``float32``, full scale ±1.0, `EnergyVAD.window_samples` of them.

        Returns:
            0.0 to 1.0; 0.5 and more is speech.

        Raises:
            AudioError: `window` has another shape or type, or holds NaN or infinity; it was not heard then.
        """
        level = self._level(window)
        self._floor.hear(level)
        edge = self._release_db if self._active else self._attack_db
        exponent = (level - self._floor.value_dbfs - edge) / SLOPE_DB
        score = 1.0 / (1.0 + math.exp(-max(-MAX_EXPONENT, min(MAX_EXPONENT, exponent))))
        self._active = score >= 0.5
        return score

    def _level(self, window: Samples) -> float:
        if window.shape != (self._window_samples,) or window.dtype != np.float32:
            raise AudioError(
                f"energy takes float32 of shape ({self._window_samples},), got {window.dtype} of shape {window.shape}"
            )
        if not (window.max() <= LOUDEST and window.min() >= -LOUDEST):  # NaN fails both
            raise AudioError("the window holds NaN, infinity or samples a million times beyond full scale")
        # In double precision: a sound card's constant offset can be far larger than what lies around it.
        exact = window.astype(np.float64)
        mean = float(exact.mean())
        power = float(exact.dot(exact)) / len(exact) - mean * mean
        return max(SILENCE_DBFS, 10 * math.log10(power)) if power > 0 else SILENCE_DBFS
