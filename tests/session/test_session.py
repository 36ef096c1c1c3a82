"""What an application does with a session, and what it gets."""

import dataclasses
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
import trio

from tests.session.calls import AGENT, REPLY, agent, barge_in, child_tasks, heard_words, of_kind, speech, wait_for_event
from turnscope import ConfigError, ProviderError, SessionClosed, TooManySessions, TransportError
from turnscope.core import (
    CLOCK_HZ,
    AttemptStarted,
    Completed,
    Decided,
    Event,
    HungUp,
    Interrupted,
    LoopBlocked,
    Message,
    SessionEnded,
    SpeechStartsPlaying,
    State,
    StateChanged,
    TurnEnded,
    TurnStarted,
    WordsHeard,
)
from turnscope.providers import Resources, ScriptedLLM, TextDelta
from turnscope.session import Agent, Record, Runtime, Session, open_runtime, open_session
from turnscope.sim import (
    Call,
    CallerTransport,
    FakeSTT,
    FakeTTS,
    HangUp,
    Moment,
    Step,
    broken_promises,
    read_words,
    simulate,
)
from turnscope.transports import InputFrame, OutputFrame, WavTransport, memory_pair

SHORT = "It is ready."
LONG = "One two three four five six seven eight nine ten."


def call_with(drive: Callable[[Session], Awaitable[object]], script: list[Step] | None = None, **changes: Any) -> Call:
    """A call of ten seconds in which the application does something."""
    call = simulate(agent(**changes), script or [HangUp(Moment(10))], seed=1, drive=drive)
    assert broken_promises(call) == []
    return call


async def until_heard(session: Session) -> None:
    await wait_for_event(session, lambda event: isinstance(event, SpeechStartsPlaying))


def endings(call: Call) -> list[tuple[str, str]]:
    """What each turn said, or was to answer, and how it ended."""
    return [(turn.text, turn.outcome.kind) for turn in call.turns if turn.outcome]


# say


def test_what_is_said_is_heard_and_waiting_for_it_gives_the_outcome() -> None:
    outcomes: list[object] = []

    async def drive(session: Session) -> None:
        handle = await session.say(SHORT)
        assert handle.turn_id == 1
        assert handle.outcome is None
        outcomes.append(await handle.wait_for_playout())
        outcomes.append(handle.outcome)
        outcomes.append(session.now())

    call = call_with(drive)
    ended = of_kind(call, TurnEnded)[0].sample
    assert outcomes == [Completed(SHORT), Completed(SHORT), ended]
    assert heard_words(call, 0, ended) == "It is ready"
    assert call.history == (Message("assistant", SHORT),)


def test_things_to_say_are_said_in_order_one_after_the_other() -> None:
    async def drive(session: Session) -> None:
        for text in ("One.", "Two.", "Three."):
            await session.say(text)

    call = call_with(drive)
    assert heard_words(call) == "One Two Three"
    assert endings(call) == [("One.", "completed"), ("Two.", "completed"), ("Three.", "completed")]


def test_cancelling_one_that_waits_takes_it_out_of_the_queue() -> None:
    outcomes: list[object] = []

    async def drive(session: Session) -> None:
        first, second, third = [await session.say(text) for text in ("One.", "Two.", "Three.")]
        second.cancel("client_request")
        second.cancel("again")
        outcome = await second.wait_for_playout()
        assert isinstance(outcome, Interrupted)
        outcomes.append((outcome.cause.reason, outcome.heard, outcome.silence))
        outcomes.append(session.now())
        outcomes.extend([await first.wait_for_playout(), await third.wait_for_playout()])

    call = call_with(drive)
    assert outcomes == [("client_request", "", None), 0, Completed("One."), Completed("Three.")]
    assert heard_words(call) == "One Three"
    assert [event.turn_id for event in of_kind(call, TurnEnded)] == [2, 1, 3]


def test_cancelling_the_one_that_is_being_said_goes_on_with_the_next() -> None:
    async def drive(session: Session) -> None:
        first = await session.say(LONG)
        await session.say(SHORT)
        await until_heard(session)
        await trio.sleep(0.7)
        first.cancel()

    call = call_with(drive)
    assert heard_words(call) == "One two It is ready"
    assert endings(call) == [(LONG, "interrupted"), (SHORT, "completed")]


