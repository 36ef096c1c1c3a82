"""What came of a corpus, added up: how many interruptions were yielded to, how fast, and what was talked through.

Pure arithmetic over `ClipResult`.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType

from turnscope.observe import (
    Interaction,
    InteractionEvent,
    InteractionWindows,
    Latency,
    PerMinute,
    Rate,
    latency_of,
)
from turnscope.sim._clip_result import ClipResult
from turnscope.sim._corpus import Label

__all__ = [
    "GOALS",
    "Cell",
    "Evaluation",
    "evaluation_to_dict",
    "summarize",
]

GOALS: Mapping[str, float] = MappingProxyType(
    {
        "interruptions yielded to": 0.98,
        "onset to yield, p95": 0.2,
        "onset to silence, median": 0.45,
        "backchannels talked through": 0.9,
        "false stops a minute of noise": 0.2,
    }
)
"""What the defaults are meant to reach: at least for the two shares, at most for the others."""

FEWEST = 5
"""A cell of fewer clips is not called weak: too little is known of it."""


@dataclass(frozen=True, slots=True)
class Cell:
    """The clips of one kind, and how many of them were dealt with rightly.

    Attributes:
        name: What they have in common, such as ``interruption, word, 5 dB``.
        right: How many were dealt with rightly.
    """

    name: str
    right: Rate


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A corpus, added up.

    Attributes:
        yielded_to: Interruptions to which the agent gave the floor.
        early: Of all clips of speech, those in which it was interrupted before the speech began.
        onset_to_yield: From onset to the first step back, of interruptions.
        onset_to_decision: From onset to the decision.
        onset_to_silence: From onset to the agent's last sample.
        talked_through: Backchannels that did not interrupt; the agent may have paused.
        noise_stops: False stops in noise.
        noise_yields: How often the agent stepped back for noise, stops included.
        stops_by_kind: The same false stops, for each kind of noise.
        echo_stops: Stops by the agent's own echo.
        weakest: The cells with the lowest shares, lowest first.
        failed: Clips that could not be played, and why.
        interaction: The same clips by the definitions of the τ-voice panel.
    """

    yielded_to: Rate
    early: Rate
    onset_to_yield: Latency
    onset_to_decision: Latency
    onset_to_silence: Latency
    talked_through: Rate
    noise_stops: PerMinute
    noise_yields: PerMinute
    stops_by_kind: tuple[tuple[str, PerMinute], ...]
    echo_stops: PerMinute
    weakest: tuple[Cell, ...]
    failed: tuple[tuple[str, str], ...]
    interaction: Interaction


def summarize(results: Iterable[ClipResult]) -> Evaluation:
    """Add up what came of the clips of a corpus."""
    everything = list(results)
    played = [result for result in everything if not result.error]

    def of(label: Label) -> list[ClipResult]:
        return [result for result in played if result.clip.label == label]

    interruptions, backchannels, noises, echoes = of("interruption"), of("backchannel"), of("noise"), of("echo")
    speech = interruptions + backchannels
    kinds = sorted({result.clip.kind for result in noises})
    return Evaluation(
        yielded_to=_rate(interruptions, lambda result: result.interrupted),
        early=_rate(speech, lambda result: result.early),
        onset_to_yield=latency_of(result.onset_to_yield_s for result in interruptions),
        onset_to_decision=latency_of(result.onset_to_decision_s for result in interruptions),
        onset_to_silence=latency_of(result.onset_to_silence_s for result in interruptions),
        talked_through=_rate(backchannels, _is_right),
        noise_stops=_per_minute(noises, lambda result: result.stops),
        noise_yields=_per_minute(noises, lambda result: result.yields),
        stops_by_kind=tuple(
            (kind, _per_minute([r for r in noises if r.clip.kind == kind], lambda result: result.stops))
            for kind in kinds
        ),
        echo_stops=_per_minute(echoes, lambda result: result.stops),
        weakest=_weakest(played),
        failed=tuple((result.clip.path, result.error) for result in everything if result.error),
        interaction=Interaction(tuple(event for result in played for event in _panel(result))),
    )


