"""What happens to the Floor, written down and read again."""

import json
from dataclasses import fields
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnscope._errors import ProtocolError
from turnscope.core import (
    AudioFinished,
    AudioStarted,
    CloseRequested,
    DeadlineReached,
    FloorInput,
    InterruptRequested,
    SayRequested,
    SpeechStarted,
    SpeechStopped,
    TranscriptReceived,
    input_from_dict,
    input_rank,
    input_to_dict,
)

KINDS: tuple[type[FloorInput], ...] = get_args(FloorInput)

VALUES: dict[object, st.SearchStrategy[object]] = {
    int: st.integers(0, 2**53),
    float: st.floats(0, 1),
    bool: st.booleans(),
    str: st.text(max_size=20),
}


def _value_of(kind: object) -> st.SearchStrategy[object]:
    return VALUES[kind] if kind in VALUES else st.sampled_from(get_args(kind))


def inputs_of(kind: type[FloorInput]) -> st.SearchStrategy[FloorInput]:
    values = {field.name: _value_of(field.type) for field in fields(kind)}
    return st.builds(kind, **values)


@given(st.one_of([inputs_of(kind) for kind in KINDS]))
def test_what_is_written_down_is_read_again(item: FloorInput) -> None:
    assert input_from_dict(json.loads(json.dumps(input_to_dict(item)))) == item


def test_every_input_tells_its_time_first() -> None:
    assert {fields(kind)[0].name for kind in KINDS} == {"sample"}


def test_it_is_written_with_its_kind() -> None:
    assert input_to_dict(SayRequested(16_000, 3, "Hello.", allow_interruptions=False)) == {
        "input": "SayRequested",
        "sample": 16_000,
        "turn_id": 3,
        "text": "Hello.",
        "allow_interruptions": False,
        "priority": 0,
    }


def test_what_has_a_default_may_be_left_out() -> None:
    data: dict[str, object] = {"input": "InterruptRequested", "sample": 1, "reason": "stop"}
    assert input_from_dict(data) == InterruptRequested(1, "stop")


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ({}, "unknown floor input None"),
        ({"input": "Sneeze", "sample": 1}, "unknown floor input 'Sneeze'"),
        ({"input": ["DeadlineReached"], "sample": 1}, "unknown floor input"),
        ({"input": "DeadlineReached"}, "DeadlineReached.*sample"),
        ({"input": "DeadlineReached", "sample": 1, "mood": "good"}, "DeadlineReached has no field 'mood'"),
        ({"input": "DeadlineReached", "sample": 1.5}, r"DeadlineReached.sample must be int, got 1.5"),
        ({"input": "DeadlineReached", "sample": "1"}, "DeadlineReached.sample must be int, got '1'"),
        ({"input": "DeadlineReached", "sample": None}, "DeadlineReached.sample must be int, got None"),
        ({"input": "AudioStarted", "sample": 1, "turn_id": "one"}, "AudioStarted.turn_id must be int"),
        ({"input": "CloseRequested", "sample": 1, "reason": 7}, "CloseRequested.reason must be str"),
        ({"input": "InterruptRequested", "sample": 1, "reason": "x", "speech_only": 1}, "speech_only must be bool"),
    ],
)
def test_what_is_no_input_is_refused_by_name(data: dict[str, object], complaint: str) -> None:
    with pytest.raises(ProtocolError, match=complaint):
        input_from_dict(data)


def test_reading_does_not_change_what_is_read() -> None:
    data: dict[str, object] = {"input": "DeadlineReached", "sample": 1}
    input_from_dict(data)
    assert data == {"input": "DeadlineReached", "sample": 1}


def test_at_equal_times_the_order_is_deadline_control_audio_transcript() -> None:
    said = SpeechStarted(5, 4, 0, "turn")
    words = TranscriptReceived(5, 1, "hello", True, 5)
    mixed: list[FloorInput] = [
        words,
        AudioFinished(5, 1),
        SpeechStopped(5, 5, "turn"),
        said,
        AudioStarted(5, 1),
        CloseRequested(5),
        InterruptRequested(5, "stop"),
        DeadlineReached(5),
    ]
    assert [input_rank(item) for item in sorted(mixed, key=input_rank)] == [0, 1, 1, 2, 2, 2, 2, 3]
    assert sorted(mixed, key=input_rank)[0] == DeadlineReached(5)
    assert sorted(mixed, key=input_rank)[-1] == words


@pytest.mark.parametrize(("key", "value"), [("profile", "foo"), ("sample", True), ("onset", 1.0), ("source", None)])
def test_a_value_of_the_wrong_kind_is_refused(key: str, value: object) -> None:
    data = input_to_dict(SpeechStarted(2, 1, 0, "turn"))
    with pytest.raises(ProtocolError, match=rf"SpeechStarted\.{key} must be"):
        input_from_dict({**data, key: value})


def test_a_whole_number_is_a_float_where_one_is_wanted() -> None:
    data = input_to_dict(SpeechStarted(2, 1, 0, "turn"))
    assert input_from_dict({**data, "confidence": 1}) == SpeechStarted(2, 1, 0, "turn", 1.0)