def test_cancelling_what_has_been_said_does_nothing() -> None:
    async def drive(session: Session) -> None:
        handle = await session.say(SHORT)
        assert await handle.wait_for_playout() == Completed(SHORT)
        handle.cancel()
        assert handle.outcome == Completed(SHORT)

    assert len(of_kind(call_with(drive), TurnEnded)) == 1


def test_something_said_while_the_caller_speaks_waits_for_the_answer() -> None:
    async def drive(session: Session) -> None:
        await trio.sleep(0.5)
        await session.say(SHORT)

    call = call_with(drive, [speech("two lattes please", 0.2), HangUp(Moment(10))])
    assert endings(call) == [("two lattes please", "completed"), (SHORT, "completed")]
    assert heard_words(call) == "Your order is two lattes and it is ready soon It is ready"


def test_words_over_protected_speech_are_held_and_answered_after_it() -> None:
    async def drive(session: Session) -> None:
        await session.say(LONG, allow_interruptions=False)

    call = call_with(drive, [speech("two lattes please", 0.5, "agent_starts"), HangUp(Moment(12))])
    assert [event.verdict for event in of_kind(call, Decided)] == ["hold"]
    assert endings(call) == [(LONG, "completed"), ("two lattes please", "completed")]
    assert heard_words(call) == f"{LONG[:-1]} Your order is two lattes and it is ready soon"


def test_interrupting_flushes_what_waits_unless_it_is_protected() -> None:
    async def drive(session: Session) -> None:
        await session.say(LONG)
        await session.say("Dropped.")
        await session.say("Kept.", allow_interruptions=False)
        await until_heard(session)
        await trio.sleep(0.4)
        session.interrupt("priority_message")

    call = call_with(drive)
    assert heard_words(call) == "One Kept"
    assert endings(call) == [(LONG, "interrupted"), ("Kept.", "completed")]
    reasons = [
        event.outcome.cause.reason for event in of_kind(call, TurnEnded) if isinstance(event.outcome, Interrupted)
    ]
    assert reasons == ["priority_message"] * 2


# Typed words


def test_typed_words_are_answered() -> None:
    async def drive(session: Session) -> None:
        await session.send_text("two lattes")

    call = call_with(drive)
    assert endings(call) == [("two lattes", "completed")]
    assert call.turns[0].origin == "text"
    assert call.history == (Message("user", "two lattes"), Message("assistant", REPLY))


def test_typed_words_interrupt_what_is_being_said() -> None:
    async def drive(session: Session) -> None:
        await session.say(LONG)
        await until_heard(session)
        await trio.sleep(0.4)
        await session.send_text("wait")

    call = call_with(drive)
    assert endings(call) == [(LONG, "interrupted"), ("wait", "completed")]
    outcome = call.turns[0].outcome
    assert isinstance(outcome, Interrupted)
    assert outcome.cause.reason == "new_input"
    assert heard_words(call) == "One Fine three"


def test_typed_words_are_answered_together_with_spoken_ones_that_were_not_answered_yet() -> None:
    async def drive(session: Session) -> None:
        await trio.sleep(0.9)
        await session.send_text("wait")

    call = call_with(drive, [speech("two lattes please", 0.2), HangUp(Moment(8))])
    assert endings(call) == [("two lattes please\nwait", "completed")]
    assert [message.text for message in call.history] == ["two lattes please\nwait", "Fine, three."]
    assert heard_words(call) == "Fine three"


# Two levels of interruption


def test_interrupting_nobody_does_nothing() -> None:
    async def drive(session: Session) -> None:
        session.interrupt()
        session.interrupt_speech()
        await session.say(SHORT)

    assert endings(call_with(drive)) == [(SHORT, "completed")]


TALE = f"{REPLY} Please come to the counter, and bring a cup of your own."


class Remembering(ScriptedLLM):
    """Remembers what it got to say."""

    def __init__(self) -> None:
        super().__init__([], fallback=TALE, tokens_per_s=8)
        self.said: list[str] = []

    @asynccontextmanager
    async def connect(self, resources: Resources) -> AsyncGenerator[Any]:
        async with super().connect(resources) as inner:
            said = self.said

            class Connection:
                @asynccontextmanager
                async def open_stream(self, *arguments: Any) -> AsyncGenerator[Any]:
                    async with inner.open_stream(*arguments) as stream:
                        yield Items(stream)

            class Items:
                def __init__(self, stream: Any) -> None:
                    self._stream = stream

                def __aiter__(self) -> Any:
                    return self

                async def __anext__(self) -> Any:
                    item = await anext(self._stream)
                    if isinstance(item, TextDelta):
                        said.append(item.text)
                    return item

            yield Connection()


