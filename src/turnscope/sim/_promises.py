"""The promises that every conversation keeps, checked on what it left behind: its records and its samples."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from turnscope.core import (
    TRANSITIONS,
    AttemptCancelled,
    AttemptJoined,
    AttemptSpent,
    AttemptStarted,
    ClauseReady,
    Decided,
    Event,
    FillerBegins,
    FillerEnds,
    FirstToken,
    GateShut,
    HistoryChanged,
    Interrupted,
    SessionEnded,
    SpeculationAdmitted,
    SpeculationDropped,
    SpeculationStarted,
    SpeechStartsPlaying,
    StateChanged,
    TurnEnded,
    TurnJoined,
    TurnStarted,
    UtteranceDismissed,
    to_samples,
)
from turnscope.session import Record
from turnscope.sim._floor_promises import MADE_WAY, broken_floor_promises
from turnscope.sim._simulate import Call
from turnscope.sim._tool_promises import broken_tool_promises
from turnscope.sim._wordcode import read_words

__all__ = ["broken_promises"]

MOST_APART = to_samples(0.02)

_SOUNDS = (SpeechStartsPlaying, FillerBegins)


def broken_promises(call: Call) -> list[str]:
    """What `call` did that no conversation may do, one line each; an empty list when it kept every promise.

    Checked are: each turn ends exactly once; nothing of a turn is heard after its gate shut; a turn's tasks are gone
    before the next answer begins, a guess at one included; each turn has one reply at most, and nothing of a guess is
    heard or told unless it was right; states follow the table; what counts as heard was generated, and (for word-coded
    speech, unless it is marked as an estimate) played; what is remembered is what was heard, in the order in which the
    turns held the floor; whoever speaks over the agent is ruled on once, protected words are neither judged nor cut off
    by a voice, speech that is ignored has no effect, and nothing begins to be heard while something more urgent waits;
    what fills a wait ends once, before the answer is heard, and is not begun by one that is over; each answer is paid
    for once, and no more of it was used than spent; each call of a tool that was started is settled once, before a
    model is asked again, and none is started by an answer that is over; times never run backwards; no task outlives
    the session.
    """
    return [
        *_endings(call.events),
        *_silence(call),
        *_guesses(call.records),
        *_joins(call.records),
        *_states(call.events),
        *_heard(call),
        *_fillers(call.events),
        *_spend(call),
        *broken_floor_promises(call.records),
        *broken_tool_promises(call.records, call.history),
        *_remembered(call),
        *_times(call.records),
        *([f"{call.tasks_left} tasks outlived the session"] if call.tasks_left else []),
    ]


def _endings(events: tuple[Event, ...]) -> Iterator[str]:
    started = [event.turn_id for event in events if isinstance(event, TurnStarted)]
    ended = [event.turn_id for event in events if isinstance(event, TurnEnded)]
    dismissed = {event.turn_id for event in events if isinstance(event, UtteranceDismissed)}
    for turn_id in sorted({*started, *ended}):
        if started.count(turn_id) > 1:
            yield f"turn {turn_id} started {started.count(turn_id)} times"
        if ended.count(turn_id) != 1:
            yield f"turn {turn_id} ended {ended.count(turn_id)} times"
        if turn_id in dismissed:
            yield f"turn {turn_id} was dismissed and is a turn"
    if events and not (isinstance(events[-1], SessionEnded) and events[-1].tasks_left == 0):
        yield f"the last event is {events[-1]}"


def _guesses(records: tuple[Record, ...]) -> Iterator[str]:
    """Whether each guess at an answer was either used or given up, and nothing came of one that was not used."""
    unsettled: set[tuple[int, int]] = set()
    answering: dict[int, int] = {}
    leaving: dict[int, set[int]] = {}
    for record in records:
        match record:
            case SpeculationStarted(turn_id=turn_id, attempt=attempt):
                if any(other == turn_id for other, _ in unsettled):
                    yield f"turn {turn_id} has two guesses at once"
                if leaving.get(turn_id):
                    yield f"turn {turn_id} was guessed at while its answers {sorted(leaving[turn_id])} had tasks"
                unsettled.add((turn_id, attempt))
            case AttemptStarted(turn_id=turn_id, attempt=attempt):
                answering[turn_id] = attempt
            case SpeculationAdmitted(turn_id=turn_id, attempt=attempt):
                if (turn_id, attempt) not in unsettled or answering.get(turn_id) != attempt:
                    yield f"turn {turn_id} was given a guess {attempt} that it did not have"
                unsettled.discard((turn_id, attempt))
            case SpeculationDropped(turn_id=turn_id, attempt=attempt):
                unsettled.discard((turn_id, attempt))
                leaving.setdefault(turn_id, set()).add(attempt)
            case AttemptJoined(turn_id=turn_id, attempt=attempt):
                leaving.get(turn_id, set()).discard(attempt)
            case FirstToken(turn_id=turn_id, attempt=attempt) | ClauseReady(turn_id=turn_id, attempt=attempt):
                if answering.get(turn_id) != attempt:
                    yield f"answer {attempt} of turn {turn_id} was told of and is not its answer"
            case SpeechStartsPlaying(turn_id=turn_id):
                if turn_id not in answering:
                    yield f"turn {turn_id} was heard and had no answer"
            case AttemptSpent(cause="speculation_stale", turn_id=turn_id, attempt=attempt) if record.played_samples:
                yield f"answer {attempt} of turn {turn_id} was a wrong guess, and was heard"
    replies = Counter(record.turn_id for record in records if isinstance(record, SpeechStartsPlaying))
    for turn_id, count in replies.items():
        if count > 1:
            yield f"turn {turn_id} had {count} replies"


def _silence(call: Call) -> Iterator[str]:
    shut: set[int] = set()
    apart = _clocks_apart(call)
    for index, event in enumerate(call.events):
        if isinstance(event, SpeechStartsPlaying | FillerBegins) and event.turn_id in shut:
            yield f"turn {event.turn_id} was heard after its gate had shut"
        if isinstance(event, GateShut):
            shut.add(event.turn_id)
            silent_from = event.sample if event.silence is None else max(event.silence, event.sample)
            following = (later.sample - apart for later in call.events[index:] if isinstance(later, _SOUNDS))
            audible = np.flatnonzero(call.agent[silent_from : next(following, None)])
            if event.silence is not None and len(audible):
                yield f"sample {silent_from + audible[0]} was heard after turn {event.turn_id} had been silenced"


def _joins(records: tuple[Record, ...]) -> Iterator[str]:
    answering: dict[int, int] = {}
    """The answers that have tasks, by their turns."""
    for record in records:
        match record:
            case (
                AttemptStarted(turn_id=turn_id, attempt=attempt) | SpeculationStarted(turn_id=turn_id, attempt=attempt)
            ):
                if others := sorted({*answering} - {turn_id}):
                    yield f"turn {turn_id} was answered while turns {others} had tasks"
                answering[turn_id] = attempt
            case AttemptJoined(turn_id=turn_id, attempt=attempt) if answering.get(turn_id) == attempt:
                del answering[turn_id]
            case TurnJoined(turn_id=turn_id) | TurnEnded(turn_id=turn_id, joined=False):
                answering.pop(turn_id, None)
            case _:
                pass


def _clocks_apart(call: Call) -> int:
    """How much earlier the track has what events tell: in real time, a call begins a moment after its session."""
    audible = np.flatnonzero(call.agent)
    told = next((event.sample for event in call.events if isinstance(event, _SOUNDS)), None)
    return 0 if told is None or not len(audible) else min(max(told - int(audible[0]), 0), MOST_APART)


def _states(events: tuple[Event, ...]) -> Iterator[str]:
    legal = {(old.value, trigger.value): new.value for (old, trigger), new in TRANSITIONS.items()}
    state = "initial"
    for event in events:
        if isinstance(event, StateChanged):
            if event.old != state or legal.get((event.old, event.trigger)) != event.new:
                yield f"illegal transition {event}"
            state = event.new
    if state != "ended":
        yield f"the session was left {state}"


def _heard(call: Call) -> Iterator[str]:
    fillers = [*_filled(call.events)]
    words = [(word, stop) for word, stop in read_words(call.agent)]
    spoken = [word for word, stop in words if not any(start < stop <= end for start, end in fillers)]
    for turn in call.turns:
        outcome = turn.outcome
        if not isinstance(outcome, Interrupted):
            continue
        if not "".join(turn.reply).lstrip().startswith(outcome.heard):
            yield f"turn {turn.turn_id} counts {outcome.heard!r} as heard, which is no beginning of its reply"
        if spoken and not outcome.heard_estimated and not _holds(spoken, outcome.heard.split()):
            yield f"turn {turn.turn_id} counts {outcome.heard!r} as heard, but the track says {' '.join(spoken)!r}"


def _fillers(events: tuple[Event, ...]) -> Iterator[str]:
    """Whether what filled waits ended once each, and was begun only while there was a wait."""
    filling: FillerBegins | None = None
    answering: dict[int, int] = {}
    over: set[int] = set()
    for event in events:
        match event:
            case AttemptStarted(turn_id=turn_id, attempt=attempt):
                answering[turn_id] = attempt
            case AttemptCancelled(turn_id=turn_id):
                answering.pop(turn_id, None)
            case GateShut(turn_id=turn_id) | TurnEnded(turn_id=turn_id):
                over.add(turn_id)
            case FillerBegins(turn_id=turn_id, attempt=attempt):
                if filling is not None or turn_id in over or answering.get(turn_id) != attempt:
                    yield f"answer {attempt} of turn {turn_id} filled a wait that was none"
                filling = event
            case FillerEnds(turn_id=turn_id, attempt=attempt):
                if filling is None or (filling.turn_id, filling.attempt) != (turn_id, attempt):
                    yield f"what filled the wait for turn {turn_id} ended without having begun"
                filling = None
            case SpeechStartsPlaying(turn_id=turn_id) if filling is not None:
                yield f"turn {turn_id} was heard while the wait for turn {filling.turn_id} was filled"
            case _:
                pass
    if filling is not None:
        yield f"what filled the wait for turn {filling.turn_id} never ended"


def _filled(events: tuple[Event, ...]) -> Iterator[tuple[int, int]]:
    """From where to where waits were filled."""
    begun = 0
    for event in events:
        if isinstance(event, FillerBegins):
            begun = event.sample
        elif isinstance(event, FillerEnds):
            yield begun, event.sample


def _holds(spoken: list[str], heard: list[str]) -> bool:
    """Whether all words of `heard` were spoken, in order; one that a pause cut may have been spoken twice."""
    bare, spoken = _without_repeats([word.rstrip(".,;:!?…—") for word in heard]), _without_repeats(spoken)
    return any(spoken[at : at + len(bare)] == bare for at in range(len(spoken) + 1)) or not bare


def _without_repeats(words: list[str]) -> list[str]:
    return [word for word, before in zip(words, ["", *words], strict=False) if word != before]


def _spend(call: Call) -> Iterator[str]:
    admitted = {(event.turn_id, event.attempt) for event in call.events if isinstance(event, SpeculationAdmitted)}
    begun = [
        (event.turn_id, event.attempt)
        for event in call.events
        if isinstance(event, SpeculationStarted)
        or (isinstance(event, AttemptStarted) and (event.turn_id, event.attempt) not in admitted)
    ]
    paid = [(event.turn_id, event.attempt) for event in call.events if isinstance(event, AttemptSpent)]
    for answer in sorted({*begun, *paid}):
        if paid.count(answer) != 1 or answer not in begun:
            yield f"answer {answer} was begun {begun.count(answer)} times and paid for {paid.count(answer)} times"
    heard = {event.turn_id for event in call.events if isinstance(event, SpeechStartsPlaying)}
    for event in call.events:
        if not isinstance(event, AttemptSpent):
            continue
        if not (0 <= event.used_output_tokens <= event.output_tokens and event.input_tokens >= 0):
            yield f"more tokens were used than spent: {event}"
        if not 0 <= event.played_samples <= event.synthesized_samples:
            yield f"more speech was played than made: {event}"
        if not 0 <= event.played_filler_samples <= event.filler_samples:
            yield f"more speech was played than made to fill a wait: {event}"
        if event.played_samples and event.turn_id not in heard:
            yield f"turn {event.turn_id} was never heard, and {event.played_samples} samples of it were played"


def _remembered(call: Call) -> Iterator[str]:
    turns = {turn.turn_id: turn for turn in call.turns}
    added = [event for event in call.events if isinstance(event, HistoryChanged) and event.change == "added"]
    held = _floor_order(call.events)
    order = [event.turn_id for event in added if event.turn_id in held]
    if order != [turn_id for turn_id in held if turn_id in order]:
        yield f"turns are remembered in the order {order}, and held the floor in the order {held}"
    for event in added:
        said = " ".join(message.text for message in event.messages if message.role == "assistant").split()
        turn = turns.get(event.turn_id or 0)
        heard = getattr(turn.outcome, "heard", "").split() if turn is not None and turn.outcome is not None else said
        if said and said != heard:
            yield f"turn {event.turn_id} is remembered with {' '.join(said)!r}, and {' '.join(heard)!r} was heard"
        if turn is not None and turn.audio_started is None and any(word.strip(".,;:!?…—") for word in said):
            yield f"turn {event.turn_id} is remembered with {' '.join(said)!r}, and nothing of it was played"


def _floor_order(events: tuple[Event, ...]) -> list[int]:
    """Turns in the order in which they held the floor.

    Who made way for something urgent holds it when it is their turn again. If it never is, they may be remembered
    before it or after it, and are left out.
    """
    order: list[int] = []
    made_way: set[int] = set()
    for event in events:
        match event:
            case TurnStarted(turn_id=turn_id):
                order.append(turn_id)
            case Decided(challenger_id=turn_id, evidence=evidence) if evidence == MADE_WAY and turn_id in order:
                order.remove(turn_id)
                made_way.add(turn_id)
            case AttemptStarted(turn_id=turn_id) if turn_id in made_way:
                order.append(turn_id)
                made_way.remove(turn_id)
            case _:
                pass
    return order


def _times(records: tuple[Record, ...]) -> Iterator[str]:
    last = 0
    for record in records:
        if record.sample < last:
            yield f"time runs backwards at {record}"
        last = record.sample
