"""The µ-law codec of telephones: eight bits for a sample, finer where it is quiet (ITU-T Recommendation G.711, 1988).

Sans-IO and without state. What it codes in a telephone is sampled at 8 kHz; the codec itself knows no rate.
"""

import numpy as np
import numpy.typing as npt

from turnscope.core._audio import Samples

__all__ = ["mulaw_decode", "mulaw_encode"]

_FULL_SCALE = 8192
"""What 1.0 is in the Recommendation's units, in which the decision values of table 2a are whole numbers."""

_LARGEST = 8158
"""Larger values are coded as this one, below the virtual decision value 8159."""

_BIAS = 33
"""With it added, the segments of the characteristic begin at powers of two."""


def mulaw_encode(samples: Samples) -> npt.NDArray[np.uint8]:
    """Samples as the character signals of µ-law.

    Args:
        samples: Any shape; 1.0 is full scale, and more is clipped at 0.996.

    Returns:
        One code for each sample, of the same shape, bits inverted as on the line: 0xFF is zero.
    """
    values = np.minimum(np.abs(samples, dtype=np.float64) * _FULL_SCALE, _LARGEST).astype(np.int64) + _BIAS
    segments = np.frexp(values)[1].astype(np.int64) - 6
    steps = (values >> (segments + 1)) & 0x0F
    signs = np.where(np.signbit(samples), 0x80, 0)
    codes: npt.NDArray[np.uint8] = (~(signs | (segments << 4) | steps) & 0xFF).astype(np.uint8)
    return codes


def mulaw_decode(codes: npt.NDArray[np.uint8]) -> Samples:
    """The samples that character signals of µ-law stand for, the inverse of `mulaw_encode` up to its quantization.

    Args:
        codes: Any shape.

    Returns:
        Of the same shape, at most 0.9804 in size.
    """
    return _DECODED[codes]


def _table() -> Samples:
    bits = ~np.arange(256) & 0xFF
    values = (((2 * (bits & 0x0F) + _BIAS) << ((bits >> 4) & 0x07)) - _BIAS) / _FULL_SCALE
    return np.where(bits & 0x80, -values, values).astype(np.float32)


_DECODED = _table()
