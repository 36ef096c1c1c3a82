"""Energy VAD: the documented formula, the floor that follows the room, and hysteresis."""

import math
from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnscope._errors import AudioError, ConfigError
from turnscope.core import Samples
from turnscope.providers._energy import EnergyStream, EnergyVAD, NoiseFloor
from turnscope.providers._protocols import VAD

WINDOW = 320
WINDOWS_PER_S = 50


def noise(windows: int, dbfs: float, seed: int = 1) -> Samples:
    """White noise of a level. Uniform in ±1 it has a power of a third."""
    random = Random(seed)
    samples = np.array([random.random() * 2 - 1 for _ in range(windows * WINDOW)])
    return (samples * math.sqrt(3) * 10 ** (dbfs / 20)).astype(np.float32)


def tone(windows: int, dbfs: float) -> Samples:
    """200 Hz, whole periods to the window, so that every window has exactly this level."""
    time_s = np.arange(windows * WINDOW) / 16000
    return (math.sqrt(2) * 10 ** (dbfs / 20) * np.sin(2 * np.pi * 200 * time_s)).astype(np.float32)


def hear(samples: Samples, stream: EnergyStream | None = None) -> list[float]:
    stream = stream or EnergyVAD().open_stream()
    return [stream.process(samples[start : start + WINDOW]) for start in range(0, len(samples), WINDOW)]


def test_it_is_a_vad() -> None:
    vad = EnergyVAD()
    assert isinstance(vad, VAD)
    assert (vad.name, vad.input_hz, vad.window_samples) == ("energy", 16000, 320)


@pytest.mark.parametrize("above_db", [-5.0, 0.0, 13.0, 15.0, 17.0, 30.0])
def test_the_first_score_follows_the_formula(above_db: float) -> None:
    """At first the floor is -65 dBFS, below which it never falls, and the edge is that of attack."""
    (score,) = hear(tone(1, -65 + above_db))
    assert score == pytest.approx(1 / (1 + math.exp(-(above_db - 15) / 2)), abs=1e-4)


@pytest.mark.feature(38)
def test_hysteresis_keeps_speech_up_that_would_not_begin_it() -> None:
    between = -65 + 12  # below attack, above release
    assert hear(tone(1, between)) < [0.5]
    began, kept, let_go, again = hear(
        np.concatenate([tone(1, -40), tone(1, between), tone(1, -65 + 8), tone(1, between)])
    )
    assert began > 0.99
    assert kept == pytest.approx(1 / (1 + math.exp(-(12 - 9) / 2)), abs=1e-4)
    assert let_go < 0.5
    assert again < 0.5


def test_without_hysteresis_both_edges_are_one() -> None:
    stream = EnergyVAD(attack_db=10, release_db=10).open_stream()
    assert [score >= 0.5 for score in hear(np.concatenate([tone(1, -54), tone(1, -56), tone(1, -54)]), stream)] == [
        True,
        False,
        True,
    ]


@pytest.mark.feature(38)
def test_a_step_of_noise_is_speech_only_until_the_floor_has_followed() -> None:
    stream = EnergyVAD().open_stream()
    before = hear(noise(3 * WINDOWS_PER_S, -60), stream)
    after = hear(noise(4 * WINDOWS_PER_S, -35, seed=2), stream)
    assert max(before) < 0.5
    assert after[0] > 0.9
    adapted = next(i for i, score in enumerate(after) if score < 0.5)
    assert 1.5 * WINDOWS_PER_S <= adapted <= 2 * WINDOWS_PER_S
    assert max(after[adapted:]) < 0.05
    assert stream.floor_dbfs == pytest.approx(-35, abs=1.5)


@pytest.mark.feature(38)
def test_speech_above_the_new_noise_is_heard_after_the_step() -> None:
    stream = EnergyVAD().open_stream()
    hear(np.concatenate([noise(3 * WINDOWS_PER_S, -60), noise(3 * WINDOWS_PER_S, -35, seed=2)]), stream)
    scores = hear(noise(10, -35, seed=3) + tone(10, -15), stream)
    assert min(scores) > 0.9


def test_when_noise_falls_the_floor_follows_at_once() -> None:
    stream = EnergyVAD().open_stream()
    hear(noise(5 * WINDOWS_PER_S, -30), stream)
    assert stream.floor_dbfs > -32
    hear(noise(1, -55, seed=2), stream)
    assert stream.floor_dbfs == pytest.approx(-55, abs=1.0)
    assert hear(tone(1, -35), stream)[0] > 0.9


