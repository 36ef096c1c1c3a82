"""What becomes of tools when the caller interrupts: each policy at each moment, settled once, never in the way."""

import threading
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, get_args

import pytest
import trio

from tests.session.calls import agent, cough, heard_words, of_kind, speech
from tests.session.hostile import swallows_all
from tests.session.tooling import clerk, late, named, settled, slow, started, tool_messages
from tests.session.watched import Watched
from turnscope._errors import ToolWithdrawn
from turnscope.core import (
    AgentChanged,
    AttemptCancelled,
    AttemptCommitted,
    AttemptStarted,
    Completed,
    GateShut,
    HungUp,
    Interrupted,
    Message,
    ModelAsked,
    SessionEnded,
    SpeechStartsPlaying,
    StateChanged,
    ToolCalled,
    ToolFinishedLate,
    ToolSettled,
    ToolStarted,
    ToolStuck,
    TurnEnded,
    TurnStarted,
    to_samples,
)
from turnscope.providers import Resources, Rule, ScriptedCall, ScriptedLLM
from turnscope.session import Agent, OnInterruption, Session, Tool, ToolContext, open_runtime, open_session, tool
from turnscope.sim import Call, FakeTTS, HangUp, Moment, Step, VirtualCompute, broken_promises, run_virtual, simulate
from turnscope.transports import memory_pair

POLICIES: tuple[OnInterruption, ...] = get_args(OnInterruption)
GOES_ON = "Interrupted. The call goes on, but its result will not be known."
DETACHED = "The call goes on. Its result will be given later."
BARGED_IN = "Cancelled, because the caller interrupted."
UNKNOWN = "It is not known what it has done."


def hold(agent_: Any, *steps: Step, until_s: float = 15.0, seed: int = 1, **options: Any) -> Call:
    call = simulate(agent_, [*steps, HangUp(Moment(until_s))], seed=seed, **options)
    assert broken_promises(call) == []
    return call


def interrupted_while_it_runs(order: Tool, **changes: Any) -> Call:
    """The agent says "One moment please." and calls; 1.5 s after the call has begun, the caller interrupts."""
    return hold(clerk(order, **changes), speech("a moment", 0.2), speech("wait three.", 1.0, "agent_starts"))


# During the call


@pytest.mark.feature(48, "X5")
@pytest.mark.parametrize(
    ("policy", "took_s", "settlement", "log", "finished_late"),
    [
        ("cancel", 5.0, ("cancelled", BARGED_IN), ["begun", "cancelled"], []),
        ("finish_discard", 5.0, ("cancelled", GOES_ON), ["begun", "done"], [("1.1.1", "returned", False)]),
        ("finish_keep", 2.5, ("returned", "done with tea"), ["begun", "done"], []),
        ("finish_keep", 9.0, ("cancelled", BARGED_IN), ["begun", "cancelled"], []),
        ("detach", 9.0, ("detached", DETACHED), ["begun", "done"], [("1.1.1", "returned", True)]),
    ],
)
def test_a_running_call_goes_the_way_of_its_policy(
    policy: OnInterruption,
    took_s: float,
    settlement: tuple[str, str],
    log: list[str],
    finished_late: list[tuple[str, str, bool]],
) -> None:
    notes: list[str] = []
    call = interrupted_while_it_runs(slow(took_s, notes, on_interruption=policy), tool_timeout_s=8.0)
    assert settled(call) == [("1.1.1", *settlement)]
    assert notes == log
    assert late(call) == finished_late
    [event] = of_kind(call, ToolSettled)
    assert event.cause == "user_speaking"

    # Silence waits for none of it, and neither does the end of the turn.
    [shut] = of_kind(call, GateShut)
    ended = [event for event in of_kind(call, TurnEnded) if event.turn_id == 1]
    assert [end.sample for end in ended] == [shut.sample]
    assert isinstance(ended[0].outcome, Interrupted)
    assert ended[0].joined
    assert call.turns[1].outcome == Completed("Fine.")


