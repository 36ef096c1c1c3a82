"""The report of a conversation as plain JSON data: what happened, how fast, and what the audio itself says about it."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from statistics import median

import numpy as np

from turnscope.core import (
    CLOCK_HZ,
    AttemptCancelled,
    AudioLost,
    Event,
    Failed,
    HungUp,
    Interrupted,
    ProviderFailed,
    Resumed,
    Samples,
    SessionEnded,
    SpeculationAdmitted,
    SpeculationStarted,
    Spend,
    SpendLedger,
    ToolRecord,
    TurnEnded,
    TurnRecord,
    UtteranceDismissed,
    fold,
    fold_spend,
)
from turnscope.observe._picture import Overlap, find_overlaps, spoken_parts, user_texts
from turnscope.observe._stops import last_sound, stop_of, stop_to_dict, until_next

__all__ = ["make_report"]

FORMAT = 1
"""Counts changes of the report after which a reader of the old one would be wrong."""

LABEL_SLACK_SAMPLES = round(0.3 * CLOCK_HZ)
"""A detector may believe that speech began so much before the place where a person labels it."""

Json = dict[str, object]


def make_report(
    events: Iterable[Event],
    user: Samples,
    agent: Samples,
    *,
    scenario: str = "",
    seed: int | None = None,
    tasks_left: int | None = None,
    labels: Sequence[tuple[str, int]] = (),
) -> Json:
    """Everything that is worth knowing about a conversation afterwards. Each key is described in ``docs/report.md``.

    Args:
        events: All events of the conversation, in order.
        user: The caller's track, at 16 kHz.
        agent: The agent's track as heard, at 16 kHz, on the same clock.
        scenario: A name for what was played.
        seed: With which it was simulated.
        tasks_left: How many tasks of the session were alive after it; by default what its last event says.
        labels: Where the caller's speech begins according to a person: a name, and the sample of its beginning.

    Returns:
        Strings, numbers, None, lists and dicts only, keys in a fixed order: ``json.dumps`` gives the same text for
        the same conversation.
    """
    events = tuple(events)
    turns = fold(events).turns
    spend = fold_spend(events)
    matched = _match_labels(turns, labels)
    texts = user_texts(events)
    blamed = {event.turn_id: event.blamed for event in events if isinstance(event, TurnEnded)}
    if tasks_left is None:
        tasks_left = next((event.tasks_left for event in reversed(events) if isinstance(event, SessionEnded)), None)
    return {
        "format": FORMAT,
        "scenario": scenario,
        "seed": seed,
        "duration_s": _seconds(max(len(user), len(agent))),
        "counts": _counts(events, turns),
        "summary": _summary(turns, matched),
        "spend": _spend(spend.total),
        "turns": [
            {
                **_turn(turn, texts.get(turn.turn_id, ""), blamed.get(turn.turn_id, ""), turns, agent, matched),
                "spend": _spend(spend.turns.get(turn.turn_id, SpendLedger())),
            }
            for turn in turns
        ],
        "overlaps": [_overlap(overlap) for overlap in find_overlaps(events)],
        "labels": [_label(index, label, matched) for index, label in enumerate(labels)],
        "failures": [
            {
                "at_s": _seconds(event.sample),
                "turn": event.turn_id,
                "provider": event.provider,
                "message": event.message,
            }
            for event in events
            if isinstance(event, ProviderFailed)
        ],
        "tasks_left": tasks_left,
    }


# Counting


def _counts(events: Sequence[Event], turns: Sequence[TurnRecord]) -> Json:
    endings = [turn.outcome.kind if turn.outcome is not None else "unfinished" for turn in turns]
    dismissed = [event for event in events if isinstance(event, UtteranceDismissed)]
    return {
        "turns": len(turns),
        **{kind: endings.count(kind) for kind in ("completed", "interrupted", "failed", "hung_up", "unfinished")},
        "interrupted_by_speech": sum(_interrupting_onset(turn) is not None for turn in turns),
        "overlaps": sum(event.challenges is not None for event in dismissed),
        "false_starts": sum(event.challenges is None for event in dismissed),
        "yields_taken_back": sum(isinstance(event, Resumed) for event in events),
        "attempts_taken_back": sum(isinstance(event, AttemptCancelled) for event in events),
        "guesses": sum(isinstance(event, SpeculationStarted) for event in events),
        "guesses_used": sum(isinstance(event, SpeculationAdmitted) for event in events),
        "tools_started": sum(call.started is not None for turn in turns for call in turn.tools),
        "turns_not_joined": sum(turn.outcome is not None and not turn.joined for turn in turns),
        "samples_lost": sum(event.stop - event.start for event in events if isinstance(event, AudioLost)),
    }


def _summary(turns: Sequence[TurnRecord], matched: dict[int, tuple[int, int]]) -> Json:
    latencies = [turn.latency for turn in turns]
    labelled = [_since_label(turn, matched) for turn in turns]
    return {
        "response_s": _spread([latency.response_s for latency in latencies]),
        "onset_to_yield_s": _spread([latency.onset_to_yield_s for latency in latencies]),
        "onset_to_decision_s": _spread([latency.onset_to_decision_s for latency in latencies]),
        "onset_to_silence_s": _spread([latency.onset_to_silence_s for latency in latencies]),
        "decision_to_silence_s": _spread([latency.decision_to_silence_s for latency in latencies]),
        "decision_to_join_s": _spread([latency.decision_to_join_s for latency in latencies]),
        "labelled_onset_to_yield_s": _spread([times["onset_to_yield"] for times in labelled]),
        "labelled_onset_to_silence_s": _spread([times["onset_to_silence"] for times in labelled]),
    }


def _spread(values: Iterable[float | None]) -> Json | None:
    known = [value for value in values if value is not None]
    if not known:
        return None
    return {"count": len(known), "median": _rounded(median(known)), "max": _rounded(max(known))}


# A turn


def _turn(
    turn: TurnRecord,
    user_text: str,
    blamed: str,
    turns: Sequence[TurnRecord],
    agent: Samples,
    matched: dict[int, tuple[int, int]],
) -> Json:
    heard, unheard = spoken_parts(turn)
    outcome = turn.outcome
    return {
        "id": turn.turn_id,
        "origin": turn.origin,
        "user_text": user_text,
        "reply": "".join(turn.reply).strip(),
        "heard": heard,
        "unheard": unheard,
        "tools": [_tool(call) for call in turn.tools],
        "heard_estimated": outcome.heard_estimated if isinstance(outcome, Interrupted) else False,
        **_time("onset", turn.onset),
        **_time("speech_end", turn.speech_end),
        "attempts": turn.attempts,
        **_time("attempt_started", turn.attempt_started),
        **_time("first_token", turn.first_token),
        **_time("audio_started", turn.audio_started),
        **_time("ended", turn.ended),
        "outcome": "unfinished" if outcome is None else outcome.kind,
        "reason": _reason(turn),
        "evidence": outcome.cause.evidence if isinstance(outcome, Interrupted) else "",
        "joined": turn.joined,
        "blamed": blamed,
        "latency": {name: _rounded(value) for name, value in asdict(turn.latency).items()},
        "interruption": _interruption(turn, outcome) if isinstance(outcome, Interrupted) else None,
        "stop": None if (times := stop_of(turn, turns, agent)) is None else stop_to_dict(times),
        "audio": _measured(turn, outcome, turns, agent) if isinstance(outcome, Interrupted) else None,
        "labelled": _labelled(turn, matched) if _interrupting_onset(turn) is not None else None,
    }


def _tool(call: ToolRecord) -> Json:
    return {
        "call": call.call_id,
        "tool": call.tool,
        "attempt": call.attempt,
        **_time("called", call.called),
        **_time("started", call.started),
        **_time("settled", call.settled),
        "kind": call.kind or "never started",
        "text": call.text,
    }


def _reason(turn: TurnRecord) -> str:
    match turn.outcome:
        case Interrupted(cause=cause):
            return cause.reason
        case HungUp(reason=reason):
            return reason
        case Failed(provider=provider, message=message):
            return f"{provider}: {message}"
    return ""


def _interruption(turn: TurnRecord, outcome: Interrupted) -> Json:
    return {
        **_time("onset", outcome.cause.onset),
        **_time("yield", turn.yielded),
        **_time("decision", outcome.cause.decision),
        **_time("gate_shut", outcome.gate_shut),
        **_time("last_sent", outcome.last_sent),
        **_time("silence", outcome.silence),
        "silence_source": outcome.silence_source,
        **_time("join", turn.ended if turn.joined else None),
    }


def _measured(turn: TurnRecord, outcome: Interrupted, turns: Sequence[TurnRecord], agent: Samples) -> Json | None:
    """What the agent's track itself says about how the turn fell silent; None if nothing of it was played."""
    start, decision, silence = turn.audio_started, outcome.cause.decision, outcome.silence
    if start is None:
        return None
    stop, last = until_next(turn, turns, agent), last_sound(turn, turns, agent)
    due = min(decision if silence is None else silence, stop)
    after = int(np.count_nonzero(agent[due:stop]))
    return {
        "last_sample_s": _seconds(last),
        "last_sample": last,
        "decision_to_last_sample_s": None if last is None else _seconds(max(last - decision, 0)),
        "checked_from_sample": due,
        "checked_to_sample": stop,
        "samples_after_silence": after,
        "silent_after": after == 0,
    }