def _panel(result: ClipResult) -> Iterator[InteractionEvent]:
    """What the τ-voice panel counts of a clip: did the agent, which was speaking, fall silent in the panel's window?"""
    windows, clip, silent_s = InteractionWindows(), result.clip, result.fell_silent_s
    if not result.spoken_over or clip.label == "echo":
        return
    if clip.label == "interruption":
        stopped = silent_s is not None and silent_s < windows.yield_s
        yield InteractionEvent("yield", stopped, 0, silent_s if stopped else None, clip.text)
    else:
        until_s = windows.ignore_yield_s
        stopped = silent_s is not None and (silent_s < until_s if clip.label == "backchannel" else silent_s <= until_s)
        yield InteractionEvent(clip.label, not stopped, 0, silent_s if stopped else None, clip.text)


def _is_right(result: ClipResult) -> bool:
    return result.interrupted if result.clip.label == "interruption" else result.stops == 0


def _rate(results: Sequence[ClipResult], right: Callable[[ClipResult], bool]) -> Rate:
    return Rate(sum(map(right, results)), len(results))


def _per_minute(results: Sequence[ClipResult], count: Callable[[ClipResult], int]) -> PerMinute:
    return PerMinute(sum(map(count, results)), sum(result.duration_s for result in results) / 60)


def _weakest(results: Sequence[ClipResult], most: int = 8) -> tuple[Cell, ...]:
    """Of the groups by kind, by level of noise, by room and by speaker, those that are dealt with worst."""
    groups: dict[str, list[ClipResult]] = {}
    for result in results:
        clip = result.clip
        snr = "" if clip.snr_db is None else f"{clip.snr_db:g} dB"
        names = {f"{clip.label}, {value}" for value in (clip.kind, snr, clip.room, clip.speaker, clip.text) if value}
        names |= {f"{clip.label}, {clip.kind}, {snr}"} if clip.kind and snr else set()
        for name in names:
            groups.setdefault(name, []).append(result)
    cells = [Cell(name, _rate(group, _is_right)) for name, group in groups.items() if len(group) >= FEWEST]
    wrong = [cell for cell in cells if cell.right.count < cell.right.of]
    return tuple(sorted(wrong, key=lambda cell: (cell.right.value, -cell.right.of, cell.name))[:most])


def evaluation_to_dict(evaluation: Evaluation, results: Iterable[ClipResult] = ()) -> dict[str, object]:
    """An evaluation as plain JSON data, with the clips below it; what is not a number is null."""

    def rate(value: Rate | PerMinute) -> dict[str, object]:
        low, high = value.interval
        return {**asdict(value), "value": _number(value.value), "low": low, "high": _number(high)}

    def latency(value: Latency) -> dict[str, object]:
        return {
            "n": value.n,
            "p50_s": _number(value.p50),
            "p95_s": _number(value.p95),
            "mean_s": _number(value.mean),
        }

    return {
        "yielded_to": rate(evaluation.yielded_to),
        "early": rate(evaluation.early),
        "onset_to_yield": latency(evaluation.onset_to_yield),
        "onset_to_decision": latency(evaluation.onset_to_decision),
        "onset_to_silence": latency(evaluation.onset_to_silence),
        "talked_through": rate(evaluation.talked_through),
        "noise_stops": rate(evaluation.noise_stops),
        "noise_yields": rate(evaluation.noise_yields),
        "stops_by_kind": {kind: rate(value) for kind, value in evaluation.stops_by_kind},
        "echo_stops": rate(evaluation.echo_stops),
        "tau_voice": {
            "yield_rate": rate(evaluation.interaction.yield_rate),
            "yield_latency": latency(evaluation.interaction.yield_latency),
            "selectivity_backchannel": rate(evaluation.interaction.rate("backchannel")),
            "selectivity_noise": rate(evaluation.interaction.rate("noise")),
        },
        "weakest": [{"name": cell.name, **rate(cell.right)} for cell in evaluation.weakest],
        "failed": [{"path": path, "error": error} for path, error in evaluation.failed],
        "clips": [_clip_to_dict(result) for result in results],
    }


def _clip_to_dict(result: ClipResult) -> dict[str, object]:
    plain = asdict(result)
    clip = plain.pop("clip")
    return {**clip, **plain}


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
