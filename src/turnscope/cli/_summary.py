"""The report of a call in a few lines for people. What was said stands in the timeline; here is how it went."""

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["summary"]

Json = Mapping[str, Any]


def summary(report: Json) -> Iterator[str]:
    """The lines, from a report as `turnscope.observe.make_report` makes it."""
    interrupted = [turn for turn in report["turns"] if turn["interruption"] is not None]
    for turn in interrupted:
        yield ""
        yield from _interruption(turn, report)
    yield ""
    yield _whole(report)


def _interruption(turn: Json, report: Json) -> Iterator[str]:
    why = turn["reason"].replace("_", " ") + (f" ({turn['evidence']})" if turn["evidence"] else "")
    yield f"Turn {turn['id']} was interrupted: {why}."
    labelled = turn["labelled"]
    if labelled is not None and labelled["label"] is not None:
        name = report["labels"][labelled["label"]]["name"]
        yield f"  the caller's speech in {name!r} begins at {labelled['labelled_onset_s']:.3f} s (by the scenario)"
        yield from _steps(labelled, turn["stop"])
    elif turn["interruption"]["onset_s"] is not None:
        yield f"  the caller's speech begins at {turn['interruption']['onset_s']:.3f} s (as it was detected)"
        yield from _steps(turn["latency"], turn["stop"])
    audio = turn["audio"]
    if audio is not None:
        rest = "no sample" if audio["silent_after"] else f"{audio['samples_after_silence']} samples"
        yield f"  {'':>8}  after its silence, agent.wav holds {rest} of that turn"


def _steps(times: Json, stop: Json) -> Iterator[str]:
    for key, what in (
        ("onset_to_yield_s", "the agent has stepped back"),
        ("onset_to_silence_s", "it is silent, its fade included"),
        ("onset_to_decision_s", "it is sure: the turn is cancelled"),
    ):
        if times[key] is not None:
            yield _step(times[key], what)
    if times["onset_to_decision_s"] is not None and stop["cancel_to_last_task_s"] is not None:
        joined_s = times["onset_to_decision_s"] + stop["decision_to_cancel_s"] + stop["cancel_to_last_task_s"]
        yield _step(joined_s, "its last task has ended")


def _step(since_s: float, what: str) -> str:
    return f"  {'+' + format(since_s * 1000, '.0f'):>5} ms  {what}"


def _whole(report: Json) -> str:
    counts = report["counts"]
    parts = [f"{report['duration_s']:.1f} s", _count(counts["turns"], "turn")]
    for key, text in (("completed", "completed"), ("interrupted", "interrupted"), ("failed", "failed")):
        if counts[key]:
            parts.append(f"{counts[key]} {text}")
    if counts["overlaps"]:
        parts.append(_count(counts["overlaps"], "overlap"))
    parts.append("no task left" if report["tasks_left"] == 0 else f"{report['tasks_left']} tasks left")
    return f"{report['scenario']}: {', '.join(parts)}."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
