"""The plugin is there wherever Turnscope is installed, so it must be nothing to those who do not use it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.testing.project import SCENARIO, SHOP

TESTS = """
import sys
async def test_async(): pass
def test_sync():
    assert [name for name in sys.modules if name.partition(".")[0] in ("turnscope", "numpy", "httpx", "rich")] == []
"""


def pytest_in_a_process(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "pytest_turnscope", *arguments],
        cwd=folder,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST")},
            "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry),
            "COLUMNS": "90",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_nothing_of_the_package_is_loaded_for_a_project_that_does_not_use_it(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TESTS.replace("async def", "def"))
    (tmp_path / "settings.toml").write_text("version = 1")
    written = pytest_in_a_process(tmp_path, "--strict-markers", "-W", "error")
    assert "2 passed" in written
    assert "turnscope:" not in written


def test_importing_turnscope_imports_neither_pytest_nor_hypothesis() -> None:
    code = "import sys, turnscope, turnscope.testing; sys.exit(bool({'pytest', 'hypothesis'} & set(sys.modules)))"
    subprocess.run(
        [sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )


def test_without_pytest_trio_calls_and_scenarios_are_tests(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "order.scenario.toml").write_text(SCENARIO)
    (tmp_path / "test_it.py").write_text(
        "from shop import *\ndef test_it(simulate): assert simulate(agent, script).turns"
    )
    assert "1 failed, 2 passed" in pytest_in_a_process(tmp_path, "-p", "no:trio", "-W", "error")


def test_tests_on_several_processes_show_and_keep_the_same(tmp_path: Path) -> None:
    (tmp_path / "order.scenario.toml").write_text(SCENARIO)
    narrow = 'import os\nif "PYTEST_XDIST_WORKER" in os.environ: os.environ["COLUMNS"] = "60"'
    (tmp_path / "conftest.py").write_text(narrow)
    written = pytest_in_a_process(tmp_path, "-n", "2", "--junitxml=junit.xml")
    assert "1 failed, 1 passed" in written
    strip = written[written.index("turnscope: timeline") : written.index("kept in")].splitlines()[1:]
    assert strip[0].startswith("order[unmet], seed 3: ")
    assert max(map(len, strip)) == 90
    assert (tmp_path / ".pytest_cache/d/turnscope/order.scenario.toml.order[unmet].calls/agent.wav").exists()
    assert "turnscope_artifacts" in (tmp_path / "junit.xml").read_text()


@pytest.mark.parametrize("arguments", [["--help"], ["--markers"]])
def test_options_and_marks_are_described(pytester: pytest.Pytester, arguments: list[str]) -> None:
    written = pytester.runpytest_inprocess("-p", "pytest_turnscope", *arguments).stdout.str()
    named = ["--turnscope-seed=N", "turnscope_virtual_time (bool)"] if "--help" in arguments else ["virtual_time:"]
    assert [name for name in named if name not in written] == []
