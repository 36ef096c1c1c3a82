"""The page for newcomers is followed, all but what installs something, and what it shows is what comes."""

import os
import stat
import sys
from pathlib import Path

import pytest

from tools.newcomer import Step, follow, steps

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "ten-minutes.md"
INSTALLS = r"\bpip\b|\bvenv\b|PIP_FIND_LINKS|^nox$"


@pytest.fixture
def here(tmp_path: Path) -> dict[str, str]:
    """An environment in which `python` is this one, and pytest has the plugin, whether that is installed or not."""
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return {
        **os.environ,
        "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(entry for entry in path.split(os.pathsep) if not entry.endswith("ten_minutes")),
        "PYTEST_PLUGINS": "pytest_turnscope",
        "PYTEST_ADDOPTS": "",
        "COLUMNS": "100",
    }


@pytest.mark.skipif(sys.platform == "win32", reason="the page is for a shell such as bash")
@pytest.mark.feature("X1")
def test_who_follows_the_page_sees_what_it_shows(tmp_path: Path, here: dict[str, str]) -> None:
    assert follow(PAGE, tmp_path, here, without=INSTALLS) == []


def test_the_files_of_the_page_are_the_ones_it_names() -> None:
    names = [step.name for step in steps(PAGE) if step.kind == "file"]
    assert names == ["agent.py", "test_interruptions.py", "agent.py", "nods.scenario.toml", "noxfile.py"]


def test_a_page_that_is_wrong_is_found_out(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    shows = "```text\none\n…wo\nthree\n```\n"
    others = "```sh\nfalse\n```\n```sh\nexit 3\n```\n```sh\necho\n```\n"
    page.write_text(f"```sh\necho one; echo two\n```\n{shows}{others}", encoding="utf-8")
    missing, failed, broken_off = follow(page, tmp_path, os.environ)
    assert missing.splitlines()[:2] == ["the page shows, and it did not come:", "three"]
    assert failed.startswith("exit code 1 of: false")
    assert broken_off.startswith("never came to: exit 3")


def test_commands_that_are_to_fail_are_known_by_their_output(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```sh\npytest\n```\n```text\nFAILED test_x.py\n```\n", encoding="utf-8")
    assert steps(page) == [Step("run", "pytest\n", fails=True), Step("output", "FAILED test_x.py\n")]
