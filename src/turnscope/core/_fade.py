"""Gain: decibels, ramps between two gains, and the fade that ends a voice without a click.

Pure functions of arrays; when to fade is somebody else's decision.
"""

import math
from functools import lru_cache
from typing import Literal

import numpy as np

from turnscope._errors import ConfigError
from turnscope.core._audio import Samples

__all__ = ["RampShape", "db_to_gain", "fade_in", "fade_out", "gain_ramp", "gain_to_db"]

RampShape = Literal["cosine", "linear"]
"""How a gain moves: ``"cosine"`` (raised cosine: no corner at either end) or ``"linear"``."""


def db_to_gain(db: float) -> float:
    """Decibels as a linear gain, 10^(db/20): −12 dB is 0.251, minus infinity is 0."""
    return float(10.0 ** (db / 20.0))


def gain_to_db(gain: float) -> float:
    """A linear gain in decibels, 20·log10(gain): 0 is minus infinity.

    Raises:
        ConfigError: The gain is negative.
    """
    if gain < 0:
        raise ConfigError(f"gain must not be negative; got {gain}")
    return 20.0 * math.log10(gain) if gain > 0 else -math.inf


def gain_ramp(from_gain: float, to_gain: float, length: int, shape: RampShape = "cosine") -> Samples:
    """The gains that lead from `from_gain` to `to_gain` in `length` samples.

    The sample before the ramp is meant to have `from_gain`; the last one of the ramp has exactly `to_gain`. Hence the
    ramps of one fade join without a step, and sample ``k`` has the gain of the point ``(k + 1) / length`` of the curve.

    Returns:
        Shape ``(length,)``, monotonic, every value between the two gains. Read-only, as equal calls share it.

    Raises:
        ConfigError: The length is negative, a gain is negative or not finite, or the shape is unknown.
    """
    if length < 0:
        raise ConfigError(f"length must not be negative; got {length}")
    if not (0 <= from_gain < math.inf and 0 <= to_gain < math.inf):
        raise ConfigError(f"gains must be finite and not negative; got {from_gain} and {to_gain}")
    if shape not in ("cosine", "linear"):
        raise ConfigError(f"shape must be 'cosine' or 'linear'; got {shape!r}")
    return _ramp(from_gain, to_gain, length, shape)


@lru_cache(maxsize=64)
def _ramp(from_gain: float, to_gain: float, length: int, shape: RampShape) -> Samples:
    progress = np.arange(1, length + 1, dtype=np.float64) / max(1, length)
    if shape == "cosine":
        # cos() is good to a last digit or so, which could show as a dip where the curve is flat.
        progress = np.maximum.accumulate(0.5 - 0.5 * np.cos(np.pi * progress))
    low, high = sorted((np.float32(from_gain), np.float32(to_gain)))
    ramp: Samples = np.clip((from_gain + (to_gain - from_gain) * progress).astype(np.float32), low, high)
    if length:
        ramp[-1] = to_gain
    ramp.flags.writeable = False
    return ramp


def fade_out(samples: Samples, length: int, *, from_gain: float = 1.0, shape: RampShape = "cosine") -> Samples:
    """The tail that replaces `samples` when they may not be played: their beginning, faded to nothing.

    Args:
        samples: What would have been played next, shape ``(n,)``.
        length: How long the tail is; less if fewer samples remain, and then the whole fade happens in those.
        from_gain: Gain of the sample before the tail: below 1.0 for a voice that was already ducked.
        shape: How the gain moves.

    Returns:
        A new array of shape ``(min(n, length),)``. Its last sample is exactly 0.

    Raises:
        ConfigError: See `gain_ramp`.
    """
    tail = samples[: max(0, length)]
    faded: Samples = tail * gain_ramp(from_gain, 0.0, tail.size if length >= 0 else length, shape)
    return faded


def fade_in(samples: Samples, length: int, *, from_gain: float = 0.0, shape: RampShape = "cosine") -> Samples:
    """All of `samples`, their first `length` coming up from `from_gain` to full gain.

    Returns:
        A new array of the same shape. If it is shorter than `length`, the whole fade happens in it.

    Raises:
        ConfigError: See `gain_ramp`.
    """
    faded = samples.copy()
    head = faded[: max(0, length)]
    head *= gain_ramp(from_gain, 1.0, head.size if length >= 0 else length, shape)
    return faded
