"""Calls as values: they are held when they are asked to be, and their repr is the code that makes them again."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings

import turnscope
from tests.session.calls import AGENT, REPLY, agent
from turnscope import Agent, ConfigError, core, providers, session, sim, testing
from turnscope.core import InterruptionSettings, ToolSettled, ToolStarted
from turnscope.providers import Rule, ScriptedCall, ScriptedLLM
from turnscope.sim import (
    AgentSays,
    AgentWords,
    HangUp,
    Happens,
    Media,
    Moment,
    Packets,
    Play,
    Step,
    Uniform,
    broken_promises,
    explore,
    read_words,
)
from turnscope.testing import Noise, PlannedCall, Recording, Utterance, slow_tool
from turnscope.testing.strategies import conversations, lines

NAMES: dict[str, Any] = {
    name: getattr(room, name) for room in (core, providers, session, sim, turnscope, testing) for name in room.__all__
}
"""What code can use that imports everything public."""

ORDER: list[Step] = [Utterance("two lattes please").at(Moment(0.2)), HangUp(Moment(1.0, "agent_stops"))]


def shop() -> Agent:
    return AGENT


def again(conversation: PlannedCall, **names: Any) -> PlannedCall:
    """What its repr makes."""
    made = eval(repr(conversation), {**NAMES, **names})
    assert isinstance(made, PlannedCall)
    return made


@pytest.mark.feature("X1")
@settings(max_examples=12, deadline=None)
@given(conversations(lines=lines()))
def test_the_repr_of_a_drawn_call_is_code_that_holds_it_again(conversation: PlannedCall) -> None:
    assert again(conversation).hold().jsonl() == conversation.hold().jsonl()


def test_an_agent_of_the_test_stands_in_the_code_by_its_name() -> None:
    by_function, by_agent = PlannedCall(shop, ORDER, seed=3), PlannedCall(AGENT, ORDER)
    assert repr(by_function).startswith("PlannedCall(\n    shop,\n    [Utterance('two lattes please')")
    assert repr(by_agent).startswith("PlannedCall(\n    agent,\n")
    assert again(by_function, shop=shop).hold().jsonl() == by_function.hold().jsonl()
    assert again(by_agent, agent=AGENT).hold().jsonl() == by_agent.hold().jsonl()
    assert repr(PlannedCall(lambda: AGENT, [])) == "PlannedCall(agent, [])"


def test_everything_that_a_call_can_be_made_of_is_written() -> None:
    steps: list[Step] = [
        Utterance("two (0.4) lattes", words_per_s=5).at(Moment(0.5)),
        Noise(0.3, kind="cough", seed=2).at(Moment(0.1, "agent_starts", 2), speaker="child"),
        Utterance("wait").at(Moment(0.0, AgentSays("your order", is_pattern=True))),
        Utterance("stop").at(Moment(0.0, AgentWords(2))),
        HangUp(Moment(0.0, Happens(ToolStarted, {"tool": "look_up"}))),
    ]
    line = Media(codec="mulaw", packets=Packets(loss=0.1, jitter_s=Uniform(0.0, 0.05)))
    conversation = PlannedCall(shop, steps, seed=4, media=line, media_seed=5, longest_s=9.0)
    assert repr(conversation) == (
        "PlannedCall(\n"
        "    shop,\n"
        "    [\n"
        "        Utterance('two (0.4) lattes', words_per_s=5).at(Moment(0.5)),\n"
        "        Noise(0.3, kind='cough', seed=2).at(Moment(0.1, 'agent_starts', reply=2), speaker='child'),\n"
        "        Utterance('wait').at(Moment(0.0, AgentSays('your order', True))),\n"
        "        Utterance('stop').at(Moment(0.0, AgentWords(2))),\n"
        "        HangUp(Moment(0.0, Happens(ToolStarted, {'tool': 'look_up'}))),\n"
        "    ],\n"
        "    seed=4,\n"
        "    media=Media(codec='mulaw', packets=Packets(loss=0.1, jitter_s=Uniform(0.0, 0.05))),\n"
        "    media_seed=5,\n"
        "    longest_s=9.0,\n"
        ")"
    )
    assert repr(again(conversation, shop=shop)) == repr(conversation)


def test_what_has_no_code_is_described() -> None:
    samples = np.zeros(8000, np.float32)
    steps: list[Step] = [
        Play(samples, Moment(0.0), name="hm"),
        Recording(samples, "order").at(Moment(0.5)),
    ]
    written = repr(PlannedCall(AGENT, steps))
    assert "<0.50 s of sound 'hm' at Moment(after_s=0.0, anchor='call', reply=None)>" in written
    assert "<0.50 s of sound 'order' at Moment(" in written
    assert repr(steps[1]).startswith("<Recording of 0.50 s 'order'>.at(Moment(")


def test_a_recording_is_read_from_its_file(tmp_path: Path) -> None:
    path = str(tmp_path / "order.wav")
    soundfile.write(path, np.full(4000, 0.25), 8000)
    recording = Recording(path)
    assert repr(recording) == f"Recording({path!r})"
    assert recording.audio.shape == (8000,)
    step = recording.at(Moment(1.0), speaker="child")
    assert (step.name, step.speaker, step.speech_start) == (path, "child", 0)


def test_a_pause_in_a_text_is_silence_of_that_length() -> None:
    whole, parted = Utterance("two lattes").audio, Utterance("two (0.5) lattes").audio
    assert len(parted) == len(whole) + 8000
    assert [word for word, _ in read_words(parted)] == ["two", "lattes"]


def test_a_burst_is_loud_throughout_and_every_noise_is_the_same_each_time() -> None:
    assert np.abs(Noise(0.2).audio).min() > 0.04
    for kind in ("burst", "cough"):
        np.testing.assert_array_equal(Noise(0.2, kind=kind).audio, Noise(0.2, kind=kind, seed=0).audio)
        assert len(Noise(0.2, kind=kind, seed=3).audio) == 3200
        assert (Noise(0.2, kind=kind, seed=3).audio != Noise(0.2, kind=kind).audio).any()


def test_it_can_be_held_with_another_seed_by_another_function_and_with_an_application() -> None:
    conversation = PlannedCall(shop, ORDER, seed=3, longest_s=6.0)
    given: list[Any] = []

    def simulate(agent: Agent, script: list[Step], **settings: Any) -> sim.Call:
        given.append((agent, script, settings))
        return sim.simulate(agent, script, **settings)

    async def drive(session: session.Session) -> None:
        await (await session.say("Hello.")).wait_for_playout()

    call = conversation.hold(simulate, seed=5, drive=drive)
    assert call.turns[0].origin == "say"
    [(who, script, settings)] = given
    assert (who, script) == (AGENT, ORDER)
    assert (settings["seed"], settings["max_s"]) == (5, 6.0)


def test_a_drawn_call_can_be_explored_at_every_moment() -> None:
    exploration = explore(PlannedCall(AGENT, ORDER).hold, every_s=0.5, schedules=1)
    assert not exploration.breaches


def test_a_slow_tool_takes_its_time_and_commits_to_what_it_does() -> None:
    script = ScriptedLLM([Rule("", "Moment.", turn=1, calls=[ScriptedCall("order")]), Rule("", "Done.", after="order")])
    tools = [slow_tool("order", takes_s=1.5, commits_after_s=0.5, on_interruption="finish_keep", result="Seven.")]
    call = PlannedCall(agent(llm=script, tools=tools), ORDER[:1]).hold()
    [started] = [event for event in call.events if isinstance(event, ToolStarted)]
    [settled] = [event for event in call.events if isinstance(event, ToolSettled)]
    assert settled.sample - started.sample == 24_000
    assert (settled.kind, settled.text) == ("returned", "Seven.")
    assert broken_promises(call) == []


def test_a_part_that_is_known_is_written_and_its_defaults_are_not() -> None:
    from turnscope.testing._writing import layout, made, write

    parts = [made(sim.FakeSTT, interim_latency_s=0.05, final_latency_s=0.2), InterruptionSettings(reaction="duck")]
    assert [str(write(part)) for part in parts] == [
        "FakeSTT(final_latency_s=0.2)",
        "InterruptionSettings(reaction='duck')",
    ]
    assert layout(write((REPLY, [REPLY], {"a": {1.5, 2.5}, "b": float("inf")}))) == (
        f"(\n    {REPLY!r},\n    [{REPLY!r}],\n    {{'a': set({{1.5, 2.5}}), 'b': float('inf')}},\n)"
    )


LOOSE: Any = testing
"""The same classes, to be called as those call them whose types nobody checks."""


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Utterance("(0.4)"), "text must have a word, got '(0.4)'"),
        (lambda: Utterance("two", words_per_s=0), "words_per_s must be positive, and finite, got 0"),
        (lambda: Noise(0.0), "length_s must be more than 0 and at most 600, got 0"),
        (lambda: Noise(kind="sneeze"), "kind must be one of burst, bark, "),
        (lambda: Noise(seed=-1), "seed must not be negative, got -1"),
        (lambda: Recording(np.zeros((2, 5), np.float32)), "source must be samples of shape (n,), got shape (2, 5)"),
        (lambda: LOOSE.PlannedCall("shop", []), "agent must be an Agent or a function that makes one, got str"),
        (lambda: LOOSE.PlannedCall(AGENT, ["two"]), "script must be of Play and HangUp, got str"),
        (lambda: LOOSE.PlannedCall(AGENT, [], longest_s=0), "longest_s must be positive, and finite, got 0"),
        (
            lambda: LOOSE.PlannedCall(dict, []).hold(),
            "agent must be a function that makes an Agent; it has made a d",
        ),
        (lambda: slow_tool(takes_s=-1), "takes_s must be 0 or more, and finite, got -1"),
        (lambda: slow_tool(commits_after_s=2), "commits_after_s must be from 0 to takes_s (1), got 2"),
    ],
)
def test_what_makes_no_call_is_refused_by_name(wrong: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        wrong()
    assert str(caught.value).startswith(message)
