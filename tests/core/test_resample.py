"""The resampler: exact places and lengths, the same bytes for any blocks, and clean to the ear."""

import itertools
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnscope._errors import AudioError
from turnscope.core import Resampler, Samples, resample

RATES = (8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000)
PAIRS = [pair for pair in itertools.permutations(RATES, 2) if {16_000, 24_000, 48_000} & set(pair)]
FRAME_S = 0.02


def sine(frequency: float, hz: int, count: int) -> npt.NDArray[np.float64]:
    tone: npt.NDArray[np.float64] = np.sin(2 * np.pi * frequency / hz * np.arange(count))
    return tone


def decibels(power: float) -> float:
    return float(10 * np.log10(power + 1e-30))


def in_blocks(samples: Samples, lengths: list[int], from_hz: int, to_hz: int) -> bytes:
    """Everything that comes out when the input is cut into blocks of these lengths, and the rest."""
    resampler = Resampler(from_hz, to_hz)
    cuts = list(itertools.accumulate(lengths))
    blocks = [resampler.process(block) for block in np.split(samples, [cut for cut in cuts if cut < samples.size])]
    return b"".join(block.tobytes() for block in [*blocks, resampler.flush()])


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_the_output_is_the_same_bytes_whichever_way_the_input_is_cut(data: st.DataObject) -> None:
    from_hz, to_hz = data.draw(st.sampled_from(PAIRS))
    noise = np.random.default_rng(7).standard_normal(data.draw(st.integers(0, 3000))).astype(np.float32)
    lengths = data.draw(st.lists(st.integers(0, 700), max_size=40))
    assert in_blocks(noise, lengths, from_hz, to_hz) == resample(noise, from_hz, to_hz).tobytes()


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_single_samples_give_the_same_bytes_as_the_whole(from_hz: int, to_hz: int) -> None:
    noise = np.random.default_rng(3).standard_normal(1200).astype(np.float32)
    assert in_blocks(noise, [1] * 1200, from_hz, to_hz) == resample(noise, from_hz, to_hz).tobytes()


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_tones_of_the_passband_come_out_at_their_place_with_an_error_below_80_db(from_hz: int, to_hz: int) -> None:
    nyquist = min(from_hz, to_hz) / 2
    for part in (0.01, 0.1, 0.3, 0.5, 0.7, 0.8, 0.9):
        out = resample(sine(part * nyquist, from_hz, from_hz // 2).astype(np.float32), from_hz, to_hz)
        error = out - sine(part * nyquist, to_hz, out.size)
        inner = error[out.size // 10 : -out.size // 10]
        assert decibels(float(np.mean(inner**2)) / 0.5) < -80


@pytest.mark.parametrize(("from_hz", "to_hz"), [pair for pair in PAIRS if pair[0] > pair[1]])
def test_what_would_alias_is_damped_by_more_than_75_db(from_hz: int, to_hz: int) -> None:
    for frequency in np.linspace(to_hz / 2, from_hz / 2 * 0.999, 12):
        out = resample(sine(frequency, from_hz, from_hz // 2).astype(np.float32), from_hz, to_hz)
        inner = out[out.size // 10 : -out.size // 10].astype(np.float64)
        assert decibels(float(np.mean(inner**2)) / 0.5) < -75


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_a_constant_stays_one(from_hz: int, to_hz: int) -> None:
    out = resample(np.ones(from_hz // 4, np.float32), from_hz, to_hz)
    edge = out.size // 5
    np.testing.assert_allclose(out[edge:-edge], 1.0, atol=2e-6)


@given(st.sampled_from(PAIRS), st.integers(0, 5000))
@settings(deadline=None)
def test_the_length_is_that_of_the_same_time(pair: tuple[int, int], length: int) -> None:
    from_hz, to_hz = pair
    out = resample(np.zeros(length, np.float32), from_hz, to_hz)
    assert out.size == round(Fraction(length * to_hz, from_hz))


def test_a_click_stays_at_its_time() -> None:
    click = np.zeros(4800, np.float32)
    click[2400] = 1.0
    assert int(np.argmax(resample(click, 48_000, 16_000))) == 800
    assert int(np.argmax(resample(click, 16_000, 48_000))) == 7200


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_a_live_stream_is_answered_within_the_frame_but_for_the_filters_delay(from_hz: int, to_hz: int) -> None:
    resampler = Resampler(from_hz, to_hz)
    assert resampler.delay_s <= 51 / min(from_hz, to_hz)
    frame = np.zeros(round(FRAME_S * from_hz), np.float32)
    received = out = 0
    for _ in range(50):
        received += frame.size
        out += resampler.process(frame).size
        assert out / to_hz >= received / from_hz - resampler.delay_s - 1e-9


def test_flushing_ends_one_stream_and_the_next_starts_afresh() -> None:
    noise = np.random.default_rng(1).standard_normal(1000).astype(np.float32)
    resampler = Resampler(22_050, 16_000)
    first = np.concatenate([resampler.process(noise), resampler.flush()])
    second = np.concatenate([resampler.process(noise), resampler.flush()])
    assert first.tobytes() == second.tobytes()


def test_equal_rates_pass_samples_untouched_and_at_once() -> None:
    resampler, frame = Resampler(16_000, 16_000), np.ones(320, np.float32)
    assert resampler.process(frame) is frame
    assert resampler.flush().size == 0
    assert resampler.delay_s == 0.0
    assert resample(frame, 16_000, 16_000) is frame


def test_rates_that_no_device_has_work_too() -> None:
    out = resample(sine(440, 44_101, 44_101).astype(np.float32), 44_101, 16_000)
    assert np.abs(out - sine(440, 16_000, 16_000))[1000:-1000].max() < 2e-4


def test_impossible_rates_and_stereo_are_refused() -> None:
    with pytest.raises(AudioError, match="positive"):
        Resampler(0, 16_000)
    with pytest.raises(AudioError, match="too little in common"):
        Resampler(1_000_003, 999_983)
    with pytest.raises(AudioError, match="mono"):
        Resampler(8_000, 16_000).process(np.zeros((2, 2), np.float32))
