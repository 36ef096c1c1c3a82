"""Providers on a bad day: later than they should be, and at fault when they are told to be."""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest

from tests.session.calls import AGENT, agent, heard_words, of_kind, speech
from turnscope import ConfigError
from turnscope.core import Completed, Failed, FirstToken, TranscriptUpdated
from turnscope.providers import LLM, STT, TTS
from turnscope.sim import (
    Call,
    Distribution,
    Fault,
    Faulty,
    HangUp,
    LogNormal,
    Moment,
    Normal,
    Scenario,
    Step,
    Uniform,
    broken_promises,
    load_scenario,
    simulate,
)
from turnscope.sim._distributions import draw_s

ORDER: list[Step] = [
    speech("two lattes please.", 0.2),
    speech("wait three.", 0.5, "agent_stops"),
    HangUp(Moment(2, "quiet")),
]


def hold(**parts: Any) -> Call:
    call = simulate(agent(**parts), ORDER, seed=1, max_s=60)
    assert broken_promises(call) == []
    return call


def endings(call: Call) -> list[str]:
    return [turn.outcome.kind for turn in call.turns if turn.outcome]


# How late


@pytest.mark.parametrize(
    ("distribution", "least", "middle", "most"),
    [
        (0.25, 0.25, 0.25, 0.25),
        (Uniform(0.1, 0.3), 0.1, 0.2, 0.3),
        (Normal(0.2, 0.05), 0.0, 0.2, 0.45),
        (LogNormal(0.2, 0.5), 0.02, 0.2, 2.0),
    ],
)
def test_durations_are_distributed_as_they_should_be(
    distribution: Distribution, least: float, middle: float, most: float
) -> None:
    generator = random.Random(1)
    drawn = [draw_s(distribution, generator) for _ in range(2000)]
    assert least <= min(drawn) <= max(drawn) <= most
    assert median(drawn) == pytest.approx(middle, rel=0.05)


def test_a_normal_duration_is_never_negative() -> None:
    generator = random.Random(1)
    assert min(draw_s(Normal(0.1, 1.0), generator) for _ in range(100)) == 0.0


def first_token_s(call: Call) -> list[float]:
    return [turn.latency.first_token_s for turn in call.turns if turn.latency.first_token_s is not None]


def test_everything_of_an_answer_comes_so_much_later() -> None:
    plain, slow = hold(), hold(llm=Faulty(AGENT.llm, latency=0.5))
    assert [round(late - soon, 6) for soon, late in zip(first_token_s(plain), first_token_s(slow), strict=True)] == [
        0.5
    ] * 2
    assert [turn.reply for turn in slow.turns] == [turn.reply for turn in plain.turns]


def test_the_first_sound_comes_so_much_later() -> None:
    plain, slow = hold(), hold(tts=Faulty(AGENT.tts, latency=0.4))
    for soon, late in zip(plain.turns, slow.turns, strict=True):
        assert late.latency.first_audio_s == pytest.approx((soon.latency.first_audio_s or 0) + 0.4, abs=0.011)
    assert heard_words(slow) == heard_words(plain)


def test_transcripts_come_later_each_by_its_own_delay_and_in_order() -> None:
    plain, slow = hold(), hold(stt=Faulty(AGENT.stt, latency=Uniform(0.1, 0.6)))
    texts = [event.text for event in of_kind(slow, TranscriptUpdated) if event.turn_id == 1]
    assert texts == [event.text for event in of_kind(plain, TranscriptUpdated) if event.turn_id == 1]
    delays = [
        round(late.at - soon.at, 4)
        for soon, late in zip(of_kind(plain, TranscriptUpdated), of_kind(slow, TranscriptUpdated), strict=False)
    ][:3]
    assert len(set(delays)) == 3
    assert all(0.1 <= delay <= 0.61 for delay in delays)


