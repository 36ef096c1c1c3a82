"""Does the microphone repeat what the agent has just played? A score for a stretch of sound, and nothing more.

Two questions are asked of the same stretch. *Can a short filter make the microphone's sound out of the agent's?* That
is the least-squares solution for an echo path of 64 ms, as in any book on adaptive filters (for example S. Haykin,
"Adaptive Filter Theory"), at 4 kHz, where most of a voice's power lies. *Is there sound only where the agent's has put
it, in time and frequency?* That asks less of the way the sound took: long reverberation and bad loudspeakers do not
matter. Pure functions of arrays.
"""

from difflib import SequenceMatcher
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from turnscope._errors import AudioError
from turnscope.core._audio import CLOCK_HZ, Samples
from turnscope.core._resample import resample
from turnscope.core._speculation import spoken_words

__all__ = ["ECHO_MAX_DELAY_S", "echo_score", "own_words_share"]

ECHO_MAX_DELAY_S = 0.5
"""How late an echo is looked for: what sound cards, jitter buffers and the way through the air take together."""

_LEAST_S = 0.2
"""Less sound than this says nothing."""

_Doubles = npt.NDArray[np.float64]

_LOW_HZ = 4000
_TAPS = 256
_EARLIER = 16
"""Taps before the strongest one: the strongest sound is not always the first."""

_RIDGE = 0.01
"""Regularization, as a share of the mean power: frequencies that the agent's voice has not cannot be matched."""

_FAINT = 0.1
"""What is fainter than this, in power and next to all that was picked up, is the last of an echo that dies away."""

_SILENT = 1e-7
"""Mean power, −70 dB re full scale, below which the agent was not heard at all."""

_WINDOW = 512
_HOP = 256
_BANDS = np.array([3, 5, 7, 9, 11, 13, 16, 19, 22, 26, 30, 35, 41, 48, 56, 66, 78, 92, 110, 132, 160])
"""Edges of the bands, in steps of 31.25 Hz: 94 Hz to 5 kHz."""

_DECAY = 0.75
"""What remains of a sound in a room after 16 ms, in power: it has died away by 60 dB after 0.77 s."""

_SLACK = 2.0
"""A band may be so many times as powerful as the agent's sound accounts for, and still be accounted for."""

_BANDS_MIN_S = 0.5
_BANDS_SLOPE = 2.1
"""Speech has its power in much the same places as other speech: 0.88 by bands says as much as 0.75 by filter.

Below half a second it says nothing, and neither where the filter explains less than this of all that was heard: then
no way from the agent to the microphone is known.
"""

_WAY_KNOWN = 0.35


class _Stretch(NamedTuple):
    near: Samples
    far: Samples
    judged: int


def echo_score(near: Samples, far: Samples, judged: int) -> float:
    """How much of what the microphone picked up is an echo of what the agent played.

    Args:
        near: The microphone's sound at 16 kHz, shape ``(n,)``. Half a second to a second is enough; more costs time.
        far: The agent's sound, as played, shape ``(m + n,)``: its last sample was played when that of `near` was heard,
            and it begins up to `ECHO_MAX_DELAY_S` earlier.
        judged: The score is about the last so many samples of `near`. What comes before helps to know the echo's way.

    Returns:
        0.0 (none of it) to 1.0 (all of it), as a share of its power. 0.0 for less than 0.2 s of sound, and where
        the agent was silent. Measured with a synthetic voice in six rooms and half a second: echoes have 0.97 (median;
        0.8 or more in 95 of 100 cases), other voices 0.2, and those over an echo that is as loud 0.5 (0.7 or less).

    Raises:
        AudioError: A shape is wrong.
    """
    if near.ndim != 1 or far.ndim != 1 or len(far) < len(near) or not 0 < judged <= len(near):
        raise AudioError(f"near, far and judged do not fit: {near.shape}, {far.shape}, {judged}")
    if len(near) < _LEAST_S * CLOCK_HZ or _power(far) < _SILENT or not near[-judged:].any():
        return 0.0
    stretch = _Stretch(near, far, judged)
    score, known = _filter_shares(stretch)
    if known >= _WAY_KNOWN and len(near) >= _BANDS_MIN_S * CLOCK_HZ:
        score = max(score, 1 - _BANDS_SLOPE * (1 - _band_share(stretch)))
    return min(max(score, 0.0), 1.0)


