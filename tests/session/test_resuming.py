"""What was interrupted is gone on with, from the first unheard word, when the caller or the application asks for it."""

from typing import Any

import pytest
import trio

from tests.session.calls import AGENT, REPLY, agent, barge_in, heard_words, of_kind, speech, wait_for_event
from tests.session.watched import Watched
from turnscope import SessionClosed
from turnscope.core import (
    Completed,
    History,
    Interrupted,
    Message,
    ReplyResumed,
    ResumeSettings,
    SpeechStartsPlaying,
    TurnEnded,
)
from turnscope.session import Session
from turnscope.sim import Call, HangUp, Moment, Step, broken_promises, simulate

REST = "two lattes, and it is ready soon."
CUT = Message("assistant", "Your order is", interrupted=True, unheard=REST, resumed=True)
GO_ON: list[Step] = [
    speech("two lattes please.", 0.2),
    speech("sorry go on", 1.0, "agent_starts"),
    HangUp(Moment(6, "quiet")),
]


def held(script: list[Step], drive: Any = None, **changes: Any) -> tuple[Call, Watched]:
    llm = Watched(changes.pop("llm", AGENT.llm))
    call = simulate(agent(llm=llm, **changes), script, seed=1, drive=drive, history=changes.pop("history", None))
    assert broken_promises(call) == []
    return call, llm


@pytest.mark.feature(61)
def test_go_on_continues_from_the_first_unheard_word() -> None:
    call, llm = held(GO_ON)
    first, second = call.turns
    assert isinstance(first.outcome, Interrupted)
    assert (first.outcome.heard, first.outcome.unheard) == ("Your order is", REST)
    assert second.outcome == Completed(REST)
    assert heard_words(call) == "Your order is two lattes and it is ready soon"
    assert call.history == (
        Message("user", "two lattes please"),
        CUT,
        Message("user", "sorry go on"),
        Message("assistant", REST),
    )
    assert len(llm.asked) == 1, "no model is needed for it"
    assert [(event.turn_id, event.text) for event in of_kind(call, ReplyResumed)] == [(second.turn_id, REST)]


@pytest.mark.feature(61)
def test_what_is_gone_on_with_can_be_interrupted_and_gone_on_with_again() -> None:
    script = [
        *GO_ON[:-1],
        speech("sorry where were we", 0.9, "agent_starts", reply=2),
        HangUp(Moment(6, "quiet")),
    ]
    call, _ = held(script)
    assert [turn.outcome.kind for turn in call.turns if turn.outcome] == ["interrupted", "interrupted", "completed"]
    said = [message for message in call.history if message.role == "assistant"]
    assert [message.resumed for message in said] == [True, True, False]
    assert " ".join(message.text.rstrip(",") for message in said).replace("lattes and", "lattes, and") == REPLY


@pytest.mark.feature(61)
def test_words_that_only_begin_like_it_are_answered_by_the_model() -> None:
    call, llm = held([GO_ON[0], speech("go on with three please", 1.0, "agent_starts"), GO_ON[2]])
    assert of_kind(call, ReplyResumed) == []
    assert len(llm.asked) == 2


@pytest.mark.feature(61)
def test_it_does_not_fire_when_nothing_was_interrupted_or_something_was_said_since() -> None:
    call, llm = held([GO_ON[0], speech("go on", 1.0, "agent_stops", reply=1), GO_ON[2]])
    assert of_kind(call, ReplyResumed) == []
    assert len(llm.asked) == 2
    after = [*barge_in()[:-1], speech("go on", 0.6, "agent_stops", reply=2), GO_ON[2]]
    call, llm = held(after)
    assert of_kind(call, ReplyResumed) == []
    assert len(llm.asked) == 3
    call, llm = held(after, resume=ResumeSettings(max_turns_between=1))
    assert [event.text for event in of_kind(call, ReplyResumed)] == [REST]
    assert len(llm.asked) == 2


def test_it_can_be_switched_off() -> None:
    call, llm = held(GO_ON, resume=ResumeSettings(frozenset()))
    assert of_kind(call, ReplyResumed) == []
    assert len(llm.asked) == 2


