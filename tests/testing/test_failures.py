import json
import os
from pathlib import Path

import numpy as np
import pytest

from tests.testing.project import Run, passed_and_failed, section_of
from turnscope.sim import Call
from turnscope.testing._artifacts import Artifacts
from turnscope.testing._held import HeldCall

FILES = ["agent.wav", "conversation.wav", "events.jsonl", "report.json", "timeline.html", "timeline.svg", "user.wav"]
FAILING = """
def test_it(simulate):
    call = simulate(agent, script)
    assert call.turns[0].outcome.heard == "Your"
"""


def kept(folder: Path) -> dict[str, list[str]]:
    """The files in every folder below, by its name."""
    below = {str(path.relative_to(folder)): sorted(os.listdir(path)) for path in folder.rglob("*") if path.is_dir()}
    return {name: files for name, files in below.items() if "events.jsonl" in files}


@pytest.mark.feature("X1")
def test_a_failure_shows_the_call_around_its_interruption_as_wide_as_the_terminal(run: Run) -> None:
    lines = section_of(run(FAILING))
    assert lines[0] == "test_it, seed 0: <Call of 5.42 s, turns: interrupted, hung_up>"
    assert lines[-1] == "kept in .pytest_cache/d/turnscope/test_it.py.test_it.calls"
    assert len(lines) <= 25
    assert max(map(len, lines)) == 100
    strip = "\n".join(lines)
    for part in ("caller", "wait stop", "onset 3.7", "silence +", "Your order is [two lattes and", "speaking ▒▒▒", "┴"):
        assert part in strip


def test_the_message_of_an_assertion_about_a_call_is_short(run: Run) -> None:
    result = run("def test_it(simulate): assert simulate(agent, script) is None")
    result.stdout.fnmatch_lines(["E*assert <Call of 5.42 s, turns: interrupted, hung_up> is None"])


def test_the_files_of_a_call_are_kept_until_its_test_passes(pytester: pytest.Pytester, run: Run) -> None:
    folder = pytester.path / ".pytest_cache" / "d" / "turnscope"
    run(FAILING)
    assert kept(folder) == {"test_it.py.test_it.calls": FILES}
    run(FAILING.replace("== ", "!= "))
    assert kept(folder) == {}


def test_of_several_calls_the_last_five_are_kept_each_in_a_folder(pytester: pytest.Pytester, run: Run) -> None:
    result = run(
        "def test_it(simulate):\n    for seed in range(7): simulate(agent, script, seed=seed, max_s=1)\n    assert 0",
        "--turnscope-artifacts=out",
    )
    folders = kept(pytester.path / "out")
    assert folders == {f"test_it.py.test_it.calls/call-{number}": FILES for number in range(1, 6)}
    newest = json.loads((pytester.path / "out" / "test_it.py.test_it.calls" / "call-5" / "report.json").read_text())
    assert newest["seed"] == 6
    assert section_of(result)[0].startswith("call 7 of 7: test_it, seed 6: ")


def test_where_they_are_kept_can_be_configured(pytester: pytest.Pytester, run: Run) -> None:
    run(FAILING, config="turnscope_artifacts = failed/calls")
    assert kept(pytester.path) == {"failed/calls/test_it.py.test_it.calls": FILES}


def test_without_a_cache_nothing_is_kept_and_it_says_so(pytester: pytest.Pytester, run: Run) -> None:
    result = run(FAILING, "-p", "no:cacheprovider")
    assert section_of(result)[-1] == "not kept: give a folder with --turnscope-artifacts"
    assert kept(pytester.path) == {}


def test_a_folder_that_cannot_be_written_is_no_second_failure(pytester: pytest.Pytester, run: Run) -> None:
    (pytester.path / "file").write_text("in the way")
    result = run(FAILING, "--turnscope-artifacts=file/calls")
    assert passed_and_failed(result) == (0, 1)
    assert section_of(result)[-1].startswith("not kept: ")


@pytest.mark.parametrize("size", ["", "many", "-1"])
def test_a_limit_that_is_no_number_is_an_error(run: Run, size: str) -> None:
    result = run(FAILING, config=f"turnscope_artifacts_mb = {size}")
    assert "turnscope_artifacts_mb: must be a whole number" in result.stdout.str() + result.stderr.str()


def test_a_call_that_an_error_has_ended_is_shown_as_far_as_it_came(pytester: pytest.Pytester, run: Run) -> None:
    result = run(
        """
async def application(session):
    await trio.sleep(3)
    assert session.state == "away"
def test_it(simulate):
    simulate(agent, script, drive=application)
""",
        "--turnscope-artifacts=out",
    )
    lines = section_of(result)
    assert lines[0].endswith("turns: hung_up>; an error ended it, so nothing of its sound is known")
    assert any("two lattes please" in line for line in lines)
    assert kept(pytester.path / "out") == {"test_it.py.test_it.calls": ["events.jsonl"]}


def test_a_call_that_tests_share_is_shown_for_each_that_fails(run: Run) -> None:
    result = run("""
@pytest.fixture(scope="module")
def call(simulate):
    return simulate(agent, script)
def test_one(call): pass
def test_two(call): assert not call.turns
""")
    assert section_of(result)[0].startswith("test_one, seed 0: <Call")
    assert section_of(result)[-1] == "kept in .pytest_cache/d/turnscope/test_it.py.test_two.calls"


def test_a_test_without_a_call_has_no_section(run: Run) -> None:
    assert "turnscope: timeline" not in run("def test_it(simulate): assert 0").stdout.str()


def test_where_there_is_only_ascii_there_is_only_ascii(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_turnscope.terminal", lambda config: (70, True))
    monkeypatch.setattr("turnscope.testing._plugin.terminal", lambda config: (70, True))
    lines = section_of(run(FAILING))
    assert "".join(lines).isascii()
    assert max(map(len, lines)) <= 70


# The folder


def held(length: int = 16_000) -> HeldCall:
    call, silence = HeldCall("it", 0), np.zeros(length, np.float32)
    call.finish(Call((), silence, silence, (), (), 0))
    return call


def test_the_oldest_are_removed_when_there_is_too_much_but_never_what_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x" * 1_000_000)
    artifacts = Artifacts(tmp_path, 480_000)  # a call of a second is 128 kB of sound, and a little more
    for number in range(5):
        folder = artifacts.keep(f"test.py::test_{number}", [held()])
        os.utime(folder, (number, number))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["mine.txt", "test.py.test_2.calls", "test.py.test_3.calls", "test.py.test_4.calls"]


def test_the_newest_is_kept_however_large_it_is(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path, 0)
    for node in ("test.py::test_1", "test.py::test_2"):
        artifacts.keep(node, [held()])
    assert [path.name for path in tmp_path.iterdir()] == ["test.py.test_2.calls"]


def test_every_test_has_a_folder_of_its_own_whatever_it_is_called(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path, 0)
    nodes = ["a.py::test[x/y]", "a.py::test[x:y]", "a.py::test[x?y]", "a.py::test[\n]", "a.py::test[..]", "ä.py::test"]
    nodes += [f"a.py::test[{'x' * 500}{end}]" for end in "12"]
    folders = {artifacts.folder_of(node) for node in nodes}
    assert len(folders) == len(nodes)
    assert all(folder.parent == tmp_path and len(folder.name) < 200 for folder in folders)
