"""Who said what when, what of it was heard, and why and how fast the agent stopped: the table below the timeline."""

from rich.table import Table
from rich.text import Text

from turnscope.core import CLOCK_HZ, Failed, HungUp, Interrupted, ToolRecord, TurnRecord
from turnscope.observe._canvas import readable, to_ascii
from turnscope.observe._picture import Overlap, Phrase, Picture
from turnscope.observe._spans import clock

MAX_ROWS = 60
MAX_WORDS = 80
"""Longer texts are cut short."""


def words_table(whole: Picture, width: int, *, ascii_only: bool = False) -> Table:
    """A row for everything that was said, in order.

    Args:
        whole: The conversation.
        width: In columns.
        ascii_only: Use nothing but ASCII.
    """
    plain = to_ascii if ascii_only else readable
    table = Table(box=None, width=width, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("time", no_wrap=True)
    table.add_column("who", no_wrap=True)
    table.add_column(Text("words [not heard]" if any(phrase.unheard for phrase in whole.phrases) else "words"), ratio=5)
    table.add_column("what came of it", ratio=4)
    turns = {turn.turn_id: turn for turn in whole.turns}
    stopped_by = {
        turn.outcome.cause.onset: "interrupts the agent"
        for turn in whole.turns
        if isinstance(turn.outcome, Interrupted) and turn.outcome.cause.onset is not None
    }
    overlaps = {overlap.challenger_id: overlap for overlap in whole.overlaps}
    for phrase in whole.phrases[:MAX_ROWS]:
        overlap = overlaps.get(phrase.turn_id) if phrase.who == "caller" else None
        if overlap is not None:
            note = _overlap_note(overlap)
        elif phrase.who == "caller" or phrase.note == "filler":
            note = phrase.note or stopped_by.get(phrase.start, "")
        else:
            note = _note(turns[phrase.turn_id])
        lines = Text("\n".join(plain(line) for line in note.split("\n")))
        time = clock(phrase.start) + ("" if phrase.stop == phrase.start else f"–{clock(phrase.stop)}")
        style = "cyan" if phrase.who == "caller" else "green"
        table.add_row(Text(plain(time)), Text(phrase.who, style), _words(phrase, ascii_only=ascii_only), lines)
    if len(whole.phrases) > MAX_ROWS:
        table.add_row(Text(plain("…")), "", Text(f"and {len(whole.phrases) - MAX_ROWS} more"), "")
    return table


def _words(phrase: Phrase, *, ascii_only: bool) -> Text:
    plain = to_ascii if ascii_only else readable
    text = Text(plain(_shortened(phrase.heard)))
    if not phrase.heard and not phrase.unheard:
        text = Text("(no words)", "dim italic")
    if phrase.unheard:
        text.append(" " if phrase.heard else "")
        text.append(plain(f"[{_shortened(phrase.unheard)}]"), "dim strike")
    return text


def _shortened(text: str) -> str:
    words = text.split()
    return " ".join(words) if len(words) <= MAX_WORDS else " ".join(words[:MAX_WORDS]) + " …"


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
