"""The life of a session: silences, timeouts, endings, hand-over, connections, and many at once."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
import trio

from tests.session.calls import AGENT, REPLY, agent, barge_in, cough, heard_words, of_kind, speech
from tests.session.hostile import Hostile
from tests.session.test_standstill import Pausing
from tests.session.watched import Watched
from turnscope import ConfigError, ProviderError, SessionClosed, SilenceSettings, TooManySessions, TransportError
from turnscope.core import (
    AgentChanged,
    AttemptStarted,
    ClauseSettings,
    Completed,
    Emit,
    Event,
    Finish,
    Floor,
    HistoryChanged,
    HistorySettings,
    HungUp,
    Interrupted,
    Message,
    ProviderQuarantined,
    ProviderReplaced,
    SessionEnded,
    StateChanged,
    TurnEnded,
    TurnStarted,
)
from turnscope.providers import Resources, Rule, ScriptedLLM
from turnscope.session import Record, Runtime, Session, open_runtime, open_session
from turnscope.sim import (
    Call,
    CallerTransport,
    FakeSTT,
    FakeTTS,
    FakeVAD,
    HangUp,
    Moment,
    Step,
    VirtualCompute,
    broken_promises,
    run_virtual,
    simulate,
)
from turnscope.transports import memory_pair

ASKS = SilenceSettings(after_s=3, say="Are you there?", times=2)
LONG = "One two three. Four five six. Seven eight nine."


def held(script: list[Step], drive: Callable[[Session], Awaitable[object]] | None = None, **changes: Any) -> Call:
    call = simulate(agent(**changes), script, seed=1, drive=drive)
    assert broken_promises(call) == []
    return call


def changes_of(call: Call) -> list[tuple[float, str, str]]:
    return [(event.at, event.new, event.trigger) for event in of_kind(call, StateChanged)]


def end_of(call: Call) -> tuple[float, str]:
    ended = call.events[-1]
    assert isinstance(ended, SessionEnded)
    return ended.at, ended.reason


# Silence


@pytest.mark.feature(7)
def test_after_silence_the_caller_is_away_and_speech_brings_them_back() -> None:
    call = held([speech("two lattes please", 5.0), HangUp(Moment(9))], away_after_s=2.0)
    opened, away, back, answer = changes_of(call)[:4]
    assert (opened, away) == ((0.0, "listening", "opened"), (2.0, "away", "silence"))
    assert back[1:] == ("listening", "return")
    assert 5.0 <= back[0] <= 5.3  # when the detector is sure of it
    assert answer[1:] == ("processing", "answer")
    assert call.turns[0].text == "two lattes please"


def test_the_agent_asks_so_often_and_then_the_caller_is_away() -> None:
    call = held([HangUp(Moment(30))], silence=ASKS)
    assert [(turn.origin, turn.text) for turn in call.turns] == [("silence", "Are you there?")] * 2
    first, second = of_kind(call, TurnStarted)
    ends = [turn.sample for turn in of_kind(call, TurnEnded)]
    assert first.at == 3.0
    assert second.sample == ends[0] + 3 * 16_000
    assert [change for change in changes_of(call) if change[1] == "away"] == [
        (ends[1] / 16_000 + 3.0, "away", "silence")
    ]
    assert call.history == (Message("assistant", "Are you there?"),) * 2


def test_the_callers_turn_begins_the_count_anew() -> None:
    call = held([speech("two lattes please", 10.0), HangUp(Moment(30))], silence=ASKS)
    assert [turn.origin for turn in call.turns] == ["silence", "silence", "speech", "silence", "silence"]


def test_a_noise_neither_restarts_the_silence_nor_is_talked_over() -> None:
    call = held([cough(2.0, length_s=0.5), HangUp(Moment(8))], silence=ASKS)
    [asked, *_] = of_kind(call, TurnStarted)
    assert 3.0 <= asked.at < 5.0
    assert asked.origin == "silence"


def test_giving_up_can_be_the_end() -> None:
    asks = SilenceSettings(after_s=3, say="Are you there?", times=1, then="end")
    call = held([HangUp(Moment(60))], silence=asks)
    [ended] = of_kind(call, TurnEnded)
    assert (call.events[-1].sample, end_of(call)[1]) == (ended.sample + 3 * 16_000, "silence")


def test_the_model_can_find_the_words_and_what_it_was_told_is_not_remembered() -> None:
    llm = Watched(ScriptedLLM([], fallback="Hello?", tokens_per_s=40))
    rules = SilenceSettings(after_s=3, prompt="Ask whether they are there.", times=1)
    call = held([HangUp(Moment(5.5))], silence=rules, llm=llm, instructions="Be brief.")
    [(messages, *_)] = llm.asked
    assert tuple(messages) == (Message("system", "Be brief."), Message("system", "Ask whether they are there."))
    assert call.history == (Message("assistant", "Hello?"),)


def test_what_the_agent_asks_can_be_interrupted() -> None:
    call = held([speech("wait please", 0.3, "agent_starts"), HangUp(Moment(9))], silence=ASKS)
    outcome = call.turns[0].outcome
    assert isinstance(outcome, Interrupted)
    assert [turn.origin for turn in call.turns[:2]] == ["silence", "speech"]


@pytest.mark.parametrize(
    ("key", "value"), [("after_s", 0), ("after_s", float("inf")), ("times", -1), ("then", "sleep"), ("say", " ")]
)
def test_what_makes_no_sense_in_a_silence_is_refused_by_name(key: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"silence.{key}"):
        SilenceSettings(**{key: value})


# Timeouts


@pytest.mark.feature(6)
def test_after_half_an_hour_without_a_sign_of_life_the_session_ends() -> None:
    call = simulate(AGENT, [HangUp(Moment(3000))], max_s=4000, frame_s=1.0)
    assert end_of(call) == (1800.0, "timeout")
    assert changes_of(call)[-1] == (1800.0, "ended", "end")


@pytest.mark.feature(6)
def test_signs_of_life_put_the_timeout_off_and_it_can_be_set_and_switched_off() -> None:
    async def drive(session: Session) -> None:
        await trio.sleep(3)
        session.keep_alive()
        await trio.sleep(4)
        await session.say("Still here.")

    call = held([HangUp(Moment(60))], drive, session_timeout_s=5.0)
    [said] = of_kind(call, TurnEnded)
    assert (call.events[-1].sample, end_of(call)[1]) == (said.sample + 5 * 16_000, "timeout")
    assert end_of(held([HangUp(Moment(60))], session_timeout_s=None))[1] == "hung_up"


def test_what_the_agent_says_into_a_silence_is_no_sign_of_life() -> None:
    call = held(
        [HangUp(Moment(60))], silence=SilenceSettings(after_s=3, say="Hello?", times=100), session_timeout_s=10.0
    )
    assert end_of(call)[0] <= 10.0 + 2.0


def test_keeping_alive_brings_somebody_back_who_was_away() -> None:
    async def drive(session: Session) -> None:
        await trio.sleep(3)
        session.keep_alive()

    call = held([HangUp(Moment(7))], drive, away_after_s=2.0)
    assert changes_of(call) == [
        (0.0, "listening", "opened"),
        (2.0, "away", "silence"),
        (3.0, "listening", "return"),
        (5.0, "away", "silence"),
        (7.02, "ended", "end"),
    ]


# Endings


def ending(finish: Finish, after_s: float = 1.61, within_s: float = 10.0) -> Call:
    """Two things to say, and the end in the middle of the first one's second sentence."""

    async def drive(session: Session) -> None:
        await session.say(LONG)
        await session.say("And this.")
        await trio.sleep(after_s)
        session.end("goodbye", finish=finish, within_s=within_s)
        with pytest.raises(SessionClosed):
            await session.say("Too late.")
        with pytest.raises(SessionClosed):
            await session.send_text("Too late.")
        await session.wait_ended()

    return held([HangUp(Moment(60))], drive)


