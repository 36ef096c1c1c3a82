"""Whoever does something wrong when they are cancelled is named, with the line that does it; nobody else is."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.lowlevel

from tests.sim import guilty
from turnscope import Agent, ConfigError, PiperTTS, ScriptedLLM, SileroVAD, WhisperSTT
from turnscope.providers import EnergyVAD, WebRTCAudio, WhisperDetector
from turnscope.session import Tool, tool
from turnscope.sim import Audit, Exercise, FakeDetector, FakeSTT, FakeTTS, FakeVAD, audit

HERE = str(Path(guilty.__file__))
SLOW_MACHINE_S = 0.5
"""A machine that is busy with other things may stop a step for a while."""


@pytest.fixture(autouse=True)
def threads_end() -> Iterator[None]:
    guilty.THREADS_MAY_END.clear()
    yield
    guilty.THREADS_MAY_END.set()


def found(audits: tuple[Audit, ...]) -> list[tuple[str, str, int]]:
    """Faults, files and lines."""
    (one,) = audits
    return [(finding.fault, finding.place.file, finding.place.line) for finding in one.findings]


@pytest.mark.feature("X11")
@pytest.mark.parametrize(
    ("give", "fault", "line"),
    [
        (guilty.shields, "shield", "shield"),
        (guilty.shields_for_ever, "shield", "shield for ever"),
        (guilty.flushes_for_long, "overrun", "overrun"),
        (guilty.swallows, "swallowed", "swallowed"),
        (guilty.swallows_for_ever, "swallowed", "swallowed for ever"),
        (guilty.cleans_up_badly, "cleanup", "cleanup"),
        (guilty.leaves_a_task, "task", "task"),
        (guilty.leaves_a_generator, "generator", "generator"),
        (guilty.leaves_a_socket, "socket", "socket"),
        (guilty.leaves_a_thread, "thread", "thread"),
        (guilty.breaks, "failure", "failure"),
    ],
)
def test_the_guilty_line_is_named(give: Callable[[], Any], fault: str, line: str) -> None:
    assert found(audit(guilty.GuiltyLLM(give), blocked_s=SLOW_MACHINE_S)) == [(fault, HERE, guilty.line_of(line))]


@pytest.mark.feature("X11")
def test_who_blocks_the_event_loop_is_named() -> None:
    assert found(audit(guilty.GuiltyLLM(guilty.blocks), blocked_s=0.02, most=3)) == [
        ("blocked", HERE, guilty.line_of("blocked"))
    ]
    ears = audit(guilty.SlowEars(), blocked_s=0.02, most=1)
    assert found(ears) == [("blocked", HERE, guilty.line_of("blocked by ears"))]
    assert ears[0].kind == "VAD"


@pytest.mark.feature("X11")
def test_each_kind_is_used_as_what_it_is() -> None:
    (stt,) = audit(guilty.StubbornSTT(), blocked_s=SLOW_MACHINE_S, most=60)
    assert (stt.name, stt.kind) == ("stubborn-stt", "STT")
    assert guilty.line_of("shield in the ears") in {finding.place.line for finding in stt.findings}
    (order,) = audit(guilty.order, blocked_s=SLOW_MACHINE_S)
    assert (order.name, order.kind) == ("order", "tool")
    assert [(each.fault, each.place.line) for each in order.findings] == [
        ("shield", guilty.line_of("shield in a tool"))
    ]
    assert order.unwinding_s == 1.0


def test_a_finding_reads_as_compilers_write_them() -> None:
    (one,) = audit(guilty.GuiltyLLM(guilty.flushes_for_long), blocked_s=SLOW_MACHINE_S)
    line = guilty.line_of("overrun")
    assert [str(finding) for finding in one.findings] == [
        f"tests/sim/guilty.py:{line}: overrun: shields itself from cancellation for 0.299 s (3 times)"
    ]
    assert one.unwinding_s == pytest.approx(0.3)


WAITER = Agent(
    vad=FakeVAD(),
    stt=FakeSTT(),
    llm=ScriptedLLM([], fallback="Two lattes, coming up."),
    tts=FakeTTS(),
    detector=FakeDetector(),
)


@pytest.mark.feature("X11")
def test_the_fakes_are_clean() -> None:
    audits = audit([WAITER, EnergyVAD(), SileroVAD()], blocked_s=SLOW_MACHINE_S)
    assert [(one.name, one.kind) for one in audits] == [
        ("fake-vad", "VAD"),
        ("fake-stt", "STT"),
        ("scripted", "LLM"),
        ("fake-tts", "TTS"),
        ("fake-detector", "detector"),
        ("energy", "VAD"),
        ("silero", "VAD"),
    ]
    assert [finding for one in audits for finding in one.findings] == []
    assert {one.unwinding_s for one in audits} == {0.0}
    assert min(one.cancellations for one in audits) >= 8


@pytest.mark.models
@pytest.mark.feature("X11")
def test_the_local_models_are_clean() -> None:
    subjects = [WhisperSTT(), PiperTTS(), WhisperDetector(), WebRTCAudio()]
    audits = audit(subjects, blocked_s=SLOW_MACHINE_S, most=30)
    assert [one.kind for one in audits] == ["STT", "TTS", "detector", "stage"]
    assert [str(finding) for one in audits for finding in one.findings] == []
    assert {one.unwinding_s for one in audits} == {0.0}


@pytest.mark.realtime
def test_in_real_time_threads_compute_and_the_guilty_are_named_too() -> None:
    clean, shielding = audit(
        [FakeTTS(first_audio_s=0.0, real_time_factor=0.0), guilty.GuiltyLLM(guilty.flushes_for_long)],
        realtime=True,
        most=2,
        grace_s=0.1,
        blocked_s=SLOW_MACHINE_S,
    )
    assert clean.findings == ()
    assert [(each.fault, each.place.line) for each in shielding.findings] == [("overrun", guilty.line_of("overrun"))]


def asks_for(count: int) -> Tool:
    async def buy(what: str, how_many: int) -> str:
        """Buy something."""
        await trio.lowlevel.checkpoint()
        assert (what, how_many) == ("tea", count)
        return "done"

    return tool(buy)


def test_tools_are_called_with_what_they_are_to_be_called_with() -> None:
    arguments = {"buy": '{"what": "tea", "how_many": 3}'}
    (one,) = audit(asks_for(3), exercise=Exercise(arguments=arguments), blocked_s=SLOW_MACHINE_S)
    assert one.findings == ()
    (one,) = audit(asks_for(4), exercise=Exercise(arguments=arguments), blocked_s=SLOW_MACHINE_S)
    assert [finding.fault for finding in one.findings] == ["failure"]


@pytest.mark.parametrize(
    ("given", "options", "complaint"),
    [
        (3, {}, "int: neither a provider nor a tool"),
        ([], {}, "nobody was given to be audited"),
        (FakeVAD(), {"most": 0}, "most must be at least 1, got 0"),
        (FakeVAD(), {"blocked_s": 0}, "blocked_s must be positive, got 0"),
        (guilty.order, {"exercise": Exercise(arguments={"order": "{}"})}, "arguments of the tool order: "),
    ],
)
def test_what_cannot_be_audited_is_refused(given: object, options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError) as error:
        audit(given, **options)
    assert complaint in str(error.value)
