"""How long a silence ends a turn. The numbers are measured elsewhere; here is what holds whatever they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnscope._errors import ConfigError
from turnscope.core import Endpointing, completeness, to_samples

RULES = Endpointing(min_delay_s=0.5, max_delay_s=1.5, unknown_delay_s=1.0, pause_factor=1.25)


@pytest.mark.parametrize(
    ("sooner", "later"),
    [
        ("Two lattes please?", "Two lattes please"),
        ("Two lattes please.", "Two lattes please,"),
        ("Two lattes", "Two lattes and"),
        ("I'd like to pay.", "I'd like to"),
        ("Two lattes.", "Two lattes..."),
        ("Two lattes.", "Two lattes —"),
        ("Two lattes", "If you have lattes"),
    ],
)
def test_words_that_ask_for_more_are_waited_for_longer(sooner: str, later: str) -> None:
    assert completeness(sooner) > completeness(later)
    assert RULES.delay(sooner, settled=True, longest_pause=0) < RULES.delay(later, settled=True, longest_pause=0)


@given(st.text(max_size=50))
def test_completeness_lies_between_surely_not_and_surely(text: str) -> None:
    assert 0.0 <= completeness(text) <= 1.0


@given(st.text(max_size=50), st.booleans(), st.integers(0, 100_000))
def test_the_delay_lies_between_its_bounds(text: str, settled: bool, longest_pause: int) -> None:
    delay = RULES.delay(text, settled=settled, longest_pause=longest_pause)
    assert to_samples(0.5) <= delay <= to_samples(1.5)


@given(st.text(max_size=20), st.integers(0, 50_000), st.integers(0, 50_000))
def test_whoever_has_paused_longer_is_given_no_less_time(text: str, one: int, other: int) -> None:
    short, long = sorted((one, other))
    assert RULES.delay(text, settled=True, longest_pause=short) <= RULES.delay(text, settled=True, longest_pause=long)


def test_a_caller_who_has_shown_how_they_pause_is_given_a_bit_more_than_that() -> None:
    complete = "Is that all?"
    assert RULES.delay(complete, settled=True, longest_pause=to_samples(0.8)) == to_samples(1.0)
    assert RULES.delay(complete, settled=True, longest_pause=to_samples(5.0)) == to_samples(1.5)


def test_speech_that_nobody_has_understood_yet_has_a_delay_of_its_own() -> None:
    assert RULES.delay("", settled=False, longest_pause=0) == to_samples(1.0)
    assert Endpointing(min_delay_s=1.2, max_delay_s=1.3).delay(" ", settled=False, longest_pause=0) == to_samples(1.2)


def test_equal_bounds_leave_the_words_no_say() -> None:
    rules = Endpointing(min_delay_s=0.7, max_delay_s=0.7)
    assert {rules.delay(text, settled=True, longest_pause=0) for text in ("", "and", "Done.")} == {to_samples(0.7)}


@pytest.mark.parametrize(
    "bad",
    [
        {"min_delay_s": 0.0},
        {"min_delay_s": 2.0, "max_delay_s": 1.0},
        {"unknown_delay_s": 0.0},
        {"pause_factor": -1.0},
        {"transcript_timeout_s": 0.0},
        {"max_turn_s": float("nan")},
    ],
)
def test_rules_that_make_no_sense_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(bad))):
        Endpointing(**bad)
