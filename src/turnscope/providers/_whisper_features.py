"""The log-mel spectrogram that Whisper reads, in numpy.

Pure functions of arrays. The tables are computed here, none is shipped.

Sources: A. Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision" (2022), §2.2
(80 channels, windows of 25 ms every 10 ms), and ``whisper/audio.py`` of its reference implementation
for what the paper leaves open; M. Slaney, "Auditory Toolbox", Interval Research TR 1998-010, for the
mel scale and the area normalization of the filters.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from turnscope.core import Samples

__all__ = ["HOP_SAMPLES", "MEL_BANDS", "log_mel", "mel_filters"]

SAMPLE_RATE_HZ = 16_000
WINDOW_SAMPLES = 400
HOP_SAMPLES = 160
MEL_BANDS = 80

_LINEAR_HZ_PER_MEL = 200 / 3
_BREAK_HZ = 1000.0
_BREAK_MEL = _BREAK_HZ / _LINEAR_HZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27
"""Slaney's scale: linear up to 1 kHz, then 27 mels for every factor of 6.4."""


def _hz_to_mel(hz: float) -> float:
    if hz < _BREAK_HZ:
        return hz / _LINEAR_HZ_PER_MEL
    return float(_BREAK_MEL + np.log(hz / _BREAK_HZ) / _LOG_STEP)


def _mel_to_hz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    above: npt.NDArray[np.float64] = _BREAK_HZ * np.exp(_LOG_STEP * (mel - _BREAK_MEL))
    return np.where(mel < _BREAK_MEL, mel * _LINEAR_HZ_PER_MEL, above)


@lru_cache(maxsize=1)
def mel_filters() -> npt.NDArray[np.float32]:
    """Triangular filters from the bins of the power spectrum to mel bands.

    Returns:
        Weights of shape ``(80, 201)``. The corners of the triangles are equally spaced in mel between 0 Hz and
        8 kHz, and every triangle has the same area. Shared between callers and read-only.
    """
    bins_hz = np.linspace(0, SAMPLE_RATE_HZ / 2, WINDOW_SAMPLES // 2 + 1)
    corners_hz = _mel_to_hz(np.linspace(0, _hz_to_mel(SAMPLE_RATE_HZ / 2), MEL_BANDS + 2))
    widths_hz = np.diff(corners_hz)
    distance_hz = bins_hz[np.newaxis, :] - corners_hz[:, np.newaxis]
    rising = distance_hz[:-2] / widths_hz[:-1, np.newaxis]
    falling = -distance_hz[2:] / widths_hz[1:, np.newaxis]
    area = 2 / (corners_hz[2:] - corners_hz[:-2])
    filters = (np.maximum(0, np.minimum(rising, falling)) * area[:, np.newaxis]).astype(np.float32)
    filters.flags.writeable = False
    return filters


@lru_cache(maxsize=1)
def _window() -> npt.NDArray[np.float32]:
    # The periodic Hann window, one sample short of the symmetric one that numpy gives.
    return np.hanning(WINDOW_SAMPLES + 1)[:-1].astype(np.float32)


def log_mel(samples: Samples) -> npt.NDArray[np.float32]:
    """The log-mel spectrogram of `samples`, scaled as Whisper was trained on it.

    Power in 80 mel bands, as the decimal logarithm, cut off 8 (80 dB) below the loudest cell of the whole window,
    then shifted and divided so that speech lies within about ±1.

    Args:
        samples: Audio at 16 kHz, shape ``(n,)`` with ``n`` > 200. Frames are centred: the ends are mirrored.

    Returns:
        Shape ``(80, n // 160)``, C-contiguous.
    """
    padded = np.pad(samples, WINDOW_SAMPLES // 2, mode="reflect")
    count = len(samples) // HOP_SAMPLES
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW_SAMPLES)[::HOP_SAMPLES][:count]
    spectrum = np.fft.rfft(frames * _window(), axis=-1)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    # einsum rather than a BLAS product: the sum of a cell must not depend on how many threads BLAS was given.
    bands = np.einsum("mf,tf->mt", mel_filters(), power.astype(np.float32))
    log = np.log10(np.maximum(bands, np.float32(1e-10)))
    scaled = (np.maximum(log, log.max() - np.float32(8)) + np.float32(4)) / np.float32(4)
    return np.ascontiguousarray(scaled, dtype=np.float32)
