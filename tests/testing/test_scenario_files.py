import pytest

import pytest_turnscope
from tests.testing.project import SCENARIO, Run, passed_and_failed, section_of
from turnscope.sim import SCENARIO_SUFFIX

PLAIN = SCENARIO.split("[[expect]]")[0].replace("{word}", "wait")


@pytest.mark.feature("X1")
def test_each_run_of_a_scenario_file_is_a_test(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makefile(".scenario.toml", order=SCENARIO, plain=PLAIN)
    result = run("", "-v", "--junitxml=junit.xml")
    assert passed_and_failed(result) == (2, 1)
    result.stdout.fnmatch_lines(
        [
            "order.scenario.toml::order[[]met[]] PASSED*",
            "order.scenario.toml::order[[]unmet[]] FAILED*",
            "plain.scenario.toml::plain PASSED*",
        ]
    )
    text = (pytester.path / "order.scenario.toml").read_text()
    line = text[: text.rindex("[[expect]]")].count("\n") + 1
    failure = f"order.scenario.toml:{line}: expect[1].heard: expected 'Your order', found 'Your order is' (at 4.45 s)"
    assert failure in result.outlines
    assert any("expect[1].heard" in line for line in section_of(result))
    junit = (pytester.path / "junit.xml").read_text()
    assert 'name="order[unmet]"' in junit
    assert "expect[1].heard: expected" in junit
    assert '<property name="turnscope_artifacts" value="' in junit


def test_scenarios_are_chosen_as_other_tests_are(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makefile(".scenario.toml", order=SCENARIO, plain=PLAIN)
    assert passed_and_failed(run("", "-k", "order and not unmet")) == (1, 0)
    assert passed_and_failed(run("", "order.scenario.toml::order[unmet]")) == (0, 1)


def test_the_seed_of_the_command_line_goes_before_that_of_the_file(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makefile(".scenario.toml", order=SCENARIO)
    assert section_of(run("", "-k", "unmet"))[0].startswith("order[unmet], seed 3: ")
    assert section_of(run("", "-k", "unmet", "--turnscope-seed=9"))[0].startswith("order[unmet], seed 9: ")


def test_scenarios_need_not_be_tests(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makefile(".scenario.toml", order=SCENARIO)
    assert run("", config="turnscope_scenarios = false").ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_a_scenario_file_that_is_wrong_is_an_error_in_one_line(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makefile(".scenario.toml", bad=PLAIN.replace("at_s", "at"))
    result = run("")
    assert passed_and_failed(result) == (0, 1)
    lines = [line for line in result.outlines if "bad.scenario.toml: caller[0].at: " in line]
    assert len(lines) == 1
    assert "Traceback" not in result.stdout.str()


@pytest.mark.models
def test_a_call_that_cannot_be_held_is_a_failure_in_one_line(pytester: pytest.Pytester, run: Run) -> None:
    missing = 'stt = { provider = "whisper", model_path = "nowhere" }'
    plain = PLAIN.replace('stt = { provider = "fake" }', missing).split("[[caller]]")[0]
    pytester.makefile(".scenario.toml", model=f"{plain}[[caller]]\nhang_up = true\nat_s = 1\n")
    result = run("")
    assert passed_and_failed(result) == (0, 1)
    assert any("nowhere" in line for line in result.outlines)
    assert "_scenario_items.py" not in result.stdout.str()


def test_a_broken_promise_is_a_failure_of_the_scenario(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("turnscope.sim._scenario.broken_promises", lambda call: ["a planted fault"])
    pytester.makefile(".scenario.toml", plain=PLAIN)
    run("").stdout.fnmatch_lines(["plain.scenario.toml: promises: a planted fault"])


def test_a_scenario_with_a_server_is_skipped_and_says_why(pytester: pytest.Pytester, run: Run) -> None:
    line = next(line for line in PLAIN.splitlines() if line.startswith("llm"))
    server = PLAIN.replace(line, 'llm = { provider = "openai", model = "m", base_url = "http://localhost:1" }')
    pytester.makefile(".scenario.toml", server=server)
    run("", "-rs").stdout.fnmatch_lines(["SKIPPED*agent.llm: a server knows no virtual time*"])


def test_trio_mode_and_scenarios_go_together(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makefile(".scenario.toml", plain=PLAIN)
    assert passed_and_failed(run("", config="trio_mode = true")) == (1, 0)


def test_the_plugin_knows_scenario_files_by_the_same_name() -> None:
    assert pytest_turnscope.SCENARIO_SUFFIX == SCENARIO_SUFFIX