# What it cost


def _spend(ledger: SpendLedger) -> Json:
    return {
        "spent": _amount(ledger.spent),
        "used": _amount(ledger.used),
        "wasted": _amount(ledger.all_wasted),
        "wasted_by_cause": {cause: _amount(ledger.wasted[cause]) for cause in sorted(ledger.wasted)},
        "estimated": ledger.estimated,
    }


def _amount(spend: Spend) -> Json:
    return {
        "input_tokens": spend.input_tokens,
        "output_tokens": spend.output_tokens,
        "speech_s": _seconds(spend.samples),
        "speech_samples": spend.samples,
    }


# Onsets that a person labelled


def _interrupting_onset(turn: TurnRecord) -> int | None:
    return turn.outcome.cause.onset if isinstance(turn.outcome, Interrupted) else None


def _match_labels(turns: Sequence[TurnRecord], labels: Sequence[tuple[str, int]]) -> dict[int, tuple[int, int]]:
    """For each turn that speech interrupted: which label that speech has, and its sample.

    It is the last label that is not more than `LABEL_SLACK_SAMPLES` after the detected onset, unless that label
    belongs to the words which the interrupted turn itself answers.
    """
    matched: dict[int, tuple[int, int]] = {}
    for turn in turns:
        onset = _interrupting_onset(turn)
        if onset is None:
            continue
        own_until = turn.speech_end if turn.speech_end is not None else -1
        known = [
            (sample, index)
            for index, (_, sample) in enumerate(labels)
            if own_until <= sample <= onset + LABEL_SLACK_SAMPLES
        ]
        if known:
            sample, index = min(known, key=lambda item: (abs(item[0] - onset), item))
            matched[turn.turn_id] = (index, sample)
    return matched


