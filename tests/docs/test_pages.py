import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted((ROOT / "docs").glob("*.md"))
COMMANDS = ["python -m pip install nox && nox -s demo", "python -m pip install nox && nox -s tests"]
SNIPPET = re.compile(r"(?:<!-- file: (?P<path>\S+) -->\n+)?```(?P<language>python|toml)\n(?P<code>.*?)```", re.DOTALL)
TEST = re.compile(r"`(?:tests/)?([a-z]+/test_\w+\.py)(?:::(\w+))?`")
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)[^)]*\)")


def test_the_readme_begins_with_two_commands_that_work() -> None:
    assert [line for line in README.splitlines() if line.startswith("python -m pip install nox")] == COMMANDS


def test_every_snippet_of_the_readme_is_a_file_that_runs() -> None:
    for snippet in SNIPPET.finditer(README):
        assert snippet["path"], f"a snippet does not say which file it is:\n{snippet['code']}"
        assert snippet["path"].startswith("examples/")
        assert snippet["code"] == (ROOT / snippet["path"]).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_snippet_of_a_page_is_included_from_a_file_that_runs(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert SNIPPET.search(text) is None
    for included in re.findall(r"literalinclude\} (\S+)", text):
        assert (page.parent / included).resolve().is_relative_to(ROOT / "examples")


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES], ids=lambda page: page.name)
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    missing = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if not (page.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_test_that_a_page_names_exists(page: Path) -> None:
    for path, name in TEST.findall(page.read_text(encoding="utf-8")):
        assert f"def {name}" in (ROOT / "tests" / path).read_text(encoding="utf-8")
