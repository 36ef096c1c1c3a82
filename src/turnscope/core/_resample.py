"""Another sample rate, at once: a streaming resampler that answers inside the frame it was given.

A polyphase, linear-phase FIR: the ideal low-pass (a sinc) under a Kaiser window, after J. O. Smith,
"Digital Audio Resampling Home Page" (https://ccrma.stanford.edu/~jos/resample/), and for the window's length and
shape J. F. Kaiser, "Nonrecursive digital filter design using the I0-sinh window function" (1974). Never waits.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor, gcd, pi

import numpy as np
import numpy.typing as npt

from turnscope._errors import AudioError
from turnscope.core._audio import Samples

__all__ = ["Resampler", "resample"]

PASSBAND = 0.9
"""Edge of what is kept, as a part of the lower of the two rates' Nyquist frequency. Everything from that Nyquist
frequency on is stopped, so nothing aliases."""

ATTENUATION_DB = 80.0
"""Design value of the stopband; with the window used, the passband's ripple is as small."""

MAX_WEIGHTS = 20_000_000
"""Largest table of weights, in numbers. Only pairs of rates that have next to nothing in common come near it."""

BLAS_STAYS_IN_ONE_THREAD = 9216
"""Largest matrix, in numbers, that OpenBLAS multiplies by a vector without waking other threads. Smaller ones take
some microseconds; a wake-up can take as long as a frame."""


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """The weights for one pair of rates, shared by all its resamplers.

    In lowest terms the ratio is `up` / `down`. Outputs are computed `size` at a time, in *groups* at fixed
    places: group ``j`` holds the outputs from ``j * size`` on. A group is one matrix-vector product of always the same
    shape, which is what makes the result independent of how the input was cut. After `groups` groups the weights
    repeat; that is a *period* of `period_inputs` inputs. Inside a period, windows start `step` inputs apart.

    Attributes:
        up: Output rate over the common divisor.
        down: Input rate over the common divisor.
        reach: Half the length of the filter, in units of 1 / (input rate · `up`).
        size: Outputs in a group.
        groups: Groups in a period.
        period_inputs: Inputs in a period.
        step: Inputs between the windows of two groups of a period.
        first: Index of the first input in the window of group 0; zero or less.
        weights: Shape ``(groups, window, size)``.
    """

    up: int
    down: int
    reach: int
    size: int
    groups: int
    period_inputs: int
    step: int
    first: int
    weights: Samples

    @property
    def window(self) -> int:
        """Inputs that a group is computed from."""
        return int(self.weights.shape[1])

    def window_start(self, group: int) -> int:
        """Index of the first input in the window of a group."""
        period, place = divmod(group, self.groups)
        return self.first + period * self.period_inputs + place * self.step

    def ready(self, received: int) -> int:
        """How many outputs can be computed once `received` inputs are there."""
        return max(0, -((self.reach - received * self.up) // self.down))


def _half_width(passband: float) -> float:
    """Half the filter's length in samples of the lower rate: Kaiser's estimate for the transition band."""
    transition = pi * (1.0 - passband)
    return (ATTENUATION_DB - 7.95) / (2.285 * transition) / 2


def _kernel(at: npt.NDArray[np.float64], reach: int, cutoff: float) -> npt.NDArray[np.float64]:
    """The windowed sinc at distances `at` from its middle, in the units of `reach`; zero from `reach` on."""
    beta = 0.1102 * (ATTENUATION_DB - 8.7)
    inside = np.abs(at) < reach
    square = np.where(inside, 1.0 - (at / reach) ** 2, 0.0)
    kernel: npt.NDArray[np.float64] = np.sinc(cutoff * at) * np.i0(beta * np.sqrt(square)) * inside
    return kernel


def _group_size(up: int, down: int, reach: int) -> int:
    """How many outputs to compute together: the fewest different groups that one thread multiplies quickly."""

    def numbers(size: int) -> int:
        return size * (ceil((2 * reach + size * down) / up) + up // gcd(size, up))

    sizes = [size for size in range(8, 65) if numbers(size) <= BLAS_STAYS_IN_ONE_THREAD]
    return min(sizes or [8], key=lambda size: (up // gcd(size, up), abs(size - 16)))


@lru_cache(maxsize=32)
def _plan(from_hz: int, to_hz: int) -> _Plan:
    """Design the filter for a pair of rates and lay out its weights."""
    common = gcd(from_hz, to_hz)
    up, down = to_hz // common, from_hz // common
    reach = ceil(_half_width(PASSBAND) * max(up, down))
    size = _group_size(up, down, reach)
    groups = up // gcd(size, up)
    step = size * down // up
    first = -(reach // up)
    period_inputs = groups * size * down // up
    # Inside a period windows start `step` apart although groups are a little further apart than that: the last window
    # has to reach that much further.
    last_output = groups * size - 1
    window = floor((last_output * down + reach) / up) - (first + (groups - 1) * step) + 1
    if groups * window * size > MAX_WEIGHTS:
        raise AudioError(f"{from_hz} Hz to {to_hz} Hz: the rates have too little in common to be converted directly")
    outputs = np.arange(groups * size, dtype=np.int64).reshape(groups, 1, size)
    starts = first + step * np.arange(groups, dtype=np.int64).reshape(groups, 1, 1)
    inputs = starts + np.arange(window, dtype=np.int64).reshape(1, window, 1)
    cutoff = (1.0 + PASSBAND) / 2 / max(up, down)
    kernel = _kernel((outputs * down - inputs * up).astype(np.float64), reach, cutoff)
    # Each output's weights sum to one: a constant passes unchanged instead of humming at the ratio's period.
    weights = (kernel / kernel.sum(axis=1, keepdims=True)).astype(np.float32)
    weights.flags.writeable = False
    return _Plan(up, down, reach, size, groups, period_inputs, step, first, weights)


class Resampler:
    """One stream of audio, from one sample rate to another.

    Output sample ``n`` is the signal at time ``n / to_hz``, exactly: the filter's delay is taken out, so indices
    of both streams can be compared. It is *available* as soon as the inputs that lie within the filter's reach
    are: `delay_s` after its time, which is 3.2 ms between 16 kHz and anything faster. Before the first input sample
    and after the last one the signal is zero.

    The output is the same, byte for byte, whichever way the input is cut into blocks. Below 0.9 of the lower
    rate's Nyquist frequency the error is below −80 dB; what lies above that Nyquist frequency is damped by 79 dB.

    Args:
        from_hz: Rate of the input. Any whole number; the ratio is kept exactly.
        to_hz: Rate of the output. If it is the same, samples pass untouched and without delay.

    Raises:
        AudioError: A rate is not positive, or the two have so little in common that the table of weights would not fit.
    """

    __slots__ = ("_buffer", "_buffer_start", "_emitted", "_plan", "_received", "from_hz", "to_hz")

    def __init__(self, from_hz: int, to_hz: int) -> None:
        if from_hz <= 0 or to_hz <= 0:
            raise AudioError(f"sample rates must be positive; got {from_hz} Hz to {to_hz} Hz")
        self.from_hz: int = from_hz
        self.to_hz: int = to_hz
        self._plan = None if from_hz == to_hz else _plan(from_hz, to_hz)
        self._buffer: Samples = np.zeros(0 if self._plan is None else 2 * self._plan.window, np.float32)
        self._restart()

    def _restart(self) -> None:
        self._received = 0
        self._emitted = 0
        self._buffer_start = 0 if self._plan is None else self._plan.first
        self._buffer[:] = 0.0

    @property
    def delay_s(self) -> float:
        """How long after its time an output sample is available: half the filter's length."""
        plan = self._plan
        return 0.0 if plan is None else plan.reach / (plan.up * self.from_hz)

    def process(self, samples: Samples) -> Samples:
        """Take the next input samples and return every output sample that can now be computed.

        Args:
            samples: Shape ``(n,)``, any ``n``, at `from_hz`.

        Returns:
            Shape ``(m,)`` at `to_hz`, possibly empty. At equal rates this is `samples` itself.

        Raises:
            AudioError: `samples` is not one-dimensional.
        """
        if samples.ndim != 1:
            raise AudioError(f"audio must be mono, of shape (n,); got shape {samples.shape}")
        if self._plan is None:
            return samples
        self._append(self._plan, samples)
        self._received += samples.size
        return self._emit(self._plan, self._plan.ready(self._received))

    def flush(self) -> Samples:
        """End the stream and return the rest of it; the next `process` starts another stream.

        All told, ``round(n * to_hz / from_hz)`` samples come out for ``n`` that went in.
        """
        plan = self._plan
        if plan is None:
            return np.zeros(0, np.float32)
        total = round(Fraction(self._received * plan.up, plan.down))
        self._append(plan, np.zeros(plan.window, np.float32))
        rest = self._emit(plan, total)
        self._restart()
        return rest

    def _append(self, plan: _Plan, samples: Samples) -> None:
        """Put samples behind those held, forgetting what no later output needs."""
        needed_from = plan.window_start(self._emitted // plan.size)
        start = min(max(needed_from, self._buffer_start), self._received)
        held = self._buffer[start - self._buffer_start : self._received - self._buffer_start]
        # Windows of the last, incomplete group reach beyond what is there. What they find has weight zero in
        # every output that is kept, so it only has to be a finite number.
        room = held.size + samples.size + plan.window
        if room > self._buffer.size:
            grown = np.zeros(room, np.float32)
            grown[: held.size] = held
            self._buffer = grown
        else:
            self._buffer[: held.size] = held
        self._buffer[held.size : held.size + samples.size] = samples
        self._buffer_start = start

    def _emit(self, plan: _Plan, stop: int) -> Samples:
        """Compute the outputs up to index `stop`."""
        if stop <= self._emitted:
            return np.zeros(0, np.float32)
        first, last = self._emitted // plan.size, -(-stop // plan.size)
        results = np.empty((last - first, 1, plan.size), np.float32)
        group = first
        while group < last:
            place = group % plan.groups
            count = last - group if plan.groups == 1 else min(plan.groups - place, last - group)
            weights = plan.weights if plan.groups == 1 else plan.weights[place : place + count]
            np.matmul(self._windows(plan, group, count), weights, out=results[group - first : group - first + count])
            group += count
        outputs = results.reshape(-1)[self._emitted - first * plan.size : stop - first * plan.size]
        self._emitted = stop
        return outputs

    def _windows(self, plan: _Plan, group: int, count: int) -> Samples:
        """The overlapping inputs of `count` groups, shape ``(count, 1, window)``, without copying them."""
        step = plan.period_inputs if plan.groups == 1 else plan.step
        offset = plan.window_start(group) - self._buffer_start
        shape = (count, 1, plan.window)
        return np.ndarray(shape, np.float32, buffer=self._buffer.data, offset=offset * 4, strides=(step * 4, 4, 4))


BLOCK_SAMPLES = 1 << 16


def resample(samples: Samples, from_hz: int, to_hz: int) -> Samples:
    """A whole recording at another rate: aligned to the sample, ``round(n * to_hz / from_hz)`` long.

    Args:
        samples: Shape ``(n,)`` at `from_hz`.
        from_hz: Its rate.
        to_hz: The rate wanted. If it is the same, `samples` itself is returned.

    Raises:
        AudioError: See `Resampler`.
    """
    if from_hz == to_hz:
        return samples
    resampler = Resampler(from_hz, to_hz)
    blocks = [resampler.process(samples[at : at + BLOCK_SAMPLES]) for at in range(0, samples.size, BLOCK_SAMPLES)]
    return np.concatenate([*blocks, resampler.flush()])
