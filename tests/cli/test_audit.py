"""The command that audits: what it prints, and with which exit code."""

from pathlib import Path

import pytest

from tests.sim import guilty
from turnscope.cli import main
from turnscope.providers import LLM
from turnscope.session import Tool
from turnscope.sim import FakeSTT, FakeVAD

FAKES = Path(__file__).parent.parent.parent / "examples" / "fakes" / "interrupted.scenario.toml"


class OwnVAD(FakeVAD):
    """It is made without arguments."""


class OwnSTT(FakeSTT):
    """So is it."""


def make_guilty() -> LLM:
    return guilty.GuiltyLLM(guilty.cleans_up_badly)


def make_tools() -> list[Tool]:
    return [guilty.order]


@pytest.mark.feature("X11")
def test_the_guilty_line_is_printed_and_the_command_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "tests.cli.test_audit:make_guilty"]) == 1
    shown = capsys.readouterr()
    first, second = shown.out.splitlines()
    assert first.startswith("guilty-llm (LLM): cancelled 4 times, ended within 0.000 s (")
    line = guilty.line_of("cleanup")
    what = "raises ValueError: cleanup went wrong when it is cancelled (3 times)"
    assert second == f"  tests/sim/guilty.py:{line}: cleanup: {what}"
    assert shown.err == "turnscope: error: 1 fault found\n"


def test_a_class_is_audited_as_what_it_makes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "tests.cli.test_audit:OwnVAD", "--most", "2"]) == 0
    assert main(["audit", "tests.cli.test_audit:OwnSTT", "--most", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines[::2]] == ["fake-vad (VAD)", "fake-stt (STT)"]
    assert lines[1::2] == ["Nothing is wrong."] * 2
    assert main(["audit", "tests.sim.guilty:GuiltyLLM"]) == 2
    complaint = "tests.sim.guilty:GuiltyLLM: must be callable without arguments: missing a required argument: 'give'"
    assert capsys.readouterr().err == f"turnscope: error: {complaint}\n"


def test_the_providers_of_a_scenario_can_be_audited(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", str(FAKES), "--most", "3", "--text", "A latte."]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines[:-1]] == [
        "fake-vad (VAD)",
        "fake-stt (STT)",
        "scripted (LLM)",
        "fake-tts (TTS)",
    ]
    assert lines[-1] == "Nothing is wrong."


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nowhere:nothing"], "there is no module nowhere"),
        (["nowhere.toml"], "there is no such file"),
        (["tests.cli.test_audit:make_tools", "--most", "0"], "--most: must be at least 1, got 0"),
        (["tests.cli.test_audit:make_tools", "--arguments", "order"], "--arguments: must be TOOL=JSON, got 'order'"),
        (["tests.cli.test_audit:make_tools", "--arguments", "order={}"], "arguments of the tool order: "),
        (["tests.cli.test_audit:make_tools", "--audio", "nowhere.wav"], "nowhere.wav"),
    ],
)
def test_it_refuses_in_one_line(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert complaint in line
