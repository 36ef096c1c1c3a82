from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trio

from tests.session.calls import AGENT, REPLY, agent, barge_in, cough, speech
from tests.sim.random_calls import random_call
from turnscope import ConfigError, Session
from turnscope.core import FirstToken, InterruptionSettings, Message, MinWords, ProviderFailed, ToolSettled
from turnscope.observe import Recorder, Recording, load_recording
from turnscope.providers import Resources, TextDelta
from turnscope.session import Agent
from turnscope.sim import HangUp, Moment, Step, agent_of, parse_changes, recompute, replay, simulate

EARS = {"vad": {"provider": "fake"}, "stt": {"provider": "fake"}, "detector": "none"}
"""Those of `AGENT`, as a table."""

CALM: list[Step] = [speech("two lattes please.", 0.2), cough(0.5, "agent_starts"), HangUp(Moment(2.0, "quiet"))]


def recorded(folder: Path, script: list[Step], spoken_to: Agent = AGENT, **options: bool) -> Recording:
    simulate(spoken_to, script, seed=3, recorder=Recorder(folder, **options))
    return load_recording(folder)


@pytest.mark.feature("X7")
@pytest.mark.parametrize("script", [barge_in(), CALM])
def test_a_recording_that_is_computed_again_is_the_same_call(tmp_path: Path, script: list[Step]) -> None:
    recording = recorded(tmp_path, script)
    again = recompute(recording, agent_of(recording, EARS, Path()), seed=3)
    assert len(again.pairs) == 2
    assert again.changed == ()
    said = [(turn.text, turn.outcome) for turn in again.call.turns]
    assert said == [(turn.text, turn.outcome) for turn in simulate(AGENT, script, seed=3).turns]
    user, spoken = recording.tracks()
    assert np.abs(again.call.user[: len(user)] - user).max() <= 1 / 32768
    assert np.abs(again.call.agent[: len(spoken)] - spoken[: len(again.call.agent)]).max() <= 1 / 32768


@pytest.mark.parametrize("seed", [5, 17, 36])
def test_what_the_application_did_is_done_again(tmp_path: Path, seed: int) -> None:
    held = random_call(seed)
    call = simulate(
        held.agent, held.script, seed=held.seed, drive=held.drive, frame_s=held.frame_s, recorder=Recorder(tmp_path)
    )
    assert held.deeds
    recording = load_recording(tmp_path)
    ears = {**EARS, "stt": {"provider": "fake", **_latencies(held.agent)}}
    again = recompute(recording, agent_of(recording, ears, Path()), seed=held.seed)
    assert again.changed == ()
    assert [turn.origin for turn in again.call.turns] == [turn.origin for turn in call.turns]


def _latencies(spoken_to: Agent) -> dict[str, object]:
    return {f"{name}_latency_s": getattr(spoken_to.stt, f"_{name}_latency_s") for name in ("interim", "final")}


def test_tools_return_what_they_returned(tmp_path: Path) -> None:
    held = random_call(6)
    script: list[Step] = [speech("one mocha", 0.2), HangUp(Moment(6.0))]
    calm = agent(llm=held.agent.llm, tools=held.agent.tools)
    recording = recorded(tmp_path, script, calm)
    again = recompute(recording, agent_of(recording, EARS, Path()), seed=3)
    (settled,) = [event for event in again.call.events if isinstance(event, ToolSettled)]
    assert (settled.kind, settled.text, settled.duration_s) == ("returned", "7: ready", 0.3)
    assert again.changed == ()


def test_other_settings_lead_where_the_replay_said(tmp_path: Path) -> None:
    recording = recorded(tmp_path, barge_in())
    table = {**EARS, **parse_changes(["interruption.policy.kind=min_words", "interruption.policy.min_words=3"])}
    again = recompute(recording, agent_of(recording, table, Path()))
    settings = {"agent": agent(interruption=InterruptionSettings(policy=MinWords(3))).floor_settings}
    (told,) = replay(recording, settings).changed
    ((was, now),) = again.changed
    assert (was, now) == (told.was, told.would)


