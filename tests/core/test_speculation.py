"""A guess at an answer: when the Floor orders one, when it is used, and when it is given up."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.floors import Bench, deeds, events, floor_settings, none_of, only
from turnscope import ConfigError
from turnscope.core import (
    AbandonTurn,
    AdmitAttempt,
    AttemptJoined,
    AttemptStarted,
    CancelAttempt,
    EndTurn,
    Event,
    FlushUtterance,
    ListenOn,
    Order,
    SayRequested,
    Speculation,
    SpeculationAdmitted,
    SpeculationDropped,
    SpeculationFailed,
    SpeculationPolicy,
    SpeculationStarted,
    StartAttempt,
    StateChanged,
    TurnStarted,
    to_samples,
    word_similarity,
)

pytestmark = pytest.mark.feature(46)


def bench(policy: SpeculationPolicy = "discard", **rules: Any) -> Bench:
    return Bench(floor_settings(speculation=Speculation(policy=policy, **rules)))


def paused(bench: Bench, text: str = "two lattes") -> list[Order]:
    """The caller says `text` from 1.0 s to 2.0 s; at 2.1 s they are known to have paused. A guess is due at 2.2 s."""
    bench.speech_starts(1.05)
    bench.words(2.0, 1, text)
    return bench.speech_stops(2.1)


# When


def test_a_guess_is_made_when_the_words_of_a_pause_have_been_the_same_for_a_while() -> None:
    floor = bench()
    assert none_of(paused(floor), StartAttempt)
    assert none_of(floor.pass_time_until(2.199), StartAttempt)
    orders = floor.pass_time_until(2.2)
    assert deeds(orders) == [StartAttempt(1, 1, "two lattes", verbatim=False, speculative=True)]
    assert events(orders) == [SpeculationStarted(to_samples(2.2), 1, 1, "two lattes")]
    assert floor.state == "listening"


def test_settled_words_need_not_stand_for_a_while() -> None:
    floor = bench(stable_s=5.0)
    paused(floor)
    assert only(floor.words(2.15, 1, "two lattes", final=True), StartAttempt).speculative


def test_nothing_is_guessed_unless_it_was_asked_for() -> None:
    floor = bench("off")
    paused(floor)
    floor.words(2.2, 1, "two lattes", final=True)
    assert only(floor.pass_time_until(2.5), StartAttempt) == StartAttempt(1, 1, "two lattes", verbatim=False)


def test_a_caller_who_speaks_is_guessed_at_only_on_request() -> None:
    for while_speaking in (False, True):
        floor = bench(while_speaking=while_speaking)
        floor.speech_starts(1.05)
        floor.words(1.5, 1, "two lattes")
        orders = floor.pass_time_until(1.7)
        assert none_of(orders, StartAttempt) is not while_speaking


@pytest.mark.parametrize(
    ("rules", "text"), [({"min_words": 3}, "two lattes"), ({"max_speech_s": 0.9}, "two lattes"), ({}, "...")]
)
def test_what_is_not_worth_a_guess_gets_none(rules: dict[str, Any], text: str) -> None:
    floor = bench(**rules)
    paused(floor, text)
    assert none_of(floor.words(2.15, 1, text, final=True), StartAttempt)
    assert none_of(floor.pass_time_until(2.499), StartAttempt)


def test_no_guess_is_made_when_the_turn_is_over_by_then() -> None:
    floor = bench(stable_s=0.5)
    paused(floor)  # the turn is over at 2.5 s
    floor.words(2.3, 1, "two lattes with")
    floor.words(2.5, 1, "two lattes with milk", final=True)
    orders = floor.pass_time_until(2.5)
    assert none_of([*floor.orders], SpeculationStarted)
    assert not only(orders, StartAttempt).speculative


def test_words_that_do_not_account_for_all_of_the_speech_are_no_basis_for_a_guess() -> None:
    floor = bench()
    floor.speech_starts(1.05)
    floor.words(1.7, 1, "two")
    floor.speech_stops(2.1)
    assert none_of(floor.pass_time_until(2.4), StartAttempt)
    assert none_of(floor.words(2.4, 1, "two lattes"), StartAttempt)


def test_a_slow_transcript_leaves_time_for_a_guess() -> None:
    floor = bench(stable_s=0.6)
    paused(floor)
    assert only(floor.pass_time_until(2.6), StartAttempt).speculative
    floor.words(3.0, 1, "two lattes", final=True)
    assert only(floor.pass_time_until(3.0), AdmitAttempt).attempt == 1


def test_nothing_is_guessed_of_a_challenger_or_beside_another_turn() -> None:
    floor = bench()
    floor.is_speaking()
    floor.speech_starts(2.0)
    floor.words(2.2, 2, "wait stop")
    floor.words(2.3, 2, "wait stop")  # it takes the floor, and the turn of the agent has tasks left
    floor.speech_stops(2.4)
    assert none_of(floor.words(2.45, 2, "wait stop", final=True), StartAttempt)
    assert only(floor.joins(2.5, 1), StartAttempt).speculative


def test_nothing_is_guessed_while_a_silenced_turn_writes_on() -> None:
    floor = bench()
    floor.is_speaking()
    floor.interrupts(1.5, speech_only=True)
    floor.speech_starts(2.05)
    floor.speech_stops(3.1)
    assert none_of(floor.words(3.2, 2, "two lattes", final=True), StartAttempt)


# When it was right


def test_a_guess_that_was_right_is_the_answer() -> None:
    floor = bench()
    paused(floor)
    floor.words(2.3, 1, "Two lattes.", final=True)
    orders = floor.pass_time_until(2.5)
    assert deeds(orders) == [AdmitAttempt(1, 1, "Two lattes.")]
    assert [type(event) for event in events(orders)] == [TurnStarted, StateChanged, AttemptStarted, SpeculationAdmitted]
    assert only(orders, AttemptStarted).text == "Two lattes."
    assert only(orders, SpeculationAdmitted) == SpeculationAdmitted(to_samples(2.5), 1, 1, "two lattes", 1.0)
    assert orders.index(only(orders, AdmitAttempt)) == len(orders) - 1, "what it has to tell comes after its beginning"


def test_the_answer_timeout_counts_from_its_admission() -> None:
    floor = bench()
    paused(floor)
    floor.pass_time_until(2.2)
    floor.words(2.3, 1, "two lattes", final=True)
    assert none_of(floor.pass_time_until(22.49), EndTurn)
    assert only(floor.pass_time_until(22.5), EndTurn).provider == "answer"


@pytest.mark.parametrize(
    ("policy", "said", "is_used"),
    [
        ("discard", "one two three four five", True),
        ("discard", "one two three four six", False),
        ("use_if_similar", "one two three four six", True),
        ("use_if_similar", "one two three seven six", False),
        ("always_use", "something else", True),
    ],
)
def test_the_policy_says_which_words_are_near_enough(policy: SpeculationPolicy, said: str, is_used: bool) -> None:
    floor = bench(policy, max_tries=1)
    paused(floor, "one two three four five")
    floor.pass_time_until(2.2)
    floor.words(2.3, 1, said, final=True)
    orders = floor.pass_time_until(2.5)
    assert none_of(orders, AdmitAttempt) is not is_used
    assert none_of(orders, StartAttempt) is is_used
    assert only(orders, AttemptStarted).text == said
    assert only(orders, AttemptStarted).attempt == (1 if is_used else 2)


def test_an_admitted_guess_is_taken_back_like_any_answer() -> None:
    floor = bench()
    paused(floor)
    floor.words(2.3, 1, "two lattes", final=True)
    floor.pass_time_until(2.5)
    orders = floor.speech_starts(2.7)
    assert only(orders, CancelAttempt) == CancelAttempt(1, 1, "user_speaking")
    assert none_of(orders, SpeculationDropped)
    floor.speech_stops(3.1)
    again = floor.words(3.2, 1, "and a tea", final=True)
    assert only(again, StartAttempt) == StartAttempt(1, 2, "two lattes and a tea", verbatim=False, speculative=True)


# When it was wrong


def test_a_guess_is_given_up_when_the_words_are_others_and_the_next_one_waits_until_it_is_gone() -> None:
    floor = bench()
    floor.attempts_stop = False
    paused(floor)
    floor.pass_time_until(2.2)
    orders = floor.words(2.25, 1, "two lattes please", final=True)
    assert deeds(orders) == [CancelAttempt(1, 1, "words_changed")]
    assert events(orders)[-1] == SpeculationDropped(to_samples(2.25), 1, 1, "words_changed")
    assert floor.pass_time_until(2.3) == []
    orders = floor.feed(AttemptJoined(to_samples(2.3), 1, 1))
    assert only(orders, StartAttempt) == StartAttempt(1, 2, "two lattes please", verbatim=False, speculative=True)


def test_a_caller_who_goes_on_ends_the_guess_whatever_the_policy() -> None:
    floor = bench("always_use")
    paused(floor)
    floor.pass_time_until(2.2)
    orders = floor.speech_starts(2.4, profiles=("barge_in",))
    assert [type(deed) for deed in deeds(orders)] == [CancelAttempt, ListenOn]
    assert only(orders, SpeculationDropped).cause == "user_speaking"
    assert floor.pass_time_until(5.0) == []


def test_there_are_only_so_many_guesses_a_turn() -> None:
    floor = bench(max_tries=2)
    floor.speech_starts(1.05)
    for number in range(4):
        floor.speech_stops(2.1 + number)
        floor.words(2.2 + number, 1, f"number {number}", final=True)
        floor.speech_starts(2.4 + number)
    assert len([event for event in events(floor.orders) if isinstance(event, SpeculationStarted)]) == 2


def test_a_guess_that_fails_is_given_up_and_no_other_is_made() -> None:
    floor = bench()
    paused(floor)
    floor.pass_time_until(2.2)
    orders = floor.feed(SpeculationFailed(to_samples(2.3), 1, 1, "llm", "broke"))
    assert deeds(orders) == [CancelAttempt(1, 1, "failed")]
    assert only(orders, SpeculationDropped).cause == "failed"
    assert floor.words(2.35, 1, "two lattes", final=True)[1:] == []
    assert only(floor.pass_time_until(2.5), StartAttempt) == StartAttempt(1, 2, "two lattes", verbatim=False)


def test_the_failure_of_a_guess_that_was_given_up_changes_nothing_but_that() -> None:
    floor = bench()
    paused(floor)
    floor.pass_time_until(2.2)
    floor.speech_starts(2.3)
    assert floor.feed(SpeculationFailed(to_samples(2.31), 1, 1, "llm", "broke")) == []
    assert floor.feed(SpeculationFailed(to_samples(2.31), 7, 1, "llm", "broke")) == []


def test_a_guess_that_does_not_stop_fails_its_turn() -> None:
    floor = bench()
    floor.attempts_stop = False
    paused(floor)
    floor.pass_time_until(2.2)
    floor.words(2.25, 1, "two lattes please", final=True)
    orders = floor.pass_time_until(3.25)
    assert only(orders, AttemptStarted).attempt == 2
    assert only(orders, EndTurn).provider == "attempt"


@pytest.mark.parametrize("ending", ["hangs_up", "types", "no words"])
def test_a_guess_ends_with_its_turn(ending: str) -> None:
    floor = bench("always_use")
    paused(floor)
    floor.pass_time_until(2.2)
    if ending == "hangs_up":
        orders = floor.hangs_up(2.3)
    elif ending == "types":
        orders = floor.types(2.3, 2, "three lattes")
    else:
        floor.words(2.3, 1, "", final=True)
        orders = [*floor.orders]
    assert only(orders, CancelAttempt).attempt == 1
    assert isinstance(only(orders, SpeculationDropped), Event)
    assert none_of(orders, AdmitAttempt)


def test_the_rest_of_a_turn_goes_on_as_without_a_guess() -> None:
    plain, guessing = bench("off"), bench("discard")
    for floor in (plain, guessing):
        paused(floor)
        floor.words(2.3, 1, "two lattes", final=True)
        floor.pass_time_until(2.5)
        floor.audio_starts(2.8, 1)
        floor.audio_finishes(4.0, 1)
        floor.joins(4.0, 1)
    new = (AdmitAttempt, StartAttempt)
    without = [[deed for deed in deeds(floor.orders) if not isinstance(deed, new)] for floor in (plain, guessing)]
    assert without[0] == without[1]
    assert FlushUtterance(1) in without[0]
    assert len(events(guessing.orders)) == len(events(plain.orders)) + 2


# Similarity and settings

WORDS = st.lists(st.sampled_from(["two", "three", "lattes", "please"]), max_size=6)


@pytest.mark.parametrize(
    ("first", "second", "similarity"),
    [
        ("", "...", 1.0),
        ("two lattes", "", 0.0),
        ("Two lattes, please!", "two lattes please", 1.0),
        ("I’d like two", "I'd like two", 1.0),
        ("a b c d e", "a b c d", 0.8),
        ("a b c d", "b c d e", 0.5),
        ("two lattes", "lattes two", 0.0),
    ],
)
def test_similarity_is_one_minus_the_share_of_words_to_change(first: str, second: str, similarity: float) -> None:
    assert word_similarity(first, second) == similarity


@given(WORDS, WORDS, WORDS)
def test_similarity_is_that_of_a_distance(one: list[str], two: list[str], three: list[str]) -> None:
    def distance(first: list[str], second: list[str]) -> float:
        return (1 - word_similarity(" ".join(first), " ".join(second))) * max(len(first), len(second))

    assert distance(one, two) == pytest.approx(distance(two, one))
    assert (distance(one, two) < 1e-9) is (one == two)
    assert distance(one, three) <= distance(one, two) + distance(two, three) + 1e-9
    assert distance(one, [*one, *two]) == pytest.approx(len(two))


@pytest.mark.parametrize(
    ("rules", "complaint"),
    [
        ({"policy": "maybe"}, 'policy must be "off", "discard", "use_if_similar" or "always_use"'),
        ({"similarity": 0}, "similarity must be greater than 0"),
        ({"similarity": 1.1}, "similarity must be greater than 0 and at most 1, got 1.1"),
        ({"min_words": 0}, "min_words must be at least 1"),
        ({"max_tries": 0}, "max_tries must be at least 1"),
        ({"stable_s": -0.1}, "stable_s must be 0 or more"),
        ({"max_speech_s": math.inf}, "max_speech_s must be positive"),
    ],
)
def test_rules_that_make_no_sense_are_refused(rules: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        Speculation(**rules)


def test_something_urgent_is_not_begun_before_the_guess_that_makes_way_for_it_has_ended() -> None:
    """Found by drawn conversations: both had tasks for a while."""
    floor = bench()
    floor.attempts_stop = False
    paused(floor)
    floor.pass_time_until(2.2)
    orders = floor.feed(SayRequested(to_samples(2.3), 2, "Fire!", priority=1))
    assert only(orders, CancelAttempt).reason == "priority_message"
    assert none_of(orders, StartAttempt)
    assert only(floor.feed(AttemptJoined(to_samples(2.4), 1, 1)), StartAttempt).turn_id == 2


def test_something_urgent_is_begun_when_a_guess_does_not_end_in_time() -> None:
    floor = bench()
    floor.attempts_stop = False
    paused(floor)
    floor.pass_time_until(2.2)
    floor.feed(SayRequested(to_samples(2.3), 2, "Fire!", priority=1))
    orders = floor.pass_time_until(2.3 + floor.floor.settings.join_deadline_s)
    assert only(orders, AbandonTurn).turn_id == 1
    assert only(orders, StartAttempt).turn_id == 2
