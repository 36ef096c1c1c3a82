"""How an agent stopped, taken apart: onset, decision, cancellation, the last task, the last sample.

What the session says of itself is in its events; the last sample is looked for in the agent's track.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from turnscope.core import CLOCK_HZ, Event, Interrupted, Samples, TurnRecord, fold

__all__ = ["StopTimes", "stop_times"]


@dataclass(frozen=True, slots=True)
class StopTimes:
    """The moments of one interruption, in samples of the session's clock; None for what did not happen.

    Attributes:
        turn_id: The turn that was interrupted.
        onset: First sample of the speech that interrupted; None if something else did.
        yielded: When the agent stepped back for it, before anything was decided.
        decision: When the interruption was ordered.
        cancelled: When the gate was shut and the turn's scope cancelled, which is one step.
        last_task: When the last task of the turn had ended; None if one was left behind.
        last_sample: The sample after the last one of the turn that can be heard, in the agent's track; None if nothing
            of the turn was played.
    """

    turn_id: int
    onset: int | None
    yielded: int | None
    decision: int
    cancelled: int
    last_task: int | None
    last_sample: int | None

    @property
    def onset_to_yield_s(self) -> float | None:
        """Onset → the agent stepped back; where it had not, → the decision."""
        return _seconds(self.onset, self.decision if self.yielded is None else self.yielded)

    @property
    def onset_to_decision_s(self) -> float | None:
        """Onset → decision."""
        return _seconds(self.onset, self.decision)

    @property
    def decision_to_cancel_s(self) -> float:
        """Decision → cancellation."""
        return (self.cancelled - self.decision) / CLOCK_HZ

    @property
    def cancel_to_last_task_s(self) -> float | None:
        """Cancellation → the last task of the turn has ended."""
        return _seconds(self.cancelled, self.last_task)

    @property
    def cancel_to_last_sample_s(self) -> float | None:
        """Cancellation → the last sample; below 0 where the agent had been silent before, as after a pause."""
        return _seconds(self.cancelled, self.last_sample)

    @property
    def onset_to_last_sample_s(self) -> float | None:
        """Onset → the last sample: the whole."""
        return _seconds(self.onset, self.last_sample)


def stop_times(events: Iterable[Event], agent: Samples) -> tuple[StopTimes, ...]:
    """How the agent stopped, each time that it was interrupted.

    Args:
        events: All events of the conversation, in order.
        agent: The agent's track as heard, at 16 kHz, on the clock of the events.
    """
    turns = fold(events).turns
    return tuple(times for turn in turns if (times := stop_of(turn, turns, agent)) is not None)


def stop_of(turn: TurnRecord, turns: Sequence[TurnRecord], agent: Samples) -> StopTimes | None:
    """How the agent stopped in one of `turns`; None if it was not interrupted."""
    outcome = turn.outcome
    if not isinstance(outcome, Interrupted):
        return None
    last = last_sound(turn, turns, agent)
    return StopTimes(
        turn.turn_id,
        outcome.cause.onset,
        turn.yielded,
        outcome.cause.decision,
        outcome.gate_shut,
        turn.ended if turn.joined else None,
        None if last is None else last + 1,
    )


def stop_to_dict(times: StopTimes) -> dict[str, float | None]:
    """The steps of one stop, in seconds."""
    return {
        "onset_to_yield_s": _round(times.onset_to_yield_s),
        "onset_to_decision_s": _round(times.onset_to_decision_s),
        "decision_to_cancel_s": _round(times.decision_to_cancel_s),
        "cancel_to_last_task_s": _round(times.cancel_to_last_task_s),
        "cancel_to_last_sample_s": _round(times.cancel_to_last_sample_s),
        "onset_to_last_sample_s": _round(times.onset_to_last_sample_s),
    }


def last_sound(turn: TurnRecord, turns: Sequence[TurnRecord], agent: Samples) -> int | None:
    """The last sample of `turn` in the agent's track that is not exactly zero; None if nothing of it was played."""
    start = turn.audio_started
    if start is None:
        return None
    sounding = np.flatnonzero(agent[start : until_next(turn, turns, agent)])
    return start + int(sounding[-1]) if len(sounding) else None


def until_next(turn: TurnRecord, turns: Sequence[TurnRecord], agent: Samples) -> int:
    """Where the next turn that is spoken begins, or the agent's track ends."""
    start = turn.audio_started or 0
    later = [other.audio_started for other in turns if other.audio_started is not None and other.audio_started > start]
    return min([*later, len(agent)])


def _seconds(start: int | None, stop: int | None) -> float | None:
    return None if start is None or stop is None else (stop - start) / CLOCK_HZ


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 6) + 0.0  # no "-0.0"
