"""Tools inside a turn: calls run, results go back, text before them is spoken."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
import trio

from tests.session.calls import AGENT, agent, heard_words, of_kind, speech
from tests.session.tooling import clerk, named, settled, slow, started, tool_messages
from tests.session.watched import Watched
from turnscope._errors import ConfigError
from turnscope.core import (
    Completed,
    Failed,
    Message,
    ModelAsked,
    SpeechStartsPlaying,
    ToolCall,
    ToolCalled,
    ToolsDone,
    ToolSettled,
    ToolsRunning,
    ToolStarted,
    to_samples,
)
from turnscope.providers import Rule, ScriptedCall, ScriptedLLM
from turnscope.session import Agent, Tool, ToolContext, tool
from turnscope.sim import Call, HangUp, Moment, Step, broken_promises, simulate


def ask(agent_: Agent, *texts: str, until_s: float = 8.0, seed: int = 1) -> Call:
    """Somebody says this, one after the other, and hangs up."""
    first, *others = texts
    steps: list[Step] = [speech(first, 0.2), *(speech(text, 1.0, "agent_stops") for text in others)]
    call = simulate(agent_, [*steps, HangUp(Moment(until_s))], seed=seed)
    assert broken_promises(call) == []
    return call


@pytest.mark.feature("X5")
def test_a_model_calls_a_tool_and_says_what_it_returned() -> None:
    llm = Watched(clerk().llm)
    call = ask(agent(llm=llm, tools=(slow(1.0),)), "two lattes")
    assert heard_words(call) == "It is done with lattes"
    assert settled(call) == [("1.1.1", "returned", "done with lattes")]
    [event] = of_kind(call, ToolSettled)
    assert event.duration_s == 1.0
    calling = Message("assistant", "", tool_calls=(ToolCall("call_1", "order", '{"what": "lattes"}'),))
    asked = (Message("user", "two lattes"), calling, Message("tool", "done with lattes", tool_call_id="call_1"))
    assert [messages for messages, _ in llm.asked] == [asked[:1], asked]
    assert call.history == (*asked, Message("assistant", "It is done with lattes."))


def test_the_model_is_told_of_the_tools_only_if_there_are_any() -> None:
    llm = Watched(clerk().llm)
    ask(agent(llm=llm), "hello there")
    assert [len(arguments) for arguments in llm.asked] == [1]
    llm = Watched(clerk().llm)
    order = slow(1.0)
    ask(agent(llm=llm, tools=(order,)), "hello there")
    assert [arguments[1] for arguments in llm.asked] == [[order.spec]]


def test_what_is_said_before_a_call_is_spoken_while_the_tool_runs() -> None:
    call = ask(clerk(slow(3.0)), "a moment")
    assert heard_words(call) == "One moment please It is done with tea"
    [begins] = of_kind(call, SpeechStartsPlaying)
    [settlement] = of_kind(call, ToolSettled)
    assert begins.sample < settlement.sample
    assert call.turns[0].outcome == Completed("One moment please. It is done with tea.")
    assert [message.text for message in call.history if message.role == "assistant"] == [
        "One moment please.",
        "It is done with tea.",
    ]


@pytest.mark.feature(49)
def test_calls_of_one_answer_run_at_once_and_their_results_keep_the_order() -> None:
    @tool
    async def order(what: str) -> str:
        await trio.sleep(2)
        return "ordered"

    @tool
    async def price(what: str) -> float:
        await trio.sleep(0.5)
        return 2.5

    call = ask(clerk(order, price), "both please")
    assert settled(call) == [("1.1.2", "returned", "2.5"), ("1.1.1", "returned", "ordered")]
    assert tool_messages(call.history) == ["ordered", "2.5"]
    begun = of_kind(call, ToolStarted)
    assert begun[0].sample == begun[1].sample
    assert [event.round for event in of_kind(call, ModelAsked)] == [1, 2]


@pytest.mark.feature(49)
def test_more_calls_than_places_wait_in_order() -> None:
    call = ask(clerk(slow(2.0), named("price", slow(1.0).function), max_concurrent_tools=1), "both please")
    assert settled(call) == [("1.1.1", "returned", "done with tea"), ("1.1.2", "returned", "done with tea")]
    first, second = of_kind(call, ToolStarted)
    assert second.sample - first.sample == to_samples(2.0)


def test_a_synchronous_function_runs_through_the_compute_seam() -> None:
    def order(what: str) -> dict[str, object]:
        return {"ready": what}

    call = ask(clerk(Tool(order, cost_s=0.75)), "two lattes")
    assert settled(call) == [("1.1.1", "returned", '{"ready":"lattes"}')]
    [event] = of_kind(call, ToolSettled)
    assert event.duration_s == 0.75


# What models get wrong, and what tools do


def failure_of(order: Tool, arguments: dict[str, object] | None = None) -> str:
    """What the model is told when the tool fails."""
    rules = [Rule("lattes", "", calls=[ScriptedCall("order", {"what": "x"} if arguments is None else arguments)])]
    call = ask(clerk(order, rules=[*rules, Rule(".*", "Sorry.", after="order")], tool_timeout_s=2.0), "two lattes")
    [(_, kind, text)] = settled(call)
    assert kind == "failed"
    assert heard_words(call) == "Sorry"
    assert tool_messages(call.history) == [text]
    return text


def test_wrong_arguments_are_told_to_the_model_and_nothing_is_started() -> None:
    rules = [Rule("lattes", "", calls=[ScriptedCall("order", {"what": 2})]), Rule("wrong", "Sorry.", after="order")]
    call = ask(clerk(slow(1.0), rules=rules), "two lattes")
    wrong = "The arguments are wrong, and nothing was done. Expected `str`, got `int` - at `$.what`"
    assert settled(call) == [("1.1.1", "failed", wrong)]
    assert started(call) == []
    assert of_kind(call, ToolCalled)[0].arguments == '{"what": 2}'
    assert heard_words(call) == "Sorry"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, "Object missing required field `what`"),
        ({"what": "tea", "size": 2}, "Object contains unknown field `size`"),
        ({"what": None}, "Expected `str`, got `null` - at `$.what`"),
    ],
)
def test_what_is_wrong_with_arguments_is_named(arguments: dict[str, object], told: str) -> None:
    assert failure_of(slow(1.0), arguments).endswith(told)


def test_a_tool_that_there_is_not_is_told_to_the_model() -> None:
    rules = [Rule("There is no tool", "Sorry.", after="order")]
    call = ask(clerk(named("price", slow(1.0).function), rules=rules), "two lattes")
    assert settled(call) == [("1.1.1", "failed", "There is no tool 'order'. There are: price.")]
    assert heard_words(call) == "Sorry"


def test_a_tool_that_raises_has_failed_and_the_turn_goes_on() -> None:
    async def order(what: str) -> str:
        raise LookupError(f"no {what} left")

    assert failure_of(named("order", order)) == "LookupError: no x left"


def test_a_tool_whose_tasks_raise_has_failed_with_the_first_failure() -> None:
    async def fail() -> None:
        raise LookupError("sold out")

    async def order(what: str) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            nursery.start_soon(fail)

    assert failure_of(named("order", order)) == "LookupError: sold out"


def test_a_tool_that_takes_too_long_is_cancelled_and_has_failed() -> None:
    log: list[str] = []
    assert failure_of(slow(100, log)) == "order took longer than 2 s and was cancelled."
    assert log == ["begun", "cancelled"]
    assert failure_of(slow(100, timeout_s=0.5)) == "order took longer than 0.5 s and was cancelled."


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (object(), "TypeError: the result cannot be written as JSON: Encoding objects of type object is unsupported"),
        ("\ud800", "TypeError: the result cannot be written as JSON"),
        ({1: {2: object()}}, "TypeError: the result cannot be written as JSON"),
    ],
)
def test_a_result_that_is_not_json_is_a_failure(result: object, told: str) -> None:
    async def order(what: str) -> object:
        return result if not isinstance(result, str) else [result]

    assert failure_of(named("order", order)).startswith(told)


@dataclass
class Receipt:
    number: int
    items: list[str]


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ("plain words", "plain words"),
        (None, "null"),
        (True, "true"),
        (Receipt(7, ["tea"]), '{"number":7,"items":["tea"]}'),
        ("x" * 20_001, f"{'x' * 20_000}… (cut: it has 20001 characters)"),
    ],
)
def test_results_are_given_as_text_or_json(result: object, text: str) -> None:
    async def order(what: str) -> object:
        return result

    call = ask(clerk(named("order", order), rules=[Rule("", "Fine.", after="order")]), "two lattes")
    assert settled(call) == [("1.1.1", "returned", text)]


def test_a_model_that_calls_tools_for_ever_has_failed() -> None:
    again = [Rule("", "", calls=[ScriptedCall("order", {"what": "tea"})], after="order")]
    call = ask(clerk(slow(0.1), rules=again, max_tool_rounds=3), "two lattes")
    message = "called tools in more than 3 rounds of one turn (max_tool_rounds)"
    assert call.turns[0].outcome == Failed("scripted", message)
    assert len(started(call)) == 3
    assert tool_messages(call.history) == ["done with tea" if index else "done with lattes" for index in range(3)]


def test_two_calls_with_one_id_are_told_apart() -> None:
    class Same(ScriptedLLM):
        def _answer_to(self, messages: Sequence[Message]) -> tuple[str, list[ToolCall]]:
            text, calls = super()._answer_to(messages)
            return text, [ToolCall("same", call.name, call.arguments) for call in calls]

    order = slow(1.0)
    calls = [ScriptedCall("order", {"what": what}) for what in ("a", "b")]
    llm = Same([Rule("both", "", calls=calls), Rule("", "Fine.", after="order")])
    call = ask(agent(llm=llm, tools=(order,)), "both please")
    assert tool_messages(call.history) == ["done with a", "done with b"]
    assert [c.id for m in call.history for c in m.tool_calls] == ["same", "same_2"]


# Time


def test_a_turn_that_waits_for_a_tool_is_not_late() -> None:
    call = ask(clerk(slow(30), tool_timeout_s=40, answer_timeout_s=5), "two lattes", until_s=45)
    assert call.turns[0].outcome == Completed("It is done with lattes.")
    told = [type(record) for record in call.records if isinstance(record, ToolsRunning | ToolsDone)]
    assert told == [ToolsRunning, ToolsDone]


def test_after_its_tools_a_turn_can_be_late_again() -> None:
    llm = ScriptedLLM(
        [
            Rule("lattes", "", calls=[ScriptedCall("order", {"what": "tea"})]),
            Rule("", "— " * 50 + "late", after="order"),
        ],
        tokens_per_s=0.11,
        first_token_s=9.0,
    )
    call = ask(agent(llm=llm, tools=(slow(10),), answer_timeout_s=12), "two lattes", until_s=60)
    [done] = [record for record in call.records if isinstance(record, ToolsDone)]
    assert call.turns[0].outcome == Failed("scripted", "gave no audio within 12 s")
    assert call.turns[0].ended == done.sample + to_samples(12)


# Idempotency


def test_a_call_knows_its_session_and_its_key() -> None:
    seen: list[ToolContext] = []

    @tool
    async def order(context: ToolContext, what: str) -> str:
        seen.append(context)
        return what

    call = ask(clerk(order), "two lattes", "more lattes", until_s=15)
    first, second = seen
    assert (first.call_id, first.tool, first.turn_id) == ("1.1.1", "order", 1)
    assert (first.session_id, dict(first.metadata)) == ("session", {})
    assert [event.idempotency_key for event in of_kind(call, ToolStarted)] == [c.idempotency_key for c in seen]
    assert first.idempotency_key != second.idempotency_key, "the same order again is another one in another turn"


def test_two_equal_calls_of_one_answer_have_two_keys() -> None:
    twice = [Rule("lattes", "", calls=[ScriptedCall("order", {"what": "tea"})] * 2)]
    call = ask(clerk(slow(1.0), rules=twice), "two lattes")
    first, second = (event.idempotency_key for event in of_kind(call, ToolStarted))
    assert first != second


# Settings


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tools": (slow(1), slow(2))}, r"tools\[1\] is the second that is called 'order'"),
        ({"tools": (print,)}, r"tools\[0\] must be a Tool, got builtin_function_or_method; make one with @tool"),
        ({"max_tool_rounds": 0}, "max_tool_rounds must be at least 1, got 0"),
        ({"max_concurrent_tools": 0}, "max_concurrent_tools must be at least 1, got 0"),
        ({"tool_timeout_s": 0}, "tool_timeout_s must be positive, got 0"),
    ],
)
def test_an_agent_with_wrong_tools_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        agent(**changes)


def test_tools_may_come_in_any_sequence() -> None:
    order = slow(1)
    assert agent(tools=[order]).tools == (order,)
    assert AGENT.tools == ()
