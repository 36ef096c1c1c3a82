"""The checker of promises finds each breach that is planted into a conversation which kept them all."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import trio

from tests.session.calls import AGENT, REPLY, barge_in, speech
from tests.session.tooling import clerk, slow
from turnscope.core import (
    AttemptCancelled,
    AttemptJoined,
    AttemptSpent,
    AttemptStarted,
    Decided,
    Filler,
    FillerBegins,
    FillerEnds,
    FirstToken,
    GateShut,
    HistoryChanged,
    HungUp,
    Interrupted,
    Message,
    ModelAsked,
    ProtectionChanged,
    SayRequested,
    SessionEnded,
    Speculation,
    SpeculationAdmitted,
    SpeculationDropped,
    SpeculationStarted,
    SpeechIgnored,
    SpeechStartsPlaying,
    StateChanged,
    ToolSettled,
    ToolStarted,
    TurnEnded,
    TurnJoined,
    TurnOpened,
    TurnStarted,
    UtteranceDismissed,
    Yielded,
)
from turnscope.providers import ScriptedLLM
from turnscope.session import Record, Session
from turnscope.sim import Call, HangUp, Moment, broken_promises, simulate


@pytest.fixture(scope="module")
def call() -> Call:
    return simulate(AGENT, barge_in(), seed=1)


@pytest.mark.slow
@pytest.mark.realtime
def test_a_call_on_the_wall_clock_which_begins_a_moment_after_its_session_keeps_every_promise() -> None:
    assert broken_promises(simulate(AGENT, barge_in(), realtime=True)) == []


def rewritten(call: Call, rewrite: Callable[[Record], list[Record]]) -> Call:
    """The call with each of its records replaced by what `rewrite` makes of it."""
    return with_records(call, [new for record in call.records for new in rewrite(record)])


def with_records(call: Call, records: list[Record]) -> Call:
    return Call(tuple(records), call.user, call.agent, call.history, call.placed, call.tasks_left)


def with_track(call: Call, agent: Any) -> Call:
    return Call(call.records, call.user, agent, call.history, call.placed, call.tasks_left)


def of_turn(record: Record, kind: type, turn_id: int = 1) -> bool:
    return isinstance(record, kind) and getattr(record, "turn_id", None) == turn_id


def with_outcome(call: Call, **changes: Any) -> Call:
    """The call with something else in the outcome of its first turn."""

    def rewrite(record: Record) -> list[Record]:
        if isinstance(record, TurnEnded) and record.turn_id == 1:
            return [replace(record, outcome=replace(record.outcome, **changes))]
        return [record]

    return rewritten(call, rewrite)


def test_a_conversation_that_kept_them_has_broken_none(call: Call) -> None:
    assert broken_promises(call) == []


def test_a_turn_that_ends_twice(call: Call) -> None:
    twice = rewritten(call, lambda record: [record, record] if of_turn(record, TurnEnded) else [record])
    assert broken_promises(twice) == ["turn 1 ended 2 times"]


def test_a_turn_that_never_ends(call: Call) -> None:
    never = rewritten(call, lambda record: [] if of_turn(record, TurnEnded, 2) else [record])
    assert broken_promises(never) == ["turn 2 ended 0 times"]


def test_a_turn_that_begins_twice(call: Call) -> None:
    twice = rewritten(call, lambda record: [record, record] if of_turn(record, TurnStarted) else [record])
    assert "turn 1 started 2 times" in broken_promises(twice)


def test_a_turn_that_was_dismissed(call: Call) -> None:
    def rewrite(record: Record) -> list[Record]:
        if isinstance(record, TurnEnded) and record.turn_id == 1:
            return [UtteranceDismissed(record.sample, 1, 0, "", "no words", None), record]
        return [record]

    assert broken_promises(rewritten(call, rewrite)) == ["turn 1 was dismissed and is a turn"]


def test_one_sample_after_the_silence(call: Call) -> None:
    outcome = call.turns[0].outcome
    assert isinstance(outcome, Interrupted)
    assert outcome.silence is not None
    late = max(outcome.silence, outcome.gate_shut) + 5
    track = call.agent.copy()
    assert track[late] == 0
    track[late] = 0.001
    assert broken_promises(with_track(call, track)) == [f"sample {late} was heard after turn 1 had been silenced"]


def test_speech_of_a_turn_whose_gate_has_shut(call: Call) -> None:
    def rewrite(record: Record) -> list[Record]:
        if isinstance(record, GateShut) and record.turn_id == 1:
            return [record, SpeechStartsPlaying(record.sample, 1)]
        return [record]

    assert "turn 1 was heard after its gate had shut" in broken_promises(rewritten(call, rewrite))


def test_one_word_too_many_that_counts_as_heard(call: Call) -> None:
    assert isinstance(call.turns[0].outcome, Interrupted)
    assert call.turns[0].outcome.heard == "Your order is"
    on_track, remembered = broken_promises(with_outcome(call, heard="Your order is two"))
    assert on_track.startswith("turn 1 counts 'Your order is two' as heard, but the track says")
    assert remembered == "turn 1 is remembered with 'Your order is', and 'Your order is two' was heard"
    assert broken_promises(with_outcome(call, heard="Your order is two", heard_estimated=True)) == [remembered]


def test_words_that_count_as_heard_and_were_never_generated(call: Call) -> None:
    broken = broken_promises(with_outcome(call, heard="Fine three"))
    assert broken[0] == "turn 1 counts 'Fine three' as heard, which is no beginning of its reply"


def test_an_answer_that_begins_while_another_turn_has_tasks(call: Call) -> None:
    late = rewritten(call, lambda record: [] if of_turn(record, TurnJoined) else [record])
    assert broken_promises(late) == ["turn 2 was answered while turns [1] had tasks"]


def test_a_zombie_that_was_given_up_is_no_breach(call: Call) -> None:
    def rewrite(record: Record) -> list[Record]:
        if of_turn(record, TurnJoined):
            return []
        if isinstance(record, TurnEnded) and record.turn_id == 1:
            return [replace(record, joined=False)]
        return [record]

    assert broken_promises(rewritten(call, rewrite)) == []


def test_an_answer_that_is_never_paid_for(call: Call) -> None:
    unpaid = rewritten(call, lambda record: [] if of_turn(record, AttemptSpent) else [record])
    assert broken_promises(unpaid) == ["answer (1, 1) was begun 1 times and paid for 0 times"]


def test_an_answer_that_is_paid_for_twice(call: Call) -> None:
    twice = rewritten(call, lambda record: [record, record] if of_turn(record, AttemptSpent, 2) else [record])
    assert broken_promises(twice) == ["answer (2, 1) was begun 1 times and paid for 2 times"]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"used_output_tokens": 1000}, "more tokens were used than spent"),
        ({"input_tokens": -1}, "more tokens were used than spent"),
        ({"played_samples": 10**9}, "more speech was played than made"),
        ({"turn_id": 2, "attempt": 7}, "answer (1, 1) was begun 1 times and paid for 0 times"),
    ],
)
def test_an_answer_that_is_paid_for_wrongly(call: Call, changes: dict[str, Any], complaint: str) -> None:
    def rewrite(record: Record) -> list[Record]:
        if isinstance(record, AttemptSpent) and record.turn_id == 1:
            return [replace(record, **changes)]
        return [record]

    wrong = rewritten(call, rewrite)
    assert broken_promises(wrong)[0].startswith(complaint)


def test_speech_that_was_paid_for_as_played_in_a_turn_that_was_never_heard(call: Call) -> None:
    unheard = rewritten(call, lambda record: [] if of_turn(record, SpeechStartsPlaying, 2) else [record])
    assert "turn 2 was never heard, and 10666 samples of it were played" in broken_promises(unheard)


@pytest.fixture(scope="module")
def guessing() -> Call:
    rules = Speculation(policy="discard", while_speaking=True, stable_s=0.1)
    return simulate(replace(AGENT, speculation=rules), barge_in(), seed=1)


def test_wrong_and_right_guesses_are_no_breach(guessing: Call) -> None:
    kinds = {type(event) for event in guessing.events}
    assert {SpeculationStarted, SpeculationAdmitted, SpeculationDropped} <= kinds
    assert broken_promises(guessing) == []


def test_two_guesses_at_once(guessing: Call) -> None:
    both = rewritten(guessing, lambda record: [] if of_turn(record, SpeculationDropped) else [record])
    assert broken_promises(both)[0] == "turn 1 has two guesses at once"


def test_a_guess_beside_the_tasks_of_another(guessing: Call) -> None:
    early = rewritten(guessing, lambda record: [] if of_turn(record, AttemptJoined) else [record])
    assert broken_promises(early) == ["turn 1 was guessed at while its answers [1] had tasks"]


def test_a_guess_that_was_admitted_and_never_made(guessing: Call) -> None:
    def rewrite(record: Record) -> list[Record]:
        return [] if isinstance(record, SpeculationStarted) and record.attempt == 2 else [record]

    made_up = rewritten(guessing, rewrite)
    assert "turn 1 was given a guess 2 that it did not have" in broken_promises(made_up)


def test_a_wrong_guess_that_was_told_of(guessing: Call) -> None:
    def rewrite(record: Record) -> list[Record]:
        if isinstance(record, SpeculationDropped):
            return [record, FirstToken(record.sample, 1, 1)]
        return [record]

    told = rewritten(guessing, rewrite)
    assert broken_promises(told) == ["answer 1 of turn 1 was told of and is not its answer"]


def test_a_wrong_guess_that_was_heard(guessing: Call) -> None:
    def rewrite(record: Record) -> list[Record]:
        if isinstance(record, AttemptSpent) and record.cause == "speculation_stale" and record.turn_id == 1:
            return [replace(record, played_samples=1, synthesized_samples=1)]
        return [record]

    assert broken_promises(rewritten(guessing, rewrite)) == ["answer 1 of turn 1 was a wrong guess, and was heard"]


def test_a_turn_with_two_replies(call: Call) -> None:
    twice = rewritten(call, lambda record: [record, record] if of_turn(record, SpeechStartsPlaying, 2) else [record])
    assert "turn 2 had 2 replies" in broken_promises(twice)


def test_a_turn_that_is_heard_without_an_answer(call: Call) -> None:
    unasked = rewritten(call, lambda record: [] if of_turn(record, AttemptStarted, 2) else [record])
    assert "turn 2 was heard and had no answer" in broken_promises(unasked)


def test_a_state_that_does_not_follow(call: Call) -> None:
    changes = [record for record in call.records if isinstance(record, StateChanged)]
    gap = with_records(call, [record for record in call.records if record is not changes[1]])
    assert broken_promises(gap)[0].startswith("illegal transition")


def test_a_transition_that_is_not_in_the_table(call: Call) -> None:
    def rewrite(record: Record) -> list[Record]:
        if isinstance(record, StateChanged) and record.new == "speaking":
            return [replace(record, trigger="barge-in")]
        return [record]

    assert len(broken_promises(rewritten(call, rewrite))) == 2


def test_a_session_that_did_not_end(call: Call) -> None:
    endless = with_records(call, [record for record in call.records if not isinstance(record, SessionEnded)])
    assert len(broken_promises(endless)) == 1
    assert broken_promises(endless)[0].startswith("the last event is")


def test_a_task_that_was_left(call: Call) -> None:
    left = Call(call.records, call.user, call.agent, call.history, call.placed, tasks_left=1)
    assert broken_promises(left) == ["1 tasks outlived the session"]
    counted = rewritten(
        call, lambda record: [replace(record, tasks_left=1)] if isinstance(record, SessionEnded) else [record]
    )
    assert broken_promises(counted)[0].startswith("the last event is SessionEnded")


def test_time_that_runs_backwards(call: Call) -> None:
    records = list(call.records)
    at = next(index for index, record in enumerate(records) if isinstance(record, AttemptStarted))
    early = replace(records[at], sample=records[at - 1].sample - 1)
    broken = broken_promises(with_records(call, [*records[:at], early, *records[at + 1 :]]))
    assert broken == [f"time runs backwards at {early}"]


def test_calls_without_speech_or_without_turns_can_be_checked() -> None:
    silent = simulate(AGENT, [HangUp(Moment(1.0))], seed=1)
    assert broken_promises(silent) == []
    left = simulate(AGENT, [speech("two lattes", 0.2), HangUp(Moment(1.8))], seed=1)
    assert [turn.outcome for turn in left.turns] == [HungUp("hung_up")]
    assert broken_promises(left) == []
    assert not np.any(left.agent)


def test_a_turn_that_is_remembered_before_one_that_held_the_floor_earlier(call: Call) -> None:
    added = [record for record in call.records if isinstance(record, HistoryChanged)]
    swapped = {id(added[0]): replace(added[1], sample=added[0].sample), id(added[1]): replace(added[0])}
    broken = broken_promises(rewritten(call, lambda record: [swapped.get(id(record), record)]))
    assert broken[0] == "turns are remembered in the order [2, 1], and held the floor in the order [1, 2]"


def test_a_reply_that_is_remembered_and_was_not_played(call: Call) -> None:
    silent = rewritten(call, lambda record: [] if of_turn(record, SpeechStartsPlaying, 2) else [record])
    assert "turn 2 is remembered with 'Fine, three.', and nothing of it was played" in broken_promises(silent)


# Tools


@pytest.fixture(scope="module")
def tool_call() -> Call:
    call = simulate(clerk(slow(1.0)), [speech("two lattes", 0.2), HangUp(Moment(7.0))], seed=1)
    assert broken_promises(call) == []
    return call


def test_a_call_that_is_never_settled(tool_call: Call) -> None:
    never = rewritten(tool_call, lambda record: [] if isinstance(record, ToolSettled) else [record])
    assert broken_promises(never) == [
        "the model was asked in turn 1 while calls ['1.1.1'] were not settled",
        "calls ['1.1.1'] were never settled",
    ]


def test_a_call_that_is_settled_twice(tool_call: Call) -> None:
    twice = rewritten(tool_call, lambda record: [record, record] if isinstance(record, ToolSettled) else [record])
    assert broken_promises(twice) == ["call 1.1.1 was settled twice, or without having been started"]


def test_a_call_that_is_started_twice(tool_call: Call) -> None:
    twice = rewritten(tool_call, lambda record: [record, record] if isinstance(record, ToolStarted) else [record])
    assert broken_promises(twice) == ["call 1.1.1 was started twice, or never asked for"]


def test_a_call_that_is_settled_without_having_been_started(tool_call: Call) -> None:
    without = rewritten(tool_call, lambda record: [] if isinstance(record, ToolStarted) else [record])
    assert broken_promises(without) == ["call 1.1.1 was settled twice, or without having been started"]


def test_a_model_that_is_asked_before_a_call_is_settled(tool_call: Call) -> None:
    def rewrite(record: Record) -> list[Record]:
        return [ModelAsked(record.sample, 2, 1, 1), record] if isinstance(record, ToolSettled) else [record]

    [broken] = broken_promises(rewritten(tool_call, rewrite))
    assert broken == "the model was asked in turn 2 while calls ['1.1.1'] were not settled"


@pytest.mark.parametrize("ending", [AttemptCancelled, TurnEnded])
def test_a_call_that_is_started_by_an_answer_that_is_over(tool_call: Call, ending: type) -> None:
    def rewrite(record: Record) -> list[Record]:
        if not isinstance(record, ToolStarted):
            return [record]
        if ending is TurnEnded:
            return [TurnEnded(record.sample, 1, HungUp("hung_up")), record]
        return [AttemptCancelled(record.sample, 1, 1, "user_speaking"), record]

    assert "call 1.1.1 was started by an answer that was over" in broken_promises(rewritten(tool_call, rewrite))


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        (slice(0, 2), "the history holds calls without results: ['call_1']"),
        (slice(2, 3), "the history holds a result without its call: 'done with lattes'"),
    ],
)
def test_a_history_that_parts_a_call_from_its_result(tool_call: Call, keep: slice, message: str) -> None:
    parted: tuple[Message, ...] = tool_call.history[keep]
    call = Call(tool_call.records, tool_call.user, tool_call.agent, parted, tool_call.placed, tool_call.tasks_left)
    assert broken_promises(call) == [message]


# Who may cut whom off


def said(call: Call, **changes: Any) -> Call:
    """The call, as if its first turn had been something that the application wanted said."""
    request = SayRequested(0, 1, "", **changes)
    return with_records(call, [request, *call.records])


def test_protected_words_that_a_voice_cuts_off(call: Call) -> None:
    assert broken_promises(said(call, allow_interruptions=True)) == []
    broken = broken_promises(said(call, allow_interruptions=False))
    assert broken == [
        "turn 1 is protected and stepped back",
        "turn 1 is protected, and turn 2 was judged all the same",
        "turn 1 is protected and was cut off by a voice",
    ]


def test_words_that_were_protected_only_until_then_may_be_cut_off(call: Call) -> None:
    lifted: list[Record] = [SayRequested(0, 1, "", allow_interruptions=False), ProtectionChanged(0, 1, True)]
    assert broken_promises(with_records(call, [*lifted, *call.records])) == []


def test_an_interruption_that_nobody_decided(call: Call) -> None:
    undecided = rewritten(call, lambda record: [] if isinstance(record, Decided) else [record])
    assert broken_promises(undecided) == ["turn 1 was interrupted by a voice, and nobody had decided so"]


def test_a_challenger_that_is_ruled_on_twice(call: Call) -> None:
    twice = rewritten(call, lambda record: [record, record] if isinstance(record, Decided) else [record])
    assert broken_promises(twice) == ["turn 2 was ruled on after it had been decided what it is"]


def test_a_ruling_on_somebody_who_speaks_over_nobody(call: Call) -> None:
    def rewrite(record: Record) -> list[Record]:
        return [replace(record, challenges=None)] if of_turn(record, TurnOpened, 2) else [record]  # type: ignore[call-arg]

    assert broken_promises(rewritten(call, rewrite)) == ["turn 2 was judged as speaking over turn 1, and does not"]


def test_stepping_back_twice(call: Call) -> None:
    twice = rewritten(call, lambda record: [record, record] if isinstance(record, Yielded) else [record])
    assert broken_promises(twice) == ["turn 1 stepped back twice"]


def test_a_paused_turn_that_counts_as_said_to_its_end(call: Call) -> None:
    def rewrite(record: Record) -> list[Record]:
        if isinstance(record, SpeechStartsPlaying) and record.turn_id == 2:
            return [record, Yielded(record.sample, 2, 3, record.sample, "pause")]
        return [record]

    [broken] = broken_promises(rewritten(call, rewrite))
    assert broken == "turn 2 was paused, did not go on, and counts as said to its end"


def test_ignored_speech_that_has_an_effect(call: Call) -> None:
    [stepped_back] = [record for record in call.records if isinstance(record, Yielded)]
    ignored = with_records(call, [SpeechIgnored(0, stepped_back.onset, "tools"), *call.records])
    assert broken_promises(ignored) == [
        f"speech that began at {stepped_back.onset} was ignored, and led to TurnOpened",
        f"speech that began at {stepped_back.onset} was ignored, and led to Yielded",
    ]


def test_something_urgent_that_had_to_wait(call: Call) -> None:
    urgent = SayRequested(0, 2, "", priority=1)
    assert broken_promises(with_records(call, [urgent, *call.records])) == [
        "turn 1 was begun while the more urgent turn 2 waited"
    ]


def test_who_has_just_cut_in_and_makes_way_for_something_urgent_keeps_every_promise() -> None:
    """Found by drawn conversations: it was told as a second ruling, and as a memory in the wrong order."""

    async def drive(session: Session) -> None:
        await trio.sleep(0.2)
        await session.say("One moment please.")
        await trio.sleep(0.5)
        await session.say("Urgent.", priority=1)

    call = simulate(AGENT, [speech("two", 0.0, pace=3), HangUp(Moment(3.0, "quiet"))], seed=1, drive=drive)
    assert [verdict.verdict for verdict in call.events if isinstance(verdict, Decided)] == ["confirm", "hold"]
    assert [message.text for message in call.history if message.text] == ["Urgent.", "two", REPLY]
    assert broken_promises(call) == []


def test_who_made_way_for_something_urgent_and_was_never_answered_may_be_remembered_before_it() -> None:
    """Found by drawn conversations: typed words cut off both at one instant."""

    async def drive(session: Session) -> None:
        await trio.sleep(0.2)
        await session.say("One moment please.")
        await trio.sleep(0.5)
        await session.say("Urgent.", priority=1)
        await session.send_text("three lattes")

    call = simulate(AGENT, [speech("two", 0.0, pace=3), HangUp(Moment(3.0, "quiet"))], seed=1, drive=drive)
    assert [turn.outcome.kind for turn in call.turns if turn.outcome] == ["interrupted"] * 3 + ["completed"]
    assert [message.text for message in call.history if message.text] == ["two", "three lattes", REPLY]
    assert broken_promises(call) == []


# What fills a wait


@pytest.fixture(scope="module")
def filled() -> Call:
    """One call, in which a wait is filled."""
    slow = replace(AGENT, llm=ScriptedLLM([], fallback="Fine.", first_token_s=3), filler=Filler(texts=["One moment."]))
    return simulate(slow, [speech("two lattes please.", 0.2), HangUp(Moment(9))], seed=1)


def test_a_filler_that_never_ends(filled: Call) -> None:
    assert broken_promises(filled) == []
    endless = rewritten(filled, lambda record: [] if isinstance(record, FillerEnds) else [record])
    assert broken_promises(endless) == [
        "turn 1 was heard while the wait for turn 1 was filled",
        "what filled the wait for turn 1 never ended",
    ]


def test_a_filler_that_ends_without_having_begun(filled: Call) -> None:
    begun = rewritten(filled, lambda record: [] if isinstance(record, FillerBegins) else [record])
    assert broken_promises(begun) == ["what filled the wait for turn 1 ended without having begun"]


def test_a_filler_of_a_turn_that_is_over(filled: Call) -> None:
    records = list(filled.records)
    began = next(record for record in records if isinstance(record, FillerBegins))
    ended = next(record for record in records if isinstance(record, FillerEnds))
    last = records.pop()
    late = [replace(began, sample=last.sample), replace(ended, sample=last.sample)]
    broken = broken_promises(with_records(filled, [*records, *late, last]))
    assert broken == ["answer 1 of turn 1 filled a wait that was none"]


def test_more_of_a_filler_played_than_made(filled: Call) -> None:
    def rewrite(record: Record) -> list[Record]:
        return [replace(record, played_filler_samples=10**6)] if isinstance(record, AttemptSpent) else [record]

    assert "more speech was played than made to fill a wait" in broken_promises(rewritten(filled, rewrite))[0]
