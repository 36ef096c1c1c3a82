"""Gains and fades: monotonic, of exact length, and silent at the end."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnscope._errors import ConfigError
from turnscope.core import RampShape, db_to_gain, fade_in, fade_out, gain_ramp, gain_to_db

SHAPES: tuple[RampShape, ...] = ("cosine", "linear")
GAINS = st.floats(0, 4)


@given(GAINS, GAINS, st.integers(1, 5000), st.sampled_from(SHAPES))
def test_a_ramp_is_monotonic_and_ends_exactly_at_its_gain(
    start: float, stop: float, length: int, shape: RampShape
) -> None:
    ramp = gain_ramp(start, stop, length, shape)
    assert ramp.shape == (length,)
    assert ramp.dtype == np.float32
    assert ramp[-1] == np.float32(stop)
    steps = np.diff(np.concatenate([[np.float32(start)], ramp]))
    assert (steps >= 0).all() if stop >= start else (steps <= 0).all()


@pytest.mark.parametrize("gain", [1e-9, 3e-9, 7e-10, 1.3e-8])
def test_rounding_does_not_keep_a_ramp_from_its_gain(gain: float) -> None:
    assert gain_ramp(4.0, gain, 10)[-1] == np.float32(gain)


@given(st.integers(0, 3000), st.integers(0, 1600), st.sampled_from(SHAPES))
def test_a_fade_out_is_exactly_as_long_as_asked_and_never_rises(remaining: int, length: int, shape: RampShape) -> None:
    tail = fade_out(np.ones(remaining, np.float32), length, shape=shape)
    assert tail.size == min(remaining, length)
    assert (np.diff(tail) <= 0).all()
    assert not tail.size or tail[-1] == 0.0


def test_a_fade_out_begins_at_the_level_that_the_voice_had() -> None:
    ducked = fade_out(np.ones(800, np.float32), 800, from_gain=0.25)
    assert 0.249 < ducked[0] <= 0.25


def test_a_fade_makes_no_step_larger_than_its_curve() -> None:
    """A step is a click. The raised cosine's steepest step is π/2 of the linear one."""
    tail = fade_out(np.ones(801, np.float32), 800)
    assert np.abs(np.diff(np.concatenate([[1.0], tail]))).max() <= math.pi / 2 / 800 * 1.001


def test_the_cosine_is_half_way_in_the_middle_and_flat_at_both_ends() -> None:
    ramp = gain_ramp(1.0, 0.0, 800)
    assert ramp[399] == pytest.approx(0.5, abs=1e-6)
    assert ramp[0] > 1 - 1e-5
    assert ramp[-2] < 1e-5


def test_a_fade_in_touches_only_the_beginning_and_not_its_input() -> None:
    speech = np.ones(1000, np.float32)
    faded = fade_in(speech, 320)
    assert faded.size == 1000
    assert (np.diff(faded[:320]) >= 0).all()
    assert faded[0] < 1e-4
    assert (faded[319:] == 1.0).all()
    assert (speech == 1.0).all()


def test_ramps_are_shared_and_therefore_read_only() -> None:
    assert gain_ramp(1.0, 0.0, 800) is gain_ramp(1.0, 0.0, 800)
    with pytest.raises(ValueError, match="read-only"):
        gain_ramp(1.0, 0.0, 800)[0] = 2.0


@given(st.floats(-120, 40))
def test_decibels_and_gains_convert_both_ways(db: float) -> None:
    assert gain_to_db(db_to_gain(db)) == pytest.approx(db, abs=1e-9)


def test_silence_is_minus_infinity_decibels() -> None:
    assert gain_to_db(0.0) == -math.inf
    assert db_to_gain(-math.inf) == 0.0
    assert db_to_gain(-12.0) == pytest.approx(0.2512, abs=1e-4)


def test_impossible_gains_and_lengths_are_refused() -> None:
    with pytest.raises(ConfigError, match="length"):
        fade_out(np.ones(10, np.float32), -1)
    with pytest.raises(ConfigError, match="length"):
        fade_in(np.ones(10, np.float32), -1)
    with pytest.raises(ConfigError, match="gains"):
        gain_ramp(1.0, math.nan, 5)
    with pytest.raises(ConfigError, match="gain"):
        gain_to_db(-1.0)
    with pytest.raises(ConfigError, match="shape"):
        gain_ramp(1.0, 0.0, 5, "square")  # type: ignore[arg-type]