def test_what_was_not_said_in_the_recording_fails_or_is_said_by_the_agents_own_models(tmp_path: Path) -> None:
    recording = recorded(tmp_path, barge_in())
    table = {**EARS, "endpointing": {"min_delay_s": 0.01, "max_delay_s": 0.02, "unknown_delay_s": 0.02}}
    slow = {"stt": {"provider": "fake", "final_latency_s": 0.3}}
    deaf = recompute(recording, agent_of(recording, {**table, **slow}, Path())).call
    assert deaf.turns[0].text == "two lattes please"

    other = recorded(tmp_path / "other", [speech("one mocha please.", 0.2), HangUp(Moment(1.0, "agent_stops"))])
    stranger = agent_of(recording, EARS, Path())
    failed = recompute(other, stranger).call
    complaints = [event for event in failed.events if isinstance(event, ProviderFailed)]
    assert complaints[0].provider == "recorded-llm"
    assert complaints[0].message == "was not asked this in the recording: 'one mocha please'"

    models = {
        "llm": {"provider": "scripted", "rules": [], "fallback": "Yes."},
        "tts": {"provider": "fake"},
    }
    answered = recompute(other, agent_of(recording, {**EARS, **models}, Path())).call
    assert [turn.reply for turn in answered.turns] == [["Yes."]]
    assert [turn.outcome.kind for turn in answered.turns if turn.outcome] == ["completed"]


def test_a_model_takes_as_long_as_it_took(tmp_path: Path) -> None:
    recording = recorded(tmp_path, CALM)
    again = recompute(recording, agent_of(recording, EARS, Path()))
    first = [event.sample for event in recording.events if isinstance(event, FirstToken)]
    assert [event.sample for event in again.call.events if isinstance(event, FirstToken)] == first


async def greet(session: Session) -> None:
    handle = await session.say(REPLY, allow_interruptions=False)
    await handle
    await session.generate_reply(instructions="Ask for a name.")


class ScriptedItems:
    def __init__(self, text: str) -> None:
        self._texts = [text]

    def __aiter__(self) -> "ScriptedItems":
        return self

    async def __anext__(self) -> TextDelta:
        await trio.lowlevel.checkpoint()
        if not self._texts:
            raise StopAsyncIteration
        return TextDelta(self._texts.pop())


class Told:
    """A model that says what it was told last."""

    name = "told"

    @asynccontextmanager
    async def connect(self, resources: Resources) -> AsyncGenerator["Told"]:
        yield self

    @asynccontextmanager
    async def open_stream(self, messages: Sequence[Message], tools: object = ()) -> AsyncGenerator[ScriptedItems]:
        yield ScriptedItems(messages[-1].text)


def test_instructions_for_one_answer_are_given_again(tmp_path: Path) -> None:
    simulate(AGENT, [HangUp(Moment(9.0))], seed=3, drive=greet, recorder=Recorder(tmp_path))
    recording = load_recording(tmp_path)
    again = recompute(recording, agent_of(recording, EARS, Path()))
    assert [turn.origin for turn in again.call.turns] == ["say", "reply"]
    assert [turn.outcome.kind for turn in again.call.turns if turn.outcome] == ["completed", "completed"]
    obedient = replace(agent_of(recording, EARS, Path()), llm=Told(), tts=AGENT.tts)
    assert recompute(recording, obedient).call.turns[1].reply == ["Ask for a name."]


def test_what_cannot_be_computed_again_is_refused(tmp_path: Path) -> None:
    recording = recorded(tmp_path / "a", barge_in(), audio=False)
    with pytest.raises(ConfigError, match="without audio"):
        recompute(recording, AGENT)
    server = {"provider": "openai", "model": "some", "base_url": "http://localhost/v1"}
    with pytest.raises(ConfigError, match=r"agent\.llm: a program outside knows nothing of virtual time"):
        agent_of(recording, {**EARS, "llm": server}, Path())
    held = random_call(0)

    async def hand_over(session: Session) -> None:
        await session.hand_over(agent(name="other"))

    simulate(held.agent, [HangUp(Moment(1.0))], drive=hand_over, recorder=Recorder(tmp_path / "b"))
    with pytest.raises(ConfigError, match="another agent took over"):
        recompute(load_recording(tmp_path / "b"), AGENT)