def own_words_share(text: str, spoken: str) -> float:
    """How much of what was understood is what the agent says itself: the share of its words that stand there in a row.

    Args:
        text: What was understood of the caller.
        spoken: What the agent says just now.

    Returns:
        0.0 (none of it) to 1.0 (all of it); 0.0 without words.
    """
    words, own = spoken_words(text), spoken_words(spoken)
    match = SequenceMatcher(None, words, own, autojunk=False).find_longest_match()
    return match.size / len(words) if words else 0.0


def _power(samples: Samples) -> float:
    return float(np.square(samples, dtype=np.float64).mean())


# By a filter


def _filter_shares(stretch: _Stretch) -> tuple[float, float]:
    """The shares of the judged part's power, and of all power, that the best filter of `_TAPS` taps explains."""
    near = resample(stretch.near, CLOCK_HZ, _LOW_HZ).astype(np.float64)
    far = resample(stretch.far, CLOCK_HZ, _LOW_HZ).astype(np.float64)
    earliest = len(far) - len(near)
    delay = max(_delay(near, far, earliest) - _EARLIER, 0)
    taps = min(_TAPS, earliest - delay + 1)
    source = far[earliest - delay - taps + 1 : earliest - delay + len(near)]
    covariance = _covariance(source, taps, len(near))
    covariance[np.diag_indices(taps)] += _RIDGE * np.trace(covariance) / taps + 1e-9
    response = np.linalg.solve(covariance, np.correlate(source, near, "valid"))  # oldest tap first
    judged = max(stretch.judged * _LOW_HZ // CLOCK_HZ, 1)
    rest = near - np.correlate(source, response, "valid")
    energy, energy_left = float(near @ near) + 1e-12, float(rest @ rest)
    judged_energy = max(float(near[-judged:] @ near[-judged:]), _FAINT * judged / len(near) * energy)
    return 1 - float(rest[-judged:] @ rest[-judged:]) / judged_energy, 1 - energy_left / energy


def _delay(near: _Doubles, far: _Doubles, earliest: int) -> int:
    """The delay at which the two are most alike."""
    size = 1 << len(far).bit_length()  # what wraps around lies beyond `earliest`
    product = np.fft.rfft(far, size) * np.conj(np.fft.rfft(near, size))
    return earliest - int(np.argmax(np.abs(np.fft.irfft(product, size)[: earliest + 1])))


def _covariance(source: _Doubles, taps: int, length: int) -> _Doubles:
    """``taken.T @ taken``, where row i of ``taken`` is the window of `taps` samples of `source` from sample i on.

    Each row is made from the one before it instead of from all samples.
    """
    matrix = np.empty((taps, taps))
    matrix[0] = np.correlate(source, source[:length], "valid")[:taps]
    first, after = source[: taps - 1], source[length : length + taps - 1]
    for row in range(1, taps):
        matrix[row, row:] = matrix[row - 1, row - 1 : -1] - first[row - 1] * first[row - 1 :]
        matrix[row, row:] += after[row - 1] * after[row - 1 :]
        matrix[row, :row] = matrix[:row, row]
    return matrix


# By bands


def _band_share(stretch: _Stretch) -> float:
    """The share of the judged part's power that lies where the agent's sound, as a room would smear it, has its own."""
    near, far = _band_powers(stretch.near), _smeared(_band_powers(stretch.far))
    frames = len(near)
    judged = min(max(-(-stretch.judged // _HOP), 2), frames)
    best, share = -1.0, 0.0
    for lag in range(len(far) - frames + 1):
        source = far[len(far) - frames - lag : len(far) - lag]
        gain = (near * source).sum(axis=0) / (np.square(source).sum(axis=0) + 1e-12)
        explained = np.minimum(near, _SLACK * gain * source)
        total = float(explained.sum())
        if total > best:
            best, share = total, float(explained[-judged:].sum() / (near[-judged:].sum() + 1e-12))
    return share


def _band_powers(samples: Samples) -> _Doubles:
    """Shape ``(frames, bands)``; the last frame ends with the last sample."""
    samples = samples[(len(samples) - _WINDOW) % _HOP :]
    frames = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[::_HOP] * np.hanning(_WINDOW)
    powers = np.square(np.abs(np.fft.rfft(frames, axis=1))) / _WINDOW
    return np.add.reduceat(powers, _BANDS, axis=1)[:, :-1]


def _smeared(powers: _Doubles) -> _Doubles:
    smeared = powers.copy()
    for row in range(1, len(smeared)):
        smeared[row] += _DECAY * smeared[row - 1]
    return smeared
