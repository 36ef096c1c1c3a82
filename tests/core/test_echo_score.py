"""How much of what a microphone picks up is an echo: of voices made of noise, so that the answer is known."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnscope._errors import AudioError, ConfigError
from turnscope.core import (
    CLOCK_HZ,
    ECHO_MAX_DELAY_S,
    DetectorPolicy,
    Evidence,
    InterruptionSettings,
    Samples,
    Verdict,
    WordsPolicy,
    echo_score,
    own_words_share,
    to_samples,
)
from turnscope.core._echo import _covariance, _solved

LEAD = to_samples(ECHO_MAX_DELAY_S)

pytestmark = pytest.mark.feature(35)


def voice(seed: int, length_s: float = 1.5) -> Samples:
    """Noise whose colour and level change with every syllable, like those of a voice."""
    rng = np.random.default_rng(seed)
    pieces = []
    for _ in range(round(length_s / 0.1)):
        colour = np.convolve(
            rng.normal(0, 1, 1600 + 63), np.hanning(64) * np.cos(rng.uniform(0.05, 0.7) * np.arange(64))
        )
        pieces.append(colour[63:1663] * rng.choice([0.02, 0.3, 1.0]))
    spoken = np.concatenate(pieces)
    level: Samples = (0.05 * spoken / np.sqrt(np.square(spoken).mean())).astype(np.float32)
    return level


def through(samples: Samples, delay: int, gain: float, seed: int) -> Samples:
    """What a small room makes of a voice: the direct sound, and a tail that dies away."""
    rng = np.random.default_rng(seed)
    response = np.zeros(delay + 800)
    response[delay] = 1.0
    response[delay:] += 0.2 * rng.normal(0, 1, 800) * np.exp(-np.arange(800) / 150)
    return (gain * np.convolve(samples, response)[: len(samples)]).astype(np.float32)


def power(samples: Samples) -> float:
    return float(np.square(samples).mean())


@given(st.integers(0, 7000), st.sampled_from([1.0, 0.3, 0.03]), st.integers(0, 9))
def test_an_echo_is_one_whatever_its_delay_its_level_and_the_room(delay: int, gain: float, seed: int) -> None:
    agent = voice(seed)
    assert echo_score(through(agent, delay, gain, seed)[LEAD:], agent, 12_000) > 0.85


@given(st.integers(0, 20))
def test_another_voice_is_none(seed: int) -> None:
    assert echo_score(voice(seed + 100)[LEAD:], voice(seed), 12_000) < 0.4


@given(st.integers(0, 9), st.sampled_from([3.0, 6.0, 12.0]))
def test_a_voice_over_an_echo_is_an_echo_as_far_as_it_is_one(seed: int, louder_db: float) -> None:
    agent = voice(seed)
    echo = through(agent, 900, 0.5, seed)[LEAD:]
    caller = voice(seed + 100)[LEAD:]
    caller *= np.float32(np.sqrt(power(echo) / power(caller)) * 10 ** (louder_db / 20))
    share = 1 / (1 + 10 ** (louder_db / 10))
    assert echo_score(echo + caller, agent, 12_000) < share + 0.4


@given(st.integers(0, 9), st.sampled_from([0.5, 1.0]))
def test_an_echo_is_one_in_steady_noise_too_and_another_voice_is_none(seed: int, level: float) -> None:
    agent = voice(seed)
    echo = through(agent, 900, 0.1, seed)[LEAD:]
    noise = np.random.default_rng(seed).normal(0, 1, len(echo)).astype(np.float32)
    noise *= np.float32(np.sqrt(level * power(echo) / power(noise)))
    caller = voice(seed + 100)[LEAD:]
    caller *= np.float32(np.sqrt(power(echo) / power(caller)))
    assert echo_score(echo + noise, agent, 6400) > 0.85
    assert echo_score(caller + noise, agent, 6400) < 0.4
    over_echo = echo + 2 * caller
    assert echo_score(over_echo + noise, agent, 6400) < echo_score(over_echo, agent, 6400) + 0.1


def test_it_is_about_the_newest_sound_and_what_was_before_only_shows_the_way() -> None:
    agent = voice(1)
    near = through(agent, 400, 0.5, 1)[LEAD:].copy()
    near[-4800:] = voice(2)[:4800]
    assert echo_score(near, agent, 4800) < 0.5
    assert echo_score(near[:-4800], agent[:-4800], 4800) > 0.85


def test_where_there_is_nothing_to_compare_there_is_no_echo() -> None:
    near, silence = voice(1, 1.0), np.zeros(24_000, np.float32)
    assert echo_score(near, silence, 8000) == 0.0
    assert echo_score(np.zeros(16_000, np.float32), voice(2), 8000) == 0.0
    assert echo_score(near[:1600], voice(2), 1600) == 0.0
    assert echo_score(near, np.full(24_000, np.nan, np.float32), 8000) == 0.0


@given(st.integers(1, 300), st.integers(1, 3000), st.integers(0, 9))
def test_the_covariance_is_what_it_is_by_definition(taps: int, windows: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    source = (rng.normal(0, 0.1, windows + taps - 1) * rng.choice([0.1, 1.0], windows + taps - 1)).astype(np.float32)
    taken = np.lib.stride_tricks.sliding_window_view(source.astype(np.float64), taps)
    expected = taken.T @ taken
    error = np.triu(_covariance(source, taps)[:taps, :taps] - expected)
    assert np.abs(error).max() < 1e-5 * expected.trace() / taps


@given(st.integers(1, 300), st.integers(0, 9))
def test_equations_are_solved_from_their_upper_half(count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    half = rng.normal(size=(count, 2 * count))
    matrix, right = half @ half.T + np.eye(count), rng.normal(size=count)
    equations = np.full((count + 1, count + 1), 7.0, np.float32)  # below the diagonal, anything
    upper = np.triu_indices(count)
    equations[upper] = matrix[upper]
    equations[:count, count] = right
    solution = np.linalg.solve(matrix, right)
    assert np.abs(_solved(equations) - solution).max() < 1e-3 * np.abs(solution).max()


def test_what_does_not_fit_is_refused() -> None:
    near = voice(1, 1.0)
    for far, judged in ((near[:-1], 100), (near, 0), (near, len(near) + 1)):
        with pytest.raises(AudioError, match="do not fit"):
            echo_score(near, far, judged)


@pytest.mark.parametrize(("stopped", "verdict"), [(False, Verdict.WAIT), (True, Verdict.DISMISS)])
def test_the_default_policies_take_no_echo_for_an_interruption(stopped: bool, verdict: Verdict) -> None:
    end = 2 * CLOCK_HZ if stopped else None
    words = ("stop", "stop now")
    said = Evidence(3 * CLOCK_HZ, CLOCK_HZ, end, 0.9, "stop now", True, words, False, (("echo", 0.9),))
    sounds_like_one = replace(said, scores=(("echo", 0.9), ("interruption", 0.97)))
    assert InterruptionSettings().policy == DetectorPolicy()
    for policy, evidence in ((WordsPolicy(), said), (DetectorPolicy(), said), (DetectorPolicy(), sounds_like_one)):
        assert policy.judge(evidence).verdict is verdict
    assert WordsPolicy(max_echo=0.95).judge(said).verdict is Verdict.CONFIRM
    assert DetectorPolicy(max_echo=0.95).judge(sounds_like_one).verdict is Verdict.CONFIRM
    with pytest.raises(ConfigError, match="max_echo"):
        DetectorPolicy(max_echo=0)


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("two lattes, and", 1.0),
        ("Two Lattes", 1.0),
        ("wait two lattes", 2 / 3),
        ("stop", 0.0),
        ("lattes two", 0.5),
        ("", 0.0),
    ],
)
def test_words_are_the_agents_own_as_far_as_they_stand_in_its_text_in_a_row(text: str, share: float) -> None:
    assert own_words_share(text, "Your order is two lattes and a mocha.") == share


@pytest.mark.parametrize(("own", "verdict"), [(1.0, Verdict.DISMISS), (0.8, Verdict.CONFIRM)])
def test_a_doubtful_echo_of_the_agents_own_words_is_no_interruption(own: float, verdict: Verdict) -> None:
    scores = (("echo", 0.5), ("own_words", own))
    said = Evidence(3 * CLOCK_HZ, CLOCK_HZ, 2 * CLOCK_HZ, 0.9, "two lattes", True, ("two lattes",), False, scores)
    assert WordsPolicy().judge(said).verdict is verdict
