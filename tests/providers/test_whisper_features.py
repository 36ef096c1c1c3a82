"""Whisper's log-mel spectrogram: the filters of its reference implementation, and sounds in their places."""

import numpy as np
import pytest

from turnscope.core import CLOCK_HZ, Samples
from turnscope.providers._whisper_features import log_mel, mel_filters

REFERENCE_WEIGHTS = {
    (0, 1): 0.024862595,
    (0, 2): 0.000000000,
    (1, 2): 0.022871772,
    (20, 19): 0.010972200,
    (40, 43): 0.014735566,
    (60, 93): 0.006591093,
    (79, 190): 0.002232055,
    (79, 199): 0.000448759,
}
"""Some cells of ``mel_80`` in ``whisper/assets/mel_filters.npz`` of the reference implementation."""


def tone(hz: float, level: float = 0.5) -> Samples:
    return (level * np.sin(2 * np.pi * hz * np.arange(CLOCK_HZ) / CLOCK_HZ)).astype(np.float32)


def test_the_filters_are_those_that_whisper_was_trained_with() -> None:
    filters = mel_filters()
    assert filters.shape == (80, 201)
    assert {cell: float(filters[cell]) for cell in REFERENCE_WEIGHTS} == pytest.approx(REFERENCE_WEIGHTS, abs=1e-8)


def test_nobody_can_change_the_filters_of_others() -> None:
    with pytest.raises(ValueError, match="read-only"):
        mel_filters()[0, 0] = 1.0


@pytest.mark.parametrize("hz", [250.0, 1000.0, 3000.0, 7000.0])
def test_a_tone_is_loudest_in_the_band_around_it(hz: float) -> None:
    spectrogram = log_mel(tone(hz))
    loudest = int(spectrogram[:, 50].argmax())
    bins_hz = np.flatnonzero(mel_filters()[loudest]) * 40.0
    assert bins_hz[0] - 40 <= hz <= bins_hz[-1] + 40


def test_a_second_has_a_hundred_frames() -> None:
    spectrogram = log_mel(tone(440))
    assert spectrogram.shape == (80, 100)
    assert spectrogram.dtype == np.float32
    assert spectrogram.flags.c_contiguous


def test_nothing_lies_more_than_eighty_decibels_below_the_loudest() -> None:
    spectrogram = log_mel(np.concatenate([tone(1000), np.zeros(CLOCK_HZ, np.float32)]))
    assert spectrogram.max() - spectrogram.min() == pytest.approx(2.0)


def test_ten_times_the_amplitude_is_half_a_unit() -> None:
    assert log_mel(tone(1000, 0.5)).max() - log_mel(tone(1000, 0.05)).max() == pytest.approx(0.5, abs=1e-5)


def test_silence_is_flat() -> None:
    cells = log_mel(np.zeros(CLOCK_HZ, np.float32))
    assert cells.min() == cells.max() == pytest.approx(-1.5)