def test_an_end_at_once_lets_nothing_be_finished() -> None:
    call = ending("nothing")
    assert end_of(call) == (1.67, "goodbye")  # the frame in flight, and the fade
    waiting, saying = of_kind(call, TurnEnded)
    assert (waiting.outcome, saying.outcome) == (HungUp("goodbye"), HungUp("goodbye", "One two three. Four"))


def test_an_end_after_the_sentence_comes_with_its_last_sample() -> None:
    call = ending("sentence")
    first, second = of_kind(call, TurnEnded)
    assert {first.outcome, second.outcome} == {HungUp("goodbye", "One two three. Four five six"), HungUp("goodbye")}
    assert heard_words(call) == "One two three Four five six"
    assert len(call.agent) == pytest.approx(end_of(call)[0] * 16_000, abs=400)
    whole = held([HangUp(Moment(8))], lambda session: session.say(LONG)).agent
    np.testing.assert_array_equal(call.agent[: len(call.agent)], whole[: len(call.agent)])  # without a fade


def ending_of(say: str, after_s: float, **changes: Any) -> tuple[float, str]:
    """When a session ends whose agent is to finish its sentence so long after it was asked to speak; and its words."""

    async def drive(session: Session) -> None:
        await (session.say(say) if say else session.generate_reply())
        await trio.sleep(after_s)
        session.end("goodbye")
        await session.wait_ended()

    call = held([HangUp(Moment(60))], drive, **changes)
    return end_of(call)[0], heard_words(call)


