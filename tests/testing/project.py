"""A small project whose tests are run by another pytest inside the test."""

from collections.abc import Callable

import pytest

SHOP = """
from turnscope import Agent, ScriptedLLM
from turnscope.sim import FakeSTT, FakeTTS, FakeVAD, HangUp, Moment, Play, encode_words

llm = ScriptedLLM([], fallback="Your order is two lattes and a large mocha.")
agent = Agent(vad=FakeVAD(), stt=FakeSTT(), tts=FakeTTS(), llm=llm)
script = [
    Play(encode_words("two lattes please")[0], Moment(0.5)),
    Play(encode_words("wait stop")[0], Moment(1, "agent_starts")),
    HangUp(Moment(1, "quiet")),
]
"""

SCENARIO = """
version = 1
seed = 3

[agent]
vad = { provider = "fake" }
stt = { provider = "fake" }
tts = { provider = "fake" }
llm = { provider = "scripted", rules = [], fallback = "Your order is two lattes and a large mocha." }

[[caller]]
words = "two lattes please"
at_s = 0.5

[[caller]]
words = "{word} stop"
after_agent_starts_s = 1

[[expect]]
turns = 2

[[expect]]
turn = 1
heard = "{heard}"

[[parameters]]
name = "met"
word = "wait"
heard = "Your order is"

[[parameters]]
name = "unmet"
word = "please"
heard = "Your order"
"""

Run = Callable[..., pytest.RunResult]


def passed_and_failed(result: pytest.RunResult) -> tuple[int, int]:
    """How many tests passed, and how many failed or could not be run."""
    outcomes = result.parseoutcomes()
    return outcomes.get("passed", 0), outcomes.get("failed", 0) + outcomes.get("errors", 0) + outcomes.get("error", 0)


def section_of(result: pytest.RunResult) -> list[str]:
    """The lines of the first section about a call in what was printed."""
    lines = result.outlines
    start = next(index for index, line in enumerate(lines) if "turnscope: timeline" in line) + 1
    stop = next(index for index in range(start, len(lines)) if lines[index].startswith(("kept in", "not kept")))
    return lines[start : stop + 1]