def test_what_is_drawn_depends_on_the_seed_alone() -> None:
    slow = [agent(llm=Faulty(AGENT.llm, latency=LogNormal(0.3, 0.5), seed=seed)) for seed in (1, 1, 2)]
    one, same, other = (first_token_s(simulate(each, ORDER, seed=5)) for each in slow)
    assert one == same == first_token_s(simulate(slow[0], ORDER, seed=5))
    assert one != other
    assert one[0] != one[1]


# What goes wrong

LLM_FAULTS: dict[str, tuple[Fault, list[str], str]] = {
    "error": (Fault(kind="error", call=1), ["failed", "completed"], "ConnectionError: the connection was lost"),
    "error in the middle": (
        Fault(kind="error", call=1, after_items=3, message="500"),
        ["failed", "completed"],
        "ConnectionError: 500",
    ),
    "hang": (Fault(kind="hang", call=1), ["failed", "completed"], "gave nothing for 3 s"),
    "hang when it is opened": (
        Fault(kind="hang", call=1, where="open"),
        ["failed", "completed"],
        "did not open within 3 s",
    ),
    "never": (Fault(kind="error", call=9), ["completed", "completed"], ""),
    "not likely": (Fault(kind="error", probability=0.0), ["completed", "completed"], ""),
    "always": (Fault(kind="error"), ["failed", "failed"], "ConnectionError: the connection was lost"),
}


@pytest.mark.parametrize(("fault", "kinds", "message"), LLM_FAULTS.values(), ids=LLM_FAULTS)
def test_a_model_fails_in_the_stream_that_is_named(fault: Fault, kinds: list[str], message: str) -> None:
    script: list[Step] = [speech("two lattes please.", 0.2), speech("wait three.", 6), HangUp(Moment(4, "quiet"))]
    call = simulate(agent(llm=Faulty(AGENT.llm, [fault]), provider_timeout_s=3), script, seed=1)
    assert broken_promises(call) == []
    assert endings(call) == kinds
    if message:
        assert isinstance(call.turns[0].outcome, Failed)
        assert (call.turns[0].outcome.provider, call.turns[0].outcome.message) == ("scripted", message)


def test_streams_are_counted_anew_in_each_call() -> None:
    broken = agent(llm=Faulty(AGENT.llm, [Fault(kind="error", call=2)]))
    assert [endings(simulate(broken, ORDER, seed=1)) for _ in range(2)] == [["completed", "failed"]] * 2


def test_how_often_something_goes_wrong_can_be_a_matter_of_chance() -> None:
    kinds = []
    for seed in range(20):
        llm = Faulty(AGENT.llm, [Fault(kind="error", probability=0.3)], seed=seed)
        kinds += endings(simulate(agent(llm=llm), ORDER[:1] + ORDER[2:], seed=1))
    assert 2 <= kinds.count("failed") <= 10


def test_an_answer_can_end_before_its_end() -> None:
    call = hold(llm=Faulty(AGENT.llm, [Fault(kind="partial", call=1, after_items=4)]))
    assert call.turns[0].reply == ["Your order is two"]
    assert call.turns[0].outcome == Completed("Your order is two")


def test_an_answer_can_stop_for_a_while_in_its_middle() -> None:
    plain, late = hold(), hold(llm=Faulty(AGENT.llm, [Fault(kind="late", call=1, after_items=2, delay_s=2)]))
    assert [turn.reply for turn in plain.turns] == [turn.reply for turn in late.turns]
    one, other = (turn.turns[0].latency for turn in (plain, late))
    assert one.first_token_s == other.first_token_s
    assert other.first_audio_s == 2.35  # that it was late is all: what follows has been waiting


def test_a_model_can_write_nonsense() -> None:
    call = hold(llm=Faulty(AGENT.llm, [Fault(kind="garbage", call=1)]))
    [reply] = call.turns[0].reply
    assert len(reply) == len("Your order is two lattes, and it is ready soon.")
    assert "order" not in reply
    assert "," in reply