@pytest.mark.parametrize(("interrupt", "finishes"), [(Session.interrupt, False), (Session.interrupt_speech, True)])
def test_interrupting_the_speech_lets_the_model_finish_and_interrupting_the_turn_does_not(
    interrupt: Callable[[Session], None], finishes: bool
) -> None:
    llm = Remembering()
    said: list[str] = []

    async def drive(session: Session) -> None:
        await session.send_text("two lattes")
        await until_heard(session)
        await trio.sleep(0.4)
        interrupt(session)
        assert session.state is State.LISTENING
        said.extend(llm.said)

    call = call_with(drive, llm=llm)
    outcome = call.turns[0].outcome
    assert isinstance(outcome, Interrupted)
    assert heard_words(call) == outcome.heard == "Your"
    assert "".join(said) != TALE
    assert "".join(llm.said) == (TALE if finishes else "".join(said))


def test_text_that_goes_on_after_its_voice_was_silenced_stops_when_somebody_else_is_to_be_answered() -> None:
    llm = Remembering()

    async def drive(session: Session) -> None:
        await session.send_text("two lattes")
        await until_heard(session)
        session.interrupt_speech()
        await trio.sleep(0.3)
        await session.say(SHORT)

    call = call_with(drive, llm=llm)
    said = "".join(llm.said)
    assert TALE.startswith(said)
    assert said != TALE
    assert heard_words(call) == "It is ready"


# Events


def test_events_are_the_same_for_everybody_and_end_with_the_session() -> None:
    received: list[Event] = []

    async def drive(session: Session) -> None:
        async with session.events() as events:
            async for event in events:
                received.append(event)

    records: list[Record] = []

    async def main() -> None:
        transport = CallerTransport(barge_in())
        async with trio.open_nursery() as nursery, open_session(AGENT, transport, sinks=(records.append,)) as session:
            nursery.start_soon(drive, session)
            await trio.testing.wait_all_tasks_blocked()
            await session.wait_ended()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    logged = [record for record in records if isinstance(record, Event)]
    assert isinstance(logged[-1], SessionEnded)
    assert received == logged[logged.index(received[0]) :]
    assert logged.index(received[0]) <= 1
    assert {TurnStarted, WordsHeard, TurnEnded} <= {type(event) for event in received}


async def test_subscribing_after_the_end_gives_nothing() -> None:
    async with open_session(AGENT, CallerTransport([HangUp(Moment(0.5))])) as session:
        await session.wait_ended()
    async with session.events() as events:
        assert [event async for event in events] == []


def test_the_state_can_be_asked_for_and_follows_the_events() -> None:
    async def drive(session: Session) -> None:
        state = session.state
        assert state is State.LISTENING
        async with session.events() as events:
            await session.say(SHORT)
            async for event in events:
                if isinstance(event, StateChanged):
                    assert event.old == state.value
                    state = session.state
                    if state is State.LISTENING:
                        break

    call = call_with(drive)
    changes = [(event.old, event.new) for event in of_kind(call, StateChanged)]
    assert changes == [
        ("initial", "listening"),
        ("listening", "processing"),
        ("processing", "speaking"),
        ("speaking", "listening"),
        ("listening", "ended"),
    ]


def test_a_caller_who_says_nothing_is_away_until_something_is_said() -> None:
    async def drive(session: Session) -> None:
        await trio.sleep(3.5)
        assert session.state is State.AWAY
        await session.say(SHORT)

    call = call_with(drive, away_after_s=2.0)
    assert [event.new for event in of_kind(call, StateChanged)][:4] == ["listening", "away", "listening", "processing"]
    assert next(event.at for event in of_kind(call, StateChanged) if event.new == "away") == 2.0


# Endings


@pytest.mark.feature(3)
async def test_a_session_that_was_left_takes_no_orders() -> None:
    async with open_session(AGENT, CallerTransport([HangUp(Moment(5))])) as session:
        handle = await session.say(SHORT)
    assert handle.outcome == HungUp("shutdown")
    assert session.state is State.ENDED
    with pytest.raises(SessionClosed, match="session session has ended"):
        await session.say(SHORT)
    with pytest.raises(SessionClosed):
        await session.send_text("two lattes")
    session.interrupt()
    session.interrupt_speech()
    handle.cancel()
    await session.wait_ended()


