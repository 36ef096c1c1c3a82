"""What the fixture `simulate` can do in pytest: ``pytest examples/test_fixture.py``."""

import pytest
import trio

from turnscope import Agent, Interrupted, ScriptedLLM
from turnscope.sim import Call, FakeSTT, FakeTTS, FakeVAD, HangUp, Moment, Play, Step, encode_words
from turnscope.testing import Simulate

agent = Agent(
    vad=FakeVAD(),
    stt=FakeSTT(),
    llm=ScriptedLLM([], fallback="Our opening hours are from nine to five on every day of the week."),
    tts=FakeTTS(),
)
SCRIPT: list[Step] = [
    Play(encode_words("when do you open")[0], Moment(0.5)),
    Play(encode_words("thank you")[0], Moment(1.5, "agent_starts")),
    HangUp(Moment(2, "quiet")),
]


@pytest.fixture(scope="module")
def call(simulate: Simulate) -> Call:
    """One call, which several tests look at."""
    return simulate(agent, SCRIPT, seed=7)


def test_the_caller_stops_the_agent(call: Call) -> None:
    outcome = call.turns[0].outcome
    assert isinstance(outcome, Interrupted)
    assert outcome.heard == "Our opening hours are"


def test_the_agent_steps_back_at_once(call: Call) -> None:
    assert call.turns[0].latency.onset_to_yield_s == 0.05


def test_a_scenario_can_be_held_with_another_agent(simulate: Simulate) -> None:
    held = simulate(agent, "fakes/interrupted.scenario.toml")
    assert len(held.turns) == 2


async def test_a_call_in_an_async_test(simulate: Simulate) -> None:
    began = trio.current_time()
    call = await simulate.in_trio(agent, SCRIPT)
    assert trio.current_time() - began >= len(call.user) / 16_000  # of virtual time, so it is over at once