def test_a_recognizer_can_lose_the_last_word_and_understand_nonsense() -> None:
    partial = hold(stt=Faulty(AGENT.stt, [Fault(kind="partial", call=1)]))
    assert partial.turns[0].text == "two lattes"
    garbage = hold(stt=Faulty(AGENT.stt, [Fault(kind="garbage", call=1)]))
    assert [len(word) for word in garbage.turns[0].text.split()] == [3, 6, 6]
    assert garbage.turns[0].text != "two lattes please"


def test_final_transcripts_can_be_late_while_interim_ones_are_not() -> None:
    plain, late = hold(), hold(stt=Faulty(AGENT.stt, [Fault(kind="late", delay_s=1.5)]))
    one, other = (
        {event.is_final: event.at for event in of_kind(call, TranscriptUpdated) if event.turn_id == 1}
        for call in (plain, late)
    )
    assert other[False] == one[False]
    assert other[True] == pytest.approx(one[True] + 1.5)


def test_a_voice_can_be_noise() -> None:
    call = hold(tts=Faulty(AGENT.tts, [Fault(kind="garbage", call=1)]))
    assert len(np.unique(np.abs(call.agent))) > 1000  # word code has few levels
    assert endings(call) == ["completed"] * 2 or "interrupted" in endings(call)


def test_it_is_a_provider_of_the_kind_that_is_inside() -> None:
    assert isinstance(Faulty(AGENT.stt), STT)
    assert isinstance(Faulty(AGENT.llm), LLM)
    assert isinstance(Faulty(AGENT.tts), TTS)
    assert not isinstance(Faulty(AGENT.llm), STT)
    assert Faulty(AGENT.stt).input_hz == 16_000
    assert repr(Faulty(AGENT.llm)) == "<Faulty <ScriptedLLM 'scripted' with 1 rules>>"


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"kind": "lunch"}, "kind must be one of error, hang, "),
        ({"kind": "error", "where": "home"}, "where must be one of open, item, send, close, got 'home'"),
        ({"kind": "garbage", "where": "open"}, "where must be 'item' for garbage, got 'open'"),
        ({"kind": "error", "call": 0}, "call counts from 1, got 0"),
        ({"kind": "error", "probability": 1.1}, "probability must be from 0 to 1, got 1.1"),
        ({"kind": "error", "after_items": -1}, "after_items must be 0 or more"),
        ({"kind": "error", "after_items": 1, "where": "close"}, "after_items must be 0 or more"),
        ({"kind": "late", "delay_s": -1}, "delay_s must not be negative, got -1"),
    ],
)
def test_faults_that_make_no_sense_are_refused(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        Fault(**settings)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Uniform(2, 1),
        lambda: Uniform(-1, 1),
        lambda: Normal(-1, 1),
        lambda: LogNormal(0, 1),
        lambda: LogNormal(1, -1),
    ],
)
def test_distributions_that_are_none_are_refused(make: Callable[[], Distribution]) -> None:
    with pytest.raises(ConfigError, match=r"uniform|normal"):
        make()


# In files

FAKES = """
version = 1
[agent]
vad = { provider = "fake" }
stt = { provider = "fake" }
tts = { provider = "fake" }
llm = { provider = "scripted", rules = [], fallback = "Sure." }
[[caller]]
words = "two lattes"
at_s = 0.5
"""

Load = Callable[[str], Scenario]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(text: str) -> Scenario:
        path = tmp_path / "call.scenario.toml"
        path.write_text(FAKES + text, encoding="utf-8")
        return load_scenario(path)

    return load