def _since_label(turn: TurnRecord, matched: dict[int, tuple[int, int]]) -> dict[str, float | None]:
    outcome = turn.outcome
    if turn.turn_id not in matched or not isinstance(outcome, Interrupted):
        return {"onset_to_yield": None, "onset_to_decision": None, "onset_to_silence": None}
    sample = matched[turn.turn_id][1]
    stepped_back = turn.yielded if turn.yielded is not None else outcome.cause.decision
    return {
        "onset_to_yield": (stepped_back - sample) / CLOCK_HZ,
        "onset_to_decision": (outcome.cause.decision - sample) / CLOCK_HZ,
        "onset_to_silence": None if outcome.silence is None else (outcome.silence - sample) / CLOCK_HZ,
    }


def _labelled(turn: TurnRecord, matched: dict[int, tuple[int, int]]) -> Json:
    index, sample = matched.get(turn.turn_id, (None, None))
    times = _since_label(turn, matched)
    return {
        "label": index,
        **_time("labelled_onset", sample),
        "onset_to_yield_s": _rounded(times["onset_to_yield"]),
        "onset_to_decision_s": _rounded(times["onset_to_decision"]),
        "onset_to_silence_s": _rounded(times["onset_to_silence"]),
    }


def _label(index: int, label: tuple[str, int], matched: dict[int, tuple[int, int]]) -> Json:
    name, sample = label
    interrupted = [turn_id for turn_id, (other, _) in matched.items() if other == index]
    return {"name": name, **_time("onset", sample), "interrupted": interrupted}


# Overlaps


def _overlap(overlap: Overlap) -> Json:
    return {
        "id": overlap.challenger_id,
        "turn": overlap.turn_id,
        "text": overlap.text,
        "evidence": overlap.evidence,
        "reaction": overlap.reaction,
        **_time("onset", overlap.start),
        **_time("yield", overlap.yielded),
        **_time("resumed", overlap.resumed),
        **_time("dismissed", overlap.stop),
    }


# Numbers


def _time(name: str, sample: int | None) -> Json:
    """A time twice: in seconds for people, in samples for sums."""
    return {f"{name}_s": _seconds(sample), f"{name}_sample": sample}


def _seconds(sample: int | None) -> float | None:
    return None if sample is None else _rounded(sample / CLOCK_HZ)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6) + 0.0  # no "-0.0"