@pytest.mark.feature("X5")
@pytest.mark.parametrize("policy", POLICIES)
def test_the_next_answer_knows_how_each_call_ended(policy: OnInterruption) -> None:
    llm = Watched(clerk().llm)
    order = slow(2.0, on_interruption=policy)
    call = hold(agent(llm=llm, tools=(order,)), speech("a moment", 0.2), speech("wait three.", 1.0, "agent_starts"))
    told = {
        "cancel": BARGED_IN,
        "finish_discard": GOES_ON,
        "finish_keep": "done with tea",
        "detach": DETACHED,
    }[policy]
    [_, (messages, _)] = llm.asked
    assert [(message.role, message.text) for message in messages] == [
        ("user", "a moment"),
        ("assistant", "One moment please."),
        ("tool", told),
        *([("assistant", ""), ("tool", "done with tea")] if policy == "detach" else []),
        ("user", "wait three"),
    ]
    assert messages[1].interrupted
    assert call.history[: len(messages)] == messages


@pytest.mark.feature("X5")
def test_the_next_answer_waits_for_a_call_that_is_kept_but_no_longer_than_it_is_kept() -> None:
    call = interrupted_while_it_runs(slow(9.0, on_interruption="finish_keep", keep_s=4.0))
    [shut] = of_kind(call, GateShut)
    [event] = of_kind(call, ToolSettled)
    assert event.sample == shut.sample + to_samples(4.0)
    second = [begun for begun in of_kind(call, AttemptStarted) if begun.turn_id == 2]
    asked = [model for model in of_kind(call, ModelAsked) if model.turn_id == 2]
    assert second[0].sample < event.sample == asked[0].sample


def test_what_is_said_word_for_word_does_not_wait_for_a_call_that_is_kept() -> None:
    async def drive(session: Session) -> None:
        await trio.sleep(3.0)
        session.interrupt("priority_message")
        await session.say("The shop is on fire.")
        await trio.sleep_forever()

    call = hold(clerk(slow(19.0, on_interruption="finish_keep", keep_s=8.0)), speech("a moment", 0.2), drive=drive)
    [event] = of_kind(call, ToolSettled)
    assert (event.kind, event.cause) == ("cancelled", "priority_message")
    assert call.turns[1].outcome == Completed("The shop is on fire.")
    assert call.turns[1].ended is not None
    assert call.turns[1].ended < event.sample


def test_a_tool_may_be_silent_and_cancelled_before_anything_was_heard() -> None:
    call = hold(
        clerk(slow(9.0)),
        speech("lattes please", 0.2),
        until_s=8.0,
        drive=_interrupt_after(3.0),
    )
    assert settled(call) == [("1.1.1", "cancelled", "Cancelled.")]
    assert [(m.role, m.text, m.interrupted) for m in call.history] == [
        ("user", "lattes please", False),
        ("assistant", "", True),
        ("tool", "Cancelled.", False),
    ]


def _interrupt_after(seconds: float) -> Any:
    async def drive(session: Session) -> None:
        await trio.sleep(seconds)
        session.interrupt()
        await trio.sleep_forever()

    return drive


@pytest.mark.feature(48)
def test_the_result_of_a_detached_call_is_announced_if_its_tool_wants_it() -> None:
    order = slow(6.0, on_interruption="detach", announce=True)
    call = hold(clerk(order), speech("a moment", 0.2), speech("wait three.", 1.0, "agent_starts"))
    assert [(turn.origin, turn.outcome) for turn in call.turns[1:]] == [
        ("speech", Completed("Fine.")),
        ("reply", Completed("It is done with tea.")),
    ]
    [event] = of_kind(call, ToolFinishedLate)
    assert call.turns[2].attempt_started == event.sample
    assert [(m.role, m.text) for m in call.history[-3:]] == [
        ("assistant", ""),
        ("tool", "done with tea"),
        ("assistant", "It is done with tea."),
    ]


# Before it starts


