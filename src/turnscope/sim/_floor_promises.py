"""The promises about who may cut whom off, checked on what a conversation left behind."""

from collections.abc import Iterator, Sequence

from turnscope.core import (
    Completed,
    Decided,
    Interrupted,
    ProtectionChanged,
    ReplyRequested,
    Resumed,
    SayRequested,
    SpeechIgnored,
    SpeechStartsPlaying,
    TurnEnded,
    TurnOpened,
    TurnStarted,
    Yielded,
)
from turnscope.session import Record

__all__ = ["MADE_WAY", "broken_floor_promises"]

MADE_WAY = "priority message"
"""Why a turn is held, whatever was decided about it before: something urgent is said first."""


def broken_floor_promises(records: Sequence[Record]) -> Iterator[str]:
    """Protected words are not cut off by a voice, each challenger is ruled on once, what is ignored has no effect."""
    yield from _protection(records)
    yield from _rulings(records)
    yield from _stepping_back(records)
    yield from _ignored(records)
    yield from _priorities(records)


def _protection(records: Sequence[Record]) -> Iterator[str]:
    protected: dict[int, int] = {}
    """Since when."""
    for record in records:
        match record:
            case SayRequested(turn_id=turn_id) | ReplyRequested(turn_id=turn_id) | ProtectionChanged(turn_id=turn_id):
                if record.allow_interruptions:
                    protected.pop(turn_id, None)
                else:
                    protected.setdefault(turn_id, record.sample)
            case TurnEnded(turn_id=turn_id, outcome=Interrupted(cause=cause)) if cause.reason == "user_speaking":
                if protected.get(turn_id, cause.decision) < cause.decision:
                    yield f"turn {turn_id} is protected and was cut off by a voice"
            case Yielded(turn_id=turn_id) if turn_id in protected:
                yield f"turn {turn_id} is protected and stepped back"
            case Decided(turn_id=turn_id, verdict="confirm" | "dismiss") if turn_id in protected:
                yield f"turn {turn_id} is protected, and turn {record.challenger_id} was judged all the same"
            case _:
                pass


def _rulings(records: Sequence[Record]) -> Iterator[str]:
    """Whether each interruption by a voice was ruled once, on somebody who spoke over that very turn."""
    challenged: dict[int, int] = {}
    ruled: set[int] = set()
    started: set[int] = set()
    confirmed = {
        (item.turn_id, item.sample) for item in records if isinstance(item, Decided) and item.verdict == "confirm"
    }
    at = {sample for _, sample in confirmed}
    for record in records:
        match record:
            case TurnOpened(turn_id=turn_id, challenges=int(holder)):
                challenged[turn_id] = holder
            case TurnStarted(turn_id=turn_id):
                started.add(turn_id)
            case Decided(turn_id=turn_id, challenger_id=challenger, verdict=verdict) if challenger != turn_id:
                if challenger in ruled and record.evidence != MADE_WAY:
                    yield f"turn {challenger} was ruled on after it had been decided what it is"
                if verdict != "hold":
                    ruled.add(challenger)
                    if challenged.get(challenger) != turn_id:
                        yield f"turn {challenger} was judged as speaking over turn {turn_id}, and does not"
            case TurnEnded(turn_id=turn_id, outcome=Interrupted(cause=cause)) if cause.reason == "user_speaking":
                # What was to be said after the interrupted turn goes with it.
                if (turn_id, cause.decision) not in confirmed and (turn_id in started or cause.decision not in at):
                    yield f"turn {turn_id} was interrupted by a voice, and nobody had decided so"
            case _:
                pass


def _stepping_back(records: Sequence[Record]) -> Iterator[str]:
    """Whether whoever stepped back came back, or was cut off."""
    back: dict[int, str] = {}
    for record in records:
        match record:
            case Yielded(turn_id=turn_id, reaction=reaction):
                if turn_id in back:
                    yield f"turn {turn_id} stepped back twice"
                back[turn_id] = reaction
            case Resumed(turn_id=turn_id):
                back.pop(turn_id, None)
            case TurnEnded(turn_id=turn_id, outcome=Completed()) if back.get(turn_id) == "pause":
                yield f"turn {turn_id} was paused, did not go on, and counts as said to its end"
            case _:
                pass


def _ignored(records: Sequence[Record]) -> Iterator[str]:
    ignored = {record.onset for record in records if isinstance(record, SpeechIgnored)}
    for record in records:
        if isinstance(record, TurnOpened | Yielded) and record.onset in ignored:
            yield f"speech that began at {record.onset} was ignored, and led to {type(record).__name__}"


def _priorities(records: Sequence[Record]) -> Iterator[str]:
    """Whether nothing begins to be heard while something more urgent waits."""
    priorities: dict[int, int] = {}
    over: set[int] = set()
    for record in records:
        match record:
            case SayRequested(turn_id=turn_id, priority=priority):
                priorities[turn_id] = priority
            case SpeechStartsPlaying(turn_id=turn_id):
                urgent = [other for other, rank in priorities.items() if other not in over and other != turn_id]
                for other in urgent:
                    if priorities[other] > max(priorities.get(turn_id, 0), 0):
                        yield f"turn {turn_id} was begun while the more urgent turn {other} waited"
                over.add(turn_id)
            case TurnEnded(turn_id=turn_id):
                over.add(turn_id)
            case _:
                pass