@pytest.mark.parametrize(("after_s", "end_s"), [(0.5, 1.0499375), (2.0, 2.0), (3.0, 3.0)])
def test_who_stands_still_after_a_whole_sentence_has_finished_it(after_s: float, end_s: float) -> None:
    llm = Pausing("One two three. ", 4.0, "Four five.")
    assert ending_of("", after_s, llm=llm) == (end_s, "One two three")


def test_who_stands_still_in_a_sentence_has_not_finished_it() -> None:
    llm = Pausing("One two three, ", 2.0, "four five. ", 4.0, "Six.")
    clauses = ClauseSettings(first_break_chars=5)
    assert ending_of("", 2.0, llm=llm, clauses=clauses) == (3.216625, "One two three four five")


def test_a_sentence_is_finished_by_a_synthesizer_that_makes_it_no_faster_than_it_is_heard() -> None:
    assert ending_of("One two three. Four.", 0.3, tts=FakeTTS(real_time_factor=1)) == (1.0499375, "One two three")


def test_an_end_after_everything_lets_everything_be_heard() -> None:
    call = ending("everything")
    assert heard_words(call) == "One two three Four five six Seven eight nine And this"
    first, last = of_kind(call, TurnEnded)
    assert (first.outcome, last.outcome) == (Completed(LONG), Completed("And this."))
    assert end_of(call) == (last.at, "goodbye")  # and no later


@pytest.mark.parametrize("finish", ["sentence", "everything"])
def test_an_end_waits_no_longer_than_it_is_told_to(finish: Finish) -> None:
    at, reason = end_of(ending(finish, within_s=0.2))
    assert (at, reason) == (1.87, "goodbye")


def test_the_caller_can_interrupt_what_is_finished_and_that_is_the_end() -> None:
    async def drive(session: Session) -> None:
        await session.say(LONG)
        await trio.sleep(1)
        session.end("goodbye", finish="everything")

    call = held([speech("wait please", 1.0, "agent_starts"), HangUp(Moment(60))], drive)
    assert isinstance(call.turns[0].outcome, Interrupted)
    assert end_of(call)[0] < 3.5


@pytest.mark.parametrize(
    ("arguments", "named"),
    [({"finish": "soon"}, "finish"), ({"within_s": 0}, "within_s"), ({"reason": ""}, "reason")],
)
async def test_an_end_that_makes_no_sense_is_refused_by_name(arguments: dict[str, Any], named: str) -> None:
    async with open_session(AGENT, CallerTransport([])) as session:
        with pytest.raises(ConfigError, match=named):
            session.end(**arguments)


FINISHES: dict[str, Finish] = {finish: finish for finish in get_args(Finish)}

MOMENTS = {
    "listening, silence": 0.1,
    "listening, speech": 0.6,
    "listening, pause": 1.0,
    "processing": 1.8,
    "speaking": 3.0,
    "speaking, challenged": 3.45,
    "listening again": 6.5,
}


