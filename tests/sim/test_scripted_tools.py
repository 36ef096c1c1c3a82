"""Tools of a scenario file: no code, and yet all that can become of a call."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.session.calls import of_kind
from tests.session.tooling import settled
from turnscope import ConfigError
from turnscope.core import SessionEnded, ToolSettled
from turnscope.sim import Call, Scenario, broken_promises, load_scenario, load_scenarios

EXAMPLE = Path(__file__).parent.parent.parent / "examples/fakes/tool.scenario.toml"

FILE = """
version = 1
[agent]
vad = {{ provider = "fake" }}
stt = {{ provider = "fake" }}
tts = {{ provider = "fake" }}
[[agent.tools]]
name = "order"
parameters = {{ what = "string", count = "integer", hot = "boolean", size = ["small", "large"] }}
{tool}
[agent.llm]
provider = "scripted"
rules = [
    {{ when = "tea", reply = "", calls = [{{ tool = "order", arguments = {{ {arguments} }} }}] }},
    {{ when = "(?P<what>.*)", after = "order", reply = "It said {{what}}" }},
]
fallback = "Fine."
[[caller]]
words = "tea please"
at_s = 0.5
{more}
"""
ARGUMENTS = 'what = "tea", count = 2, hot = true, size = "small"'

Load = Callable[..., Scenario]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(tool: str, more: str = "", arguments: str = ARGUMENTS) -> Scenario:
        path = tmp_path / "call.scenario.toml"
        path.write_text(FILE.format(tool=tool, more=more, arguments=arguments), encoding="utf-8")
        return load_scenario(path)

    return load


def held(scenario: Scenario) -> Call:
    call = scenario.run()
    assert broken_promises(call) == []
    return call


def test_a_tool_gives_what_the_file_says_when_it_says(load: Load) -> None:
    call = held(load('result = "{count} {size} {what}"\nduration_s = 0.75'))
    assert settled(call) == [("1.1.1", "returned", "2 small tea")]
    [event] = of_kind(call, ToolSettled)
    assert event.duration_s == 0.75
    assert call.turns[0].reply == ["It said 2 small tea"]


def test_its_result_may_be_anything_that_json_can_hold(load: Load) -> None:
    call = held(load("result = { ready = true, minutes = [10, 12.5] }"))
    assert settled(call) == [("1.1.1", "returned", '{"ready":true,"minutes":[10,12.5]}')]


def test_it_can_fail(load: Load) -> None:
    call = held(load('fails = "out of tea"'))
    assert settled(call) == [("1.1.1", "failed", "ScriptedFailure: out of tea")]


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        (ARGUMENTS.replace('"small"', '"huge"'), "Invalid enum value 'huge'"),
        (ARGUMENTS.replace("2", '"two"'), "Expected `int`, got `str`"),
        ('what = "tea"', "Object missing required field"),
    ],
)
def test_its_arguments_are_checked_as_those_of_any_tool(load: Load, arguments: str, wrong: str) -> None:
    [(_, kind, text)] = settled(held(load("", arguments=arguments)))
    assert kind == "failed"
    assert wrong in text


def test_it_can_take_longer_than_it_may(load: Load) -> None:
    [(_, kind, text)] = settled(held(load("duration_s = 5\ntimeout_s = 1")))
    assert (kind, text) == ("failed", "order took longer than 1 s and was cancelled.")


def test_it_can_end_the_call(load: Load) -> None:
    call = held(load("ends_call = true"))
    assert [event.reason for event in of_kind(call, SessionEnded)] == ["agent_hung_up"]


GOES_ON = '[[caller]]\nwords = "and cake"\nafter_tool_starts = "order"\ndelay_s = 0.5'


@pytest.mark.parametrize(("commits", "turns"), [("", 1), ("commits_after_s = 0.1", 2)])
def test_once_it_has_committed_its_answer_is_not_taken_back_silently(load: Load, commits: str, turns: int) -> None:
    call = held(load(f"duration_s = 3\n{commits}", GOES_ON))
    assert len(call.turns) == turns
    assert [kind for _, kind, _ in settled(call)] == ["cancelled"]


def test_what_an_interruption_does_to_it_can_be_tested_without_code() -> None:
    for scenario in load_scenarios(EXAMPLE):
        assert scenario.check(held(scenario)) == ()
    cancel, keep, detach = load_scenarios(EXAMPLE)
    wrong = [failure.key for failure in keep.check(cancel.run())]
    assert wrong == ["expect[0].settled", "expect[0].text"]
    assert detach.variant == "detach"


BAD = {
    "unknown key": ("speed = 1", "agent.tools[0].speed: unknown key; known here: name, description, parameters, "),
    "unknown policy": (
        'on_interruption = "pray"',
        "agent.tools[0].on_interruption: must be one of 'cancel', ",
    ),
    "unknown field": ('result = "{who}"', "agent.tools[0].result: cannot be filled in ('who'); parameters: what, "),
    "brace": ('result = "{"', "agent.tools[0].result: cannot be filled in "),
    "negative duration": ("duration_s = -1", "agent.tools[0].duration_s: must be 0 or more, and finite, got -1"),
    "late commitment": ("commits_after_s = 1", "agent.tools[0].commits_after_s: must not be after duration_s (0)"),
    "no time to keep": ("keep_s = 0", "agent.tools[0]: keep_s must be positive, got 0"),
    "announced at once": ("announce = true", 'agent.tools[0]: announce needs on_interruption="detach"'),
}


@pytest.mark.parametrize(("tool", "complaint"), BAD.values(), ids=BAD)
def test_a_tool_that_makes_no_sense_is_refused(load: Load, tool: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tool)
    assert f"call.scenario.toml: {complaint}" in str(caught.value)


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ('{ class = "string" }', "agent.tools[0].parameters.class: must be a name of letters, digits and _"),
        ("{ size = [] }", "agent.tools[0].parameters.size: must have at least one text"),
        ('{ size = "huge" }', "agent.tools[0].parameters: must be one of 'string', "),
    ],
)
def test_so_is_a_parameter(tmp_path: Path, parameters: str, complaint: str) -> None:
    text = FILE.format(tool="", more="", arguments="").splitlines()
    text = [f"parameters = {parameters}" if line.startswith("parameters") else line for line in text]
    path = tmp_path / "call.scenario.toml"
    path.write_text("\n".join(text), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_scenario(path)
    assert f"call.scenario.toml: {complaint}" in str(caught.value)
