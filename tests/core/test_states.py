"""The table of states: what it says, and that it says nothing else."""

import itertools

import pytest

from turnscope._errors import ProtocolError
from turnscope.core import TRANSITIONS, State, Trigger, next_state

STATES = ["initial", "listening", "processing", "speaking", "away", "ended"]

LEADS_TO = {
    ("initial", "opened"): "listening",
    ("initial", "end"): "ended",
    ("listening", "answer"): "processing",
    ("listening", "silence"): "away",
    ("listening", "end"): "ended",
    ("processing", "first audio"): "speaking",
    ("processing", "finished"): "listening",
    ("processing", "user resumed"): "listening",
    ("processing", "barge-in"): "listening",
    ("processing", "failed"): "listening",
    ("processing", "end"): "ended",
    ("speaking", "finished"): "listening",
    ("speaking", "barge-in"): "listening",
    ("speaking", "answer"): "processing",
    ("speaking", "failed"): "listening",
    ("speaking", "end"): "ended",
    ("away", "return"): "listening",
    ("away", "end"): "ended",
}

NEIGHBOURS = {
    "initial": {"listening", "ended"},
    "listening": {"processing", "away", "ended"},
    "processing": {"speaking", "listening", "ended"},
    "speaking": {"listening", "processing", "ended"},
    "away": {"listening", "ended"},
    "ended": set[str](),
}


def test_the_states_are_the_six_that_users_see() -> None:
    assert [state.value for state in State] == STATES


@pytest.mark.parametrize("trigger", Trigger)
@pytest.mark.parametrize("state", State)
def test_a_trigger_leads_where_the_table_says_or_is_refused(state: State, trigger: Trigger) -> None:
    expected = LEADS_TO.get((state.value, trigger.value))
    if expected is not None:
        assert next_state(state, trigger).value == expected
        return
    with pytest.raises(ProtocolError, match=f"'{trigger.value}' is not possible while {state.value}"):
        next_state(state, trigger)


@pytest.mark.feature(4)
@pytest.mark.parametrize(("old", "new"), list(itertools.product(STATES, STATES)))
def test_one_step_leads_only_to_a_neighbour(old: str, new: str) -> None:
    reached = {state.value for (start, _), state in TRANSITIONS.items() if start.value == old}
    assert (new in reached) == (new in NEIGHBOURS[old])


def test_every_state_but_the_last_can_end() -> None:
    assert {start for (start, trigger), _ in TRANSITIONS.items() if trigger is Trigger.END} == set(State) - {
        State.ENDED
    }


def test_nothing_leads_out_of_the_end() -> None:
    assert not [trigger for (start, trigger) in TRANSITIONS if start is State.ENDED]
