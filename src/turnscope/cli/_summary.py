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
    labelled, latency = turn["labelled"], turn["latency"]
    if labelled is not None and labelled["label"] is not None:
        name = report["labels"][labelled["label"]]["name"]
        yield (
            f"  From the first sample of speech in {name}, at {labelled['labelled_onset_s']:.3f} s, the agent stepped back "
            f"after {_ms(labelled['onset_to_yield_s'])}, was silent after {_ms(labelled['onset_to_silence_s'])}, and knew "
            f"that it was interrupted after {_ms(labelled['onset_to_decision_s'])}."
        )
    elif latency["onset_to_decision_s"] is not None:
        yield (
            f"  From the onset, as it was detected, the agent stepped back after {_ms(latency['onset_to_yield_s'])}, was "
            f"silent after {_ms(latency['onset_to_silence_s'])}, and knew that it was interrupted after "
            f"{_ms(latency['onset_to_decision_s'])}."
        )
    audio = turn["audio"]
    if audio is not None:
        heard = "nothing" if audio["silent_after"] else f"{audio['samples_after_silence']} samples"
        yield f"  After the decision, {heard} of that turn can be heard in agent.wav."


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


def _ms(value_s: float | None) -> str:
    return "(unknown)" if value_s is None else f"{value_s * 1000:.0f} ms"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