def test_latencies_and_faults_can_be_written(load: Load) -> None:
    scenario = load(
        """
        [latency]
        stt = 0.2
        llm = { lognormal = [0.4, 0.5] }
        tts = { normal = [0.1, 0.02] }
        [[faults]]
        provider = "llm"
        kind = "late"
        call = 2
        after_items = 3
        delay_s = 0.5
        [[faults]]
        provider = "llm"
        kind = "error"
        probability = 0.5
        where = "open"
        message = "busy"
        """
    )
    stt, llm, tts = scenario.agent.stt, scenario.agent.llm, scenario.agent.tts
    assert isinstance(stt, Faulty)
    assert isinstance(llm, Faulty)
    assert isinstance(tts, Faulty)
    assert (stt.latency, llm.latency, tts.latency) == (0.2, LogNormal(0.4, 0.5), Normal(0.1, 0.02))
    assert llm.faults == (
        Fault(kind="late", call=2, after_items=3, delay_s=0.5),
        Fault(kind="error", probability=0.5, where="open", message="busy"),
    )
    call = scenario.run()
    assert [event.turn_id for event in of_kind(call, FirstToken)] == [1]


def test_a_provider_that_is_not_named_stays_itself(load: Load) -> None:
    scenario = load("[latency]\ntts = 0.2\n")
    assert not isinstance(scenario.agent.llm, Faulty)
    assert scenario.agent.detector == "auto"


def test_the_ear_that_goes_with_a_recognizer_stays_when_the_recognizer_is_slow(load: Load) -> None:
    scenario = load("[latency]\nstt = 0.2\n")
    assert scenario.agent.detector is None  # as "auto" means for the fake


def test_an_ear_for_interruptions_can_be_slow_too(tmp_path: Path) -> None:
    path = tmp_path / "call.scenario.toml"
    text = FAKES.replace("[agent]", '[latency]\ndetector = 0.3\n[agent]\ndetector = { provider = "fake" }')
    path.write_text(text, encoding="utf-8")
    assert isinstance(load_scenario(path).agent.detector, Faulty)


BAD = {
    "unknown provider": (
        '[[faults]]\nprovider = "vad"\nkind = "error"',
        "faults[0].provider: must be one of 'stt', 'llm', ",
    ),
    "unknown kind": (
        '[[faults]]\nprovider = "llm"\nkind = "lunch"',
        "faults[0].kind: must be one of 'error', ",
    ),
    "unknown key": (
        '[[faults]]\nprovider = "llm"\nkind = "hang"\nspeed = 1',
        "faults[0].speed: unknown key; known ",
    ),
    "zeroth call": (
        '[[faults]]\nprovider = "llm"\nkind = "hang"\ncall = 0',
        "faults[0].call: counts from 1, got 0",
    ),
    "sent to a voice": (
        '[[faults]]\nprovider = "tts"\nkind = "hang"\nwhere = "send"',
        "faults[0].where: only what hears is sent something",
    ),
    "no detector": ("[latency]\ndetector = 0.1", "latency: the agent has no detector"),
    "no distribution": ("[latency]\nllm = {}", "latency.llm: must have exactly one of uniform, normal, lognormal"),
    "unknown distribution": (
        "[latency]\nllm = { cauchy = [1, 2] }",
        "latency.llm.cauchy: unknown key; ",
    ),
    "one number": ("[latency]\nllm = { uniform = [1] }", "latency.llm.uniform: "),
    "backwards": (
        "[latency]\nllm = { uniform = [2, 1] }",
        "latency.llm.uniform must go from 0 or more upwards, ",
    ),
    "negative": ("[latency]\nllm = -0.1", "latency.llm: must be 0 or more, and finite, got -0.1"),
}


@pytest.mark.parametrize(("text", "complaint"), BAD.values(), ids=BAD)
def test_what_makes_no_sense_in_a_file_is_refused(load: Load, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(text)
    assert f"call.scenario.toml: {complaint}" in str(caught.value)


def test_the_streams_of_an_agent_can_be_hostile_in_code_of_ones_own() -> None:
    async def shouts(inner: Callable[[], Any]) -> Any:
        item = await inner()
        return replace(item, text=item.text.upper()) if hasattr(item, "text") else item

    call = hold(llm=Faulty(AGENT.llm, [Fault(kind=shouts)]))
    assert call.turns[0].reply == ["YOUR ORDER IS TWO LATTES, AND IT IS READY SOON."]
