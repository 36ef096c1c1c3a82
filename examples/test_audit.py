"""Nothing of the application holds up an interruption: ``pytest examples/test_audit.py``."""

import trio

from turnscope import Agent, ScriptedLLM, tool
from turnscope.sim import FakeSTT, FakeTTS, FakeVAD, audit


@tool
async def place_order(what: str, count: int) -> str:
    """Place an order."""
    await trio.sleep(0.5)
    return f"ordered {count} {what}"


@tool
async def careless(what: str) -> str:
    """Place an order, come what may."""
    with trio.CancelScope(shield=True):
        await trio.sleep(0.5)
    return f"ordered {what}"


agent = Agent(vad=FakeVAD(), stt=FakeSTT(), llm=ScriptedLLM([], fallback="Hello."), tts=FakeTTS(), tools=[place_order])


def test_all_parts_of_the_agent_end_at_once() -> None:
    audits = audit(agent, blocked_s=0.5)
    assert [str(finding) for one in audits for finding in one.findings] == []


def test_a_careless_tool_is_found() -> None:
    (result,) = audit(careless, blocked_s=0.5)
    assert [(finding.fault, finding.place.line) for finding in result.findings] == [("shield", 20)]
    assert result.unwinding_s == 0.5