@pytest.mark.feature(57)
@pytest.mark.parametrize("way", ["nothing", "sentence", "everything", "leave", "hang up", "cancel"])
@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_session_can_end_in_every_state_and_in_every_way(moment: str, way: str) -> None:
    """Within budget, without a task left, each turn ended once, and what is asked later is refused."""
    records: list[Record] = []
    script: list[Step] = [speech("two lattes please", 0.2), speech("well", 1.0, "agent_starts", pace=3)]
    if way == "hang up":
        script.append(HangUp(Moment(MOMENTS[moment])))
    before = len(trio.lowlevel.current_task().child_nurseries)
    with trio.CancelScope() as scope:
        async with open_session(AGENT, CallerTransport(script), sinks=(records.append,)) as session:
            await trio.sleep(MOMENTS[moment])
            began = trio.current_time()
            if way in FINISHES:
                session.end("goodbye", finish=FINISHES[way], within_s=2.0)
            elif way == "cancel":
                scope.cancel()
            if way != "leave":
                await session.wait_ended()
    assert trio.current_time() - began <= {"sentence": 2.0, "everything": 2.0}.get(way, 0.0) + 1.25
    assert len(trio.lowlevel.current_task().child_nurseries) == before
    assert isinstance(records[-1], SessionEnded)
    assert records[-1].tasks_left == 0
    started = [record.turn_id for record in records if isinstance(record, TurnStarted)]
    assert sorted(record.turn_id for record in records if isinstance(record, TurnEnded)) == sorted(started)
    for refused in (
        lambda: session.say("Hello."),
        lambda: session.send_text("Hello."),
        lambda: session.hand_over(AGENT),
    ):
        with pytest.raises(SessionClosed):
            await refused()


async def test_waiting_for_the_end_waits_for_the_last_turn_to_have_ended() -> None:
    records: list[Record] = []
    slow = agent(tts=Hostile(AGENT.tts, "shields_for_a_while"))
    async with open_session(slow, CallerTransport([HangUp(Moment(1))]), sinks=(records.append,)) as session:
        handle = await session.say(LONG)
        await session.wait_ended()
        assert handle.outcome == HungUp("hung_up")
        assert isinstance(records[-1], SessionEnded)


async def test_the_far_end_is_told_that_the_session_is_over() -> None:
    transport, caller = memory_pair()
    async with open_session(AGENT, transport):
        pass
    with trio.fail_after(1):
        assert await caller.receive() is None


# Hand-over


class Connected(ScriptedLLM):
    """A model that writes down when it was connected to."""

    def __init__(self, reply: str, log: list[str], fails: Exception | None = None) -> None:
        super().__init__([], fallback=reply, tokens_per_s=40, name=f"says {reply}")
        self._log = log
        self._fails = fails

    @asynccontextmanager
    async def connect(self, resources: Resources) -> AsyncGenerator[Any]:
        if self._fails is not None:
            raise self._fails
        self._log.append(f"open {self.name}")
        try:
            async with super().connect(resources) as connection:
                yield connection
        finally:
            self._log.append(f"close {self.name}")


def test_another_agent_takes_over_between_answers_and_knows_what_was_said() -> None:
    log: list[str] = []
    first = agent(name="first", llm=Connected("I am the first, and I talk for a while.", log))
    second = agent(name="second", llm=Connected("I am the second.", log))
    speaking: list[str] = []

    async def drive(session: Session) -> None:
        await session.send_text("hello")
        await trio.sleep(1.5)
        await session.hand_over(second)
        speaking.append(session.agent.name)
        log.append("handed over")
        await trio.sleep(4)
        speaking.append(session.agent.name)
        await session.send_text("and you?")
        await trio.sleep(3)
        log.append("hang up")

    call = simulate(first, [HangUp(Moment(9))], seed=1, drive=drive)
    assert broken_promises(call) == []
    assert speaking == ["first", "second"]
    assert [turn.outcome for turn in call.turns] == [
        Completed("I am the first, and I talk for a while."),
        Completed("I am the second."),
    ]
    [changed] = of_kind(call, AgentChanged)
    assert (changed.old, changed.new, changed.sample) == ("first", "second", call.turns[0].ended)
    assert [message.text for message in call.history][:2] == ["hello", "I am the first, and I talk for a while."]
    assert log == [
        "open says I am the first, and I talk for a while.",
        "open says I am the second.",
        "handed over",
        "close says I am the first, and I talk for a while.",
        "hang up",
        "close says I am the second.",
    ]


