"""Rooms for a corpus: how a voice gets from a mouth, or a loudspeaker, to a microphone.

An impulse response here is a direct sound, a few reflections and a tail of noise that dies away; see J. Moorer, "About
This Reverberation Business", Computer Music Journal 3 (1979), for why that is enough for the ear.
"""

import numpy as np
import numpy.typing as npt

from turnscope.core import CLOCK_HZ, Samples, db_to_gain
from turnscope.sim._caller import convolved

__all__ = ["ROOMS", "echo_path", "in_room", "level_db", "mixed"]

ROOMS = ("dry", *(f"room-{k}" for k in range(1, 13)), *(f"phone-{k}" for k in range(1, 6)))
"""Names of rooms: the name is the seed."""


def _rng(name: str) -> np.random.Generator:
    return np.random.default_rng(list(name.encode()))


def _response(rng: np.random.Generator, distance: float) -> npt.NDArray[np.float64]:
    """A room's response to a source: `distance` is how strong its reflections are, next to its direct sound."""
    rt60_s = rng.uniform(0.15, 0.7)
    length = round(rt60_s * CLOCK_HZ)
    tail = rng.normal(0, 1, length) * 10 ** (-3 * np.arange(length) / length)
    tail[: round(rng.uniform(0.004, 0.015) * CLOCK_HZ)] = 0
    tail *= distance / np.sqrt(np.square(tail).sum())
    for _ in range(5):
        tail[int(rng.uniform(0.002, 0.03) * CLOCK_HZ)] += rng.uniform(-0.4, 0.4) * distance
    tail[0] = 1.0
    return tail


def in_room(samples: Samples, room: str) -> Samples:
    """What a microphone in `room` (one of `ROOMS`) gets of `samples`; a little longer than they are."""
    rng = _rng(room)
    if room == "dry":
        return samples
    if room.startswith("phone"):
        return _telephone(samples, rng.uniform(250, 350), rng.uniform(3000, 3500))
    return convolved(samples, _response(rng, rng.uniform(0.2, 0.9)))


def _telephone(samples: Samples, low_hz: float, high_hz: float) -> Samples:
    """The band of a telephone, and its eight bits (ITU-T G.711, µ-law)."""
    spectrum = np.fft.rfft(samples)
    hz = np.fft.rfftfreq(len(samples), 1 / CLOCK_HZ)
    spectrum *= 1 / (1 + (low_hz / np.maximum(hz, 1)) ** 8) / (1 + (hz / high_hz) ** 16)
    narrow = np.fft.irfft(spectrum, len(samples))
    peak = max(float(np.abs(narrow).max(initial=0.0)), 1e-9)
    squeezed = np.sign(narrow) * np.log1p(255 * np.abs(narrow) / peak) / np.log(256)
    steps = np.round(squeezed * 127) / 127
    wide: Samples = (np.sign(steps) * np.expm1(np.abs(steps) * np.log(256)) / 255 * peak).astype(np.float32)
    return wide


def echo_path(room: str, loss_db: float) -> Samples:
    """The way from a loudspeaker to the microphone beside it: `_response`, later and quieter by `loss_db`."""
    rng = _rng(f"echo {room}")
    delay = round(rng.uniform(0.005, 0.05) * CLOCK_HZ)
    response = _response(rng, rng.uniform(0.3, 1.0))
    response /= np.sqrt(np.square(response).sum())
    return np.concatenate([np.zeros(delay), response * db_to_gain(-loss_db)]).astype(np.float32)


def level_db(samples: Samples) -> float:
    """The mean power of `samples`, in dB below full scale."""
    return float(10 * np.log10(max(float(np.square(samples, dtype=np.float64).mean()), 1e-12)))


def mixed(speech: Samples, background: Samples, start: int, snr_db: float) -> Samples:
    """`speech` from `start` on over `background`, which is `snr_db` quieter than it, measured while it lasts."""
    gain = db_to_gain(level_db(speech) - snr_db - level_db(background[start : start + len(speech)]))
    mixture = (background * np.float32(gain)).astype(np.float32)
    mixture[start : start + len(speech)] += speech
    return mixture
