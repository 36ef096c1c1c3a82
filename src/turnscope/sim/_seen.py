"""A call as expectations look at it: by its turns, overlaps, tool calls and states."""

import json
from dataclasses import dataclass
from typing import Any

from turnscope.core import (
    Decided,
    Event,
    HeardWord,
    StateChanged,
    ToolCalled,
    ToolRecord,
    TranscriptUpdated,
    TurnOpened,
    TurnRecord,
    UtteranceDismissed,
    WordsHeard,
)
from turnscope.sim._simulate import Call

__all__ = ["JudgedOverlap", "Seen", "SeenToolCall", "StateSpan"]


@dataclass(frozen=True, slots=True)
class SeenToolCall:
    """A call of a tool, with what the model has written as its arguments."""

    record: ToolRecord
    turn: TurnRecord
    arguments: Any


@dataclass(frozen=True, slots=True)
class JudgedOverlap:
    """Something that was said over the agent, or a noise, and what it was taken for.

    Attributes:
        challenger_id: Its id.
        over: Id of the turn that it was said over.
        onset: Its first sample.
        verdict: ``confirm``, ``dismiss`` or ``hold``, or ``none`` if there was nothing to decide.
        evidence: What decided.
        text: What was understood of it.
        decided: When, as a sample; its onset if it was not.
    """

    challenger_id: int
    over: int
    onset: int
    verdict: str
    evidence: str
    text: str
    decided: int


@dataclass(frozen=True, slots=True)
class StateSpan:
    """The session was in a state from sample `start` to before `stop`; None while it lasts."""

    state: str
    start: int
    stop: int | None


class Seen:
    """What of a call is worth expecting something of."""

    def __init__(self, call: Call) -> None:
        self.call: Call = call
        self.events: tuple[Event, ...] = call.events
        self.turns: list[TurnRecord] = call.turns
        self.tools: list[SeenToolCall] = _tools(self.events, self.turns)
        self.overlaps: list[JudgedOverlap] = _overlaps(self.events)
        self.states: list[StateSpan] = _states(self.events)
        self.words: dict[int, tuple[HeardWord, ...]] = {
            event.turn_id: event.words for event in self.events if isinstance(event, WordsHeard)
        }
        """The words that were heard, by turns."""

    @property
    def heard(self) -> str:
        """Everything that was heard of the agent."""
        return " ".join(filter(None, (getattr(turn.outcome, "heard", "") for turn in self.turns)))


def _tools(events: tuple[Event, ...], turns: list[TurnRecord]) -> list[SeenToolCall]:
    written = {event.call_id: event.arguments for event in events if isinstance(event, ToolCalled)}
    calls = [(record, turn) for turn in turns for record in turn.tools]
    return [SeenToolCall(record, turn, _arguments(written.get(record.call_id, ""))) for record, turn in calls]


def _arguments(written: str) -> Any:
    """What the model wrote, as a table if it is one."""
    try:
        return json.loads(written or "{}")
    except (ValueError, RecursionError):
        return written


def _overlaps(events: tuple[Event, ...]) -> list[JudgedOverlap]:
    texts = {event.turn_id: event.text for event in events if isinstance(event, TranscriptUpdated)}
    decided = {event.challenger_id: event for event in events if isinstance(event, Decided)}
    dismissed = {event.turn_id: event for event in events if isinstance(event, UtteranceDismissed)}
    found = []
    for event in events:
        if not isinstance(event, TurnOpened) or event.challenges is None:
            continue
        ruling, dropped = decided.get(event.turn_id), dismissed.get(event.turn_id)
        verdict, evidence, at = "none", "", event.onset
        if ruling is not None:
            verdict, evidence, at = ruling.verdict, ruling.evidence, ruling.sample
        elif dropped is not None:
            verdict, evidence, at = "dismiss", dropped.evidence, dropped.sample
        text = texts.get(event.turn_id, "" if dropped is None else dropped.text)
        found.append(JudgedOverlap(event.turn_id, event.challenges, event.onset, verdict, evidence, text, at))
    return found


def _states(events: tuple[Event, ...]) -> list[StateSpan]:
    changes = [event for event in events if isinstance(event, StateChanged)]
    stops = [*(event.sample for event in changes[1:]), None]
    return [StateSpan(event.new, event.sample, stop) for event, stop in zip(changes, stops, strict=False)]
