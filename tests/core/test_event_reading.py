"""Events that were written down are read again as they were, or refused with the place of the fault."""

import json

import pytest

from tests.core.test_events import KINDS, example
from tests.observe.calls import barge_in
from turnscope import ProtocolError
from turnscope.core import (
    Cause,
    Completed,
    Event,
    Failed,
    HungUp,
    Interrupted,
    Outcome,
    TurnEnded,
    event_from_dict,
    event_to_dict,
)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not TurnEnded])
def test_every_event_comes_back_from_json_as_it_was(kind: type[Event]) -> None:
    event = example(kind)
    assert event_from_dict(json.loads(json.dumps(event_to_dict(event)))) == event


@pytest.mark.parametrize(
    "outcome",
    [
        Completed("two"),
        Failed("tts", "gone", "two"),
        HungUp("hung_up", "two"),
        Interrupted(Cause("x", 4), "a", "b", 5, None, 6),
    ],
)
def test_every_outcome_comes_back(outcome: Outcome) -> None:
    event = TurnEnded(6, 1, outcome)
    assert event_from_dict(event_to_dict(event)) == event


def test_a_whole_call_comes_back() -> None:
    events = barge_in().events
    assert tuple(event_from_dict(json.loads(json.dumps(event_to_dict(event)))) for event in events) == events


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"event": "Nonsense"}, "unknown event 'Nonsense'"),
        ({"event": None}, "unknown event 'None'"),
        ({"more": 1}, "SpeechBegins has no field 'more'"),
        ({"onset": "soon"}, "SpeechBegins.onset must be int, got 'soon'"),
        ({"onset": None}, "SpeechBegins.onset must be int, got None"),
    ],
)
def test_what_is_no_event_is_refused(changes: dict[str, object], complaint: str) -> None:
    good: dict[str, object] = {
        "event": "SpeechBegins", "at": 0.0, "sample": 0, "onset": 0, "profile": "turn", "source": "vad",
    }  # fmt: skip
    event_from_dict(good)
    with pytest.raises(ProtocolError, match=complaint):
        event_from_dict(good | changes)


def test_a_missing_field_and_a_wrong_outcome_are_named() -> None:
    with pytest.raises(ProtocolError, match=r"SpeechBegins: .*missing.*'onset'"):
        event_from_dict({"event": "SpeechBegins", "sample": 0, "profile": "turn", "source": "vad"})
    with pytest.raises(ProtocolError, match=r"TurnEnded.outcome must be an outcome"):
        event_from_dict({"event": "TurnEnded", "sample": 0, "turn_id": 1, "outcome": {"kind": "odd"}})