def test_typed_words_ask_for_it_too() -> None:
    async def drive(session: Session) -> None:
        await session.send_text("two lattes")
        await until_heard(session)
        await trio.sleep(0.97)
        session.interrupt()
        await session.send_text("Where were we?")

    call, _ = held([HangUp(Moment(8))], drive)
    assert heard_words(call) == "Your order is two lattes and it is ready soon"
    assert call.turns[1].outcome == Completed(REST)


async def until_heard(session: Session) -> None:
    await wait_for_event(session, lambda event: isinstance(event, SpeechStartsPlaying))


async def until_a_turn_ends(session: Session) -> None:
    await wait_for_event(session, lambda event: isinstance(event, TurnEnded))


# The application


@pytest.mark.feature(61)
def test_the_application_can_have_it_gone_on_with() -> None:
    outcomes: list[object] = []

    async def drive(session: Session) -> None:
        assert await session.resume_interrupted() is None
        await session.send_text("two lattes")
        await until_heard(session)
        await trio.sleep(0.97)
        session.interrupt("user_clicked_stop")
        handle = await session.resume_interrupted()
        assert handle is not None
        again = await session.resume_interrupted()
        assert again is handle, "a second click is not a second time"
        outcomes.append(await handle.wait_for_playout())
        assert await session.resume_interrupted() is None

    call, llm = held([HangUp(Moment(8))], drive)
    assert outcomes == [Completed(REST)]
    assert heard_words(call) == "Your order is two lattes and it is ready soon"
    assert call.history == (Message("user", "two lattes"), CUT, Message("assistant", REST))
    assert [turn.origin for turn in call.turns] == ["text", "say"]
    assert len(llm.asked) == 1


def test_one_that_was_cancelled_before_it_began_can_be_gone_on_with_later() -> None:
    async def drive(session: Session) -> None:
        await session.send_text("two lattes")
        await until_heard(session)
        await trio.sleep(0.97)
        session.interrupt()
        await session.say("One moment.")
        first = await session.resume_interrupted()
        assert first is not None
        first.cancel()
        second = await session.resume_interrupted()
        assert second is not None
        assert second is not first

    call, _ = held([HangUp(Moment(8))], drive)
    assert heard_words(call) == "Your order is One moment two lattes and it is ready soon"


def test_text_that_was_only_displayed_is_gone_on_with() -> None:
    async def drive(session: Session) -> None:
        await session.send_text("two lattes")
        await until_heard(session)
        await trio.sleep(0.97)
        session.interrupt_speech()
        await until_a_turn_ends(session)
        await session.resume_interrupted()

    call, _ = held([HangUp(Moment(8))], drive)
    assert heard_words(call) == "Your order is two lattes and it is ready soon"


@pytest.mark.feature(61)
@pytest.mark.parametrize("by", ["caller", "application"])
def test_it_survives_being_saved_and_restored(by: str) -> None:
    sessions: list[Session] = []

    async def remember(session: Session) -> None:
        sessions.append(session)

    held([GO_ON[0], HangUp(Moment(1.0, "agent_starts"))], remember)
    restored = History.from_json(sessions[0].history.to_json())

    async def drive(session: Session) -> None:
        if by == "application":
            assert await session.resume_interrupted() is not None

    script: list[Step] = [speech("where were we", 0.2)] if by == "caller" else []
    call = simulate(AGENT, [*script, HangUp(Moment(8))], seed=1, drive=drive, history=restored)
    assert broken_promises(call) == []
    assert heard_words(call) == "two lattes and it is ready soon"
    assert call.history[1] == CUT


def test_nothing_is_gone_on_with_after_the_end() -> None:
    sessions: list[Session] = []

    async def remember(session: Session) -> None:
        sessions.append(session)

    held([GO_ON[0], HangUp(Moment(1.0, "agent_starts"))], remember)

    async def too_late() -> None:
        with pytest.raises(SessionClosed):
            await sessions[0].resume_interrupted()

    trio.run(too_late)
