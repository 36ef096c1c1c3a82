"""Events and messages: frozen, complete, and plain data when written down."""

import dataclasses
import json
from dataclasses import FrozenInstanceError, fields
from types import UnionType
from typing import Any, Literal, get_args, get_origin

import pytest

from turnscope import core
from turnscope.core import (
    Cause,
    Completed,
    Event,
    Failed,
    HungUp,
    Interrupted,
    Message,
    Outcome,
    SpeechBegins,
    StateChanged,
    TurnEnded,
    event_to_dict,
)

PUBLIC = [getattr(core, name) for name in core.__all__]
KINDS = [item for item in PUBLIC if isinstance(item, type) and issubclass(item, Event) and item is not Event]

EXAMPLES = {int: 7, str: "text", bool: True, float: 0.5}


def example(declared: Any) -> Any:
    """A value of a declared type, with something in every field."""
    if declared in EXAMPLES:
        return EXAMPLES[declared]
    if isinstance(declared, UnionType):
        return example(get_args(declared)[0])
    if get_origin(declared) is Literal:
        return get_args(declared)[0]
    if get_origin(declared) is tuple:
        return (example(get_args(declared)[0]),)
    return declared(**{field.name: example(field.type) for field in fields(declared)})


@pytest.mark.parametrize("kind", KINDS)
def test_every_event_can_be_written_down_as_json_with_its_kind_and_all_its_fields(kind: type[Event]) -> None:
    data = event_to_dict(example(kind))
    assert json.loads(json.dumps(data)) == data
    assert set(data) == {"event", "at"} | {field.name for field in fields(kind)}
    assert data["event"] == kind.__name__


@pytest.mark.parametrize("kind", KINDS)
def test_no_event_can_be_changed(kind: type[Event]) -> None:
    event = example(kind)
    with pytest.raises(FrozenInstanceError):
        event.sample = 8
    assert not hasattr(event, "__dict__")


def test_there_are_events_to_try() -> None:
    assert {"TurnEnded", "StateChanged", "Decided", "GateShut"} <= {kind.__name__ for kind in KINDS}


def test_the_time_in_seconds_comes_from_the_sample() -> None:
    assert SpeechBegins(24_000, 23_000, "turn", "vad").at == 1.5
    assert event_to_dict(SpeechBegins(1, 0, "turn", "vad"))["at"] == 0.0000625


def test_a_change_of_state_is_written_down() -> None:
    assert event_to_dict(StateChanged(16_000, "listening", "processing", "answer", 3)) == {
        "event": "StateChanged",
        "at": 1.0,
        "sample": 16_000,
        "old": "listening",
        "new": "processing",
        "trigger": "answer",
        "turn_id": 3,
    }


def test_an_ending_is_written_down_with_its_cause() -> None:
    cause = Cause("user_speaking", 32_000, 30_000, "words: wait")
    data = event_to_dict(TurnEnded(40_000, 2, Interrupted(cause, "Your order", "is two.", 32_000, 31_000, 31_500)))
    assert data["event"] == "TurnEnded"
    assert data["joined"] is True
    outcome = data["outcome"]
    assert isinstance(outcome, dict)
    assert outcome["kind"] == "interrupted"
    assert outcome["heard"] == "Your order"
    assert outcome["unheard"] == "is two."
    assert outcome["silence"] == 31_500
    assert outcome["cause"] == {
        "reason": "user_speaking",
        "decision": 32_000,
        "onset": 30_000,
        "evidence": "words: wait",
    }


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (Completed("x"), "completed"),
        (Interrupted(Cause("timeout", 1), "", "", 1, None, None), "interrupted"),
        (Failed("stt", "broke"), "failed"),
        (HungUp("shutdown"), "hung_up"),
    ],
)
def test_every_outcome_says_its_kind(outcome: Outcome, kind: str) -> None:
    assert outcome.kind == kind


def test_there_are_four_outcomes() -> None:
    assert set(get_args(Outcome)) == {Completed, Interrupted, Failed, HungUp}


def test_a_message_says_who_and_what_and_can_not_be_changed() -> None:
    message = Message("assistant", "Your order is", interrupted=True, unheard="two.")
    with pytest.raises(FrozenInstanceError):
        message.text = "no"  # type: ignore[misc]
    assert dataclasses.replace(message, text="Yours") == Message("assistant", "Yours", True, "two.")
    assert Message("user", "hello") == Message("user", "hello", interrupted=False, unheard="")
