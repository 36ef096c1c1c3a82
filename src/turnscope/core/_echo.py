"""Does the microphone repeat what the agent has just played? A score for a stretch of sound, and nothing more.

Two questions are asked of the same stretch. *Can a short filter make the microphone's sound out of the agent's?* That
is the least-squares solution for an echo path of 64 ms, as in any book on adaptive filters (for example S. Haykin,
"Adaptive Filter Theory"), at 4 kHz, where most of a voice's power lies. *Is there sound only where the agent's has put
it, in time and frequency?* That asks less of the way the sound took: long reverberation and bad loudspeakers do not
matter. Steady noise, which no filter explains, is left out of the first of them. Pure functions of arrays.
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

_BLOCK = 100
"""Steady noise is looked for in blocks of 25 ms: there is one between the words."""

_NOISE_OVER = 1.5
"""How much more power noise has than the faintest of its blocks."""

_NOISE_AT_MOST = 0.8
"""More of all the power than this is not taken for noise: a voice can be steady, too."""

_ECHO_THERE = 0.65
"""Noise is left out only where this much of the rest of all power is an echo: of a voice alone, nothing is."""

_SILENT = 1e-7
"""Mean power, −70 dB re full scale, below which the agent was not heard at all."""

_SUMMED = 16
_SOLVED = 32
"""How many rows are summed or solved at once: what is fastest for 256."""

_WINDOW = 512
_HOP = 256
_SHAPE = np.hanning(_WINDOW)
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
        0.0 (none of it) to 1.0 (all of it), as a share of its power, without that of steady noise. 0.0 for less than
        0.2 s of sound, and where the agent was silent. Measured with a synthetic voice in six rooms and half a second:
        echoes have 0.97 (median; 0.8 or more in 95 of 100 cases), other voices 0.2, and those over an echo that is as
        loud 0.6 (more where the two together leave no pause, which is taken for noise).

    Raises:
        AudioError: A shape is wrong.
    """
    if near.ndim != 1 or far.ndim != 1 or len(far) < len(near) or not 0 < judged <= len(near):
        raise AudioError(f"near, far and judged do not fit: {near.shape}, {far.shape}, {judged}")
    audible = _SILENT * len(far) <= far @ far < np.inf  # and made of numbers
    if len(near) < _LEAST_S * CLOCK_HZ or not audible or not near[-judged:].any():
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


# By a filter