def test_providers_that_both_agents_have_are_connected_to_once() -> None:
    log: list[str] = []
    llm = Connected("Hello.", log)

    async def drive(session: Session) -> None:
        await session.hand_over(agent(name="second", llm=llm, instructions="Be brief."))
        await session.hand_over(agent(name="third", llm=llm))
        await session.send_text("hello")

    call = held([HangUp(Moment(4))], drive, llm=llm)
    assert log == ["open says Hello.", "close says Hello."]
    assert [(event.old, event.new) for event in of_kind(call, AgentChanged)] == [
        ("agent", "second"),
        ("second", "third"),
    ]


@pytest.mark.parametrize(("error", "kind"), [(OSError("no route"), ProviderError), (ConfigError("pip"), ConfigError)])
def test_if_the_other_agent_cannot_be_had_the_old_one_stays(error: Exception, kind: type[Exception]) -> None:
    async def drive(session: Session) -> None:
        with pytest.raises(kind):
            await session.hand_over(agent(name="second", llm=Connected("Never.", [], error)))
        assert session.agent.name == "agent"
        await session.send_text("wait")

    call = held([HangUp(Moment(4))], drive)
    assert [turn.outcome for turn in call.turns] == [Completed("Fine, three.")]
    assert of_kind(call, AgentChanged) == []


async def test_two_agents_of_one_session_have_two_names() -> None:
    async with open_session(AGENT, CallerTransport([])) as session:
        with pytest.raises(ConfigError, match="'agent'"):
            await session.hand_over(agent(away_after_s=5.0))


def test_the_new_agents_settings_decide_and_the_log_replays() -> None:
    second = agent(name="second", away_after_s=1.0)

    async def drive(session: Session) -> None:
        await trio.sleep(2)
        await session.hand_over(second)
        await session.say("Hello.")

    call = held([HangUp(Moment(6))], drive)
    assert "away" in [event.new for event in of_kind(call, StateChanged)]
    floor = Floor(AGENT.floor_settings, AGENT.name)
    floor.know(second.name, second.floor_settings)
    replayed: list[Event] = []
    for record in call.records:
        if not isinstance(record, Event):
            replayed += [order.event for order in floor.receive(record) if isinstance(order, Emit)]
    kinds = (StateChanged, AgentChanged, TurnStarted, AttemptStarted)
    assert [e for e in replayed if isinstance(e, kinds)] == [e for e in call.events if isinstance(e, kinds)]


def test_a_detector_that_cannot_be_begun_with_keeps_the_old_agent() -> None:
    class Broken(FakeVAD):
        name = "broken"

        def open_stream(self) -> Any:
            raise OSError("no model")

    async def drive(session: Session) -> None:
        await session.send_text("wait")
        with pytest.raises(ProviderError, match="no model"):
            await session.hand_over(agent(name="second", vad=Broken()))

    call = held([speech("two lattes please", 4.5), HangUp(Moment(14))], drive)
    assert [turn.outcome for turn in call.turns] == [Completed("Fine, three."), Completed(REPLY)]
    assert of_kind(call, AgentChanged) == []


def test_the_new_agents_limits_of_the_history_hold() -> None:
    second = agent(name="second", history=HistorySettings(max_messages=2, interruption_note="cut"))

    async def drive(session: Session) -> None:
        for text in ("wait", "wait again"):
            await session.send_text(text)
            await trio.sleep(3)
        assert len(session.history.messages) == 4
        await session.hand_over(second)
        assert len(session.history.messages) == 2
        assert session.history.settings.interruption_note == "cut"

    call = held([HangUp(Moment(9))], drive)
    assert [message.text for message in call.history] == ["wait again", "Fine, three."]
    changes = [event.change for event in of_kind(call, HistoryChanged)]
    assert changes == ["added", "added", "trimmed"]


def test_the_new_agents_join_deadline_holds() -> None:
    hostile = Hostile(AGENT.llm, "shields_for_ever", "item")

    async def drive(session: Session) -> None:
        await session.hand_over(agent(name="second", llm=hostile, join_deadline_s=0.25))
        await session.send_text("wait")
        await trio.sleep(2)
        session.end(finish="nothing")
        begun = trio.current_time()
        await session.wait_ended()
        took.append(trio.current_time() - begun)

    took: list[float] = []
    held([HangUp(Moment(9))], drive)
    assert took[0] <= 0.25 * 2.25


