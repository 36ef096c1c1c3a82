"""Sounds that are nobody's words, made of noise, clicks and tones: coughs, barks, keys, fans, sirens, music.

Each is a function of a random generator and a duration, and each call is another member of its family. They stand in
for recordings where there are none, and are no substitute for them.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from turnscope.core import CLOCK_HZ, Samples

__all__ = ["NOISES", "hum", "noise"]

Signal = npt.NDArray[np.float64]
Maker = Callable[[np.random.Generator, int], Signal]


def noise(kind: str, rng: np.random.Generator, duration_s: float) -> Samples:
    """A sound of a kind.

    Args:
        kind: One of `NOISES`.
        rng: Where its variety comes from.
        duration_s: How long it lasts.

    Returns:
        Shape ``(duration_s * 16000,)``, with a peak of 0.5.
    """
    return _scaled(NOISES[kind](rng, round(duration_s * CLOCK_HZ)))


def hum(rng: np.random.Generator, pitch_hz: float, *, syllables: int, breathy: bool) -> Samples:
    """A nod without words, "mm" or "mm-hm", as a closed mouth makes it: pulses through a nose.

    The pitch falls and rises again. Between the syllables the voice stops, or there is a breath.

    Args:
        rng: Where its variety comes from.
        pitch_hz: The voice's usual pitch.
        syllables: 1 or 2.
        breathy: Whether there is an "h" before the second.
    """
    pieces: list[Signal] = []
    nose = np.array([[rng.uniform(230, 300), 60, 1.0], [rng.uniform(900, 1200), 150, 0.12], [2300, 250, 0.05]])
    for index in range(syllables):
        length = round(rng.uniform(0.13, 0.26) * CLOCK_HZ)
        rise = rng.uniform(-0.12, 0.05) if index == 0 and syllables > 1 else rng.uniform(0.0, 0.25)
        glide = pitch_hz * (1 + rise * np.linspace(0, 1, length)) * (1 + 0.01 * np.cumsum(rng.normal(0, 0.02, length)))
        pieces.append(_formants(_pulses(glide), nose) * _arch(length, 0.03, 0.06))
        if index + 1 < syllables:
            gap = round(rng.uniform(0.03, 0.09) * CLOCK_HZ)
            breath = _band(rng.normal(0, 1, gap), 400, 3000) * 0.08 if breathy else np.zeros(gap)
            pieces.append(breath)
    return _scaled(np.concatenate(pieces))


# Building blocks


def _scaled(signal: Signal) -> Samples:
    peak = float(np.abs(signal).max(initial=0.0))
    return (signal * (0.5 / peak if peak else 0.0)).astype(np.float32)


def _band(signal: Signal, low_hz: float, high_hz: float) -> Signal:
    """What of a signal lies between two frequencies, with soft edges."""
    spectrum = np.fft.rfft(signal)
    hz = np.fft.rfftfreq(len(signal), 1 / CLOCK_HZ)
    gain = 1 / (1 + (low_hz / np.maximum(hz, 1)) ** 6) / (1 + (hz / high_hz) ** 6)
    return np.fft.irfft(spectrum * gain, len(signal))


def _formants(source: Signal, resonances: npt.NDArray[np.float64]) -> Signal:
    """A source through resonances: rows of frequency (Hz), width (Hz) and weight."""
    spectrum = np.fft.rfft(source)
    hz = np.fft.rfftfreq(len(source), 1 / CLOCK_HZ)
    centre, width, weight = resonances.T[:, :, np.newaxis]
    gain = (weight / (1 + ((hz - centre) / width) ** 2)).sum(axis=0)
    return np.fft.irfft(spectrum * gain, len(source))


def _pulses(pitch_hz: Signal) -> Signal:
    """A train of glottal pulses whose pitch is given for each sample: harmonics that fall by 12 dB an octave."""
    phase = 2 * np.pi * np.cumsum(pitch_hz) / CLOCK_HZ
    harmonics = np.arange(1, 1 + max(1, int(3500 / float(pitch_hz.max()))))[:, np.newaxis]
    voice: Signal = (np.cos(harmonics * phase) / harmonics**2).sum(axis=0)
    return voice


def _arch(length: int, attack_s: float, release_s: float) -> Signal:
    at = np.arange(length) / CLOCK_HZ
    left = length / CLOCK_HZ - at
    return np.minimum(1, at / attack_s) * np.minimum(1, left / release_s)


def _decay(length: int, time_constant_s: float) -> Signal:
    return np.exp(-np.arange(length) / CLOCK_HZ / time_constant_s)


def _add(signal: Signal, at: int, piece: Signal) -> None:
    stop = min(len(signal), at + len(piece))
    if at < stop:
        signal[at:stop] += piece[: stop - at]


def _scatter(
    rng: np.random.Generator, length: int, apart_s: tuple[float, float], piece: Callable[[], Signal]
) -> Signal:
    """Pieces after one another, with random pauses between their beginnings."""
    signal = np.zeros(length)
    at = int(rng.uniform(0, min(apart_s[0], 0.2)) * CLOCK_HZ)
    while at < length:
        _add(signal, at, piece())
        at += int(rng.uniform(*apart_s) * CLOCK_HZ)
    return signal


# Bodies and animals


def _cough_pulse(rng: np.random.Generator, loud: float, voice_hz: float) -> Signal:
    """The three phases of a cough: a burst, a stream of air, and often a short voiced end."""
    burst = round(rng.uniform(0.03, 0.07) * CLOCK_HZ)
    stream = round(rng.uniform(0.08, 0.22) * CLOCK_HZ)
    tail = round(rng.uniform(0.05, 0.16) * CLOCK_HZ)
    mouth = np.array([[rng.uniform(450, 900), 200, 1.0], [rng.uniform(1200, 1800), 300, 0.7], [2800, 600, 0.4]])
    first = _formants(rng.normal(0, 1, burst), mouth) * _decay(burst, 0.02) * 3
    second = _formants(rng.normal(0, 1, stream), mouth) * _arch(stream, 0.01, 0.05) * 0.8
    glide = voice_hz * np.linspace(1.2, 0.7, tail) * (1 + 0.05 * rng.normal(0, 1, tail).cumsum() / tail**0.5)
    third = _formants(_pulses(np.maximum(glide, 60)) + rng.normal(0, 0.7, tail), mouth) * _arch(tail, 0.01, 0.04)
    voiced = rng.uniform(0, 0.9) if rng.random() < 0.6 else 0.0
    level = np.abs(second).max()
    return np.concatenate([first, second, third / np.abs(third).max() * level * voiced]) * loud


def _cough(rng: np.random.Generator, length: int) -> Signal:
    voice_hz = float(rng.uniform(120, 380))

    def fit() -> Signal:
        pulses = [_cough_pulse(rng, rng.uniform(0.5, 1), voice_hz) for _ in range(int(rng.integers(1, 5)))]
        pause = np.zeros(round(rng.uniform(0.05, 0.25) * CLOCK_HZ))
        return np.concatenate([part for pulse in pulses for part in (pulse, pause)])

    return _scatter(rng, length, (1.8, 4.0), fit)


def _throat(rng: np.random.Generator, length: int) -> Signal:
    def clearing() -> Signal:
        size = round(rng.uniform(0.15, 0.4) * CLOCK_HZ)
        rough = 70 * (1 + 0.3 * _band(rng.normal(0, 8, size), 5, 40))
        mouth = np.array([[500, 150, 1.0], [1100, 300, 0.6], [2500, 500, 0.3]])
        source = _pulses(np.clip(rough, 40, 120)) + rng.normal(0, 0.5, size)
        return _formants(source, mouth) * _arch(size, 0.03, 0.08)

    return _scatter(rng, length, (1.2, 3.5), clearing)


def _breath(rng: np.random.Generator, length: int) -> Signal:
    def sigh() -> Signal:
        size = round(rng.uniform(0.4, 1.1) * CLOCK_HZ)
        return _band(rng.normal(0, 1, size), rng.uniform(300, 800), rng.uniform(2500, 5000)) * _arch(size, 0.2, 0.3)

    return _scatter(rng, length, (1.5, 3.5), sigh)


def _laugh(rng: np.random.Generator, length: int) -> Signal:
    pitch_hz = float(rng.uniform(150, 400))
    mouth = np.array([[rng.uniform(550, 800), 120, 1.0], [rng.uniform(1200, 1600), 200, 0.6], [2600, 300, 0.2]])

    def ha() -> Signal:
        size = round(rng.uniform(0.07, 0.13) * CLOCK_HZ)
        voice = _pulses(np.linspace(1.1, 0.9, size) * pitch_hz * rng.uniform(0.9, 1.1))
        gap = np.zeros(round(rng.uniform(0.04, 0.1) * CLOCK_HZ))
        aspirated = _formants(voice + rng.normal(0, 0.3, size), mouth) * _arch(size, 0.02, 0.04)
        return np.concatenate([_band(rng.normal(0, 0.05, 800), 500, 4000), aspirated, gap])

    def burst() -> Signal:
        return np.concatenate([ha() * 0.9**k for k in range(int(rng.integers(3, 8)))])

    return _scatter(rng, length, (2.0, 4.5), burst)


def _bark(rng: np.random.Generator, length: int) -> Signal:
    pitch_hz = float(rng.uniform(250, 800))
    mouth = np.array([[rng.uniform(700, 1200), 250, 1.0], [rng.uniform(1700, 2500), 400, 0.5]])

    def bark() -> Signal:
        size = round(rng.uniform(0.09, 0.2) * CLOCK_HZ)
        glide = pitch_hz * (1 + 0.35 * np.sin(np.pi * np.linspace(0, 1, size)))
        return _formants(_pulses(glide) + rng.normal(0, 0.6, size), mouth) * _arch(size, 0.012, 0.06)

    def fit() -> Signal:
        gap = np.zeros(round(rng.uniform(0.1, 0.3) * CLOCK_HZ))
        return np.concatenate([part for _ in range(int(rng.integers(1, 4))) for part in (bark(), gap)])

    return _scatter(rng, length, (1.2, 3.5), fit)


# Things


def _keys(rng: np.random.Generator, length: int) -> Signal:
    ring_hz = float(rng.uniform(1500, 4000))

    def click() -> Signal:
        size = round(0.03 * CLOCK_HZ)
        tone = np.sin(2 * np.pi * ring_hz * rng.uniform(0.9, 1.1) * np.arange(size) / CLOCK_HZ)
        return (rng.normal(0, 1, size) + 0.5 * tone) * _decay(size, rng.uniform(0.002, 0.006)) * rng.uniform(0.3, 1)

    return _scatter(rng, length, (0.06, 0.3), click)


def _knock(rng: np.random.Generator, length: int) -> Signal:
    def knocks() -> Signal:
        size = round(0.15 * CLOCK_HZ)
        hz = rng.uniform(90, 400)
        one = np.sin(2 * np.pi * hz * np.arange(size) / CLOCK_HZ) * _decay(size, 0.03)
        one += _band(rng.normal(0, 1, size), 200, 2500) * _decay(size, 0.008)
        return np.concatenate([one * rng.uniform(0.6, 1) for _ in range(int(rng.integers(1, 5)))])

    return _scatter(rng, length, (1.0, 3.0), knocks)


def _fan(rng: np.random.Generator, length: int) -> Signal:
    at = np.arange(length) / CLOCK_HZ
    hum_hz = rng.uniform(50, 180)
    parts = np.arange(1, 6)[:, np.newaxis]
    hum_part = (np.sin(2 * np.pi * hum_hz * parts * at + parts) / parts).sum(axis=0)
    wind = _band(rng.normal(0, 1, length), 30, rng.uniform(300, 1500))
    sound: Signal = 0.4 * hum_part + wind / wind.std() * (1 + 0.1 * np.sin(2 * np.pi * rng.uniform(0.2, 3) * at))
    return sound


def _street(rng: np.random.Generator, length: int) -> Signal:
    at = np.arange(length) / CLOCK_HZ
    rumble = _band(rng.normal(0, 1, length), 20, 500)
    passing = np.zeros(length)
    for _ in range(1 + length // (4 * CLOCK_HZ)):
        passing += np.exp(-(((at - rng.uniform(0, at[-1])) / rng.uniform(0.8, 2)) ** 2))
    sound: Signal = rumble / rumble.std() * 0.5 + _band(rng.normal(0, 1, length), 100, 2500) * passing
    return sound


def _siren(rng: np.random.Generator, length: int) -> Signal:
    at = np.arange(length) / CLOCK_HZ
    sweep = np.sin(2 * np.pi * rng.uniform(0.2, 1.5) * at)
    if rng.random() < 0.5:
        sweep = np.sign(sweep)
    hz = rng.uniform(500, 900) * (1 + 0.3 * sweep)
    phase = 2 * np.pi * np.cumsum(hz) / CLOCK_HZ
    tone: Signal = np.sin(phase) + 0.3 * np.sin(2 * phase) + 0.1 * np.sin(3 * phase)
    return tone


def _ring(rng: np.random.Generator, length: int) -> Signal:
    low, high = rng.uniform(400, 900), rng.uniform(1000, 1800)

    def ringing() -> Signal:
        size = round(rng.uniform(0.4, 1.2) * CLOCK_HZ)
        at = np.arange(size) / CLOCK_HZ
        trill = 0.5 + 0.5 * np.sign(np.sin(2 * np.pi * rng.uniform(10, 25) * at))
        return (np.sin(2 * np.pi * low * at) + np.sin(2 * np.pi * high * at)) * trill * _arch(size, 0.01, 0.02)

    return _scatter(rng, length, (1.5, 3.0), ringing)


def _music(rng: np.random.Generator, length: int) -> Signal:
    scale = 220 * 2 ** (np.array([0, 2, 4, 7, 9, 12, 14, 16]) / 12) * rng.uniform(0.6, 1.4)

    def note() -> Signal:
        size = round(rng.uniform(0.3, 1.0) * CLOCK_HZ)
        at = np.arange(size) / CLOCK_HZ
        hz = float(rng.choice(scale))
        parts = np.arange(1, 7)[:, np.newaxis]
        tone: Signal = (np.sin(2 * np.pi * hz * parts * at) / parts ** rng.uniform(1, 2)).sum(axis=0)
        return tone * _decay(size, rng.uniform(0.1, 0.6)) * _arch(size, 0.005, 0.05)

    return _scatter(rng, length, (0.12, 0.5), note)


def _water(rng: np.random.Generator, length: int) -> Signal:
    def drop() -> Signal:
        size = round(rng.uniform(0.02, 0.06) * CLOCK_HZ)
        hz = rng.uniform(600, 2500) * (1 + np.linspace(0, rng.uniform(0.1, 0.6), size))
        return np.sin(2 * np.pi * np.cumsum(hz) / CLOCK_HZ) * _decay(size, 0.015) * rng.uniform(0.2, 1)

    return _scatter(rng, length, (0.02, 0.15), drop) + 0.05 * rng.normal(0, 1, length)


NOISES: Mapping[str, Maker] = MappingProxyType(
    {
        "bark": _bark,
        "breath": _breath,
        "cough": _cough,
        "fan": _fan,
        "keys": _keys,
        "knock": _knock,
        "laugh": _laugh,
        "music": _music,
        "ring": _ring,
        "siren": _siren,
        "street": _street,
        "throat": _throat,
        "water": _water,
    }
)
"""What `noise` can make."""