@pytest.mark.feature("X5")
@pytest.mark.parametrize("policy", POLICIES)
def test_a_call_that_waits_for_a_place_when_the_caller_interrupts_never_starts(policy: OnInterruption) -> None:
    notes: list[str] = []

    async def price(what: str) -> str:
        notes.append("price")
        return "2.50"

    tools = (slow(4.0, on_interruption=policy), Tool(price, on_interruption=policy))
    call = hold(clerk(*tools, max_concurrent_tools=1), speech("both please", 0.2), drive=_interrupt_after(3.0))
    assert [event.call_id for event in of_kind(call, ToolCalled)] == ["1.1.1", "1.1.2"]
    assert started(call) == ["1.1.1"]
    assert [identity for identity, _, _ in settled(call)] == ["1.1.1"]
    assert notes == []
    assert [c.name for m in call.history for c in m.tool_calls][0:1] == ["order"]
    assert "price" not in [c.name for m in call.history for c in m.tool_calls]


@pytest.mark.feature("X5")
def test_what_a_model_asks_for_before_it_is_cut_off_never_starts() -> None:
    rules = [
        Rule("both", "One moment, I look at that for you.", calls=[ScriptedCall("order", {"what": "tea"})] * 30),
    ]
    notes: list[str] = []
    # 40 pieces a second: it is still writing its calls when the caller interrupts.
    call = hold(clerk(slow(1.0, notes), rules=rules), speech("both please", 0.2), drive=_interrupt_after(2.0))
    assert isinstance(call.turns[0].outcome, Interrupted)
    assert notes == []
    assert settled(call) == []
    assert all(not message.tool_calls for message in call.history)


class Before(trio.abc.Instrument):
    """Interrupts right before the first step of a task."""

    def __init__(self, name: str) -> None:
        self.session: Session | None = None
        self._name = name
        self.done = False

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if task.name == self._name and self.session is not None and not self.done:
            self.done = True
            self.session.interrupt()


@pytest.mark.feature("X5")
@pytest.mark.parametrize(
    ("task", "settlements"),
    [("tool order", []), ("function of tool order", [("1.1.1", "cancelled", "Cancelled.")])],
)
def test_a_call_that_is_about_to_begin_when_the_caller_interrupts_does_nothing(
    task: str, settlements: list[tuple[str, str, str]]
) -> None:
    notes: list[str] = []
    before = Before(task)

    async def drive(session: Session) -> None:
        before.session = session
        await trio.sleep_forever()

    call = hold(clerk(slow(1.0, notes)), speech("lattes please", 0.2), drive=drive, instruments=(before,))
    assert before.done
    assert notes == []
    assert settled(call) == settlements


# After it has returned


@pytest.mark.parametrize("policy", POLICIES)
def test_an_interruption_before_the_result_is_spoken_keeps_the_result(policy: OnInterruption) -> None:
    call = hold(clerk(slow(1.0, on_interruption=policy)), speech("lattes please", 0.2), drive=_interrupt_after(2.75))
    [event] = of_kind(call, ToolSettled)
    [shut] = of_kind(call, GateShut)
    assert 0 < shut.sample - event.sample < to_samples(0.2), "the model has not said its first word yet"
    assert settled(call) == [("1.1.1", "returned", "done with lattes")]
    assert tool_messages(call.history) == ["done with lattes"]
    assert [m.text for m in call.history if m.role == "assistant"] == [""]


@pytest.mark.parametrize("policy", POLICIES)
def test_an_interruption_of_the_reply_keeps_the_result_and_what_was_heard(policy: OnInterruption) -> None:
    rules = [Rule("", "It is ready soon, please have a seat by the window.", after="order")]
    call = hold(
        clerk(slow(1.0, on_interruption=policy), rules=rules),
        speech("lattes please", 0.2),
        speech("wait three.", 1.0, "agent_starts"),
    )
    assert settled(call) == [("1.1.1", "returned", "done with lattes")]
    assert heard_words(call).startswith("It is ready")
    _, calling, result, answer = call.history[:4]
    assert (calling.text, calling.interrupted, result.text) == ("", False, "done with lattes")
    assert answer.interrupted
    assert answer.text
    assert answer.text in "It is ready soon, please have a seat by the window."


