"""Interrupt an order at every quarter of a second and at many awaits: ``pytest examples/test_every_moment.py``."""

from turnscope import Agent, Rule, ScriptedLLM
from turnscope.sim import (
    Call,
    FakeSTT,
    FakeTTS,
    FakeVAD,
    HangUp,
    LikeSimulate,
    Moment,
    Play,
    Step,
    encode_words,
    explore,
)

waiter = Agent(
    vad=FakeVAD(),
    stt=FakeSTT(),
    llm=ScriptedLLM([Rule("three", "Three lattes, then."), Rule("lattes", "Two lattes. They are ready in a minute.")]),
    tts=FakeTTS(),
)
SCRIPT: list[Step] = [
    Play(encode_words("two lattes please")[0], Moment(0.3)),
    Play(encode_words("wait make that three")[0], Moment(1.0, "agent_starts")),
    HangUp(Moment(2.0, "quiet")),
]


def order(simulate: LikeSimulate) -> Call:
    """The conversation. ``order(turnscope.simulate)`` holds it as it is."""
    return simulate(waiter, SCRIPT)


def knows_the_order(call: Call) -> None:
    """Whenever the caller cuts in, the last answer is about three lattes."""
    assert call.turns[-1].reply == ["Three lattes, then."], "the caller was not answered"


def test_the_caller_can_cut_in_at_any_moment() -> None:
    exploration = explore(order, every_s=0.25, schedules=2, checks=[knows_the_order])
    assert [str(breach) for breach in exploration.breaches] == []
    assert exploration.moments > 12


def test_the_answer_can_be_interrupted_at_any_await() -> None:
    assert explore(order, every_s=None, ways=["interrupt"], stride=40, schedules=2).breaches == ()
