"""The tables of the guides say what the code says: no event, setting or default is missing, renamed or out of date."""

import dataclasses
import re
from pathlib import Path
from typing import get_args

import pytest

from turnscope.cli import main
from turnscope.core import (
    BARGE_IN_EDGES,
    TURN_EDGES,
    ClauseSettings,
    Completed,
    DetectorPolicy,
    Endpointing,
    Event,
    Failed,
    Filler,
    FloorInput,
    HistorySettings,
    HungUp,
    Interrupted,
    InterruptionSettings,
    Latency,
    ResumeSettings,
    Speculation,
    SpeechEdgeSettings,
    ThinkingSound,
    WordsPolicy,
)
from turnscope.providers import VoiceOptions
from turnscope.session import Agent

DOCS = Path(__file__).parent.parent.parent / "docs"


def rows(page: str) -> list[list[str]]:
    """The cells of every row of every table of a page."""
    lines = (DOCS / page).read_text(encoding="utf-8").splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def fields_of(kind: type) -> list[str]:
    assert dataclasses.is_dataclass(kind)
    return [field.name for field in dataclasses.fields(kind) if field.name != "sample"]


KINDS = [*Event.__subclasses__(), Completed, Interrupted, Failed, HungUp, *get_args(FloorInput)]
DESCRIBED = {row[0].strip("`"): quoted(row[1]) for row in rows("events.md") if len(row) == 3}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_event_outcome_and_input_is_described_with_its_fields(kind: type) -> None:
    assert DESCRIBED[kind.__name__] == fields_of(kind)


def test_every_latency_is_described() -> None:
    assert [name for name in DESCRIBED if name.endswith("_s")] == fields_of(Latency)


def numbers_of(*values: object) -> dict[str, list[object]]:
    """The settings that are numbers, with their values in each of some objects of one class."""
    columns = [{field.name: getattr(value, field.name) for field in dataclasses.fields(value)} for value in values]  # type: ignore[arg-type]
    return {name: [column[name] for column in columns] for name in columns[0] if _is_number(columns[0][name])}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


PARTS = (
    Endpointing,
    InterruptionSettings,
    DetectorPolicy,
    WordsPolicy,
    ClauseSettings,
    Speculation,
    HistorySettings,
    ResumeSettings,
)

SETTINGS = [
    *(numbers_of(kind()).items() for kind in PARTS),
    numbers_of(VoiceOptions()).items(),
    numbers_of(Filler(texts=["One moment."])).items(),
    numbers_of(ThinkingSound()).items(),
    numbers_of(SpeechEdgeSettings(), TURN_EDGES, BARGE_IN_EDGES).items(),
]


def stated(name: str) -> list[list[str]]:
    return [row[1:-1] for row in rows("settings.md") if row[0] == f"`{name}`"]


@pytest.mark.parametrize(("name", "values"), [item for items in SETTINGS for item in items])
def test_every_number_is_described_with_its_default(name: str, values: list[object]) -> None:
    said = [
        [float(cell.replace("−", "-")) for cell in cells if re.fullmatch(r"−?[\d.]+", cell)] for cells in stated(name)
    ]
    assert values in said


@pytest.mark.parametrize("kind", [Agent, SpeechEdgeSettings, Filler, ThinkingSound, *PARTS])
def test_every_setting_is_described(kind: type) -> None:
    described = {name for row in rows("settings.md") for name in quoted(row[0])}
    assert set(fields_of(kind)) - described == set()


def test_the_numbers_of_an_agent_are_described() -> None:
    defaults = {field.name: field.default for field in dataclasses.fields(Agent) if _is_number(field.default)}
    assert {name: [[f"{value:g}"]] for name, value in defaults.items()} == {name: stated(name) for name in defaults}


# The command line

COMMANDS = dict(re.findall(r"^## turnscope (\w+)\n(.*?)(?=^## |\Z)", (DOCS / "cli.md").read_text("utf-8"), re.M | re.S))


def helped(arguments: list[str], output: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit):
        main([*arguments, "--help"])
    return output.readouterr().out


def options_in(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z]+(?:-[a-z]+)*", text)) - {"--help"}


def test_every_command_is_described(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(re.findall(r"^    (\w+)", helped([], capsys), re.M)) == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_a_command_is_in_its_usage_and_its_table(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = options_in("\n".join(re.findall(r"^  (-.*)", helped([command], capsys), re.M)))
    page = COMMANDS[command]
    assert options_in("\n".join(re.findall(r"^```text\nturnscope (.*?)```", page, re.M | re.S))) == options
    listed = options_in("\n".join(re.findall(r"^\| (.*?) \|", page, re.M)))
    assert listed | {"--debug"} == options