def test_another_detector_is_listened_to_from_the_hand_over_on() -> None:
    class Deaf(FakeVAD):
        name = "deaf"

        def process(self, window: Any) -> float:
            return 0.0

    async def drive(session: Session) -> None:
        await session.hand_over(agent(name="deaf", vad=Deaf()))

    assert held([speech("two lattes please", 0.5), HangUp(Moment(4))], drive).turns == []


# Connections


def test_a_provider_that_does_not_stop_is_connected_to_anew_before_it_is_used_again() -> None:
    connected: list[float] = []

    class Counted(Hostile):
        @asynccontextmanager
        async def connect(self, resources: Resources) -> AsyncGenerator[Any]:
            connected.append(trio.current_time())
            async with super().connect(resources) as connection:
                yield connection

    async def drive(session: Session) -> None:
        await session.send_text("two lattes")
        await trio.sleep(2)
        session.interrupt()
        await trio.sleep(3)
        await session.send_text("wait")

    hostile = Counted(AGENT.tts, "shields_for_ever")
    call = held([HangUp(Moment(10))], drive, tts=hostile)
    assert [event.provider for event in of_kind(call, ProviderQuarantined)] == [hostile.name]
    [replaced] = of_kind(call, ProviderReplaced)
    assert replaced.provider == hostile.name
    assert len(connected) == 2
    assert replaced.at >= 5.0
    assert call.turns[1].outcome == Completed("Fine, three.")


class NeverConnects(FakeTTS):
    @asynccontextmanager
    async def connect(self, resources: Resources) -> AsyncGenerator[Any]:
        await trio.sleep_forever()
        yield


async def test_a_provider_that_never_connects_is_named_in_time() -> None:
    stuck = agent(tts=NeverConnects(), connect_timeout_s=2.0)
    with pytest.raises(ProviderError, match="fake-tts: did not connect within 2 s"):
        await open_session(stuck, CallerTransport([])).__aenter__()
    assert trio.current_time() == 2.0


class RaisesAtOnce(FakeTTS):
    """Its methods raise before they have given a context to enter."""

    def __init__(self, method: str) -> None:
        super().__init__()
        self._method = method

    def connect(self, resources: Resources) -> Any:
        if self._method == "connect":
            raise OSError("at once")
        return super().connect(resources)

    def open_stream(self, *arguments: Any) -> Any:
        if self._method == "open_stream":
            raise OSError("at once")
        return super().open_stream(*arguments)


async def test_a_provider_that_raises_when_it_is_asked_to_connect_is_named() -> None:
    with pytest.raises(ProviderError, match="fake-tts: OSError: at once"):
        await open_session(agent(tts=RaisesAtOnce("connect")), CallerTransport([])).__aenter__()


def test_a_provider_that_raises_when_it_is_asked_for_a_stream_is_named_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def drive(session: Session) -> None:
        await session.send_text("two lattes")

    call = held([HangUp(Moment(4))], drive, tts=RaisesAtOnce("open_stream"))
    outcome = call.turns[0].outcome
    assert outcome is not None
    assert (outcome.kind, getattr(outcome, "provider", "")) == ("failed", "fake-tts")
    logged = [record for record in caplog.records if record.exc_info]
    assert any("OSError" in str(record.exc_info) or "at once" in record.getMessage() for record in logged)


async def test_a_detector_that_cannot_be_opened_is_named() -> None:
    class Broken(FakeVAD):
        def open_stream(self) -> FakeVAD:
            raise RuntimeError("no weights")

    with pytest.raises(ProviderError, match="fake-vad: RuntimeError: no weights"):
        await open_session(agent(vad=Broken()), CallerTransport([])).__aenter__()


@pytest.mark.parametrize("method", ["receive", "send", "clear"])
async def test_whatever_a_transport_raises_ends_the_session_as_a_transports_failure(method: str) -> None:
    class Broken(CallerTransport):
        def __getattribute__(self, name: str) -> Any:
            if name == method and trio.current_time() >= 0.5:
                raise OSError("the line is dead")
            return super().__getattribute__(name)

    transport = Broken([], lead_s=0.02)
    with pytest.raises(TransportError, match="OSError: the line is dead"):  # noqa: PT012
        async with open_session(AGENT, transport) as session:
            await session.say(LONG)
            await trio.sleep(1)
            session.interrupt()
            await trio.sleep(5)


# Many at once


