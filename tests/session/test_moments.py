"""Interrupted at each moment at which voice agents are known to fall silent for good: the next question is answered."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
import trio

from tests.session.calls import REPLY, agent, heard_words, of_kind, wait_for_event
from tests.session.tooling import settled
from turnscope.core import (
    CLOCK_HZ,
    AgentChanged,
    Completed,
    Event,
    FirstToken,
    GateShut,
    Interrupted,
    SpeechStartsPlaying,
    StateChanged,
    ToolStarted,
)
from turnscope.providers import Resources, Rule, ScriptedCall, ScriptedLLM
from turnscope.session import Agent, Session, Tool, ToolContext
from turnscope.sim import Call, FakeTTS, HangUp, Moment, broken_promises, simulate

WORDS = REPLY.replace(",", "").rstrip(".").split()
WORD = CLOCK_HZ // 3
"""How long the synthesizer takes for a word."""

When = Callable[[Session], Awaitable[object]]


class SlowToReach(FakeTTS):
    name = "slow-to-reach"

    @asynccontextmanager
    async def connect(self, resources: Resources) -> AsyncGenerator[Any]:
        await trio.sleep(2.0)
        async with super().connect(resources) as connection:
            yield connection


async def look_up(what: str) -> str:
    await trio.sleep(3)
    return what


async def pass_on(context: ToolContext) -> str:
    await context.hand_over(agent(name="other", tts=SlowToReach()))
    return "passed on"


def clerk() -> Agent:
    rules = [
        Rule("look", "", calls=[ScriptedCall("look_up", {"what": "it"})]),
        Rule("pass", "", calls=[ScriptedCall("pass_on")]),
        Rule("wait", "Fine, three."),
    ]
    llm = ScriptedLLM(rules, fallback=REPLY, tokens_per_s=40, first_token_s=0.6)
    return agent(llm=llm, tools=(Tool(look_up), Tool(pass_on)))


def after(kind: type[Event], samples: int = 0) -> When:
    async def wait(session: Session) -> None:
        await wait_for_event(session, lambda event: isinstance(event, kind))
        await trio.sleep(samples / CLOCK_HZ)

    return wait


async def while_it_thinks(session: Session) -> None:
    await trio.sleep(0.3)


def interrupted(question: str, when: When, *, speech_only: bool = False) -> Call:
    """The call in which somebody asks `question`, presses a button, and asks something else."""

    async def drive(session: Session) -> None:
        asked = await session.send_text(question)
        await when(session)
        (session.interrupt_speech if speech_only else session.interrupt)("client_request")
        if not speech_only:
            assert isinstance(await asked, Interrupted)
        assert await (await session.send_text("wait")) == Completed("Fine, three.")

    call = simulate(clerk(), [HangUp(Moment(15))], seed=1, drive=drive)
    assert broken_promises(call) == []
    first, second = call.turns
    assert isinstance(first.outcome, Interrupted)
    assert second.outcome == Completed("Fine, three.")
    return call


@pytest.mark.feature(25)
@pytest.mark.parametrize("speech_only", [False, True])
@pytest.mark.parametrize(("when", "has_token"), [(while_it_thinks, False), (after(FirstToken, 100), True)])
def test_before_the_first_token_or_the_first_sample_the_event_fires_and_nothing_is_spoken(
    when: When, has_token: bool, speech_only: bool
) -> None:
    call = interrupted("two lattes", when, speech_only=speech_only)
    first, second = call.turns
    [shut] = [event for event in of_kind(call, GateShut) if event.turn_id == 1]
    assert isinstance(first.outcome, Interrupted)
    assert (first.outcome.cause.reason, first.outcome.heard) == ("client_request", "")
    assert [token.turn_id for token in of_kind(call, FirstToken) if token.sample <= shut.sample] == [1] * has_token
    assert [event.turn_id for event in of_kind(call, SpeechStartsPlaying)] == [2]
    assert not call.agent[: second.audio_started].any()
    assert heard_words(call) == "Fine three"
    back = next(event for event in of_kind(call, StateChanged) if event.old == "processing")
    assert (back.new, back.trigger, back.sample) == ("listening", "barge-in", shut.sample)


@pytest.mark.parametrize(
    ("at", "heard"),
    [
        (1, 0),
        (WORD + WORD // 2, 1),
        (4 * WORD + WORD // 2, 4),
        (len(WORDS) * WORD - WORD // 2, len(WORDS) - 1),
        (len(WORDS) * WORD - 1, len(WORDS)),
    ],
)
def test_at_the_first_sample_in_a_word_and_at_the_last_sample(at: int, heard: int) -> None:
    call = interrupted("two lattes", after(SpeechStartsPlaying, at))
    first, second = call.turns
    assert isinstance(first.outcome, Interrupted)
    assert first.outcome.heard.replace(",", "").rstrip(".").split() == WORDS[:heard]
    assert first.outcome.silence is not None
    assert second.audio_started is not None
    assert not np.any(call.agent[first.outcome.silence : second.audio_started])
    assert heard_words(call, second.audio_started) == "Fine three"


def test_while_a_tool_runs() -> None:
    call = interrupted("look it up", after(ToolStarted, CLOCK_HZ))
    [(_, kind, _)] = settled(call)
    assert kind == "cancelled"


def test_while_another_agent_is_being_reached() -> None:
    call = interrupted("pass me on", after(ToolStarted, CLOCK_HZ))
    assert of_kind(call, AgentChanged) == []
    [(_, kind, _)] = settled(call)
    assert kind == "cancelled"
