"""µ-law, by the tables of the Recommendation."""

import numpy as np
import pytest

from turnscope.core import mulaw_decode, mulaw_encode

CODES = np.arange(256, dtype=np.uint8)


def test_every_code_stands_for_a_value_that_is_coded_as_it() -> None:
    again = mulaw_encode(mulaw_decode(CODES))
    assert np.array_equal(again, CODES)  # negative zero, too


def test_the_values_are_symmetric_and_grow_from_segment_to_segment() -> None:
    values = mulaw_decode(CODES).astype(np.float64) * 8192
    positive = values[:127:-1]
    assert np.array_equal(positive, -values[127::-1])
    assert positive[0] == 0
    assert positive[-1] == 8031
    assert [len(set(np.diff(positive)[16 * k : 16 * k + 15])) for k in range(8)] == [1] * 8
    assert [float(np.diff(positive)[16 * k]) for k in range(8)] == [2.0 * 2**k for k in range(8)]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (0, 0xFF),
        (8159, 0x80),
        (-8159, 0x00),
        (20000, 0x80),
        (1, 0xFE),
        (2.99, 0xFE),
        (3, 0xFD),
        (31, 0xEF),
        (30.9, 0xF0),
        (95, 0xDF),
        (4063, 0x8F),
        (7903, 0x80),
        (7902.9, 0x81),
    ],
)
def test_decision_values_are_those_of_the_table(value: float, code: int) -> None:
    assert int(mulaw_encode(np.array([value / 8192], np.float32))[0]) == code


def test_what_is_coded_comes_back_with_the_noise_that_the_law_allows() -> None:
    tone = np.sin(np.arange(8000) * 0.7).astype(np.float32)
    for level_db in (-3, -20, -40):
        signal = tone * np.float32(10 ** (level_db / 20))
        noise = mulaw_decode(mulaw_encode(signal)) - signal
        snr_db = 10 * np.log10(np.square(signal).mean() / np.square(noise).mean())
        assert 30 < snr_db < 42  # nearly the same, however loud: that is what the law is for


def test_shapes_are_kept() -> None:
    samples = np.zeros((3, 5), np.float32)
    assert mulaw_encode(samples).shape == mulaw_decode(mulaw_encode(samples)).shape == (3, 5)
    assert mulaw_decode(mulaw_encode(samples)).dtype == np.float32
