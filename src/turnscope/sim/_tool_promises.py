"""The promises about tools, checked on what a conversation left behind."""

from collections.abc import Iterator, Sequence

from turnscope.core import (
    AttemptCancelled,
    GateShut,
    InterruptRequested,
    Message,
    ModelAsked,
    ToolCalled,
    ToolSettled,
    ToolStarted,
    TurnEnded,
)
from turnscope.session import Record

__all__ = ["broken_tool_promises"]


def broken_tool_promises(records: Sequence[Record], history: Sequence[Message]) -> Iterator[str]:
    """Each call that was started is settled once, before a model is asked again; none is started by a dead attempt."""
    attempts = {event.call_id: (event.turn_id, event.attempt) for event in records if isinstance(event, ToolCalled)}
    dead: set[tuple[int, int]] = set()
    ended: set[int] = set()
    silenced = -1
    """When a voice was interrupted whose text went on."""
    open_calls: set[str] = set()
    settled: set[str] = set()
    for record in records:
        match record:
            case AttemptCancelled(turn_id=turn_id, attempt=attempt):
                dead.add((turn_id, attempt))
            case InterruptRequested(speech_only=True):
                silenced = record.sample
            case GateShut(turn_id=turn_id) if record.sample != silenced:
                ended.add(turn_id)
            case TurnEnded(turn_id=turn_id):
                ended.add(turn_id)
            case ToolStarted(turn_id=turn_id, call_id=call_id):
                if attempts.get(call_id) in dead or turn_id in ended:
                    yield f"call {call_id} was started by an answer that was over"
                if call_id in open_calls | settled or call_id not in attempts:
                    yield f"call {call_id} was started twice, or never asked for"
                open_calls.add(call_id)
            case ToolSettled(call_id=call_id, started=started):
                if call_id in settled or (call_id in open_calls) != (started is not None):
                    yield f"call {call_id} was settled twice, or without having been started"
                settled.add(call_id)
                open_calls.discard(call_id)
            case ModelAsked() if open_calls:
                yield f"the model was asked in turn {record.turn_id} while calls {sorted(open_calls)} were not settled"
            case _:
                pass
    if open_calls:
        yield f"calls {sorted(open_calls)} were never settled"
    yield from _unpaired(history)


def _unpaired(history: Sequence[Message]) -> Iterator[str]:
    """What models refuse: a call without its result, or a result without its call."""
    waiting: list[str] = []
    for message in history:
        if message.role == "tool":
            if not waiting or waiting.pop(0) != message.tool_call_id:
                yield f"the history holds a result without its call: {message.text!r}"
        elif waiting:
            yield f"the history holds calls without results: {waiting}"
            waiting = []
        waiting += [call.id for call in message.tool_calls]
    if waiting:
        yield f"the history holds calls without results: {waiting}"
