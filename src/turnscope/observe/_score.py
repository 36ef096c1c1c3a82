"""A recorded call, scored from its two tracks: what the interaction is like by the definitions of the field."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from turnscope.core import CLOCK_HZ, Event, Samples
from turnscope.observe._activity import bridge_gaps, find_speech, on_ticks
from turnscope.observe._caller_segments import CallerSegment, caller_segments, segments_by_words
from turnscope.observe._full_duplex import AGENT_GAP_S, USER_GAP_S, FullDuplex, score_full_duplex
from turnscope.observe._interaction import Interaction, InteractionWindows, score_interaction
from turnscope.observe._rates import Latency, Rate
from turnscope.observe._spans import Span
from turnscope.observe._stops import StopTimes, stop_times, stop_to_dict
from turnscope.providers import VAD

__all__ = ["Score", "score_call", "score_to_dict"]

FORMAT = 1
"""Counts changes of the JSON after which a reader of the old one would be wrong."""

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Score:
    """A call, scored.

    Attributes:
        length: Of the call, in samples at 16 kHz.
        caller: What the caller does.
        agent: Where the agent speaks.
        interaction: The τ-voice panel.
        full_duplex: What Full-Duplex-Bench measures.
        stops: Each interruption taken apart; empty without events.
    """

    length: int
    caller: tuple[CallerSegment, ...]
    agent: tuple[Span, ...]
    interaction: Interaction
    full_duplex: FullDuplex
    stops: tuple[StopTimes, ...] = ()


def score_call(
    user: Samples,
    agent: Samples,
    vad: VAD,
    *,
    labels: Sequence[CallerSegment] = (),
    events: Iterable[Event] = (),
    windows: InteractionWindows | None = None,
    user_gap_s: float = USER_GAP_S,
    agent_gap_s: float = AGENT_GAP_S,
    tick_s: float | None = None,
) -> Score:
    """Score a call by its tracks.

    Args:
        user: The caller's track, at 16 kHz.
        agent: The agent's track as heard, at 16 kHz, on the same clock.
        vad: Who finds the speech in both.
        labels: What stretches of the caller's track are, according to a person; see `caller_segments`.
        events: All events of the session, if there was one of ours. Without labels, the words in them say what is a
            backchannel and what is noise; see `segments_by_words`.
        windows: Of the τ-voice panel; None for the paper's.
        user_gap_s: Pauses of the caller up to so long are none.
        agent_gap_s: Pauses of the agent up to so long are none.
        tick_s: Round to ticks of this length for the τ-voice panel, as its authors do with 0.2 s; None for the exact
            times.

    Raises:
        ConfigError: The detector takes another rate than 16 kHz, or `tick_s` is not positive.
    """
    events = tuple(events)
    length = max(len(user), len(agent))
    said = bridge_gaps(find_speech(user, vad), user_gap_s)
    spoken = bridge_gaps(find_speech(agent, vad), agent_gap_s)
    by_words = bool(events) and not labels
    caller = segments_by_words(said, spoken, events, agent) if by_words else caller_segments(said, labels)
    ticked = (caller, spoken) if tick_s is None else _ticked(caller, spoken, tick_s)
    return Score(
        length,
        caller,
        spoken,
        score_interaction(*ticked, length, windows),
        score_full_duplex(said, spoken),
        stop_times(events, agent),
    )


def _ticked(
    caller: Sequence[CallerSegment], agent: Sequence[Span], tick_s: float
) -> tuple[tuple[CallerSegment, ...], tuple[Span, ...]]:
    rounded = []
    for segment in caller:
        (span,) = on_ticks([Span(segment.start, segment.stop)], tick_s)
        rounded.append(CallerSegment(span.start, span.stop, segment.kind, segment.text))
    return tuple(rounded), on_ticks(agent, tick_s)


def score_to_dict(score: Score) -> Json:
    """A score as plain JSON data; what is not a number is null. Keys are described in ``docs/metrics.md``."""
    panel, duplex = score.interaction, score.full_duplex
    return {
        "format": FORMAT,
        "duration_s": _rounded(score.length / CLOCK_HZ),
        "tau_voice": {
            "response_latency": _latency(panel.response_latency),
            "yield_latency": _latency(panel.yield_latency),
            "response_rate": _rate(panel.response_rate),
            "yield_rate": _rate(panel.yield_rate),
            "agent_interruption_rate": _rate(panel.agent_interruptions),
            "selectivity_backchannel": _rate(panel.rate("backchannel")),
            "selectivity_vocal_tic": _rate(panel.rate("vocal_tic")),
            "selectivity_non_directed": _rate(panel.rate("non_directed")),
            "selectivity_noise": _rate(panel.rate("noise")),
        },
        "full_duplex_bench": {
            "stop_latency": _latency(duplex.stop_latency),
            "response_latency": _latency(duplex.response_latency),
            "takeover_rate": _rate(duplex.takeovers),
            "takeover_latency": _latency(duplex.takeover_latency),
        },
        "stops": [_stop(times) for times in score.stops],
        "events": [
            {
                "category": event.category,
                "right": event.right,
                "at_s": _rounded(event.sample / CLOCK_HZ),
                "latency_s": _rounded(event.latency_s),
                "text": event.text,
            }
            for event in panel.events
        ],
        "caller": [{**_span(each), "kind": each.kind, "text": each.text} for each in score.caller],
        "agent": [_span(each) for each in score.agent],
    }


def _stop(times: StopTimes) -> Json:
    onset = times.decision if times.onset is None else times.onset
    return {"turn": times.turn_id, "at_s": _rounded(onset / CLOCK_HZ), **stop_to_dict(times)}


def _span(span: Span | CallerSegment) -> Json:
    return {"start_s": _rounded(span.start / CLOCK_HZ), "end_s": _rounded(span.stop / CLOCK_HZ)}


def _rate(rate: Rate) -> Json:
    return {"value": _rounded(rate.value), "count": rate.count, "of": rate.of}


def _latency(latency: Latency) -> Json:
    return {
        "mean_s": _rounded(latency.mean),
        "p50_s": _rounded(latency.p50),
        "p95_s": _rounded(latency.p95),
        "n": latency.n,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 6) + 0.0  # no "-0.0"