def test_words_before_a_call_that_were_not_heard_are_kept_beside_it() -> None:
    rules = [Rule("both", "This takes a little while so bear with me.", calls=[ScriptedCall("order", {"what": "tea"})])]
    call = hold(clerk(slow(9.0), rules=rules), speech("both please", 0.2), speech("wait three.", 0.5, "agent_starts"))
    said = call.history[1]
    assert said.text
    assert "This takes a little while so bear with me.".startswith(said.text)
    assert f"{said.text} {said.unheard}" == "This takes a little while so bear with me."
    assert said.interrupted
    assert len(said.tool_calls) == 1


def test_a_cough_leaves_a_running_tool_alone() -> None:
    call = hold(clerk(slow(3.0)), speech("a moment", 0.2), cough(0.6, "agent_starts"))
    assert settled(call) == [("1.1.1", "returned", "done with tea")]
    assert call.turns[0].outcome == Completed("One moment please. It is done with tea.")


# The answer is taken back


AGAIN = [
    Rule("Cancelled|goes on", "", calls=[ScriptedCall("order", {"what": "lattes"})], after="order"),
]


def goes_on_speaking(order: Tool, *rules: Rule, **changes: Any) -> Call:
    """The caller says "lattes", is silent for so long that the call begins, and goes on before anything is heard."""
    steps = speech("lattes", 0.2, pace=2), speech("and three muffins.", 2.0)
    return hold(clerk(order, rules=rules, **changes), *steps, until_s=14)


@pytest.mark.feature("X5")
@pytest.mark.parametrize(
    ("policy", "kind", "told"),
    [
        ("cancel", "cancelled", "Cancelled, because the caller went on speaking."),
        ("finish_discard", "cancelled", GOES_ON),
        ("finish_keep", "returned", "done with lattes"),
        ("detach", "detached", DETACHED),
    ],
)
def test_a_taken_back_answer_leaves_its_calls_behind_the_longer_question(
    policy: OnInterruption, kind: str, told: str
) -> None:
    call = goes_on_speaking(slow(1.5, on_interruption=policy), *AGAIN)
    assert [event.attempt for event in of_kind(call, AttemptCancelled)] == [1]
    assert settled(call)[0] == ("1.1.1", kind, told)
    assert [turn.outcome for turn in call.turns] == [Completed("It is done with lattes.")]
    asked, calling, result = call.history[:3] if policy != "detach" else call.history[2:5]
    assert (asked.text, calling.text, result.text) == ("lattes and three muffins", "", told)
    if policy != "finish_keep":
        assert settled(call)[1] == ("1.2.1", "returned", "done with lattes")
        one, other = of_kind(call, ToolStarted)
        assert one.idempotency_key == other.idempotency_key, "it is asked for the same, in the same turn"


@pytest.mark.feature("X5")
def test_a_taken_back_answer_that_had_called_is_remembered_when_the_turn_is_never_answered() -> None:
    async def drive(session: Session) -> None:
        await trio.sleep(2.9)  # the caller goes on
        await session.send_text("hello there")
        await trio.sleep_forever()

    call = hold(
        clerk(slow(5.0, on_interruption="detach")),
        speech("lattes", 0.2, pace=2),
        speech("and three muffins.", 2.0),
        drive=drive,
    )
    assert [event.attempt for event in of_kind(call, AttemptCancelled)] == [1]
    assert [(m.role, m.text) for m in call.history[:3]] == [
        ("user", "lattes and three muffins"),
        ("assistant", ""),
        ("tool", DETACHED),
    ]


@pytest.mark.feature("X5")
def test_an_answer_whose_tool_has_committed_itself_is_interrupted_and_not_taken_back() -> None:
    @tool
    async def order(context: ToolContext, what: str) -> str:
        context.committed()
        await trio.sleep(3.0)
        return f"done with {what}"

    call = goes_on_speaking(order)
    assert [type(r) for r in call.records if isinstance(r, AttemptCommitted)] == [AttemptCommitted]
    assert of_kind(call, AttemptCancelled) == []
    first, second = call.turns
    assert isinstance(first.outcome, Interrupted)
    assert (first.text, second.text) == ("lattes", "and three muffins")
    assert settled(call) == [("1.1.1", "cancelled", BARGED_IN)]


