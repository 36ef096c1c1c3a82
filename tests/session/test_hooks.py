"""Hooks and sinks: what observers do, however badly, neither delays silence nor a decision, and breaks no turn."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
import trio

from tests.session.calls import AGENT, REPLY, barge_in, of_kind, speech
from turnscope import SessionClosed
from turnscope.core import (
    Completed,
    Decided,
    Event,
    EventsLost,
    GateShut,
    HookFailed,
    HungUp,
    Interrupted,
    SpeechStartsPlaying,
    StateChanged,
    TurnEnded,
    TurnStarted,
)
from turnscope.session import Hook, Record, Session, open_runtime, open_session
from turnscope.sim import (
    Call,
    CallerTransport,
    HangUp,
    Moment,
    Step,
    VirtualCompute,
    broken_promises,
    run_virtual,
    simulate,
)

SCRIPT = barge_in()


def call_with(*hooks: Hook[Any], script: list[Step] | None = None) -> Call:
    """The same call, with an application that registers hooks and does nothing else."""
    records: list[Record] = []
    transport = CallerTransport(script or SCRIPT)

    async def main(compute: VirtualCompute) -> tuple[Any, ...]:
        async with (
            open_runtime(compute=compute) as runtime,
            open_session(AGENT, transport, runtime=runtime, sinks=(records.append,), hooks=hooks) as session,
        ):
            await session.wait_ended()
        return session.history.messages

    history = run_virtual(main, seed=1)
    user, spoken = transport.tracks()
    call = Call(tuple(records), user, spoken, history, transport.placed, 0)
    assert broken_promises(call) == []
    return call


def decisions(call: Call) -> list[Any]:
    """What was decided and heard, and when."""
    outcomes = [turn.outcome for turn in call.turns]
    return [*outcomes, *((event.sample, event.verdict) for event in of_kind(call, Decided))]


UNDISTURBED = decisions(call_with())


@pytest.mark.feature(58)
def test_several_hooks_are_called_in_order_for_each_event_in_order() -> None:
    calls: list[tuple[str, str]] = []

    def noting(name: str) -> Callable[[Session, TurnEnded], None]:
        return lambda session, event: calls.append((name, event.outcome.kind))

    call_with(*(Hook(TurnEnded, noting(name)) for name in "abc"))
    assert calls == [(name, kind) for kind in ("interrupted", "completed") for name in "abc"]


def test_a_predicate_chooses_events_and_a_hook_sees_the_first_and_the_last_of_a_session() -> None:
    seen: list[Event] = []

    async def note(session: Session, event: Event) -> None:
        await trio.lowlevel.checkpoint()
        seen.append(event)

    call = call_with(Hook(lambda event: True, note))
    assert tuple(seen) == call.events


async def sleeps_long(session: Session, event: Event) -> None:
    await trio.sleep(1000)


async def raises(session: Session, event: Event) -> None:
    await trio.lowlevel.checkpoint()
    raise ValueError("a hook of mine")


async def swallows_cancellation(session: Session, event: Event) -> None:
    while True:
        with trio.CancelScope(shield=True):
            await trio.sleep(1000)


async def cancels_itself(session: Session, event: Event) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        await trio.sleep(1)


def raises_at_once(session: Session, event: Event) -> None:
    raise ValueError("a hook of mine")


def gives_a_coroutine(session: Session, event: Event) -> Any:
    return sleeps_long(session, event)


@pytest.mark.feature(58)
@pytest.mark.parametrize(
    "handler",
    [sleeps_long, raises, swallows_cancellation, cancels_itself, raises_at_once, gives_a_coroutine],
    ids=lambda handler: handler.__name__,
)
def test_a_hook_that_misbehaves_delays_neither_silence_nor_a_decision(handler: Any) -> None:
    call = call_with(Hook(Event, handler))
    assert decisions(call) == UNDISTURBED


@pytest.mark.parametrize("handler", [raises, raises_at_once], ids=lambda handler: handler.__name__)
def test_what_a_hook_raises_is_logged_once_and_named_in_an_event_and_it_is_called_again(
    handler: Any, caplog: pytest.LogCaptureFixture
) -> None:
    called: list[Event] = []

    def counting(session: Session, event: Event) -> Any:
        called.append(event)
        return handler(session, event)

    async def counting_async(session: Session, event: Event) -> None:
        called.append(event)
        await handler(session, event)

    wrapper = counting if handler is raises_at_once else counting_async
    with caplog.at_level(logging.ERROR, "turnscope"):
        call = call_with(Hook(TurnStarted, wrapper))
    assert [event.message for event in of_kind(call, HookFailed)] == ["ValueError: a hook of mine"]
    assert [event.hook for event in of_kind(call, HookFailed)] == [wrapper.__qualname__]
    assert len([record for record in caplog.records if record.exc_info]) == 1
    assert called == of_kind(call, TurnStarted)


def test_a_hook_that_is_told_of_failures_and_fails_is_told_once() -> None:
    call = call_with(Hook(HookFailed, raises_at_once), Hook(Event, raises_at_once))
    assert len(of_kind(call, HookFailed)) == 2


@pytest.mark.feature(58)
async def test_removing_a_hook_cancels_its_task_and_no_turn() -> None:
    began: list[Event] = []
    cancelled: list[Event] = []

    async def waits(session: Session, event: SpeechStartsPlaying) -> None:
        began.append(event)
        try:
            await trio.sleep_forever()
        finally:
            cancelled.append(event)

    async with open_session(AGENT, CallerTransport([])) as session:
        handle = session.on(SpeechStartsPlaying, waits)
        said = await session.say("It is ready.")
        await trio.sleep(0.5)
        assert (len(began), len(cancelled)) == (1, 0)
        handle.remove()
        handle.remove()
        await trio.sleep(0.1)
        assert len(cancelled) == 1
        assert await said.wait_for_playout() == Completed("It is ready.")
        await (await session.say("Again.")).wait_for_playout()
    assert len(began) == 1


@pytest.mark.feature(5)
async def test_a_handler_that_says_something_and_waits_for_it_does_not_deadlock() -> None:
    outcomes: list[object] = []

    async def greet(session: Session, event: StateChanged) -> None:
        if event.trigger == "opened":
            outcomes.append(await (await session.say("It is ready.")).wait_for_playout())

    hooks = (Hook(StateChanged, greet),)
    with trio.fail_after(10):
        async with open_session(AGENT, CallerTransport([HangUp(Moment(5))]), hooks=hooks) as session:
            await session.wait_ended()
    assert outcomes == [Completed("It is ready.")]


@pytest.mark.feature(5)
@pytest.mark.parametrize("kind", ["function", "coroutine function"])
def test_a_handler_of_states_that_interrupts_is_told_of_what_follows_after_what_it_answers(kind: str) -> None:
    told: list[tuple[str, str, str]] = []

    def stop_it(session: Session, event: StateChanged) -> None:
        told.append((event.old, event.new, event.trigger))
        if event.new == "speaking":
            session.interrupt("by a handler")

    async def stop_it_later(session: Session, event: StateChanged) -> None:
        await trio.lowlevel.checkpoint()
        stop_it(session, event)

    handler = stop_it if kind == "function" else stop_it_later
    call = call_with(Hook(StateChanged, handler), script=[speech("two lattes please", 0.2), HangUp(Moment(5))])
    assert told == [
        ("initial", "listening", "opened"),
        ("listening", "processing", "answer"),
        ("processing", "speaking", "first audio"),
        ("speaking", "listening", "barge-in"),
        ("listening", "ended", "end"),
    ]
    outcome = call.turns[0].outcome
    assert isinstance(outcome, Interrupted)
    assert (outcome.cause.reason, outcome.heard) == ("by a handler", "")


def test_a_hook_that_falls_behind_is_told_how_much_it_lost() -> None:
    got: list[Event] = []

    async def slow(session: Session, event: Event) -> None:
        await trio.sleep(1)
        got.append(event)

    call = call_with(Hook(Event, slow, backlog=2))
    position = 0
    for event in got:
        if isinstance(event, EventsLost):
            position += event.count
        else:
            assert event == call.events[position]
            position += 1
    assert sum(isinstance(event, EventsLost) for event in got) >= 2


def test_a_hook_that_falls_behind_and_does_not_want_to_know_is_named() -> None:
    async def slow(session: Session, event: Event) -> None:
        await trio.sleep(1)

    [failed] = of_kind(call_with(Hook(lambda event: not isinstance(event, EventsLost), slow, backlog=2)), HookFailed)
    assert "too slow and lost" in failed.message


@pytest.mark.parametrize(("takes_s", "finishes"), [(0.5, True), (5.0, False)])
async def test_hooks_may_go_on_for_a_second_after_the_end(takes_s: float, finishes: bool) -> None:
    finished: list[Event] = []

    async def store(session: Session, event: TurnEnded) -> None:
        await trio.sleep(takes_s)
        finished.append(event)

    async with open_session(AGENT, CallerTransport([]), hooks=(Hook(TurnEnded, store),)) as session:
        await session.say("It is ready.")
        await trio.sleep(0.5)
        left_at = trio.current_time()
    assert bool(finished) is finishes
    assert trio.current_time() - left_at <= 1.1 + 0.1


async def test_a_session_that_was_left_takes_no_hooks() -> None:
    async with open_session(AGENT, CallerTransport([])) as session:
        pass
    with pytest.raises(SessionClosed):
        session.on(TurnEnded, lambda session, event: None)


# Sinks


@pytest.mark.feature(58)
def test_the_gate_is_shut_before_any_sink_is_told_why() -> None:
    """A sink that is slow is slow after the agent has fallen silent, not before."""
    silent_when_told: list[tuple[str, bool]] = []
    sessions: list[Session] = []

    def look(record: Record) -> None:
        if sessions and type(record).__name__ in ("InterruptRequested", "GateShut", "TurnStarted"):
            turn = sessions[0]._turns.known.get(1)
            silent_when_told.append((type(record).__name__, turn is None or turn.scope.cancel_called))

    async def drive(session: Session) -> None:
        sessions.append(session)
        await session.say(REPLY)
        await trio.sleep(1)
        session.interrupt()

    simulate(AGENT, [HangUp(Moment(4))], drive=drive, sinks=(look,))
    assert silent_when_told == [("TurnStarted", False), ("InterruptRequested", True), ("GateShut", True)]


def test_an_input_is_logged_before_what_followed_from_it() -> None:
    names = [type(record).__name__ for record in simulate(AGENT, SCRIPT).records]
    assert names[0] == "SessionOpened"
    assert names.index("SpeechStarted") < names.index("SpeechBegins") < names.index("TurnOpened")
    assert names.index("Yielded") < names.index("GateShut") < names.index("Decided")


def test_a_sink_that_interrupts_is_told_of_its_interruption_after_what_it_answers() -> None:
    told: list[Record] = []
    sessions: list[Session] = []

    def stop_it(record: Record) -> None:
        told.append(record)
        if isinstance(record, SpeechStartsPlaying):
            sessions[0].interrupt("by a sink")

    async def drive(session: Session) -> None:
        sessions.append(session)
        await session.say(REPLY)

    call = simulate(AGENT, [HangUp(Moment(4))], drive=drive, sinks=(stop_it,))
    assert broken_promises(call) == []
    assert tuple(told) == call.records
    assert len(of_kind(call, GateShut)) == 1
    assert [turn.outcome for turn in call.turns if isinstance(turn.outcome, HungUp)] == []