@pytest.mark.feature(10)
def test_a_hundred_sessions_do_not_hear_each_other_and_one_more_is_refused() -> None:
    texts = [f"number {'abcdefghij'[index // 10]} {'abcdefghij'[index % 10]} please" for index in range(100)]
    histories: dict[str, tuple[Message, ...]] = {}
    weights: list[object] = []

    class Loads(FakeTTS):
        @asynccontextmanager
        async def connect(self, resources: Resources) -> AsyncGenerator[Any]:
            if "weights" not in resources.cache:
                weights.append(resources.cache.setdefault("weights", object()))
            yield self

    echoes = agent(llm=ScriptedLLM([Rule("number (?P<n>.*) please", "You said {n}.")], tokens_per_s=40), tts=Loads())

    async def hold(text: str, runtime: Runtime, opened: Callable[[], None]) -> None:
        transport = CallerTransport([speech(text, 0.2), HangUp(Moment(0.3, "agent_stops"))], frame_s=0.05)
        async with open_session(echoes, transport, runtime=runtime, session_id=text) as session:
            opened()
            await session.wait_ended()
        histories[session.id] = session.history.messages

    async def main(compute: VirtualCompute) -> None:
        count: list[None] = []
        async with open_runtime(compute=compute, max_sessions=100) as runtime, trio.open_nursery() as nursery:
            for text in texts:
                nursery.start_soon(hold, text, runtime, lambda: count.append(None))
            await trio.sleep(0.5)
            assert len(count) == 100
            with pytest.raises(TooManySessions, match="100") as caught:
                await open_session(echoes, CallerTransport([]), runtime=runtime).__aenter__()
            assert caught.value.max_sessions == 100

    run_virtual(main, seed=1)
    assert len(weights) == 1
    for text in texts:
        said = text.removeprefix("number ").removesuffix(" please")
        assert histories[text] == (Message("user", text), Message("assistant", f"You said {said}."))


@pytest.mark.feature(12)
async def test_the_same_watcher_and_the_same_ears_live_through_five_turns() -> None:
    def of_session() -> set[int]:
        return {id(task) for task in session._nursery.child_tasks if task.name in ("watcher", "ears", "playout")}

    script = [speech("two lattes please", 0.5, "agent_stops" if index else "call") for index in range(5)]
    transport = CallerTransport([*script, HangUp(Moment(1.0, "agent_stops"))])
    seen: list[set[int]] = []
    async with open_session(AGENT, transport) as session:
        session.on(TurnEnded, lambda session, event: seen.append(of_session()))
        await session.wait_ended()
    assert len(seen) == 5
    assert len(seen[0]) == 3
    assert seen == [seen[0]] * 5


@pytest.mark.feature(11, 28, 34)
def test_the_record_of_a_turn_is_right_after_a_barge_in() -> None:
    call = held(barge_in())
    first, second = call.turns
    assert (first.turn_id, first.origin, first.text, first.attempts) == (1, "speech", "two lattes please", 1)
    assert first.onset is not None
    assert first.speech_end is not None
    assert first.attempt_started is not None
    assert first.first_token is not None
    assert first.audio_started is not None
    assert first.yielded is not None
    assert first.ended is not None
    assert isinstance(first.outcome, Interrupted)
    assert first.onset < first.speech_end < first.attempt_started < first.first_token < first.audio_started
    assert first.audio_started < first.yielded <= first.outcome.cause.decision <= first.ended
    assert first.joined
    assert first.onset == 3200
    assert ("".join(first.reply), first.tools) == (REPLY, [])
    assert (first.outcome.heard, first.outcome.unheard) == ("Your order is", "two lattes, and it is ready soon.")
    assert (second.turn_id, second.text) == (2, "wait three")
    assert second.outcome == Completed("Fine, three.")
    latency = first.latency
    assert latency.onset_to_yield_s is not None
    assert latency.onset_to_yield_s <= 0.2
    assert latency.onset_to_silence_s is not None
    assert latency.onset_to_silence_s <= 0.2
    assert latency.decision_to_silence_s == 0.0  # the agent had paused: it was silent when it was decided
    assert latency.decision_to_join_s == 0.0  # cancelled tasks end in no time
    ended = [event for event in call.events if getattr(event, "turn_id", None) == 1][-1]
    assert isinstance(ended, TurnEnded)  # nothing of a turn comes after its one ending
    assert [event.turn_id for event in of_kind(call, TurnEnded)] == [1, 2]