def test_whoever_committed_itself_too_late_is_stopped() -> None:
    notes: list[str] = []

    @tool
    async def order(context: ToolContext, what: str) -> str:
        try:
            await trio.sleep_forever()
        finally:
            try:
                context.committed()
            except ToolWithdrawn as error:
                notes.append(str(error))
        return ""

    goes_on_speaking(order, tool_timeout_s=1.0)
    assert notes[0] == "the call 1.1.1 of order has been cancelled"


# The end of the call


@pytest.mark.feature("X5", 57)
@pytest.mark.parametrize("policy", POLICIES)
def test_hanging_up_ends_every_call(policy: OnInterruption) -> None:
    notes: list[str] = []
    call = hold(clerk(slow(30, notes, on_interruption=policy)), speech("lattes please", 0.2), until_s=4.0)
    assert notes == ["begun", "cancelled"]
    [(_, kind, _)] = settled(call)
    assert kind == ("detached" if policy == "detach" else "cancelled")
    assert late(call) == ([("1.1.1", "cancelled", False)] if policy in ("detach", "finish_discard") else [])
    assert call.turns[0].outcome == HungUp("hung_up", "")
    end = call.events[-1]
    assert isinstance(end, SessionEnded)
    assert (end.reason, end.tasks_left) == ("hung_up", 0)
    assert end.sample == of_kind(call, StateChanged)[-1].sample
    assert call.tasks_left == 0


@pytest.mark.feature("X5")
@pytest.mark.parametrize("policy", POLICIES)
def test_leaving_the_session_ends_every_call(policy: OnInterruption) -> None:
    notes: list[str] = []
    events: list[object] = []

    async def main(compute: VirtualCompute) -> None:
        near, _ = memory_pair()
        async with (
            open_runtime(compute=compute) as runtime,
            open_session(
                clerk(slow(30, notes, on_interruption=policy)), near, runtime=runtime, sinks=(events.append,)
            ) as session,
        ):
            await session.send_text("lattes please")
            await trio.sleep(2.0)

    run_virtual(main, seed=1)
    assert notes == ["begun", "cancelled"]
    assert sum(isinstance(event, ToolSettled) for event in events) == 1
    [end] = [event for event in events if isinstance(event, SessionEnded)]
    assert end.tasks_left == 0


# Tools that break every rule


async def _shields(seconds: float) -> None:
    with trio.CancelScope(shield=True):
        await trio.sleep(seconds)


async def _raises_in_cleanup() -> str:
    try:
        await trio.sleep_forever()
    finally:
        raise ValueError("cleanup went wrong")
    return ""


async def _gives_garbage_late() -> object:
    with trio.CancelScope(shield=True):
        await trio.sleep(1.6)
    return object()


@pytest.mark.feature("X5")
@pytest.mark.parametrize(
    ("fault", "settlement", "stuck"),
    [
        (swallows_all, ("returned", "returned all the same"), False),
        (_raises_in_cleanup, ("failed", "ValueError: cleanup went wrong"), False),
        (lambda: _shields(1.6), ("returned", "null"), False),
        (lambda: _shields(5.0), ("cancelled", f"{BARGED_IN} {UNKNOWN}"), True),
        (lambda: _shields(float("inf")), ("cancelled", f"{BARGED_IN} {UNKNOWN}"), True),
        (
            _gives_garbage_late,
            (
                "failed",
                "TypeError: the result cannot be written as JSON: Encoding objects of type object is unsupported",
            ),
            False,
        ),
    ],
)
def test_a_tool_that_does_not_let_itself_be_cancelled_settles_once_and_harms_nobody(
    fault: Any, settlement: tuple[str, str], stuck: bool
) -> None:
    async def order(what: str) -> object:
        return await fault()

    call = interrupted_while_it_runs(named("order", order))
    assert settled(call) == [("1.1.1", *settlement)]
    assert [event.call_id for event in of_kind(call, ToolStuck)] == (["1.1.1"] if stuck else [])
    [shut] = of_kind(call, GateShut)
    assert [event.sample for event in of_kind(call, TurnEnded) if event.turn_id == 1] == [shut.sample]
    assert call.turns[1].outcome == Completed("Fine.")
    if stuck:
        [event] = of_kind(call, ToolSettled)
        assert event.sample == shut.sample + to_samples(1.0)


