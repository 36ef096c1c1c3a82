"""The τ-voice panel on calls drawn by hand: each definition, and the edge of each window."""

import math

import pytest

from turnscope import ConfigError
from turnscope.core import CLOCK_HZ
from turnscope.observe import (
    CallerKind,
    CallerSegment,
    Interaction,
    InteractionWindows,
    Rate,
    Span,
    bridge_gaps,
    on_ticks,
    score_interaction,
)

END = 60 * CLOCK_HZ


def at(seconds: float) -> int:
    return round(seconds * CLOCK_HZ)


def said(start_s: float, stop_s: float, kind: CallerKind = "speech") -> CallerSegment:
    return CallerSegment(at(start_s), at(stop_s), kind)


def spoke(*times_s: tuple[float, float]) -> list[Span]:
    return [Span(at(start), at(stop)) for start, stop in times_s]


def score(caller: list[CallerSegment], agent: list[Span], length: int = END) -> Interaction:
    return score_interaction(caller, agent, length)


def test_the_response_latency_is_from_the_end_of_the_turn_to_the_agent_s_first_sample() -> None:
    panel = score([said(0, 1), said(10, 11)], spoke((1.5, 3), (12.0, 13)))
    assert panel.response_rate == Rate(2, 2)
    assert (panel.response_latency.mean, panel.response_latency.p50) == (0.75, 0.5)


def test_a_turn_after_which_the_caller_had_to_speak_again_was_not_answered() -> None:
    panel = score([said(0, 1), said(4, 5)], spoke((5.5, 6)))
    assert panel.response_rate == Rate(1, 2)
    assert panel.response_latency.n == 1


def test_the_last_turn_that_nobody_follows_is_not_counted() -> None:
    assert score([said(0, 1)], []).response_rate == Rate(0, 0)


def test_a_backchannel_and_a_turn_that_ends_under_the_agent_s_speech_ask_for_no_response() -> None:
    panel = score([said(1, 1.3, "backchannel"), said(2, 3)], spoke((0.5, 8), (9, 10)))
    assert panel.response_rate == Rate(0, 0)


def test_an_interruption_to_which_the_agent_yielded_is_a_turn_that_is_answered() -> None:
    panel = score([said(2, 4)], spoke((0, 2.3), (4.5, 6)))
    assert panel.yield_rate == Rate(1, 1)
    assert panel.yield_latency.mean == pytest.approx(0.3)
    assert (panel.response_rate, panel.response_latency.mean) == (Rate(1, 1), 0.5)


@pytest.mark.parametrize(("stop_s", "yielded"), [(3.999, True), (4.0, False), (6.0, False)])
def test_yielding_takes_less_than_two_seconds(stop_s: float, yielded: bool) -> None:
    panel = score([said(2, 5)], spoke((0, stop_s)))
    assert panel.yield_rate == Rate(int(yielded), 1)
    assert panel.yield_latency.n == int(yielded)


def test_an_agent_that_speaks_until_the_recording_ends_has_not_yielded() -> None:
    assert score([said(2, 3)], spoke((0, 3)), length=at(3)).yield_rate == Rate(0, 1)


@pytest.mark.parametrize(("stop_s", "right"), [(2.999, False), (3.0, True), (9.0, True)])
def test_a_backchannel_is_talked_through_for_a_second(stop_s: float, right: bool) -> None:
    panel = score([said(2, 2.4, "backchannel")], spoke((0, stop_s)))
    assert panel.rate("backchannel") == Rate(int(right), 1)
    assert panel.yield_rate == Rate(0, 0)


@pytest.mark.parametrize("kind", ["vocal_tic", "non_directed", "noise"])
def test_what_is_not_meant_for_the_agent_is_ignored_while_it_speaks_and_while_it_is_silent(kind: CallerKind) -> None:
    for agent, right in (
        (spoke((0, 2.9)), False),
        (spoke((0, 3.1)), True),
        (spoke((4.4, 5)), False),  # 2 s after its end
        (spoke((4.5, 5)), True),
        ([], True),
    ):
        panel = score([said(2, 2.4, kind)], agent)
        assert panel.rate(kind) == Rate(int(right), 1), agent  # type: ignore[arg-type]
        assert panel.response_rate == Rate(0, 0)


def test_a_tic_is_ignored_for_more_than_a_second() -> None:
    assert score([said(2, 2.4, "vocal_tic")], spoke((0, 3.0))).rate("vocal_tic") == Rate(0, 1)


def test_the_agent_interrupts_when_it_begins_while_the_caller_speaks() -> None:
    panel = score([said(0, 3), said(10, 11)], spoke((1, 1.5), (2, 2.5), (3.5, 5), (11.5, 12)))
    assert panel.agent_interruptions == Rate(2, 2)
    assert score([said(0, 3, "noise")], spoke((1, 5))).agent_interruptions.count == 0


def test_both_beginning_at_once_interrupt_each_other() -> None:
    panel = score([said(1, 2)], spoke((1, 1.4), (3, 4)))
    assert panel.yield_rate == Rate(1, 1)
    assert panel.agent_interruptions == Rate(1, 1)


def test_calls_add_up() -> None:
    one, other = score([said(0, 1)], spoke((1.5, 3))), score([said(0, 1), said(2, 3)], spoke((4.0, 5)))
    assert (one + other).response_rate == Rate(2, 3)
    assert (one + other).response_latency.mean == 0.75
    assert math.isnan(Interaction().yield_rate.value)


def test_on_ticks_it_is_as_the_paper_counts() -> None:
    agent = on_ticks(spoke((0.05, 2.21)), 0.2)
    assert agent == tuple(spoke((0.0, 2.4)))
    (started,) = on_ticks(spoke((2.07, 5)), 0.2)
    panel = score_interaction([CallerSegment(started.start, started.stop)], agent, END)
    assert panel.yield_latency.mean == pytest.approx(0.4)
    assert on_ticks(spoke((0.1, 0.3), (0.5, 0.7)), 0.2) == tuple(spoke((0.0, 0.8)))


def test_pauses_are_bridged_up_to_their_length() -> None:
    assert bridge_gaps(spoke((0, 1), (1.5, 2), (2.6, 3)), 0.5) == tuple(spoke((0, 2), (2.6, 3)))


@pytest.mark.parametrize("name", ["yield_s", "ignore_yield_s", "ignore_response_s"])
def test_a_window_that_is_none_is_refused_by_name(name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        InteractionWindows(**{name: 0})
    with pytest.raises(ConfigError, match="tick_s"):
        on_ticks([], 0)