@pytest.mark.feature(34)
@pytest.mark.parametrize("fade_s", [0.0, 0.02, 0.05])
def test_from_decision_to_silence_is_the_frame_in_flight_and_the_fade_and_not_a_sample_more(fade_s: float) -> None:
    async def drive(session: Session) -> None:
        await session.say(LONG)
        await trio.sleep(1.0)
        session.interrupt()

    call = held([HangUp(Moment(4))], drive, interruption=replace(AGENT.interruption, fade_s=fade_s))
    outcome = call.turns[0].outcome
    assert isinstance(outcome, Interrupted)
    assert outcome.last_sent is not None
    assert outcome.last_sent - outcome.cause.decision <= 320  # 20 ms, that can no longer be taken back
    assert outcome.silence == outcome.last_sent + round(fade_s * 16_000)
    assert call.turns[0].latency.decision_to_join_s == 0.0
    silent = np.flatnonzero(call.agent)
    assert silent[-1] < outcome.silence


@pytest.mark.feature(20, 21)
@pytest.mark.parametrize("fault", ["keeps_its_word", "ignores_cancellation", "swallows_cancellation"])
def test_a_barge_in_cancels_all_three_and_not_one_old_frame_is_heard(fault: str) -> None:
    seen: list[tuple[str, int]] = []

    class Seeing:
        """A provider whose streams write down when they were cancelled."""

        def __init__(self, inner: Any) -> None:
            self._inner = inner
            self.name, self.input_hz, self.output_hz = inner.name, 16_000, 16_000

        @asynccontextmanager
        async def connect(self, resources: Resources) -> AsyncGenerator["Seeing"]:
            async with self._inner.connect(resources) as self._connection:
                yield self

        @asynccontextmanager
        async def open_stream(self, *arguments: Any) -> AsyncGenerator[Any]:
            async with self._connection.open_stream(*arguments) as stream:
                try:
                    yield stream
                except BaseException as error:
                    if _has_cancelled(error):
                        seen.append((self.name, round(trio.current_time() * 16_000)))
                    raise

    slow_llm = ScriptedLLM([Rule("wait", "Fine, three.")], fallback=f"{REPLY} {REPLY} {REPLY}", tokens_per_s=8)
    tts: Any = FakeTTS(real_time_factor=0.9)
    tts = tts if fault == "keeps_its_word" else Hostile(tts, fault)
    call = held(barge_in(), stt=Seeing(FakeSTT()), llm=Seeing(slow_llm), tts=Seeing(tts))
    first, second = call.turns[:2]
    assert isinstance(first.outcome, Interrupted)
    cut = first.outcome.cause.decision
    assert ("scripted", cut) in seen
    assert [at for name, at in seen if "tts" in name][:1] == [cut] or fault != "keeps_its_word"
    assert any("tts" in name for name, _ in seen)
    assert ("fake-stt", first.audio_started) in seen, "what was heard is final when the answer is"
    assert second.audio_started is not None
    assert heard_words(call, second.audio_started) == "Fine three"
    after = max(first.outcome.silence or 0, first.outcome.cause.decision)
    assert not call.agent[after : second.audio_started].any()


def _has_cancelled(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return any(_has_cancelled(inner) for inner in error.exceptions)
    return isinstance(error, trio.Cancelled)


@pytest.mark.feature(23)
@pytest.mark.parametrize(
    ("interrupt", "reason"),
    [
        (lambda session: session.interrupt(), "interrupted"),
        (lambda session: session.interrupt("client_request"), "client_request"),
        (lambda session: session.interrupt_speech(), "interrupted"),
        (lambda session: session.interrupt_speech("user_clicked_stop"), "user_clicked_stop"),
        (lambda session: session.interrupt("hung_up"), "hung_up"),
    ],
)
def test_the_reason_of_an_interruption_is_in_the_event(interrupt: Callable[[Session], None], reason: str) -> None:
    async def drive(session: Session) -> None:
        await session.say(LONG)
        await trio.sleep(1)
        interrupt(session)

    [ended] = of_kind(held([HangUp(Moment(4))], drive), TurnEnded)
    assert isinstance(ended.outcome, Interrupted)
    assert ended.outcome.cause.reason == reason
