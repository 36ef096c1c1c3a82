"""How long the resampler takes for a 20 ms frame, how late it answers, and how clean it is.

Run it with BLAS on one thread: ``OPENBLAS_NUM_THREADS=1 python benchmarks/bench_resample.py``.
"""

import itertools
import timeit

import numpy as np

from turnscope.core import Resampler, resample

RATES = (8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000)
TARGETS = {16_000, 24_000, 48_000}
FRAME_S = 0.02


def frame_us(from_hz: int, to_hz: int) -> float:
    """Microseconds for a frame, the best of five runs."""
    resampler = Resampler(from_hz, to_hz)
    frame = np.random.default_rng(1).standard_normal(round(FRAME_S * from_hz)).astype(np.float32)
    return min(timeit.repeat(lambda: resampler.process(frame), number=500, repeat=5)) / 500 * 1e6


def error_db(from_hz: int, to_hz: int) -> float:
    """Power of the worst error over tones of the passband, against the tone."""
    worst = 0.0
    for part in (0.01, 0.1, 0.3, 0.5, 0.7, 0.9):
        radians = np.pi * part * min(from_hz, to_hz)
        out = resample(np.sin(radians / from_hz * np.arange(from_hz)).astype(np.float32), from_hz, to_hz)
        error = (out - np.sin(radians / to_hz * np.arange(out.size)))[out.size // 10 : -out.size // 10]
        worst = max(worst, float(np.mean(error**2)) / 0.5)
    return float(10 * np.log10(worst))


def main() -> None:
    """Print the table."""
    print(f"{'from Hz':>8} {'to Hz':>8} {'µs/frame':>9} {'delay ms':>9} {'error dB':>9}")
    for from_hz, to_hz in itertools.permutations(RATES, 2):
        if TARGETS & {from_hz, to_hz}:
            delay_ms = Resampler(from_hz, to_hz).delay_s * 1e3
            us, error = frame_us(from_hz, to_hz), error_db(from_hz, to_hz)
            print(f"{from_hz:8} {to_hz:8} {us:9.1f} {delay_ms:9.2f} {error:9.1f}")


if __name__ == "__main__":
    main()