def test_a_stuck_tool_that_times_out_does_not_hold_its_turn() -> None:
    async def order(what: str) -> None:
        await _shields(float("inf"))

    rules = [Rule("took longer", "Sorry.", after="order")]
    call = hold(clerk(named("order", order), rules=rules, tool_timeout_s=2.0), speech("lattes please", 0.2))
    [(_, kind, text)] = settled(call)
    assert (kind, text) == ("failed", f"order took longer than 2 s and was cancelled. {UNKNOWN}")
    assert call.turns[0].outcome == Completed("Sorry.")
    [event] = of_kind(call, ToolSettled)
    assert event.duration_s == 3.0


def test_a_tool_that_ends_after_it_was_given_up_is_told_and_its_result_is_dropped() -> None:
    async def order(what: str) -> None:
        await _shields(5.0)

    call = interrupted_while_it_runs(named("order", order))
    [event] = of_kind(call, ToolFinishedLate)
    assert (event.kind, event.kept) == ("returned", False)
    assert tool_messages(call.history) == [f"{BARGED_IN} {UNKNOWN}"]


@pytest.mark.realtime
async def test_a_thread_that_is_cancelled_is_given_up_at_once_and_may_not_commit_itself() -> None:
    begun, go_on, over = trio.Event(), threading.Event(), threading.Event()
    notes: list[str] = []

    def order(context: ToolContext, what: str) -> str:
        trio.from_thread.run_sync(begun.set)
        go_on.wait(10)
        try:
            context.committed()
        except ToolWithdrawn:
            notes.append("withdrawn")
        over.set()
        return ""

    near, _ = memory_pair()
    events: list[object] = []
    ended = trio.Event()

    def note(event: object) -> None:
        events.append(event)
        if isinstance(event, TurnEnded):
            ended.set()

    async with open_session(clerk(named("order", order)), near, sinks=(note,)) as session:
        await session.send_text("lattes please")
        await begun.wait()
        session.interrupt()
        with trio.fail_after(5):
            await ended.wait()
        go_on.set()
        await trio.to_thread.run_sync(over.wait)
    assert notes == ["withdrawn"]
    assert [event.kind for event in events if isinstance(event, ToolSettled)] == ["cancelled"]


# A tool that ends the conversation


def goodbye(log: list[str] | None = None) -> Tool:
    @tool
    async def order(context: ToolContext, what: str) -> str:
        context.end_conversation("said_goodbye")
        await trio.sleep(1.0)
        return "bye"

    return order


PARTING = [Rule("bye", "Goodbye and have a very nice day.", after="order")]


@pytest.mark.feature(49)
def test_a_tool_ends_the_conversation_when_the_goodbye_has_been_heard() -> None:
    call = hold(clerk(goodbye(), rules=PARTING), speech("lattes please", 0.2), until_s=30)
    assert heard_words(call) == "Goodbye and have a very nice day"
    assert call.turns[0].outcome == Completed("Goodbye and have a very nice day.")
    end = call.events[-1]
    assert isinstance(end, SessionEnded)
    assert (end.reason, end.sample) == ("said_goodbye", call.turns[0].ended)


@pytest.mark.feature(49)
def test_whoever_interrupts_the_goodbye_is_not_hung_up_on() -> None:
    call = hold(
        clerk(goodbye(), rules=PARTING), speech("lattes please", 0.2), speech("wait three.", 0.8, "agent_starts")
    )
    assert [turn.outcome.kind for turn in call.turns if turn.outcome] == ["interrupted", "completed"]
    end = call.events[-1]
    assert isinstance(end, SessionEnded)
    assert end.reason == "hung_up"


def test_a_goodbye_that_was_silenced_does_not_hang_up() -> None:
    async def drive(session: Session) -> None:
        async with session.events() as events:
            async for event in events:
                if isinstance(event, SpeechStartsPlaying):
                    await trio.sleep(0.5)
                    session.interrupt_speech()

    call = hold(clerk(goodbye(), rules=PARTING), speech("lattes please", 0.2), drive=drive)
    end = call.events[-1]
    assert isinstance(end, SessionEnded)
    assert end.reason == "hung_up"


