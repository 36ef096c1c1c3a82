"""The JSON Schema of scenario files, which editors go by, says what the loader does."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import jsonschema
import msgspec
import pytest

from turnscope import ConfigError
from turnscope.cli import main
from turnscope.sim import load_scenarios, scenario_schema
from turnscope.sim._expectations import EXPECTATIONS
from turnscope.sim._faults import FaultKind
from turnscope.sim._happenings import EVENT_KINDS
from turnscope.sim._media_table import EchoTable, MediaTable, PacketsTable
from turnscope.sim._scenario import ScenarioTable
from turnscope.sim._scenario_steps import BackgroundTable, RepeatTable, StepTable
from turnscope.sim._scripted_tools import ToolTable

EXAMPLES = sorted((Path(__file__).parent.parent.parent / "examples").rglob("*.scenario.toml"))
SCHEMA = scenario_schema()
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)


def complaints(text: str) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(tomllib.loads(text))]


def tables(path: Path) -> Iterator[str]:
    """The file, each time with a key too many in another of its tables."""
    lines = path.read_text(encoding="utf-8").splitlines()
    yield "\n".join(["unheard_of = 1", *lines])
    for index, line in enumerate(lines):
        if line.startswith("[") and line not in ("[[parameters]]", "[matrix]"):
            yield "\n".join([*lines[: index + 1], "unheard_of = 1", *lines[index + 1 :]])


def test_the_schema_is_one() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_is_valid(path: Path) -> None:
    assert complaints(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", [path for path in EXAMPLES if path.parent.name == "fakes"], ids=lambda path: path.name)
def test_a_key_that_does_not_exist_is_refused_by_both(path: Path, tmp_path: Path) -> None:
    for number, text in enumerate(tables(path)):
        assert complaints(text) != []
        file = tmp_path / f"{number}.scenario.toml"
        file.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError, match="unheard_of: unknown key"):
            load_scenarios(file)


@pytest.mark.parametrize(
    "table",
    [
        *(ScenarioTable, StepTable, RepeatTable, BackgroundTable, ToolTable, MediaTable, EchoTable, PacketsTable),
        *EXPECTATIONS.values(),
    ],
)
def test_every_key_of_a_table_is_known(table: type[msgspec.Struct]) -> None:
    known = SCHEMA if table is ScenarioTable else SCHEMA["$defs"][table.__name__]
    more = {"parameters", "matrix"} if table is ScenarioTable else set()
    assert set(known["properties"]) == set(table.__struct_fields__) | more
    assert known["additionalProperties"] is False


WHOLE = """
version = 1
[agent]
vad = { provider = "energy" }
stt = { provider = "fake" }
tts = { provider = "fake", words_per_s = "{pace}" }
detector = "none"
environment = "noisy"
interruption = { mute = ["tools"], phases.thinking = { reaction = "continue", min_speech_s = 0.4 }, \
policy = { kind = "veto", veto = { kind = "score_veto", name = "echo" }, \
policy = { kind = "words", lexicon = ["yes"] } } }
llm = { provider = "scripted", rules = [{ when = "a", reply = "b", turn = 1, \
calls = [{ tool = "t", arguments = { x = 1 } }] }] }
[[caller]]
repeat = 2
steps = [{ words = "a", after_agent_says = { regex = "a" }, delay_s = 0.1 }, { noise = "fan", after_quiet_s = 1 }]
[[caller]]
words = "a"
after_event = { event = "Decided", where = { verdict = "dismiss" } }
[[expect]]
turn = 1
latency = { response_s = { at_most = 2 } }
[matrix]
pace = [2, 3.5]
"""


def test_what_the_loader_reads_is_valid(tmp_path: Path) -> None:
    assert complaints(WHOLE) == []
    file = tmp_path / "whole.scenario.toml"
    file.write_text(WHOLE, encoding="utf-8")
    assert len(load_scenarios(file)) == 2


WRONG = {
    "type": ('words = "a"\nafter_event', "words = 1\nafter_event"),
    "provider": ('provider = "energy"', 'provider = "luck"'),
    "option of another provider": ('provider = "energy"', 'provider = "silero", adaptive = true'),
    "policy": ('kind = "words"', 'kind = "luck"'),
    "policy of one number": ("min_speech_s = 0.4", 'min_speech_s = "long"'),
    "choice": ('environment = "noisy"', 'environment = "loud"'),
    "event": ('event = "Decided"', 'event = "Lunch"'),
    "latency": ("response_s", "speed_s"),
    "version": ("version = 1", "version = 2"),
    "no llm": ("\nllm = ", "\nlmm = "),
    "secret": ('llm = { provider = "scripted"', 'llm = { provider = "openai", api_key = "k"'),
    "expectation": ("turn = 1\nlatency", "trun = 1\nlatency"),
}


@pytest.mark.parametrize(("old", "new"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_refused_by_both(tmp_path: Path, old: str, new: str) -> None:
    assert old in WHOLE
    text = WHOLE.replace(old, new)
    assert complaints(text) != []
    file = tmp_path / "wrong.scenario.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError):
        load_scenarios(file)


def test_choices_are_listed_for_an_editor_to_complete() -> None:
    def choices(name: str, key: str) -> list[Any]:
        return next(part["enum"] for part in SCHEMA["$defs"][name]["properties"][key]["anyOf"] if "enum" in part)

    assert set(choices("FaultTable", "kind")) == set(get_args(FaultKind))
    assert set(choices("Happening", "event")) == set(EVENT_KINDS)
    assert choices("TurnExpectation", "outcome") == ["completed", "failed", "hung_up", "interrupted"]


def test_what_a_key_means_is_there_to_be_shown() -> None:
    settings = SCHEMA["$defs"]["InterruptionSettings"]["properties"]
    assert all(settings[name].get("description") for name in ("fade_s", "reaction", "policy"))
    assert SCHEMA["$defs"]["ToolTable"]["properties"]["ends_call"]["description"].startswith("The agent hangs up")


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == SCHEMA