def test_speech_with_pauses_is_not_taken_for_noise() -> None:
    stream = EnergyVAD().open_stream()
    phrase = np.concatenate([tone(20, -25), noise(5, -60)])
    for i in range(40):  # 20 s without a longer pause than 0.1 s
        scores = hear(phrase, stream)
        assert min(scores[:20]) > 0.99, i
        assert max(scores[20:]) < 0.5, i


def test_adapt_s_says_how_long_the_floor_takes() -> None:
    def windows_until_adapted(adapt_s: float) -> int:
        stream = EnergyVAD(adapt_s=adapt_s).open_stream()
        return next(i for i, score in enumerate(hear(noise(5 * WINDOWS_PER_S, -35), stream)) if score < 0.5)

    assert windows_until_adapted(0.8) < windows_until_adapted(1.6) < windows_until_adapted(3.2)
    assert windows_until_adapted(0.8) <= 0.8 * WINDOWS_PER_S


def test_a_constant_offset_is_no_sound() -> None:
    assert hear(np.full(10 * WINDOW, 0.5, np.float32)) == hear(np.zeros(10 * WINDOW, np.float32))
    assert hear(tone(5, -30) + np.float32(0.25)) == pytest.approx(hear(tone(5, -30)))


def test_the_faintest_hiss_after_digital_silence_is_not_speech() -> None:
    stream = EnergyVAD().open_stream()
    assert max(hear(np.zeros(200 * WINDOW, np.float32), stream)) < 0.001
    assert max(hear(noise(50, -70), stream)) < 0.01
    assert stream.floor_dbfs == -65


def test_other_rates_and_windows() -> None:
    vad = EnergyVAD(input_hz=8000, window_samples=80)
    assert (vad.input_hz, vad.window_samples) == (8000, 80)
    assert 0 <= vad.open_stream().process(np.zeros(80, np.float32)) <= 1


def test_streams_do_not_share_their_floor() -> None:
    vad = EnergyVAD()
    hear(noise(5 * WINDOWS_PER_S, -30), vad.open_stream())
    assert vad.open_stream().floor_dbfs == -65


@pytest.mark.parametrize(
    "window",
    [np.zeros(319, np.float32), np.zeros(320), np.zeros((320, 1), np.float32)],
    ids=["short", "double", "axes"],
)
def test_a_window_of_another_kind_is_refused(window: Samples) -> None:
    with pytest.raises(AudioError, match="energy takes float32 of shape"):
        EnergyVAD().open_stream().process(window)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_bad_sample_is_refused_and_forgotten(value: float) -> None:
    samples = noise(20, -40)
    bad = samples[:WINDOW].copy()
    bad[5] = value
    stream = EnergyVAD().open_stream()
    scores = []
    for start in range(0, len(samples), WINDOW):
        with pytest.raises(AudioError, match="NaN"):
            stream.process(bad)
        scores.append(stream.process(samples[start : start + WINDOW]))
    assert scores == hear(samples)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("attack_db", 5.0),
        ("attack_db", 61.0),
        ("release_db", 0.0),
        ("release_db", math.nan),
        ("floor_dbfs", 1.0),
        ("floor_dbfs", -101.0),
        ("adapt_s", 0.0),
        ("adapt_s", 2000.0),
        ("input_hz", 0),
        ("window_samples", 0),
        ("window_samples", 16001),
    ],
)
def test_wrong_settings_are_named(setting: str, value: float) -> None:
    with pytest.raises(ConfigError, match=setting):
        EnergyVAD(**{setting: value})  # type: ignore[arg-type]


levels = st.lists(st.floats(-100, 20), max_size=100)


@given(levels)
def test_the_floor_is_a_minimum_of_what_was_heard_lately(heard: list[float]) -> None:
    floor = NoiseFloor(-60.0, windows=16)
    for i, level in enumerate(heard):
        floor.hear(level)
        recent = ([-60.0] * 16 + heard[: i + 1])[-15:]  # blocks of two: 15 or 16 windows are remembered
        assert max(-60.0, min(recent[-16:])) >= floor.value_dbfs >= -60.0
        assert floor.value_dbfs in {-60.0, *heard}


@given(levels)
def test_the_floor_rises_only_to_levels_that_lasted(heard: list[float]) -> None:
    floor = NoiseFloor(-60.0, windows=16)
    values = []
    for level in heard:
        floor.hear(level)
        values.append(floor.value_dbfs)
    for i, (before, after) in enumerate(pairwise(values), start=1):
        if after > before:
            assert min(heard[max(0, i - 14) : i + 1]) >= after


@given(st.integers(0, 1000), st.floats(-90, 0))
def test_every_score_is_between_0_and_1(seed: int, dbfs: float) -> None:
    assert all(0.0 <= score <= 1.0 for score in hear(noise(3, dbfs, seed)))