@pytest.mark.feature(49, "X5")
def test_an_answer_that_was_taken_back_never_hangs_up() -> None:
    rules = [
        Rule("muffins", "Fine, muffins."),
        *PARTING,
    ]
    call = goes_on_speaking(goodbye(), *rules)
    assert [event.attempt for event in of_kind(call, AttemptCancelled)] == [1]
    end = call.events[-1]
    assert isinstance(end, SessionEnded)
    assert end.reason == "hung_up"


def test_a_tool_that_fails_after_it_asked_to_end_the_conversation_does_not_end_it() -> None:
    @tool
    async def order(context: ToolContext, what: str) -> str:
        context.end_conversation()
        raise LookupError("the line is dead")

    call = hold(clerk(order, rules=[Rule("", "Sorry.", after="order")]), speech("lattes please", 0.2))
    end = call.events[-1]
    assert isinstance(end, SessionEnded)
    assert end.reason == "hung_up"


# Silenced, but not interrupted


def test_a_silenced_answer_goes_on_with_its_tools_for_display() -> None:
    async def drive(session: Session) -> None:
        await trio.sleep(3.0)
        session.interrupt_speech()
        await trio.sleep_forever()

    call = hold(clerk(slow(3.0)), speech("a moment", 0.2), drive=drive)
    assert settled(call) == [("1.1.1", "returned", "done with tea")]
    roles: Sequence[Message] = call.history
    assert [(m.role, m.text, m.unheard) for m in roles] == [
        ("user", "a moment", ""),
        ("assistant", "One moment please.", ""),
        ("tool", "done with tea", ""),
        ("assistant", "", "It is done with tea."),
    ]
    assert len(of_kind(call, TurnStarted)) == 1


# Handing over


class SlowToReach(FakeTTS):
    """A synthesizer that takes two seconds to connect to."""

    name = "slow-to-reach"

    @asynccontextmanager
    async def connect(self, resources: Resources) -> AsyncGenerator[Any]:
        await trio.sleep(2.0)
        async with super().connect(resources) as connection:
            yield connection


def clerk_who_hands_over() -> Agent:
    other = agent(name="sales", llm=ScriptedLLM([], fallback="Sales here."), tts=SlowToReach())

    @tool
    async def order(context: ToolContext, what: str) -> str:
        await context.hand_over(other)
        return "with sales"

    return clerk(order, name="clerk")


def test_a_tool_hands_over_and_the_other_agent_gives_the_next_answer() -> None:
    call = hold(clerk_who_hands_over(), speech("lattes please", 0.2), speech("hello there", 1.0, "agent_stops"))
    assert [turn.outcome for turn in call.turns] == [Completed("It is with sales."), Completed("Sales here.")]
    [changed] = of_kind(call, AgentChanged)
    assert changed.sample >= of_kind(call, ToolSettled)[0].sample


def test_the_new_agents_limits_for_tools_hold() -> None:
    strict = clerk(slow(3.0), named("price", slow(0.5).function), name="strict", tool_timeout_s=1.0)
    strict = replace(strict, max_concurrent_tools=1)

    async def drive(session: Session) -> None:
        await session.hand_over(strict)
        await session.send_text("both please")

    call = simulate(clerk(name="easy"), [HangUp(Moment(8))], seed=1, drive=drive)
    assert broken_promises(call) == []
    assert settled(call) == [
        ("1.1.1", "failed", "order took longer than 1 s and was cancelled."),
        ("1.1.2", "returned", "done with tea"),
    ]


def test_an_interruption_while_a_tool_hands_over_leaves_the_agent_where_it_is() -> None:
    call = hold(clerk_who_hands_over(), speech("lattes please", 0.2), speech("hello there", 2.6), until_s=10.0)
    assert settled(call) == [("1.1.1", "cancelled", BARGED_IN)]
    assert [turn.outcome for turn in call.turns[1:]] == [Completed("Fine.")]
    assert of_kind(call, AgentChanged) == []
