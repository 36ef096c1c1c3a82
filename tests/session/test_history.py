"""What a session remembers, gives its model, and takes from one call to the next."""

import logging
from itertools import pairwise
from typing import Any

import pytest
import trio

from tests.session.calls import AGENT, REPLY, agent, barge_in, of_kind, speech, wait_for_event
from tests.session.hostile import Hostile
from tests.session.watched import Watched
from turnscope.core import (
    Completed,
    History,
    HistoryChanged,
    HistorySettings,
    Interrupted,
    Message,
    SpeechStartsPlaying,
    TurnEnded,
)
from turnscope.providers import ScriptedLLM, SpeechChunk, VoiceOptions
from turnscope.session import Session
from turnscope.sim import Call, FakeTTS, HangUp, Moment, Step, broken_promises, simulate

CUT = Message("assistant", "Your order is", interrupted=True, unheard="two lattes, and it is ready soon.")


def asked(llm: Watched) -> list[list[tuple[str, str]]]:
    """What a model was asked, each time."""
    return [[(message.role, message.text) for message in messages] for (messages,) in llm.asked]


async def until_heard(session: Session) -> None:
    await wait_for_event(session, lambda event: isinstance(event, SpeechStartsPlaying))


# Partial replies


@pytest.mark.feature(50)
def test_a_reply_that_was_cut_off_is_kept_as_heard_and_marked_and_told_so() -> None:
    call = simulate(AGENT, barge_in(), seed=1)
    assert call.history[:2] == (Message("user", "two lattes please"), CUT)
    [first, *_] = of_kind(call, HistoryChanged)
    assert (first.change, first.turn_id, first.messages) == ("added", 1, call.history[:2])
    outcome = call.turns[0].outcome
    assert isinstance(outcome, Interrupted)
    assert first.sample == outcome.gate_shut


@pytest.mark.feature(50)
def test_the_model_is_told_of_the_interruption_where_that_is_wanted() -> None:
    llm = Watched(AGENT.llm)
    note = "[You were cut off after {heard!r}]".replace("!r", "")
    simulate(agent(llm=llm, history=HistorySettings(interruption_note=note)), barge_in(), seed=1)
    assert asked(llm)[1] == [
        ("user", "two lattes please"),
        ("assistant", "Your order is"),
        ("user", "[You were cut off after Your order is]\nwait three"),
    ]


@pytest.mark.parametrize("fault", ["", "shields_for_a_while", "shields_for_ever"])
def test_turns_are_remembered_in_the_order_in_which_they_held_the_floor(fault: str) -> None:
    """Also those that the application began, and those whose tasks end late or never."""

    async def drive(session: Session) -> None:
        await session.say("One two three four five six seven.")
        await session.say("Recorded.", allow_interruptions=False)

    tts = Hostile(AGENT.tts, fault, "close") if fault else AGENT.tts
    script: list[Step] = [speech("wait three", 1.0, "agent_starts"), HangUp(Moment(14))]
    call = simulate(agent(tts=tts), script, seed=1, drive=drive)
    assert broken_promises(call) == []
    cut, asked_next, *_ = call.history
    assert (cut.role, cut.interrupted) == ("assistant", True)
    assert cut.text.startswith("One two")
    assert (asked_next.role, asked_next.text) == ("user", "wait three")
    added = [event for event in of_kind(call, HistoryChanged) if event.change == "added"]
    assert [event.turn_id for event in added] == [turn.turn_id for turn in call.turns if turn.outcome]
    outcome = call.turns[0].outcome
    assert isinstance(outcome, Interrupted)
    assert added[0].sample == outcome.gate_shut, "and not when its tasks have ended"


def test_text_that_was_written_after_the_voice_is_kept_when_another_question_ends_it() -> None:
    async def drive(session: Session) -> None:
        await session.send_text("two lattes")
        await until_heard(session)
        await trio.sleep(0.45)
        session.interrupt_speech()
        await trio.sleep(0.25)
        await session.send_text("wait")

    slow = ScriptedLLM([], fallback="Yes. One two three four five six seven.", tokens_per_s=6)
    call = simulate(agent(llm=slow), [HangUp(Moment(6))], seed=1, drive=drive)
    message = call.history[1]
    outcome = call.turns[0].outcome
    assert isinstance(outcome, Interrupted)
    assert message == Message("assistant", "Yes", interrupted=True, unheard=outcome.unheard)
    assert outcome.unheard == ". One two three four five"
    assert [event.change for event in of_kind(call, HistoryChanged)] == ["added", "amended", "added"]


