"""What the caller says or types when something of theirs is still to be answered."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio

from tests.session.calls import AGENT, REPLY, agent, heard_words, of_kind, speech, wait_for_event
from tests.session.watched import Watched
from turnscope import ConfigError
from turnscope.core import HistoryChanged, Interrupted, SpeechStartsPlaying, TurnEnded
from turnscope.session import Session
from turnscope.sim import Call, HangUp, Moment, Step, broken_promises, simulate

LONG = "One two three four five six seven eight nine ten."


def held(
    drive: Callable[[Session], Awaitable[object]], *steps: Step, **changes: Any
) -> tuple[Call, list[list[tuple[str, str]]]]:
    """A call, and what the model was asked in it."""
    llm = Watched(AGENT.llm)
    call = simulate(agent(llm=llm, **changes), [*steps, HangUp(Moment(14))], seed=1, drive=drive)
    assert broken_promises(call) == []
    return call, [[(message.role, message.text) for message in messages] for (messages,) in llm.asked]


async def until_heard(session: Session) -> None:
    await wait_for_event(session, lambda event: isinstance(event, SpeechStartsPlaying))


def endings(call: Call) -> list[tuple[str, str]]:
    """The texts of the turns, in the order of their beginning, and how they ended: by which cause, if by one."""
    return [
        (turn.text, turn.outcome.cause.reason if isinstance(turn.outcome, Interrupted) else turn.outcome.kind)
        for turn in call.turns
        if turn.outcome
    ]


async def three_in_a_row(session: Session) -> None:
    for text in ("two lattes", "no, three", "and a cake"):
        await session.send_text(text)
        await trio.sleep(0.1)


@pytest.mark.feature(27)
def test_inputs_in_quick_succession_are_answered_as_one() -> None:
    call, asked = held(three_in_a_row)
    assert [outcome for _, outcome in endings(call)] == ["new_input", "new_input", "completed"]
    assert asked[-1] == [("user", "two lattes\nno, three\nand a cake")]
    assert heard_words(call) == REPLY.replace(",", "").rstrip(".")


@pytest.mark.feature(27)
def test_only_the_newest_of_them_is_answered_where_that_is_wanted() -> None:
    call, asked = held(three_in_a_row, new_input="answer_newest")
    assert [outcome for _, outcome in endings(call)] == ["new_input", "new_input", "completed"]
    assert asked[-1] == [("user", "and a cake")]
    assert [(message.text, message.superseded) for message in call.history if message.role == "user"] == [
        ("two lattes", True),
        ("no, three", True),
        ("and a cake", False),
    ]


@pytest.mark.feature(27)
def test_they_are_answered_one_after_the_other_where_that_is_wanted() -> None:
    call, asked = held(three_in_a_row, new_input="queue")
    assert endings(call) == [("two lattes", "completed"), ("no, three", "completed"), ("and a cake", "completed")]
    assert asked[1] == [("user", "two lattes"), ("assistant", REPLY), ("user", "no, three")]
    ends = [event.sample for event in of_kind(call, TurnEnded)]
    assert [turn.attempt_started for turn in call.turns[1:]] == ends[:2], "each is begun when the one before has ended"


@pytest.mark.feature(24)
@pytest.mark.parametrize("policy", ["merge", "answer_newest"])
def test_typed_words_interrupt_by_themselves_what_is_being_said_and_what_was_to_follow_it(policy: str) -> None:
    async def drive(session: Session) -> None:
        await session.say(LONG)
        await session.say("Dropped.")
        await session.say("Kept.", allow_interruptions=False)
        await until_heard(session)
        await trio.sleep(0.4)
        await session.send_text("wait")

    call, asked = held(drive, new_input=policy)
    assert endings(call) == [(LONG, "new_input"), ("wait", "completed"), ("Kept.", "completed")]
    dropped = [event.outcome for event in of_kind(call, TurnEnded) if event.turn_id == 2]
    assert [outcome.cause.reason for outcome in dropped if isinstance(outcome, Interrupted)] == ["new_input"]
    assert heard_words(call) == "One Fine three Kept"
    assert asked == [[("assistant", "One"), ("user", "wait")]]


@pytest.mark.feature(24)
def test_speech_interrupts_by_itself_what_is_being_said_and_what_was_to_follow_it() -> None:
    async def drive(session: Session) -> None:
        await session.say(LONG)
        await session.say("Dropped.")
        await session.say("Kept.", allow_interruptions=False)

    call, _ = held(drive, speech("wait please", 0.5, "agent_starts"))
    assert endings(call) == [(LONG, "user_speaking"), ("wait please", "completed"), ("Kept.", "completed")]
    reasons = [
        event.outcome.cause.reason for event in of_kind(call, TurnEnded) if isinstance(event.outcome, Interrupted)
    ]
    assert reasons == ["user_speaking"] * 2


def test_a_noise_drops_nothing_that_waits() -> None:
    async def drive(session: Session) -> None:
        await session.say(LONG)
        await session.say("Second.")

    call, _ = held(drive, speech("mm-hm", 0.5, "agent_starts"))
    assert endings(call) == [(LONG, "completed"), ("Second.", "completed")]


def test_typed_words_wait_for_protected_speech_and_are_then_answered_as_one() -> None:
    async def drive(session: Session) -> None:
        await session.say(LONG, allow_interruptions=False)
        await until_heard(session)
        await session.send_text("two lattes")
        await session.send_text("and a cake")

    call, asked = held(drive)
    assert endings(call) == [(LONG, "completed"), ("and a cake", "completed")]
    assert asked == [[("assistant", LONG), ("user", "two lattes\nand a cake")]]
    order = [event.turn_id for event in of_kind(call, HistoryChanged)]
    assert order == [1, 2, 3], "as they held the floor"


def test_interrupting_drops_what_was_typed_and_waits_but_it_is_remembered() -> None:
    async def drive(session: Session) -> None:
        await session.send_text("one")
        await session.send_text("two")
        await until_heard(session)
        session.interrupt("user_clicked_stop")
        await session.send_text("three")

    call, asked = held(drive, new_input="queue")
    assert endings(call) == [("one", "user_clicked_stop"), ("three", "completed")]
    assert asked[-1] == [("user", "one\ntwo\nthree")]


def test_what_the_caller_typed_survives_their_own_interruption_by_voice() -> None:
    async def drive(session: Session) -> None:
        await session.send_text("one")
        await session.send_text("two")

    call, _ = held(drive, speech("wait please", 0.5, "agent_starts"), new_input="queue")
    assert endings(call) == [("one", "user_speaking"), ("wait please", "completed"), ("two", "completed")]


def test_what_was_said_and_not_answered_is_answered_together_with_what_is_typed() -> None:
    async def drive(session: Session) -> None:
        await trio.sleep(0.9)
        await session.send_text("and a cake")

    _, asked = held(drive, speech("two lattes please", 0.2))
    assert asked == [[("user", "two lattes please\nand a cake")]]
    _, asked = held(drive, speech("two lattes please", 0.2), new_input="answer_newest")
    assert asked == [[("user", "and a cake")]]
    _, asked = held(drive, speech("two lattes please", 0.2), new_input="queue")
    assert [messages[-1] for messages in asked] == [("user", "two lattes please"), ("user", "and a cake")]


def test_speech_before_the_answer_to_typed_words_is_heard_is_answered_together_with_them() -> None:
    async def drive(session: Session) -> None:
        await session.send_text("two lattes")

    call, asked = held(drive, speech("and three cakes please", 0.1, pace=8))
    assert [outcome for _, outcome in endings(call)] == ["user_speaking", "completed"]
    assert asked[-1] == [("user", "two lattes\nand three cakes please")]


@pytest.mark.parametrize("made", ["all", ""])
def test_a_policy_that_does_not_exist_is_refused(made: str) -> None:
    with pytest.raises(ConfigError, match="new_input must be one of merge, answer_newest, queue"):
        agent(new_input=made)
