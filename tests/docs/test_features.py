"""The page of features is compared with the marks in the tests, and every way in which they can differ is told."""

from pathlib import Path

import pytest

from tools import features

PAGE = """# Features

| No. | Feature | Test | Page |
|---|---|---|---|
| 1 | Talks |  | [Speaking](speaking.md) |
| X2 | Sings |  | not yet |
"""

TESTS = {"1": ["core/test_a.py::test_it_talks"]}


@pytest.fixture
def marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Rows and tests of a project with two files of tests."""
    folder = tmp_path / "tests" / "core"
    folder.mkdir(parents=True)
    (folder / "test_a.py").write_text(
        "import pytest\n"
        '@pytest.mark.feature(1, "X2")\n'
        "def test_one(): ...\n"
        "class TestMore:\n"
        "    @pytest.mark.feature(1)\n"
        "    async def test_two(self): ...\n"
        "def test_unmarked(): ...\n"
    )
    (folder / "test_b.py").write_text(
        "import pytest\npytestmark = [pytest.mark.models, pytest.mark.feature(7)]\ndef test_three(): ...\n"
    )
    monkeypatch.setattr(features, "ROOT", tmp_path)
    return features.tests_by_row()


def test_marks_on_functions_methods_and_modules_are_found(marked: dict[str, list[str]]) -> None:
    assert marked == {
        "1": ["core/test_a.py::test_one", "core/test_a.py::test_two"],
        "X2": ["core/test_a.py::test_one"],
        "7": ["core/test_b.py::test_three"],
    }


def test_a_page_that_was_brought_up_to_date_has_no_problems() -> None:
    page = features.updated(PAGE, TESTS)
    assert "| 1 | Talks | `core/test_a.py::test_it_talks` | [Speaking](speaking.md) |" in page
    assert features.problems(page, TESTS) == []


@pytest.mark.parametrize(
    ("page", "tests", "problem"),
    [
        (PAGE, TESTS, "the column of tests is out of date: python tools/features.py --write"),
        (PAGE, {}, "row 1 has no test: Talks"),
        (
            PAGE,
            {**TESTS, "9": ["core/test_a.py::test_x"]},
            "row 9 is marked in core/test_a.py::test_x and not on the page",
        ),
        (PAGE.replace("not yet", ""), {**TESTS, "X2": ["t"]}, "row X2 has no page: Sings"),
        (PAGE, {**TESTS, "X2": ["t"]}, "row X2 is shown by t and promised nowhere: Sings"),
    ],
    ids=["stale", "untested", "unlisted", "unexplained", "unpromised"],
)
def test_a_difference_is_told(page: str, tests: dict[str, list[str]], problem: str) -> None:
    shown = page if problem.startswith("the column") else features.updated(page, tests)
    assert problem in features.problems(shown, tests)


def test_only_the_first_tests_of_a_row_are_named() -> None:
    assert features.cell(["a", "b", "c", "d"]) == "`a`, `b`, and 2 more"
