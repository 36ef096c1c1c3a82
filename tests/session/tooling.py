"""Calls for the tests of tools: a counter clerk who looks things up, and what became of it."""

from collections.abc import Callable, Sequence
from typing import Any

import trio

from tests.session.calls import agent, of_kind
from turnscope.core import Message, ToolFinishedLate, ToolSettled, ToolStarted
from turnscope.providers import Rule, ScriptedCall, ScriptedLLM
from turnscope.session import Agent, Tool, tool
from turnscope.sim import Call

__all__ = ["clerk", "late", "named", "settled", "slow", "started", "tool_messages"]

ORDER = [
    Rule("lattes", "", calls=[ScriptedCall("order", {"what": "lattes"})]),
    Rule("moment", "One moment please.", calls=[ScriptedCall("order", {"what": "tea"})]),
    Rule("both", "", calls=[ScriptedCall("order", {"what": "tea"}), ScriptedCall("price", {"what": "tea"})]),
    Rule("(?P<result>.*)", "It is {result}.", after="order"),
]


def clerk(*tools: Tool, rules: Sequence[Rule] = (), **changes: Any) -> Agent:
    """An agent that calls the tool ``order`` when it is asked for lattes, and answers everything else with "Fine."."""
    llm = ScriptedLLM([*rules, *ORDER], fallback="Fine.", tokens_per_s=40)
    return agent(llm=llm, tools=tools, **changes)


def slow(seconds: float, log: list[str] | None = None, **settings: Any) -> Tool:
    """A tool ``order`` that takes its time, and notes how it went."""

    @tool(name="order", **settings)
    async def order(what: str) -> str:
        """Order something."""
        notes = [] if log is None else log
        notes.append("begun")
        try:
            await trio.sleep(seconds)
        except trio.Cancelled:
            notes.append("cancelled")
            raise
        notes.append("done")
        return f"done with {what}"

    return order


def started(call: Call) -> list[str]:
    return [event.call_id for event in of_kind(call, ToolStarted)]


def settled(call: Call) -> list[tuple[str, str, str]]:
    """Each settlement: which call, how, and with what words."""
    return [(event.call_id, event.kind, event.text) for event in of_kind(call, ToolSettled)]


def late(call: Call) -> list[tuple[str, str, bool]]:
    return [(event.call_id, event.kind, event.kept) for event in of_kind(call, ToolFinishedLate)]


def tool_messages(history: Sequence[Message]) -> list[str]:
    return [message.text for message in history if message.role == "tool"]


def named(name: str, function: Callable[..., object]) -> Tool:
    return Tool(function, name=name)