@pytest.mark.feature(3, 57)
async def test_a_session_whose_caller_has_hung_up_takes_no_orders() -> None:
    async with open_session(AGENT, CallerTransport([HangUp(Moment(0.5))]), session_id="a call") as session:
        await session.wait_ended()
        with pytest.raises(SessionClosed, match="a call"):
            await session.say(SHORT)


@pytest.mark.feature(57)
@pytest.mark.parametrize(("hangs_up_s", "reason"), [(5.0, "shutdown"), (1.0, "hung_up")])
async def test_what_waits_when_the_session_ends_was_never_said(hangs_up_s: float, reason: str) -> None:
    transport = CallerTransport([HangUp(Moment(hangs_up_s))])
    async with open_session(agent(new_input="queue"), transport) as session:
        handles = [await session.say(LONG), await session.say(SHORT), await session.send_text("two lattes")]
        await trio.sleep(0.5)
        if reason == "hung_up":
            await session.wait_ended()
    outcomes = [await handle.wait_for_playout() for handle in handles]
    assert [outcome.kind for outcome in outcomes] == ["hung_up"] * 3
    assert outcomes[1:] == [HungUp(reason)] * 2
    assert [(message.role, message.text) for message in session.history.messages[-1:]] == [("user", "two lattes")]


IN_EACH_STATE = {
    "listening, silence": (HangUp(Moment(0.1)), "listening"),
    "listening, speech": (HangUp(Moment(0.6)), "listening"),
    "listening, pause": (HangUp(Moment(1.0)), "listening"),
    "processing": (HangUp(Moment(1.8)), "processing"),
    "speaking": (HangUp(Moment(1.0, "agent_starts")), "speaking"),
    "speaking, the last word": (HangUp(Moment(3.2, "agent_starts")), "speaking"),
    "listening again": (HangUp(Moment(1.0, "agent_stops")), "listening"),
}


@pytest.mark.parametrize("name", IN_EACH_STATE)
def test_the_caller_can_hang_up_in_each_state(name: str) -> None:
    hang_up, state = IN_EACH_STATE[name]
    call = simulate(AGENT, [speech("two lattes please", 0.2), hang_up], seed=1)
    assert broken_promises(call) == []
    last = of_kind(call, StateChanged)[-1]
    assert (last.old, last.new, last.trigger) == (state, "ended", "end")
    outcomes = [turn.outcome for turn in call.turns]
    if state != "listening":
        assert [type(outcome) for outcome in outcomes] == [HungUp]
    assert call.tasks_left == 0


def test_a_caller_who_hangs_up_while_being_paused_for_has_heard_what_they_heard() -> None:
    script: list[Step] = [
        speech("two lattes please", 0.2),
        speech("well", 1.0, "agent_starts", pace=3),
        HangUp(Moment(1.25, "agent_starts", 1)),
    ]
    call = simulate(AGENT, script, seed=1)
    assert broken_promises(call) == []
    assert [turn.outcome for turn in call.turns] == [HungUp("hung_up", heard_words(call).capitalize())]


async def test_an_error_in_the_block_comes_out_as_it_is() -> None:
    before = sum(1 for _ in child_tasks(trio.lowlevel.current_task()))
    with pytest.raises(KeyError, match="mine"):  # noqa: PT012
        async with open_session(AGENT, CallerTransport(barge_in())) as session:
            await session.say(LONG)
            await trio.sleep(1)
            raise KeyError("mine")
    assert sum(1 for _ in child_tasks(trio.lowlevel.current_task())) == before


async def test_cancelling_the_block_ends_the_session() -> None:
    records: list[Record] = []
    with trio.move_on_after(1.0) as scope:
        async with open_session(AGENT, CallerTransport([]), sinks=(records.append,)) as session:
            await session.say(LONG)
            await trio.sleep_forever()
    assert scope.cancelled_caught
    [ended] = [record for record in records if isinstance(record, TurnEnded)]
    assert ended.outcome == HungUp("shutdown", "One two")
    assert isinstance(records[-1], SessionEnded)
    assert records[-1].tasks_left == 0
    assert trio.current_time() <= 1.0 + 0.1  # the frame that is being played, and the fade


# What it is made of


@pytest.mark.feature(1)
def test_an_agent_without_a_part_says_which() -> None:
    parts = {"vad": AGENT.vad, "stt": AGENT.stt, "llm": AGENT.llm, "tts": AGENT.tts}
    for name in parts:
        with pytest.raises(ConfigError, match=f"an agent needs {name}"):
            Agent(**{**parts, name: None})  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match=f"{name} must be"):
            Agent(**{**parts, name: "whisper"})  # type: ignore[arg-type]


