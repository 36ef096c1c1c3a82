"""Whole calls in which somebody speaks, nods, coughs or makes noise over the agent: what it does, to the sample."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import trio

from tests.session.calls import REPLY, agent, cough, heard_words, of_kind, speech
from turnscope.core import (
    CLOCK_HZ,
    PHASES,
    AnswerHeld,
    AttemptCancelled,
    Completed,
    EnvironmentProfile,
    FalseInterruption,
    Interrupted,
    InterruptionSettings,
    PhaseProfile,
    SpeechComplete,
    SpeechEdgeSettings,
    SpeechPlayed,
    SpeechStartsPlaying,
    to_samples,
)
from turnscope.providers import ScriptedLLM
from turnscope.session import Session
from turnscope.sim import Call, HangUp, Moment, Play, Step, broken_promises, simulate

LONG = "One two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen."


def held(script: list[Step], **changes: Any) -> Call:
    """The call, after a look at the promises."""
    call = simulate(agent(**changes), [*script, HangUp(Moment(1.5, "quiet"))])
    assert broken_promises(call) == []
    return call


def noise(length_s: float, after_s: float, anchor: str = "agent_starts") -> Play:
    return cough(after_s, anchor, length_s=length_s)


def talkative(**interruption: Any) -> dict[str, Any]:
    return {
        "llm": ScriptedLLM([], fallback=LONG, tokens_per_s=40),
        "interruption": InterruptionSettings(**interruption),
    }


@pytest.mark.feature(36)
def test_the_counts_are_those_of_the_script() -> None:
    call = held(
        [
            speech("count for me please", 0.2),
            cough(0.5, "agent_starts"),
            speech("mm-hm", 0.8, "previous"),
            cough(0.8, "previous"),
            speech("yeah", 0.9, "previous"),
            speech("stop it now", 0.8, "previous"),
            cough(2.0, "previous"),
        ],
        **talkative(),
    )
    counts = call.conversation.counts
    assert (counts.interruptions, counts.false_interruptions, counts.backchannels) == (1, 3, 2)
    assert counts.false_rate == 0.75


@pytest.mark.feature(32)
@pytest.mark.parametrize("length_s", [0.2, 0.6, 1.2, 2.5, 9.0])
@pytest.mark.parametrize("make_good", ["resume", "reprompt"])
def test_noise_without_words_of_any_length_leaves_no_dead_air(length_s: float, make_good: str) -> None:
    settings = talkative(make_good=make_good, reprompt_text="Pardon me", words_deadline_s=1.5)
    call = held([speech("count for me please", 0.2), noise(length_s, 1.0)], **settings)
    assert of_kind(call, FalseInterruption)
    assert call.conversation.counts.interruptions == 0
    said = heard_words(call)
    if make_good == "resume" or length_s < 0.5:
        for word in LONG.rstrip(".").split():
            assert word in said.split(), "every word is heard in the end"
    else:
        assert said.endswith("Pardon me")
    silence = longest_silence(call, to_samples(2.0))
    assert silence <= 0.8 + 1.5 + 0.7, "the policy's patience, the deadline for words, and a new answer's first audio"


def longest_silence(call: Call, start: int) -> float:
    """How long nothing of the agent was heard, in seconds, between `start` and its last sample."""
    loud = np.flatnonzero(np.abs(call.agent) > 1e-4)
    return float(np.diff(loud[loud >= start]).max()) / CLOCK_HZ


@pytest.mark.feature(25)
def test_a_click_before_the_answer_is_heard_delays_it_and_costs_no_second_question() -> None:
    undisturbed = held([speech("two lattes please", 0.2)])
    [begun] = of_kind(undisturbed, SpeechStartsPlaying)
    ready = agent(llm=ScriptedLLM([], fallback=REPLY, first_token_s=0.6, tokens_per_s=40))
    click = cough(0.9, "previous", length_s=0.05)
    call = simulate(ready, [speech("two lattes please", 0.2), click, HangUp(Moment(1.5, "quiet"))])
    assert broken_promises(call) == []
    assert of_kind(call, AnswerHeld)
    assert of_kind(call, AttemptCancelled) == []
    assert [turn.outcome for turn in call.turns] == [Completed(REPLY)]
    assert heard_words(call) == heard_words(undisturbed)
    assert of_kind(call, SpeechStartsPlaying)[0].sample > begun.sample


@pytest.mark.feature(25)
def test_a_caller_who_goes_on_before_the_answer_is_heard_is_answered_once_and_whole() -> None:
    ready = agent(llm=ScriptedLLM([], fallback=REPLY, first_token_s=0.6, tokens_per_s=40))
    script: list[Step] = [
        speech("two lattes please", 0.2),
        speech("no three", 0.9, "previous"),
        HangUp(Moment(3.0, "quiet")),
    ]
    call = simulate(ready, script)
    assert broken_promises(call) == []
    assert [event.reason for event in of_kind(call, AttemptCancelled)] == ["user_speaking"]
    assert [(turn.text, turn.outcome) for turn in call.turns] == [("two lattes please no three", Completed(REPLY))]
    assert heard_words(call).split() == REPLY.replace(",", "").rstrip(".").split(), "and nothing else before"


async def _announce(session: Session) -> None:
    await session.say("This call is being recorded for training.", allow_interruptions=False)


@pytest.mark.feature(14, 31)
@pytest.mark.parametrize("handling", ["hold", "discard"])
def test_an_announcement_finishes_and_the_words_over_it_are_answered_or_not(handling: Any) -> None:
    settings = InterruptionSettings(phases=replace(PHASES, protected=PhaseProfile(handling)))
    call = simulate(
        agent(interruption=settings),
        [speech("two lattes please", 0.5, "agent_starts"), HangUp(Moment(1.5, "quiet"))],
        drive=_announce,
    )
    assert broken_promises(call) == []
    assert call.turns[0].outcome == Completed("This call is being recorded for training.")
    assert [turn.text for turn in call.turns[1:]] == (["two lattes please"] if handling == "hold" else [])


@pytest.mark.feature(31)
def test_a_critical_announcement_cuts_in_and_finishes() -> None:
    async def drive(session: Session) -> None:
        await trio.sleep(3)
        handle = await session.say("Please leave the building now.", allow_interruptions=False, priority=1)
        assert await handle.wait_for_playout() == Completed("Please leave the building now.")

    call = simulate(
        agent(**talkative()),
        [
            speech("count for me please", 0.2),
            speech("wait what", 3.8),
            HangUp(Moment(1.5, "quiet")),
        ],
        drive=drive,
    )
    assert broken_promises(call) == []
    assert isinstance(call.turns[0].outcome, Interrupted)
    assert call.turns[0].outcome.cause.reason == "priority_message"
    assert [turn.text for turn in call.turns[1:]] == ["Please leave the building now.", "wait what"]


def test_push_to_talk_in_a_whole_call() -> None:
    async def drive(session: Session) -> None:
        await trio.sleep(0.1)
        session.start_user_turn("client")
        await trio.sleep(1.2)
        session.end_user_turn("client")

    call = simulate(
        agent(turn_mode="push_to_talk"),
        [
            speech("two lattes please", 0.2),
            speech("and this is said to somebody else", 0.5, "agent_starts"),
            HangUp(Moment(1.5, "quiet")),
        ],
        drive=drive,
    )
    assert broken_promises(call) == []
    assert [(turn.text, turn.outcome) for turn in call.turns] == [("two lattes please", Completed(REPLY))]
    assert call.overlaps == []


@pytest.mark.feature(40)
@pytest.mark.parametrize(
    ("name", "threshold", "min_speech_s", "min_silence_s"),
    [("quiet", 0.4, 0.2, 0.4), ("normal", 0.5, 0.25, 0.5), ("noisy", 0.7, 0.35, 0.6)],
)
def test_an_agent_hears_as_its_environment_asks(
    name: Any, threshold: float, min_speech_s: float, min_silence_s: float
) -> None:
    edges = agent(environment=name).edges
    assert edges["turn"] == SpeechEdgeSettings(
        threshold=threshold, min_speech_s=min_speech_s, min_silence_s=min_silence_s
    )
    assert edges["turn"] == SpeechEdgeSettings.for_environment(EnvironmentProfile(name))
    assert edges["barge_in"] == replace(agent().barge_in_edges, threshold=threshold)
    mine = SpeechEdgeSettings(threshold=0.9)
    assert agent(environment=name, turn_edges=mine).edges["turn"] == mine


@pytest.mark.feature(40)
def test_in_a_noisy_place_a_short_word_begins_no_turn_and_a_long_one_does() -> None:
    short, long = speech("hi there", 0.2, pace=6), speech("hello there friend", 1.5, "previous")
    assert len(held([short, long]).turns) == 2
    assert [turn.text for turn in held([short, long], environment="noisy").turns] == ["hello there friend"]


@pytest.mark.feature(31)
def test_the_floor_knows_when_a_reply_ends_also_after_it_was_paused() -> None:
    call = held([speech("count for me please", 0.2), cough(3.5, "agent_starts")], **talkative())
    first, *_, last = [record for record in call.records if isinstance(record, SpeechComplete)]
    [played] = of_kind(call, SpeechPlayed)
    assert last.stop == played.sample
    assert first.stop < last.stop
    assert last.text == LONG
