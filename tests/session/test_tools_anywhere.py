"""Whatever tools do and whenever the caller interrupts, each call that was started is settled once."""

from collections.abc import Callable
from typing import get_args

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.session.calls import speech
from tests.session.tooling import clerk
from turnscope.core import ToolSettled, ToolStarted
from turnscope.providers import Rule, ScriptedCall
from turnscope.session import OnInterruption, Session, Tool
from turnscope.sim import Call, HangUp, LikeSimulate, Moment, Step, broken_promises, explore, simulate


def make(name: str, policy: OnInterruption, takes_s: float, ends: str, keep_s: float) -> Tool:
    """A tool that ends in one of several ways."""

    async def call(what: str) -> object:
        match ends:
            case "shields":
                with trio.CancelScope(shield=True):
                    await trio.sleep(takes_s)
            case "cleans up badly":
                try:
                    await trio.sleep(takes_s)
                finally:
                    raise ValueError("cleanup went wrong")
            case _:
                await trio.sleep(takes_s)
        if ends == "raises":
            raise LookupError("sold out")
        return object() if ends == "garbage" else what

    return Tool(call, name=name, on_interruption=policy, keep_s=keep_s, timeout_s=4.0)


TOOLS = st.builds(
    make,
    st.just("order"),
    st.sampled_from(get_args(OnInterruption)),
    st.sampled_from([0.0, 0.3, 1.0, 2.5, 6.0]),
    st.sampled_from(["returns", "raises", "garbage", "shields", "cleans up badly"]),
    st.sampled_from([0.5, 2.0]),
)

WAYS: dict[str, Callable[[Session], object]] = {
    "nothing": lambda session: None,
    "interrupt": lambda session: session.interrupt("sweep"),
    "interrupt_speech": lambda session: session.interrupt_speech("sweep"),
    "hang up": lambda session: session._nursery.cancel_scope.cancel(),
}

RULES = [
    Rule("lattes", "One moment please.", calls=[ScriptedCall("order", {"what": w}) for w in ("a", "b", "c")]),
    Rule("", "", calls=[ScriptedCall("order", {"what": "d"})], after="order", turn=1),
    Rule("", "There you are.", after="order"),
]


def hold(order: Tool, *, speaks_at_s: float, way: str, at_s: float, places: int, rounds: int, seed: int) -> Call:
    async def drive(session: Session) -> None:
        await trio.sleep(at_s)
        WAYS[way](session)
        if way == "interrupt":
            await session.send_text("lattes again")
        await trio.sleep_forever()

    agent_ = clerk(order, rules=RULES, max_concurrent_tools=places, max_tool_rounds=rounds)
    steps: list[Step] = [speech("lattes please.", 0.2), speech("wait three.", speaks_at_s), HangUp(Moment(9.0))]
    return simulate(agent_, steps, seed=seed, frame_s=0.04, max_s=20, drive=drive)


@pytest.mark.feature(48, 49, "X5")
@settings(max_examples=60, deadline=None)
@given(
    TOOLS,
    st.floats(1.0, 6.0),
    st.sampled_from(list(WAYS)),
    st.floats(1.4, 6.0),
    st.integers(1, 3),
    st.integers(1, 2),
    st.integers(0, 3),
)
def test_every_started_call_is_settled_once_whatever_happens(
    order: Tool, speaks_at_s: float, way: str, at_s: float, places: int, rounds: int, seed: int
) -> None:
    call = hold(order, speaks_at_s=speaks_at_s, way=way, at_s=at_s, places=places, rounds=rounds, seed=seed)
    assert broken_promises(call) == []
    started = [event.call_id for event in call.events if isinstance(event, ToolStarted)]
    settled = [event.call_id for event in call.events if isinstance(event, ToolSettled)]
    assert sorted(started) == sorted(settled)


def sweep(policy: OnInterruption, way: str, stride: int) -> list[str]:
    def once(simulate: LikeSimulate) -> Call:
        async def drive(session: Session) -> None:
            await session.send_text("lattes please")
            await trio.sleep(6.0)
            await session.send_text("and then")
            await trio.sleep_forever()

        order = make("order", policy, 1.0, "returns", 2.0)
        agent_ = clerk(order, rules=RULES, max_concurrent_tools=2)
        return simulate(agent_, [HangUp(Moment(8.0))], seed=1, frame_s=0.04, drive=drive)

    whole = once(simulate)
    assert sum(isinstance(event, ToolSettled) for event in whole.events) >= 4
    found = explore(once, every_s=None, ways=[WAYS[way]], stride=stride, schedules=1)
    return [f"{policy}, {way} at {breach.case}: {breach.what}" for breach in found.breaches]


@pytest.mark.feature("X5")
@pytest.mark.parametrize("policy", get_args(OnInterruption))
def test_a_turn_with_tools_can_be_interrupted_at_many_steps(policy: OnInterruption) -> None:
    assert sweep(policy, "interrupt", stride=3) == []


@pytest.mark.slow
@pytest.mark.parametrize("policy", get_args(OnInterruption))
@pytest.mark.parametrize("way", [way for way in WAYS if way != "nothing"])
def test_a_turn_with_tools_can_be_cut_off_at_any_step(policy: OnInterruption, way: str) -> None:
    assert sweep(policy, way, stride=1) == []