@pytest.mark.parametrize("changes", [{"provider_timeout_s": 0}, {"join_deadline_s": 0}, {"away_after_s": -1}])
def test_settings_that_make_no_sense_are_refused_by_name(changes: dict[str, Any]) -> None:
    [name] = changes
    with pytest.raises(ConfigError, match=name):
        agent(**changes)


def test_an_agent_is_a_value_that_does_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        AGENT.instructions = "other"  # type: ignore[misc]
    assert agent(instructions="other").instructions == "other"
    assert AGENT.instructions == ""


@pytest.mark.feature(1)
async def test_metadata_is_the_applications_and_read_only() -> None:
    mine = {"caller": "4711"}
    async with open_session(AGENT, CallerTransport([]), metadata=mine) as session:
        mine["caller"] = "other"
        assert session.metadata == {"caller": "4711"}
        with pytest.raises(TypeError):
            session.metadata["caller"] = "other"  # type: ignore[index]


class Unreachable(FakeTTS):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    @asynccontextmanager
    async def connect(self, resources: Resources) -> AsyncGenerator[FakeTTS]:
        raise self._error
        yield


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (OSError("no route"), ProviderError, "fake-tts: OSError: no route"),
        (ProviderError("fake-tts", "no key"), ProviderError, "fake-tts: no key"),
        (ConfigError("pip install it"), ConfigError, "pip install it"),
    ],
)
async def test_a_provider_that_cannot_be_connected_is_named_and_the_others_are_let_go(
    error: Exception, kind: type[Exception], message: str
) -> None:
    connected: list[str] = []

    class Counted(FakeSTT):
        @asynccontextmanager
        async def connect(self, resources: Resources) -> AsyncGenerator[FakeSTT]:
            connected.append("open")
            try:
                yield self
            finally:
                connected.append("closed")

    with pytest.raises(kind, match=message):
        await open_session(agent(stt=Counted(), tts=Unreachable(error)), CallerTransport([])).__aenter__()
    assert connected == ["open", "closed"]


class CutOff(CallerTransport):
    """A transport that fails after a second."""

    async def receive(self) -> InputFrame | None:
        if trio.current_time() >= 1.0:
            raise TransportError("the line is dead")
        return await super().receive()


async def test_a_transport_that_fails_ends_the_session_with_its_error() -> None:
    records: list[Record] = []
    with pytest.raises(TransportError, match="the line is dead"):  # noqa: PT012
        async with open_session(AGENT, CutOff([]), sinks=(records.append,)) as session:
            await session.say(LONG)
            await trio.sleep_forever()
    [ended] = [record for record in records if isinstance(record, TurnEnded)]
    assert ended.outcome.kind == "hung_up"
    assert isinstance(records[-1], SessionEnded)


# Several at once


async def test_a_runtime_serves_so_many_sessions_and_no_more() -> None:
    async with open_runtime(max_sessions=2) as runtime, open_session(AGENT, CallerTransport([]), runtime=runtime):
        async with open_session(AGENT, CallerTransport([]), runtime=runtime):
            with pytest.raises(TooManySessions, match="max_sessions"):
                await open_session(AGENT, CallerTransport([]), runtime=runtime).__aenter__()
        async with open_session(AGENT, CallerTransport([]), runtime=runtime) as another:
            assert another.state is State.LISTENING


def test_two_sessions_of_one_runtime_do_not_hear_each_other() -> None:
    records: dict[str, list[Record]] = {"two": [], "wait": []}
    scripts: dict[str, list[Step]] = {
        "two": [speech("two lattes please", 0.2), HangUp(Moment(0.5, "agent_stops"))],
        "wait": [speech("wait please", 0.25), HangUp(Moment(0.5, "agent_stops"))],
    }
    transports = {name: CallerTransport(script) for name, script in scripts.items()}
    histories: dict[str, tuple[Message, ...]] = {}

    async def main() -> None:
        async with open_runtime() as runtime, trio.open_nursery() as nursery:
            for name in scripts:
                nursery.start_soon(hold, name, runtime)

    async def hold(name: str, runtime: Runtime) -> None:
        sinks = (records[name].append,)
        async with open_session(AGENT, transports[name], runtime=runtime, session_id=name, sinks=sinks) as session:
            await session.wait_ended()
            histories[name] = session.history.messages

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert histories == {
        "two": (Message("user", "two lattes please"), Message("assistant", REPLY)),
        "wait": (Message("user", "wait please"), Message("assistant", "Fine, three.")),
    }
    for name, script in scripts.items():
        alone = simulate(AGENT, script, seed=1)
        np.testing.assert_array_equal(transports[name].tracks()[1], alone.agent)
        at_ease = [record for record in records[name] if not isinstance(record, LoopBlocked)]  # a busy machine's
        assert sorted(map(repr, at_ease)) == sorted(map(repr, alone.records))