def _filter_shares(stretch: _Stretch) -> tuple[float, float]:
    """The shares of the judged part's power, and of all power, that the best filter of `_TAPS` taps explains."""
    near, far = resample(stretch.near, CLOCK_HZ, _LOW_HZ), resample(stretch.far, CLOCK_HZ, _LOW_HZ)
    alike = _correlation(far, near)
    delay = max(len(alike) - 1 - int(np.argmax(np.abs(alike))) - _EARLIER, 0)
    taps = min(_TAPS, len(alike) - delay)
    start = len(alike) - delay - taps
    source = far[start : start + len(near) + taps - 1]
    equations = _covariance(source, taps)
    equations[:taps, taps] = products = alike[start : start + taps]
    diagonal = np.einsum("ii->i", equations)[:taps]  # a view
    ridge = _RIDGE * float(diagonal.mean()) + 1e-9
    diagonal += ridge
    response = _solved(equations)  # oldest tap first
    energy = float(near @ near) + 1e-12
    explained = float(response @ products) + ridge * float(response @ response)  # what the equations say of all
    judged = max(stretch.judged * _LOW_HZ // CLOCK_HZ, 1)
    rest = near[-judged:] - np.correlate(source[-judged - taps + 1 :], response, "valid")
    judged_energy = max(float(near[-judged:] @ near[-judged:]), _FAINT * judged / len(near) * energy)
    steady = min(_NOISE_OVER * _steady_power(near), _NOISE_AT_MOST * energy / len(near))
    if explained < _ECHO_THERE * (energy - steady * len(near)):
        steady = 0.0
    noise = steady * judged
    share = 1 - max(float(rest @ rest) - noise, 0.0) / max(judged_energy - noise, noise / 2)
    return share, explained / energy


def _steady_power(near: Samples) -> float:
    """The mean power of what goes on between the words, too: that of the faintest blocks but one in twenty."""
    blocks = near[len(near) % _BLOCK :].reshape(-1, _BLOCK)
    energies = np.sort(np.einsum("bi,bi->b", blocks, blocks))
    return float(energies[len(energies) // 20]) / _BLOCK


def _correlation(longer: Samples, shorter: Samples) -> _Doubles:
    """``np.correlate(longer, shorter, "valid")``, in less time by Fourier transforms."""
    size = -(-len(longer) // 512) * 512  # small prime factors; what wraps around is cut off
    product = np.fft.rfft(longer.astype(np.float64), size) * np.conj(np.fft.rfft(shorter.astype(np.float64), size))
    return np.fft.irfft(product, size)[: len(longer) - len(shorter) + 1]


def _covariance(source: Samples, taps: int) -> Samples:
    """``taken.T @ taken``, where row i of ``taken`` is the window of `taps` samples of `source` from sample i on.

    An element is the one before it on its diagonal, and the product that comes in at the end of `source`, less the one
    that goes out at its beginning: after the first row, all there is to do is to sum along diagonals. In memory the
    next element of a diagonal, a row and a column on, comes a row's length and one later. Cut into rows of that length,
    diagonals stand upright. They are summed within blocks of rows, and then from block to block.

    Returns:
        Shape ``(taps + 1, taps + 1)``: with a border that is still free. Below the diagonal it means nothing.
    """
    side, gone = taps + 1, taps - 1
    sums = np.zeros((-(-side // _SUMMED), _SUMMED, side + 1), np.float32)
    matrix = sums.reshape(-1)[: side * side].reshape(side, side)
    matrix[0, :taps] = np.correlate(source, source[: len(source) - gone], "valid")
    ends = np.stack((source[len(source) - gone :], source[:gone]))
    np.matmul(ends.T * np.array([1, -1], np.float32), ends, out=matrix[1:taps, 1:taps])
    for row in range(1, _SUMMED):
        sums[:, row] += sums[:, row - 1]
    for block in range(1, len(sums)):
        sums[block] += sums[block - 1, -1]
    return matrix


def _solved(equations: Samples) -> Samples:
    """The solution of symmetric, positive definite equations, of which the part from the diagonal on is used up.

    Cholesky's factorization, by blocks of rows and in place, takes the border, which is the right-hand side, along;
    then there is only back substitution to do. `numpy.linalg.solve` takes longer: it makes nothing of the symmetry, and
    copies all of it, in double precision, into memory that is new every time.

    Args:
        equations: Shape ``(n + 1, n + 1)``; the last row is not looked at.
    """
    count = len(equations) - 1
    blocks = [slice(start, min(start + _SOLVED, count)) for start in range(0, count, _SOLVED)]
    inverses = []
    for block in blocks:
        rows = equations[block, block.start :]
        rows -= equations[: block.start, block].T @ equations[: block.start, block.start :]
        factor = np.linalg.cholesky(rows[:, : block.stop - block.start].T)  # looks at the lower triangle only
        inverses.append(np.linalg.inv(factor))
        rows[:] = inverses[-1] @ rows
    solution = equations[:count, count].copy()
    for block, inverse in zip(reversed(blocks), reversed(inverses), strict=True):
        solution[block] -= equations[block, block.stop : count] @ solution[block.stop :]
        solution[block] = solution[block] @ inverse
    return solution


# By bands


def _band_share(stretch: _Stretch) -> float:
    """The share of the judged part's power that lies where the agent's sound, as a room would smear it, has its own."""
    near, far = _band_powers(stretch.near), _smeared(_band_powers(stretch.far))
    sources = np.lib.stride_tricks.sliding_window_view(far, len(near), axis=0)[::-1]  # (lags, bands, frames)
    gains = np.einsum("lbf,fb->lb", sources, near) / (np.einsum("lbf,lbf->lb", sources, sources) + 1e-12)
    explained = np.minimum(near.T, (_SLACK * gains)[:, :, np.newaxis] * sources)
    best = explained[int(np.argmax(explained.sum(axis=(1, 2))))]
    judged = min(max(-(-stretch.judged // _HOP), 2), len(near))
    return float(best[:, -judged:].sum() / (near[-judged:].sum() + 1e-12))


def _band_powers(samples: Samples) -> _Doubles:
    """Shape ``(frames, bands)``; the last frame ends with the last sample."""
    samples = samples[(len(samples) - _WINDOW) % _HOP :]
    frames = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[::_HOP] * _SHAPE
    spectra = np.fft.rfft(frames, axis=1)[:, : _BANDS[-1]]
    powers = (np.square(spectra.real) + np.square(spectra.imag)) / _WINDOW
    return np.add.reduceat(powers, _BANDS[:-1], axis=1)


def _smeared(powers: _Doubles) -> _Doubles:
    """Every frame and what remains of those before it, by doubling: of one, of three, of seven before it."""
    smeared, before = powers.copy(), 1
    while before < len(smeared):
        smeared[before:] += _DECAY**before * smeared[:-before]
        before *= 2
    return smeared
