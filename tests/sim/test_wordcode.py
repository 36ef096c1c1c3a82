"""Word code says exactly its words: all that are heard to their end, and no others."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnscope.core import CLOCK_HZ
from turnscope.sim import LEVEL, encode_words, read_words

WORDS = st.text(st.characters(whitelist_categories=("L", "N"), max_codepoint=0x2FF), min_size=1, max_size=12)
SENTENCES = st.lists(WORDS, max_size=6)
PACES = st.sampled_from([1.5, 3.0, 5.0, 8.0])


@given(words=SENTENCES, pace=PACES)
@settings(deadline=None)
def test_what_was_encoded_is_read_and_ends_where_its_timing_says(words: list[str], pace: float) -> None:
    audio, timings = encode_words(" ".join(words), words_per_s=pace)
    assert read_words(audio) == [(word.text, word.stop) for word in timings]
    assert [word.text for word in timings] == words


@given(words=SENTENCES, pace=PACES)
@settings(deadline=None)
def test_words_are_in_order_do_not_overlap_and_lie_within_the_audio_and_the_text(words: list[str], pace: float) -> None:
    text = "  ".join(words)
    audio, timings = encode_words(text, words_per_s=pace)
    edges = [edge for word in timings for edge in (word.start, word.stop)]
    assert edges == sorted(edges)
    assert all(word.start < word.stop <= len(audio) for word in timings)
    assert [text[word.char_start : word.char_stop] for word in timings] == words


@given(words=st.lists(WORDS, min_size=1, max_size=5), cut=st.integers(0, 40_000), gain=st.floats(0.01, 4.0))
@settings(deadline=None)
def test_a_word_is_read_exactly_if_it_was_heard_to_its_last_sample(words: list[str], cut: int, gain: float) -> None:
    audio, timings = encode_words(" ".join(words))
    heard = audio[:cut] * np.float32(gain)
    assert [word for word, _ in read_words(heard)] == [word.text for word in timings if word.stop <= cut]


@given(words=st.lists(WORDS, min_size=1, max_size=4), before=st.integers(0, 999), after=st.integers(0, 999))
@settings(deadline=None)
def test_silence_around_it_and_a_later_start_change_nothing(words: list[str], before: int, after: int) -> None:
    audio, timings = encode_words(" ".join(words))
    padded = np.concatenate([np.zeros(before, np.float32), audio, np.zeros(after, np.float32)])
    expected = [(word.text, before + word.stop) for word in timings]
    assert read_words(padded) == expected
    assert read_words(padded, before + timings[0].stop) == expected[1:]


@pytest.mark.parametrize("seed", range(20))
def test_noise_holds_no_words(seed: int) -> None:
    noise = np.random.default_rng(seed).uniform(-1, 1, CLOCK_HZ).astype(np.float32)
    assert read_words(noise) == []


def test_punctuation_is_not_spoken_but_a_word_of_nothing_else_is() -> None:
    _, timings = encode_words("Well, that's it! …")
    assert [word.text for word in timings] == ["Well", "that's", "it", "…"]


def test_each_sample_of_a_word_has_the_same_level_and_the_gap_is_silent() -> None:
    audio, (word,) = encode_words("hello", words_per_s=2, gap_s=0.1)
    assert (len(audio), word.start, word.stop) == (8_000, 0, 6_400)
    assert np.all(np.abs(audio[:6_400]) == LEVEL)
    assert not audio[6_400:].any()


def test_nothing_said_is_no_audio() -> None:
    audio, timings = encode_words("  ")
    assert (len(audio), audio.dtype.name, timings) == (0, "float32", ())
    assert read_words(audio) == []