def test_of_a_reply_that_its_synthesizer_gives_no_sound_for_nothing_was_heard() -> None:
    class Mute(FakeTTS):
        def _chunks(self, text: str, options: VoiceOptions) -> list[SpeechChunk]:
            return []

    async def drive(session: Session) -> None:
        await session.send_text("two lattes")

    call = simulate(agent(tts=Mute()), [HangUp(Moment(6))], seed=1, drive=drive)
    assert broken_promises(call) == []
    assert [turn.outcome for turn in call.turns] == [Completed("")]
    assert call.history == (Message("user", "two lattes"), Message("assistant", "", unheard=REPLY))


# Questions that were not answered


def two_questions(**changes: Any) -> tuple[Call, Watched]:
    """The first one is interrupted while the model thinks about it."""

    async def drive(session: Session) -> None:
        await session.send_text("two lattes")
        await trio.sleep(0.25)
        session.interrupt("user_clicked_stop")
        await session.send_text("and a cake")

    llm = Watched(AGENT.llm)
    call = simulate(agent(llm=llm, **changes), [HangUp(Moment(8))], seed=1, drive=drive)
    assert broken_promises(call) == []
    return call, llm


@pytest.mark.feature(25, 50)
def test_a_question_of_whose_answer_nothing_was_heard_is_asked_with_the_next_one() -> None:
    call, llm = two_questions()
    assert asked(llm) == [[("user", "two lattes")], [("user", "two lattes\nand a cake")]]
    assert [message.text for message in call.history if message.role == "user"] == ["two lattes", "and a cake"]


def test_a_question_whose_answer_had_to_wait_for_another_turn_to_end_is_remembered() -> None:
    """It is interrupted before there is an attempt at answering it."""

    async def drive(session: Session) -> None:
        await session.say("One two three four five.")
        await until_heard(session)
        await trio.sleep(0.4)
        await session.send_text("two lattes")
        await trio.sleep(0.1)
        session.interrupt("user_clicked_stop")
        await session.send_text("and a cake")

    llm = Watched(AGENT.llm)
    slow = Hostile(FakeTTS(), "shields_for_a_while")
    call = simulate(agent(llm=llm, tts=slow), [HangUp(Moment(8))], seed=1, drive=drive)
    assert [(type(turn.outcome).__name__, turn.attempts) for turn in call.turns[1:]] == [
        ("Interrupted", 0),
        ("Completed", 1),
    ]
    assert asked(llm)[-1][-1] == ("user", "two lattes\nand a cake")
    assert [message.text for message in call.history if message.role == "user"] == ["two lattes", "and a cake"]


def test_what_was_asked_when_the_call_broke_off_is_remembered() -> None:
    call = simulate(AGENT, [speech("two lattes please", 0.2), HangUp(Moment(1.7))], seed=1)
    assert [turn.outcome.kind for turn in call.turns if turn.outcome] == ["hung_up"]
    assert call.history[0] == Message("user", "two lattes please")


def test_after_a_failure_the_question_is_asked_with_the_next_one() -> None:
    async def drive(session: Session) -> None:
        await session.send_text("two lattes")
        await wait_for_event(session, lambda event: isinstance(event, TurnEnded))
        await session.send_text("and a cake")

    llm = Watched(Hostile(AGENT.llm, "raises", times=1))
    call = simulate(agent(llm=llm), [HangUp(Moment(8))], seed=1, drive=drive)
    assert [turn.outcome.kind for turn in call.turns if turn.outcome] == ["failed", "completed"]
    assert asked(llm)[-1] == [("user", "two lattes\nand a cake")]


@pytest.mark.parametrize("seed", range(3))
def test_whatever_was_interrupted_the_model_is_given_caller_and_agent_in_turns(seed: int) -> None:
    async def drive(session: Session) -> None:
        await session.say("Hello.")
        await session.say("How are you?")
        for pause_s in (0.3, 1.0, 0.05, 2.0, 0.0, 0.7):
            await trio.sleep(pause_s)
            await session.send_text(f"after {pause_s}")

    script: list[Step] = [speech("wait please", 6), speech("no stop it", 8), HangUp(Moment(14))]
    llm = Watched(AGENT.llm)
    call = simulate(agent(llm=llm), script, seed=seed, drive=drive)
    assert broken_promises(call) == []
    for messages in asked(llm):
        assert all(one[0] != other[0] for one, other in pairwise(messages))
        assert messages[-1][0] == "user"


