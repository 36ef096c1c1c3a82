"""What the Floor makes of tools: no turn is late while it waits for one, and what is committed is not taken back."""

from dataclasses import replace

import pytest

from tests.core.floors import INTERRUPTION, Bench, deeds, events, floor_settings
from turnscope.core import (
    PHASES,
    AttemptCommitted,
    CancelAttempt,
    Decided,
    EndTurn,
    FlushUtterance,
    InterruptTurn,
    ListenOn,
    OpenTurn,
    Order,
    StopListening,
    ToolsDone,
    ToolsRunning,
    TurnOpened,
    to_samples,
)


def feed(bench: Bench, at_s: float, kind: type, *values: int) -> list[Order]:
    return [*bench.pass_time_until(at_s), *bench.feed(kind(to_samples(at_s), *values))]


def asked(*, judging: bool = False) -> Bench:
    """Turn 1 is being answered since 1.5 s. When `judging`, words decide whether it is taken back."""
    bench = Bench(floor_settings(interruption=replace(INTERRUPTION, phases=PHASES)) if judging else None)
    bench.asks(0.0, 1)
    return bench


def test_a_turn_that_waits_for_tools_is_not_late_and_has_its_whole_time_again_afterwards() -> None:
    bench = asked()
    assert bench.deadline_s == 21.5
    feed(bench, 3.0, ToolsRunning, 1)
    assert bench.floor.tools_are_running
    assert bench.deadline_s is None
    feed(bench, 60.0, ToolsDone, 1)
    assert not bench.floor.tools_are_running
    assert bench.deadline_s == 80.0
    orders = bench.pass_time_until(80.0)
    assert EndTurn(1, "answer", "gave no audio within 20 s", "two lattes") in orders


def test_a_turn_that_was_heard_is_never_late() -> None:
    bench = asked()
    bench.audio_starts(2.0, 1)
    feed(bench, 3.0, ToolsRunning, 1)
    feed(bench, 4.0, ToolsDone, 1)
    assert bench.deadline_s is None


def test_tools_of_a_turn_that_does_not_hold_the_floor_mean_nothing() -> None:
    bench = asked()
    feed(bench, 3.0, ToolsRunning, 7)
    feed(bench, 3.0, ToolsDone, 7)
    assert not bench.floor.tools_are_running
    assert bench.deadline_s == 21.5


def test_an_answer_that_is_committed_is_not_taken_back_but_challenged() -> None:
    bench = asked(judging=True)
    assert deeds(feed(bench, 2.0, AttemptCommitted, 1, 1)) == [StopListening(1)]
    orders = bench.speech_starts(3.0)
    assert not any(isinstance(order, CancelAttempt | ListenOn) for order in orders)
    assert [event.challenges for event in events(orders) if isinstance(event, TurnOpened)] == [1]
    orders = [*bench.words(3.5, 2, "wait please"), *bench.words(3.9, 2, "wait please now")]
    assert [order.turn_id for order in orders if isinstance(order, InterruptTurn)] == [1]
    assert [event.verdict for event in events(orders) if isinstance(event, Decided)] == ["confirm"]


def test_without_it_the_answer_is_taken_back() -> None:
    bench = asked()
    assert any(isinstance(order, CancelAttempt) for order in bench.speech_starts(3.0))


@pytest.mark.parametrize(("turn_id", "attempt"), [(7, 1), (1, 2)])
def test_what_another_answer_commits_changes_nothing(turn_id: int, attempt: int) -> None:
    bench = asked()
    assert feed(bench, 2.0, AttemptCommitted, turn_id, attempt) == []
    assert any(isinstance(order, CancelAttempt) for order in bench.speech_starts(3.0))


def test_a_commitment_of_an_answer_that_was_taken_back_changes_nothing() -> None:
    bench = asked()
    bench.speech_starts(2.0)
    assert feed(bench, 2.1, AttemptCommitted, 1, 1) == []
    bench.speech_stops(3.0)
    assert any(isinstance(order, OpenTurn) for order in bench.orders)
    bench.words(3.1, 1, "three", final=True)
    bench.pass_time_until(4.0)
    assert feed(bench, 4.1, AttemptCommitted, 1, 1) == [], "the first answer's, while the second is prepared"
    assert any(isinstance(order, CancelAttempt) for order in bench.speech_starts(4.5))


def test_a_second_commitment_changes_nothing() -> None:
    bench = asked()
    feed(bench, 2.0, AttemptCommitted, 1, 1)
    assert feed(bench, 2.1, AttemptCommitted, 1, 1) == []


@pytest.mark.parametrize("ended", [False, True])
def test_who_may_be_going_on_when_an_answer_is_committed_challenges_it_and_loses_no_word(ended: bool) -> None:
    bench = asked(judging=True)
    bench.speech_starts(3.0, onset_s=2.9)
    if ended:
        bench.speech_stops(3.3, end_s=3.2)
    orders = feed(bench, 3.35, AttemptCommitted, 1, 1)
    assert [order for order in orders if isinstance(order, OpenTurn)] == [OpenTurn(2, to_samples(2.65))]
    assert any(isinstance(order, FlushUtterance) for order in orders) is ended
    orders = bench.words(3.4, 2, "wait please", final=True)
    orders += bench.pass_time_until(3.5)
    assert [order.turn_id for order in orders if isinstance(order, InterruptTurn)] == [1]
