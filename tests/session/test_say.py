"""What the application has said: how, in what order, until when, and who is told of it."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any

import numpy as np
import pytest
import trio

from tests.session.calls import AGENT, REPLY, agent, heard_words, of_kind, speech, wait_for_event
from tests.session.watched import Watched
from turnscope import ConfigError, QueueFull, SessionClosed
from turnscope.core import (
    Completed,
    Decided,
    Event,
    Failed,
    Interrupted,
    Message,
    Outcome,
    Resumed,
    SpeechStartsPlaying,
    TurnEnded,
    TurnStarted,
    Yielded,
)
from turnscope.providers import ScriptedLLM, VoiceOptions
from turnscope.session import Session, open_session
from turnscope.sim import Call, CallerTransport, FakeTTS, HangUp, Moment, Step, broken_promises, simulate

LONG = "One two three four five six seven eight nine ten."


def call_with(drive: Callable[[Session], Awaitable[object]], script: list[Step] | None = None, **changes: Any) -> Call:
    """A call of twelve seconds in which the application does something."""
    call = simulate(agent(**changes), script or [HangUp(Moment(12))], seed=1, drive=drive)
    assert broken_promises(call) == []
    return call


async def until(session: Session, kind: type[Event]) -> None:
    await wait_for_event(session, lambda event: isinstance(event, kind))


# How


@pytest.mark.feature(13)
def test_voice_speed_and_volume_reach_the_synthesizer() -> None:
    tts = Watched(FakeTTS())

    async def drive(session: Session) -> None:
        await session.say("One.", voice="joe", speed=1.5, volume=0.5)
        await session.say("Two.", speed=0.5)
        await session.say("Three.")

    call_with(drive, tts=tts, voice=VoiceOptions("amy", 1.2, 0.8))
    assert tts.asked == [
        ("One.", VoiceOptions("joe", 1.5, 0.5)),
        ("Two.", VoiceOptions("amy", 0.5, 0.8)),
        ("Three.", VoiceOptions("amy", 1.2, 0.8)),
    ]


@pytest.mark.feature(13)
def test_what_waits_when_another_agent_takes_over_is_said_in_that_ones_way() -> None:
    first, second = Watched(FakeTTS()), Watched(FakeTTS())

    async def drive(session: Session) -> None:
        await session.say("One.")
        await session.say("Two.", speed=0.5)
        await session.hand_over(agent(name="second", tts=second, voice=VoiceOptions("bob", volume=0.5)))

    call_with(drive, tts=first, voice=VoiceOptions("amy", 1.2))
    assert first.asked == [("One.", VoiceOptions("amy", 1.2))]
    assert second.asked == [("Two.", VoiceOptions("bob", 0.5, 0.5))]


@pytest.mark.feature(13)
def test_the_speed_is_heard_and_so_is_the_volume_though_the_synthesizer_knows_none() -> None:
    def spoken(**options: Any) -> Call:
        async def drive(session: Session) -> None:
            await session.say("One two three.", **options)

        return call_with(drive)

    plain, fast, soft, off = spoken(), spoken(speed=2.0), spoken(volume=0.5), spoken(volume=0.0)
    np.testing.assert_array_equal(soft.agent, plain.agent * np.float32(0.5))
    assert not off.agent.any()
    assert heard_words(fast) == "One two three"
    lengths = [np.flatnonzero(call.agent)[-1] - np.flatnonzero(call.agent)[0] for call in (plain, fast)]
    assert lengths[1] < 0.55 * lengths[0]


@pytest.mark.feature(13)
def test_a_synthesizer_that_applies_the_volume_itself_is_left_alone() -> None:
    class Able(FakeTTS):
        applies_volume = True

    async def drive(session: Session) -> None:
        await session.say("One two three.", volume=0.5)

    assert np.abs(call_with(drive, tts=Able()).agent).max() == np.abs(call_with(drive).agent).max() * 2


@pytest.mark.feature(13)
@pytest.mark.parametrize(
    "wrong", [{"speed": 0.0}, {"speed": float("inf")}, {"volume": -1.0}, {"volume": float("nan")}, {"voice": ""}]
)
async def test_options_that_make_no_sense_are_refused_by_name(wrong: dict[str, Any]) -> None:
    [name] = wrong
    async with open_session(AGENT, CallerTransport([])) as session:
        with pytest.raises(ConfigError, match=name):
            await session.say("One.", **wrong)
        with pytest.raises(ConfigError, match=name):
            await session.generate_reply(**wrong)
        handle = await session.say("Two.")
        assert await handle == Completed("Two.")


# Text that is being written


class Pieces:
    """An iterator that is no generator, and cannot be closed."""

    def __init__(self, *texts: str) -> None:
        self._texts = iter(texts)

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        await trio.lowlevel.checkpoint()
        try:
            return next(self._texts)
        except StopIteration:
            raise StopAsyncIteration from None


async def generated() -> AsyncIterator[str]:  # noqa: ASYNC900 -- an application may have such a one
    yield "One "
    yield "two."


@pytest.mark.parametrize("source", [lambda: Pieces("One ", "two."), generated], ids=["iterator", "generator"])
def test_any_async_iterator_will_do(source: Callable[[], AsyncIterator[str]]) -> None:
    async def drive(session: Session) -> None:
        assert await (await session.say(source())) == Completed("One two.")

    assert heard_words(call_with(drive)) == "One two"


def test_text_can_be_said_while_it_is_being_written() -> None:
    written: list[int] = []

    @trio.as_safe_channel
    async def write(session: Session) -> AsyncGenerator[str]:
        yield "One two three. "
        await trio.sleep(0.5)
        yield "Four "
        await trio.sleep(0.5)
        yield "five."
        written.append(session.now())

    async def drive(session: Session) -> None:
        handle = await session.say(write(session))
        assert await handle == Completed("One two three. Four five.")

    call = call_with(drive)
    assert heard_words(call) == "One two three Four five"
    assert of_kind(call, SpeechStartsPlaying)[0].sample < written[0]
    assert call.history == (Message("assistant", "One two three. Four five."),)


def test_pieces_are_read_when_their_turn_has_come() -> None:
    read: list[str] = []

    @trio.as_safe_channel
    async def write(name: str) -> AsyncGenerator[str]:
        read.append(name)
        yield f"{name}."

    async def drive(session: Session) -> None:
        first = await session.say(write("One"))
        second = await session.say(write("Two"))
        await until(session, SpeechStartsPlaying)
        assert read == ["One"]
        await first
        await second

    assert heard_words(call_with(drive)) == "One Two"


@trio.as_safe_channel
async def stuck() -> AsyncGenerator[str]:
    yield "One two. "
    await trio.sleep_forever()


@trio.as_safe_channel
async def raising() -> AsyncGenerator[str]:
    yield "One two. "
    raise ValueError("no more ink")


@trio.as_safe_channel
async def lying() -> AsyncGenerator[Any]:
    yield "One two. "
    yield 3


@pytest.mark.parametrize(
    ("source", "message"),
    [(stuck, "gave nothing for 2 s"), (raising, "ValueError: no more ink"), (lying, "gave int instead of text")],
)
def test_text_that_does_not_come_ends_its_turn_and_not_the_session(source: Callable[[], Any], message: str) -> None:
    async def drive(session: Session) -> None:
        outcome = await (await session.say(source()))
        assert isinstance(outcome, Failed)
        assert outcome.provider == "say"
        assert outcome.message.startswith(message)
        assert await (await session.say("Three.")) == Completed("Three.")

    call_with(drive, provider_timeout_s=2.0)


def test_pieces_that_are_not_wanted_any_more_are_closed_at_once() -> None:
    closed: list[int] = []

    @trio.as_safe_channel
    async def write(session: Session) -> AsyncGenerator[str]:
        try:
            for _ in range(100):
                yield "One two three. "
                await trio.sleep(0.1)
        finally:
            closed.append(session.now())

    async def drive(session: Session) -> None:
        handle = await session.say(write(session))
        await until(session, SpeechStartsPlaying)
        await trio.sleep(0.5)
        handle.cancel()
        cancelled = session.now()
        await handle
        assert closed == [cancelled]

    call_with(drive)


# Handles


@pytest.mark.feature(15)
def test_waiting_for_a_handle_gives_the_outcome_and_being_interrupted_is_no_exception() -> None:
    outcomes: list[Outcome] = []

    async def drive(session: Session) -> None:
        outcomes.append(await (await session.say("One.")))
        handle = await session.say(LONG)
        await until(session, SpeechStartsPlaying)
        await trio.sleep(0.5)
        session.interrupt()
        assert handle.outcome is None, "its tasks have yet to end"
        outcomes.append(await handle.wait_for_playout())
        assert handle.outcome is outcomes[-1] is await handle
        outcomes.append(await (await session.send_text("two lattes")))

    call = call_with(drive)
    assert [type(outcome) for outcome in outcomes] == [Completed, Interrupted, Completed]
    assert outcomes == [event.outcome for event in of_kind(call, TurnEnded)]


PROTECTED = pytest.mark.parametrize("allow", [True, False], ids=["interruptible", "protected"])


@pytest.mark.feature(16)
@PROTECTED
@pytest.mark.parametrize("wait_s", [0.0, 0.05, 0.3, 0.9], ids=["at once", "before audio", "first word", "mid-word"])
def test_cancelling_is_immediate_and_twice_is_once(wait_s: float, allow: bool) -> None:
    cuts: list[int] = []

    async def drive(session: Session) -> None:
        handle = await session.say(LONG, allow_interruptions=allow)
        await trio.sleep(wait_s)
        handle.cancel("client_request")
        cuts.append(session.now())
        handle.cancel("again")
        outcome = await handle
        assert isinstance(outcome, Interrupted)
        assert outcome.cause.reason == "client_request"
        assert outcome.gate_shut == cuts[0]
        handle.cancel("too late")

    call = call_with(drive)
    assert len(of_kind(call, TurnEnded)) == 1
    [turn] = call.turns
    assert isinstance(turn.outcome, Interrupted)
    silent = turn.outcome.silence or cuts[0]
    assert silent <= cuts[0] + 320 + 800, "nothing but the frame in flight and the fade of 50 ms comes after it"
    assert not call.agent[silent:].any()
    assert turn.outcome.heard.rstrip(".") == heard_words(call, 0, turn.outcome.last_sent or 0)


@pytest.mark.feature(16)
@PROTECTED
def test_cancelling_takes_out_of_the_queue_what_waits_in_it_also_what_is_protected(allow: bool) -> None:
    async def drive(session: Session) -> None:
        first = await session.say("One.")
        second = await session.say("Two.", allow_interruptions=allow)
        third = await session.say("Three.")
        second.cancel()
        second.cancel()
        before = session.now()
        outcome = await second
        assert isinstance(outcome, Interrupted)
        assert (outcome.heard, outcome.silence) == ("", None)
        assert session.now() == before
        await first
        await third

    call = call_with(drive)
    assert heard_words(call) == "One Three"
    assert len(of_kind(call, TurnEnded)) == 3


@pytest.mark.feature(16)
def test_cancelling_an_answer_whose_voice_was_silenced_ends_its_text() -> None:
    async def drive(session: Session) -> None:
        handle = await session.send_text("two lattes")
        await until(session, SpeechStartsPlaying)
        session.interrupt_speech("quiet")
        assert handle.outcome is None
        handle.cancel()
        cancelled = session.now()
        outcome = await handle
        assert isinstance(outcome, Interrupted)
        assert outcome.cause.reason == "quiet"
        assert session.now() == cancelled

    call_with(drive, llm=ScriptedLLM([], fallback=f"Sure. {LONG} {LONG}", tokens_per_s=8))


@pytest.mark.feature(14)
@PROTECTED
def test_the_callers_words_cut_what_may_be_interrupted_and_are_held_until_what_may_not_is_over(allow: bool) -> None:
    async def drive(session: Session) -> None:
        await session.say(LONG, allow_interruptions=allow)

    call = call_with(drive, [speech("wait three.", 1.0, "agent_starts"), HangUp(Moment(3.0, "quiet"))])
    first, second = call.turns
    assert first.outcome is not None
    assert first.outcome.kind == ("interrupted" if allow else "completed")
    assert (second.text, second.outcome) == ("wait three", Completed("Fine, three."))


def test_lifting_the_protection_lets_the_policy_judge_who_was_held() -> None:
    async def drive(session: Session) -> None:
        handle = await session.say(LONG, allow_interruptions=False)
        assert not handle.allow_interruptions
        await until(session, Decided)
        await trio.sleep(0.5)
        handle.allow_interruptions = True
        assert handle.allow_interruptions

    call = call_with(drive, [speech("wait three.", 1.0, "agent_starts"), HangUp(Moment(3.0, "quiet"))])
    assert [event.verdict for event in of_kind(call, Decided)] == ["hold", "confirm"]
    assert [turn.outcome.kind for turn in call.turns if turn.outcome] == ["interrupted", "completed"]


def test_what_is_protected_while_somebody_is_being_judged_speaks_on() -> None:
    async def drive(session: Session) -> None:
        handle = await session.say(LONG)
        await until(session, Yielded)
        handle.allow_interruptions = False
        assert isinstance(await handle, Completed)

    call = call_with(drive, [speech("wait three.", 1.0, "agent_starts"), HangUp(Moment(3.0, "quiet"))])
    assert [event.verdict for event in of_kind(call, Decided)] == ["hold"]
    assert len(of_kind(call, Resumed)) == 1
    assert heard_words(call).startswith("One two three four five six seven eight nine ten Fine three")


def test_what_waits_can_be_protected_too() -> None:
    async def drive(session: Session) -> None:
        await session.say("One.")
        second = await session.say("Two.")
        await session.say("Three.")
        second.allow_interruptions = False
        session.interrupt()

    assert heard_words(call_with(drive)) == "Two"


# The queue


async def test_one_thing_more_than_can_wait_is_refused_and_nothing_is_lost() -> None:
    async with open_session(agent(max_queued_says=3), CallerTransport([])) as session:
        handles = [await session.say(f"{word}.") for word in ("One", "Two", "Three", "Four")]  # one is being said
        with pytest.raises(QueueFull, match="3 things wait"):
            await session.say("Five.")
        with pytest.raises(QueueFull):
            await session.generate_reply()
        handles[2].cancel()
        handles.append(await session.say("Six."))
        assert [(await handle).kind for handle in handles] == [*["completed"] * 2, "interrupted", *["completed"] * 2]


@pytest.mark.parametrize("wrong", [0, -1])
def test_a_queue_for_nothing_is_refused(wrong: int) -> None:
    with pytest.raises(ConfigError, match="max_queued_says"):
        agent(max_queued_says=wrong)


# What the model knows


def test_what_is_kept_from_the_history_never_reaches_the_model() -> None:
    llm = Watched(ScriptedLLM([], fallback=REPLY))

    async def drive(session: Session) -> None:
        await (await session.say("This call is recorded.", add_to_history=False))
        await (await session.say("Hello."))
        cut = await session.say(LONG, add_to_history=False)
        await until(session, SpeechStartsPlaying)
        cut.cancel()
        await cut
        await (await session.send_text("two lattes"))

    call = call_with(drive, llm=llm)
    known = (Message("assistant", "Hello."), Message("user", "two lattes"))
    assert llm.asked == [(known,)]
    assert call.history == (*known, Message("assistant", REPLY))


def test_the_model_can_be_told_to_speak_of_its_own_accord() -> None:
    llm = Watched(ScriptedLLM([], fallback=REPLY))

    async def drive(session: Session) -> None:
        await session.say("Hello.")
        handle = await session.generate_reply(instructions="Ask for the order.")
        assert await handle == Completed(REPLY)
        await (await session.generate_reply(user_text="two lattes"))

    call = call_with(drive, llm=llm, instructions="Be kind.")
    kind, hello = Message("system", "Be kind."), Message("assistant", "Hello.")
    reply = Message("assistant", REPLY)
    assert [messages for (messages,) in llm.asked] == [
        (kind, hello, Message("system", "Ask for the order.")),
        (kind, Message("assistant", f"Hello. {REPLY}"), Message("user", "two lattes")),
    ]
    assert call.history == (hello, reply, Message("user", "two lattes"), reply)
    assert [event.origin for event in of_kind(call, TurnStarted)] == ["say", "reply", "reply"]
    assert heard_words(call).count("lattes") == 2


def test_what_the_model_says_of_its_own_accord_waits_its_turn_and_can_be_protected() -> None:
    async def drive(session: Session) -> None:
        await session.say("One two three four.")
        await session.generate_reply(allow_interruptions=False)

    call = call_with(drive, [speech("wait three.", 0.5, "agent_starts", reply=2), HangUp(Moment(3.0, "quiet"))])
    assert [turn.outcome for turn in call.turns] == [
        Completed("One two three four."),
        Completed(REPLY),
        Completed("Fine, three."),
    ]


async def test_a_session_that_was_left_generates_nothing() -> None:
    async with open_session(AGENT, CallerTransport([])) as session:
        waiting = [await session.say(LONG), await session.generate_reply()]
    assert [handle.outcome.kind for handle in waiting if handle.outcome] == ["hung_up", "hung_up"]
    with pytest.raises(SessionClosed):
        await session.generate_reply()