# The application


@pytest.mark.feature(51)
def test_a_history_that_is_cleared_while_a_turn_runs_then_holds_that_turn() -> None:
    async def drive(session: Session) -> None:
        await session.say("Hello.")
        await wait_for_event(session, lambda event: isinstance(event, TurnEnded))
        await session.send_text("two lattes")
        await until_heard(session)
        session.history.clear()
        assert session.history.messages == ()

    call = simulate(AGENT, [HangUp(Moment(8))], seed=1, drive=drive)
    assert broken_promises(call) == []
    assert call.history == (Message("user", "two lattes"), Message("assistant", REPLY))
    assert [event.change for event in of_kind(call, HistoryChanged)] == ["added", "cleared", "added"]


@pytest.mark.feature(51)
def test_a_history_that_is_set_while_a_turn_runs_counts_from_the_next_answer_on() -> None:
    other = (Message("user", "I am Ann."), Message("assistant", "Hello, Ann."))

    async def drive(session: Session) -> None:
        await session.send_text("two lattes")
        await until_heard(session)
        session.history.replace(other)
        await trio.sleep(0.4)
        await session.send_text("wait")

    llm = Watched(AGENT.llm)
    call = simulate(agent(llm=llm), [HangUp(Moment(8))], seed=1, drive=drive)
    assert call.history[:2] == other
    assert asked(llm) == [
        [("user", "two lattes")],
        [
            ("user", "I am Ann."),
            ("assistant", "Hello, Ann."),
            ("user", "two lattes"),
            ("assistant", "Your"),
            ("user", "wait"),
        ],
    ]


@pytest.mark.feature(51)
def test_limits_drop_whole_turns_and_say_so() -> None:
    async def drive(session: Session) -> None:
        for text in ("one", "two", "three"):
            await session.send_text(text)
            await wait_for_event(session, lambda event: isinstance(event, TurnEnded))

    call = simulate(agent(history=HistorySettings(max_messages=3)), [HangUp(Moment(20))], seed=1, drive=drive)
    assert [message.text for message in call.history] == ["three", REPLY]
    dropped = [event.messages for event in of_kind(call, HistoryChanged) if event.change == "trimmed"]
    assert [[message.text for message in messages] for messages in dropped] == [["one", REPLY], ["two", REPLY]]


def test_a_counter_of_tokens_that_raises_harms_no_turn_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    def count(message: Message) -> int:
        raise RuntimeError("no such encoding")

    settings = HistorySettings(max_tokens=1000, count_tokens=count)
    with caplog.at_level(logging.ERROR, "turnscope"):
        call = simulate(agent(history=settings), barge_in(), seed=1)
    assert broken_promises(call) == []
    assert len(call.history) == 4
    assert [record.getMessage() for record in caplog.records] == [
        "count_tokens failed; tokens are estimated where it does"
    ]


# From one call to the next


@pytest.mark.feature(51)
def test_a_call_goes_on_where_a_saved_one_ended() -> None:
    saved: list[History] = []

    async def drive(session: Session) -> None:
        saved.append(session.history)

    first = simulate(AGENT, barge_in(), seed=1, drive=drive)
    restored = History.from_json(saved[0].to_json())
    llm = Watched(AGENT.llm)
    second = simulate(
        agent(llm=llm),
        [speech("thank you", 0.2), HangUp(Moment(0.5, "agent_starts"))],
        seed=1,
        history=restored,
    )
    assert second.history[:4] == first.history
    assert asked(llm)[0][:-1] == [(message.role, message.text) for message in first.history]
    [told, *_] = of_kind(second, HistoryChanged)
    assert (told.change, told.messages, told.sample) == ("restored", first.history, 0)
    assert restored.messages == first.history, "it was copied"


def test_what_is_restored_keeps_to_the_limits_of_the_agent() -> None:
    history = History()
    for name in "abc":
        history.append(Message("user", name), Message("assistant", name.upper()))
    limited = agent(history=HistorySettings(max_messages=4))
    call = simulate(limited, [HangUp(Moment(1))], seed=1, history=history)
    assert [message.text for message in call.history] == ["b", "B", "c", "C"]
