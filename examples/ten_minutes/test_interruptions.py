"""What a caller may do to our agent."""

from dataclasses import replace

import pytest

from agent import make_agent
from turnscope import Agent
from turnscope.sim import FakeSTT, FakeTTS, FakeVAD, HangUp, Moment, Play, Step, encode_words
from turnscope.testing import Simulate


@pytest.fixture
def agent() -> Agent:
    """Our agent, with ears and a voice that take no time and are never wrong."""
    agent: Agent = make_agent()
    return replace(agent, vad=FakeVAD(), stt=FakeSTT(), tts=FakeTTS())


def says(words: str, when: Moment) -> Play:
    return Play(encode_words(words)[0], when)


def order_and_cut_in(words: str) -> list[Step]:
    """Order, say `words` when the agent has spoken for 1.5 s, and hang up when both have been quiet for 2 s."""
    return [
        says("two lattes and a mocha please", Moment(0.5)),
        says(words, Moment(1.5, "agent_starts")),
        HangUp(Moment(2, "quiet")),
    ]


def test_one_word_stops_the_agent(agent: Agent, simulate: Simulate) -> None:
    call = simulate(agent, order_and_cut_in("stop"))
    assert [turn.outcome.kind for turn in call.turns if turn.outcome] == ["interrupted", "completed"]
    assert call.turns[0].latency.onset_to_yield_s == 0.05
    assert call.turns[1].reply == ["Sorry, go on."]
