"""What came of everything that was said, in words: for the tables below timelines."""

from turnscope.core import CLOCK_HZ, Failed, HungUp, Interrupted, ToolRecord, TurnRecord
from turnscope.observe._picture import Overlap, Phrase, Picture


def told(whole: Picture) -> list[tuple[Phrase, list[str]]]:
    """Everything that was said, in order, each with lines that say what came of it."""
    turns = {turn.turn_id: turn for turn in whole.turns}
    stopped_by = {
        turn.outcome.cause.onset: "interrupts the agent"
        for turn in whole.turns
        if isinstance(turn.outcome, Interrupted) and turn.outcome.cause.onset is not None
    }
    overlaps = {overlap.challenger_id: overlap for overlap in whole.overlaps}
    rows = []
    for phrase in whole.phrases:
        overlap = overlaps.get(phrase.turn_id) if phrase.who == "caller" else None
        if overlap is not None:
            note = _overlap_note(overlap)
        elif phrase.who == "caller" or phrase.note == "filler":
            note = phrase.note or stopped_by.get(phrase.start, "")
        else:
            note = _note(turns[phrase.turn_id])
        rows.append((phrase, note.split("\n")))
    return rows


def _note(turn: TurnRecord) -> str:
    return "\n".join(part for part in (_ending_note(turn), *(_tool_note(call) for call in turn.tools)) if part)


def _tool_note(call: ToolRecord) -> str:
    took = "" if call.duration_s is None else f" after {call.duration_s:.2f} s"
    return f"tool {call.tool}: {call.kind or 'never started'}{took}"


def _ending_note(turn: TurnRecord) -> str:
    match turn.outcome:
        case Interrupted(cause=cause):
            why = cause.reason.replace("_", " ") + (f", {cause.evidence}" if cause.evidence else "")
            return f"interrupted: {why}\n{_times(turn)}"
        case Failed(provider=provider, message=message):
            return f"failed: {provider}: {message}"
        case HungUp(reason=reason):
            return f"cut off: {reason.replace('_', ' ')}"
        case None:
            return "not ended"
    return ""


def _times(turn: TurnRecord) -> str:
    latency = turn.latency
    parts = [
        ("yield", latency.onset_to_yield_s),
        (
            "silence",
            latency.decision_to_silence_s if latency.onset_to_silence_s is None else latency.onset_to_silence_s,
        ),
        ("decision", latency.onset_to_decision_s),
        (
            "join",
            None
            if latency.decision_to_join_s is None
            else latency.decision_to_join_s + (latency.onset_to_decision_s or 0),
        ),
    ]
    known = [f"{name} {value * 1000:.0f} ms" for name, value in parts if value is not None]
    return ("after the onset: " if latency.onset_to_decision_s is not None else "after the order: ") + ", ".join(known)


def _overlap_note(overlap: Overlap) -> str:
    after = "" if overlap.resumed is None else f", spoke on after {(overlap.resumed - overlap.start) / CLOCK_HZ:.2f} s"
    stepped = {"pause": "paused", "duck": "ducked"}.get(overlap.reaction or "", "")
    did = f"\nthe agent {stepped}{after}" if stepped else "\nthe agent spoke on"
    return f"overlap: {overlap.evidence}{did}"