async def test_over_the_pair_in_memory_a_caller_hears_the_answer() -> None:
    transport, caller = memory_pair()
    heard: list[Any] = []

    async def listen() -> None:
        while (output := await caller.receive()) is not None:
            if isinstance(output, OutputFrame):
                heard.append(output.samples)

    async def speak() -> None:
        words = speech("two lattes please", 0.0).audio
        for start in range(0, 100_000, 320):
            frame = np.zeros(320, np.float32)
            piece = words[start : start + 320]
            frame[: len(piece)] = piece
            await trio.sleep(0.02)
            await caller.send(frame)
        caller.hang_up()

    async with trio.open_nursery() as nursery, open_session(AGENT, transport) as session:
        nursery.start_soon(listen)
        nursery.start_soon(speak)
        await session.wait_ended()
    assert [
        word for word, _ in read_words(np.concatenate(heard))
    ] == "Your order is two lattes and it is ready soon".split()


async def test_a_turn_ends_also_when_the_application_takes_its_time_to_leave_a_session_that_has_failed() -> None:
    records: list[Record] = []
    with pytest.raises(TransportError, match="the line is dead"):  # noqa: PT012
        async with open_session(AGENT, CutOff([]), sinks=(records.append,)) as session:
            await session.say(LONG)
            try:
                await trio.sleep_forever()
            finally:
                with trio.CancelScope(shield=True):
                    await trio.sleep(0.5)
    [ended] = [record for record in records if isinstance(record, TurnEnded)]
    assert ended.outcome == HungUp("shutdown", "One two")
    assert ended.at == 1.0
    assert isinstance(records[-1], SessionEnded)


# Found by a reader


async def test_an_exception_group_of_the_block_comes_out_whole() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        async with open_session(AGENT, CallerTransport(barge_in())):
            raise ExceptionGroup("mine", [ValueError("one"), KeyError("two")])
    assert [type(error) for error in caught.value.exceptions] == [ValueError, KeyError]


def test_a_text_that_is_silenced_before_its_first_word_is_kept_for_display() -> None:
    async def drive(session: Session) -> None:
        await wait_for_event(session, lambda event: isinstance(event, AttemptStarted))
        session.interrupt_speech("quiet")
        await trio.sleep_forever()

    call = simulate(AGENT, [speech("two lattes please.", 0.2), HangUp(Moment(6.0))], drive=drive)
    assert call.history[-1] == Message("assistant", "", interrupted=True, unheard=REPLY)


def test_words_that_come_after_the_answer_was_begun_count_when_the_caller_goes_on() -> None:
    slow = agent(stt=FakeSTT(final_latency_s=2.2), llm=ScriptedLLM([], fallback=REPLY, first_token_s=3))
    script: list[Step] = [speech("I would like", 0.2), speech("two lattes please.", 3.2), HangUp(Moment(12.0))]
    call = simulate(slow, script)
    assert [turn.text for turn in call.turns] == ["I would like two lattes please"]


async def test_no_two_turns_have_one_id() -> None:
    async with open_session(AGENT, CallerTransport([])) as session:
        handles = [await session.say(text) for text in ("one", "two", "three")]
        assert len({handle.turn_id for handle in handles}) == 3


@pytest.mark.parametrize("name", ["join_deadline_s", "away_after_s", "answer_timeout_s", "provider_timeout_s"])
def test_a_time_without_end_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        agent(**{name: float("inf")})


async def test_a_transport_that_holds_little_is_given_little() -> None:
    transport = WavTransport(np.zeros(3 * CLOCK_HZ, np.float32), lead_s=0.01)
    async with open_session(AGENT, transport) as session:
        handle = await session.say("one two three")
        assert (await handle.wait_for_playout()).kind == "completed"
    assert [word for word, _ in read_words(transport.agent_audio())] == ["one", "two", "three"]
