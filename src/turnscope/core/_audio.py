"""What a sample is: types, the session's clock, and conversions that lose nothing by surprise.

Pure functions of arrays; never reads a file, never waits.
"""

import numpy as np
import numpy.typing as npt

from turnscope._errors import AudioError

__all__ = ["CLOCK_HZ", "Samples", "as_samples", "from_pcm16", "seconds", "to_pcm16", "to_samples"]

CLOCK_HZ = 16_000
"""Ticks a second of the session's clock. Every time in `turnscope.core` is an integer count of
them; as the ears run at the same rate, a tick is also one sample of the caller's audio."""

Samples = npt.NDArray[np.float32]
"""Mono audio: shape ``(n,)``, ``float32``, full scale ±1.0."""


def seconds(sample: int) -> float:
    """The time of a sample of the session's clock, in seconds."""
    return sample / CLOCK_HZ


def to_samples(duration_s: float) -> int:
    """A duration in seconds as whole samples of the session's clock, rounded to the nearest."""
    return round(duration_s * CLOCK_HZ)


def as_samples(audio: npt.ArrayLike) -> Samples:
    """Check that `audio` is mono and finite, and return it as `Samples`.

    Raises:
        AudioError: It has another shape than ``(n,)``, is not floating point, or holds NaN or infinity.
    """
    array = np.asarray(audio)
    if array.ndim != 1:
        raise AudioError(f"audio must be mono, of shape (n,); got shape {array.shape}")
    if array.dtype.kind != "f":
        raise AudioError(f"audio must be floating point with full scale ±1.0; got {array.dtype} (see from_pcm16)")
    samples: Samples = array.astype(np.float32, copy=False)
    if not np.isfinite(samples).all():
        raise AudioError("audio holds NaN or infinity")
    return samples


def from_pcm16(pcm: npt.NDArray[np.int16]) -> Samples:
    """16-bit PCM as `Samples`: divided by 32768, so that −32768 is −1.0."""
    return pcm.astype(np.float32) * np.float32(1 / 32768)


def to_pcm16(samples: Samples) -> npt.NDArray[np.int16]:
    """`Samples` as 16-bit PCM: rounded to the nearest step, clipped to full scale.

    ``to_pcm16(from_pcm16(x))`` is ``x`` for every ``x``.
    """
    pcm: npt.NDArray[np.int16] = np.clip(np.rint(samples * np.float32(32768)), -32768, 32767).astype(np.int16)
    return pcm
