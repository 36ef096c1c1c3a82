import json
from pathlib import Path

import pytest

from tests.testing.project import SCENARIO, Run, passed_and_failed
from turnscope.testing import Simulate

PLANTED = """
import turnscope.testing._simulate
@pytest.fixture(autouse=True)
def planted(monkeypatch):
    monkeypatch.setattr(turnscope.testing._simulate, "broken_promises", lambda call: ["a planted fault", "another"])
"""


@pytest.mark.feature("X1", 53)
def test_the_fixture_holds_the_same_call_as_the_function(run: Run) -> None:
    result = run("""
from turnscope import simulate as plain
def test_call(simulate):
    assert simulate(agent, script, seed=7).jsonl() == plain(agent, script, seed=7).jsonl()
def test_other_settings_reach_it(simulate):
    assert simulate(agent, script, max_s=2).agent.size == 32_000
""")
    assert passed_and_failed(result) == (2, 0)


def test_a_scenario_file_is_found_beside_the_test_and_answered_by_the_agent_that_is_given(
    pytester: pytest.Pytester, run: Run
) -> None:
    scenario = SCENARIO.split("[[expect]]")[0].replace("{word}", "wait").replace("lattes and a large mocha", "teas")
    pytester.makefile(".scenario.toml", tea=scenario)
    result = run(
        """
from turnscope.sim import load_scenario
def test_of_file(simulate):
    assert simulate(None, "tea.scenario.toml").turns[1].reply == ["Your order is two teas."]
    assert "lattes" in simulate(agent, "tea.scenario.toml").turns[1].reply[0]
def test_of_scenario(simulate, request):
    scenario = load_scenario(request.path.parent / "tea.scenario.toml")
    assert "lattes" in simulate(agent, scenario, seed=5).turns[1].reply[0]
def test_of_steps_alone(simulate):
    with pytest.raises(Exception, match="there is no agent"):
        simulate(None, script)
""",
        "test_it.py",
    )
    assert passed_and_failed(result) == (3, 0)


def test_what_a_scenario_file_expects_is_checked(pytester: pytest.Pytester, run: Run) -> None:
    one = SCENARIO.split("[[parameters]]")[0].replace("{word}", "wait").replace("{heard}", "Your order")
    pytester.makefile(".scenario.toml", order=one)
    result = run('def test_it(simulate): simulate(agent, "order.scenario.toml")', "test_it.py")
    result.stdout.fnmatch_lines(["E *order.scenario.toml: expect[[]1[]].heard: expected 'Your order', found*"])


@pytest.mark.parametrize(
    ("call", "config", "problems"),
    [
        ("simulate(agent, script)", "", 2),
        ("simulate(agent, script, check=False)", "", 0),
        ("simulate(agent, script)", "turnscope_check = false", 0),
        ("simulate(agent, script, check=True)", "turnscope_check = false", 2),
        ("simulate(agent, script, keep_records=False)", "", 0),
    ],
    ids=["default", "off", "configured", "on", "nothing to check"],
)
def test_the_promises_of_every_call_are_checked_unless_that_is_switched_off(
    run: Run, call: str, config: str, problems: int
) -> None:
    result = run(f"{PLANTED}\ndef test_it(simulate): {call}", config=config)
    assert result.stdout.str().count("E   ") == problems
    if problems:
        result.stdout.fnmatch_lines(
            ["E*AssertionError: test_it: promises: a planted fault", "E*test_it: promises: another"]
        )
        assert "_simulate.py" not in result.stdout.str()  # the traceback ends in the test


def test_more_faults_than_can_be_read_are_counted(run: Run) -> None:
    result = run(
        f"{PLANTED.replace('another', 'b').replace(']', '] * 30')}\ndef test_it(simulate): simulate(agent, script)"
    )
    result.stdout.fnmatch_lines(["E*and 40 more"])


@pytest.mark.feature("X3")
def test_the_seed_is_what_the_test_says_else_the_command_line_else_the_configuration(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makefile(".scenario.toml", order=SCENARIO.split("[[expect]]")[0].replace("{word}", "wait"))
    tests = """
def test_it(simulate):
    simulate(agent, script)
    simulate(agent, script, seed=5)
    simulate(agent, "order.scenario.toml")
    assert 0
"""

    def seeds(*arguments: str, config: str = "") -> list[int]:
        result = run(tests, "test_it.py", f"--turnscope-artifacts={pytester.path / 'kept'}", *arguments, config=config)
        assert ("turnscope: seed" in result.stdout.str()) == (arguments != () or config != "")
        reports = sorted((pytester.path / "kept").glob("*/*/report.json"))
        return [json.loads(report.read_text())["seed"] for report in reports]

    assert seeds() == [0, 5, 3]
    assert seeds(config="turnscope_seed = 8") == [8, 5, 8]
    assert seeds("--turnscope-seed", "9", config="turnscope_seed = 8") == [9, 5, 9]


def test_a_seed_that_is_no_number_is_an_error_that_says_so(run: Run) -> None:
    result = run("def test_it(): pass", config="turnscope_seed = seven")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*turnscope_seed: must be a whole number, got 'seven'"])


def test_fixtures_of_any_scope_and_property_tests_can_use_it(run: Run) -> None:
    result = run("""
from hypothesis import given, settings, strategies as st
@pytest.fixture(scope="module")
def call(simulate):
    return simulate(agent, script)
def test_one(call):
    assert call.turns[0].outcome.heard == "Your order is"
@settings(max_examples=2, deadline=None)
@given(seed=st.integers(0, 3))
def test_two(simulate, seed):
    assert simulate(agent, script, seed=seed).turns[0].outcome.heard == "Your order is"
""")
    assert passed_and_failed(result) == (2, 0)


def test_a_project_may_have_a_fixture_of_that_name(run: Run) -> None:
    result = run("""
@pytest.fixture
def simulate():
    return 7
def test_mine(simulate):
    assert simulate == 7
@pytest.mark.trio
async def test_async(simulate):
    assert trio.current_time() - trio.current_time() != 0, "virtual time, and nobody has asked for it"
""")
    assert passed_and_failed(result) == (2, 0)


def test_it_says_shortly_what_it_is() -> None:
    assert repr(Simulate(lambda: NotImplemented)) == "<simulate>"


def test_paths_are_relative_to_the_test(pytester: pytest.Pytester, run: Run) -> None:
    folder = pytester.mkdir("deep")
    Path(folder / "tea.scenario.toml").write_text(SCENARIO.split("[[expect]]")[0].replace("{word}", "wait"))
    Path(folder / "test_deep.py").write_text("def test_it(simulate): simulate(None, 'tea.scenario.toml')")
    assert passed_and_failed(run("", "deep/test_deep.py")) == (1, 0)
