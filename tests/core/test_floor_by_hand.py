"""Turns that the application or the client begins and ends: the Floor alone, in seconds."""

from dataclasses import replace

import pytest

from tests.core.floors import Bench, deeds, floor_settings, none_of, only
from turnscope.core import (
    CancelAttempt,
    Cause,
    Decided,
    DismissTurn,
    FlushUtterance,
    InterruptTurn,
    ListenOn,
    OpenTurn,
    Order,
    ResumeSpeech,
    SpeechBegins,
    SpeechStarted,
    SpeechStopped,
    StartAttempt,
    TurnMode,
    UserTurnCleared,
    YieldSpeech,
    to_samples,
)


def at(seconds: float) -> int:
    return to_samples(seconds)


def bench(turn_mode: TurnMode) -> Bench:
    return Bench(replace(floor_settings(), turn_mode=turn_mode))


def press(on: Bench, at_s: float, source: str = "client") -> list[Order]:
    now = at(at_s)
    return [*on.pass_time_until(at_s), *on.feed(SpeechStarted(now, now, now, "turn", 1.0, source))]


def release(on: Bench, at_s: float, source: str = "client") -> list[Order]:
    now = at(at_s)
    return [*on.pass_time_until(at_s), *on.feed(SpeechStopped(now, now, "turn", source))]


def clear(on: Bench, at_s: float) -> list[Order]:
    return [*on.pass_time_until(at_s), *on.feed(UserTurnCleared(at(at_s)))]


MODES: list[TurnMode] = ["automatic", "push_to_talk", "manual"]


@pytest.mark.parametrize("mode", MODES)
def test_from_the_press_to_the_release_is_a_turn_whatever_the_detector_says(mode: TurnMode) -> None:
    on = bench(mode)
    assert deeds(press(on, 1.0)) == [OpenTurn(1, at(1.0))]
    on.speech_starts(1.2)
    on.speech_stops(2.0)  # a pause, and a long one
    on.words(2.2, 1, "two lattes")
    assert deeds(on.pass_time_until(4.0)) == []
    assert deeds(release(on, 4.0)) == [FlushUtterance(1)]
    on.words(4.1, 1, "two lattes please", final=True)
    assert only(on.pass_time_until(4.1), StartAttempt).text == "two lattes please", "without waiting for a silence"


def test_without_a_press_nobody_is_listened_to() -> None:
    on = bench("push_to_talk")
    orders = [*on.speech_starts(1.0), *on.speech_stops(2.0)]
    assert deeds(orders) == []
    assert not none_of(orders, SpeechBegins)
    on.is_speaking()
    assert deeds(on.speech_starts(3.0)) == []


@pytest.mark.parametrize("mode", MODES)
def test_a_press_interrupts_at_once(mode: TurnMode) -> None:
    on = bench(mode)
    on.is_speaking()
    orders = press(on, 2.0)
    assert deeds(orders) == [InterruptTurn(1, Cause("user_speaking", at(2.0), at(2.0), "client")), OpenTurn(2, at(2.0))]
    assert only(orders, Decided).verdict == "confirm"


def test_a_press_confirms_a_challenger_whose_words_are_kept() -> None:
    on = bench("automatic")
    on.is_speaking()
    on.speech_starts(2.0)
    assert only(press(on, 2.3), InterruptTurn).cause.onset == at(1.95)
    assert none_of(on.pass_time_until(9.0), InterruptTurn)


def test_a_press_over_protected_words_is_held() -> None:
    on = bench("push_to_talk")
    on.is_speaking(protected=True)
    assert deeds(press(on, 2.0)) == [OpenTurn(2, at(2.0))]
    release(on, 2.5)
    on.words(2.6, 2, "hello", final=True)
    on.audio_finishes(3.0, 1)
    assert only([*on.joins(3.0, 1), *on.pass_time_until(3.0)], StartAttempt).text == "hello"


def test_a_press_before_the_answer_is_heard_takes_it_back() -> None:
    on = bench("automatic")
    on.asks(1.0, 1)
    assert deeds(press(on, 3.0)) == [CancelAttempt(1, 1, "user_speaking"), ListenOn(1, at(3.0))]
    on.words(3.4, 1, "please", final=True)
    release(on, 3.5)
    on.words(3.6, 1, "", final=True)
    assert only(on.pass_time_until(3.6), StartAttempt).text == "two lattes please"


def test_a_release_without_words_is_no_turn() -> None:
    on = bench("push_to_talk")
    press(on, 1.0)
    release(on, 1.5)
    on.words(1.6, 1, "", final=True)
    assert deeds(on.pass_time_until(1.7)) == [DismissTurn(1)]


def test_in_manual_mode_silence_ends_no_turn_and_speech_does_not_interrupt() -> None:
    on = bench("manual")
    on.speech_starts(1.0)
    on.speech_stops(2.0)
    on.words(2.1, 1, "two lattes", final=True)
    assert none_of(on.pass_time_until(9.0), StartAttempt)
    release(on, 9.0)
    assert only(on.pass_time_until(9.0), StartAttempt).text == "two lattes"
    on.audio_starts(9.5, 1)
    orders = on.speech_starts(10.0)
    assert only(orders, Decided).evidence == "manual"
    assert none_of(orders, YieldSpeech)
    on.words(10.5, 2, "and a muffin")
    on.words(10.6, 2, "and a muffin please")
    on.speech_stops(11.0)
    assert none_of(on.words(11.1, 2, "and a muffin please", final=True), InterruptTurn)
    assert only(release(on, 12.0, "application"), InterruptTurn).cause.evidence == "application"
    assert only([*on.joins(12.0, 1), *on.pass_time_until(12.1)], StartAttempt).text == "and a muffin please"


@pytest.mark.parametrize("mode", MODES)
def test_what_is_cleared_is_not_answered(mode: TurnMode) -> None:
    on = bench(mode)
    press(on, 1.0)
    on.words(1.5, 1, "two lattes")
    assert only(clear(on, 2.0), DismissTurn).turn_id == 1
    assert none_of(on.pass_time_until(9.0), StartAttempt)
    assert deeds(clear(on, 9.0)) == []


def test_clearing_a_challenger_lets_the_agent_speak_on() -> None:
    on = bench("automatic")
    on.is_speaking()
    on.speech_starts(2.0)
    assert deeds(clear(on, 2.3)) == [DismissTurn(2), ResumeSpeech(1)]
