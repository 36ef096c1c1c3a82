"""Which test shows that a feature works: `docs/features.md` against the marks in the tests.

    python tools/features.py            # print the coverage; fails if a feature has no test, or the page is out of date
    python tools/features.py --write    # bring the page's column of tests up to date

A test says which rows of the page it shows with ``@pytest.mark.feature(30, "X4")``, a module with
``pytestmark = pytest.mark.feature(...)``. The marks are read from the source, so nothing has to be importable.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "features.md"
NOT_YET = "not yet"
SHOWN = 2
"""Tests named for each row; of the others the page gives the number."""


def marks(decorators: list[ast.expr]) -> Iterator[str]:
    """The rows that stand in ``pytest.mark.feature(...)``."""
    for decorator in decorators:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.feature":
            for argument in decorator.args:
                yield str(ast.literal_eval(argument))


def tests_in(path: Path) -> Iterator[tuple[str, str]]:
    """Pairs of a row and a test of one file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    common: list[str] = []
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "pytestmark":
            listed = statement.value.elts if isinstance(statement.value, ast.List) else [statement.value]
            common = list(marks(listed))
    for inner in ast.walk(tree):
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef) and inner.name.startswith("test_"):
            for row in dict.fromkeys([*common, *marks(inner.decorator_list)]):
                yield row, f"{path.relative_to(ROOT / 'tests').as_posix()}::{inner.name}"


def tests_by_row() -> dict[str, list[str]]:
    """Every marked test, by row."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for row, test in tests_in(path):
            found.setdefault(row, []).append(test)
    return found


def cell(tests: list[str]) -> str:
    """What the column of tests says."""
    named = [f"`{test}`" for test in tests[:SHOWN]]
    more = [f"and {len(tests) - SHOWN} more"] if len(tests) > SHOWN else []
    return ", ".join([*named, *more])


def updated(page: str, found: dict[str, list[str]]) -> str:
    """`page` with its column of tests filled."""
    lines = []
    for line in page.splitlines():
        cells = [part.strip() for part in line.strip().strip("|").split("|")]
        if line.startswith("|") and len(cells) == 4 and cells[0] in rows(page):
            line = f"| {cells[0]} | {cells[1]} | {cell(found.get(cells[0], []))} | {cells[3]} |"
        lines.append(line)
    return "\n".join(lines) + "\n"


def rows(page: str) -> dict[str, tuple[str, str]]:
    """What each row promises, and where that is explained."""
    table: dict[str, tuple[str, str]] = {}
    for line in page.splitlines():
        cells = [part.strip() for part in line.strip().strip("|").split("|")]
        if line.startswith("|") and len(cells) == 4 and cells[0].removeprefix("X").isdigit():
            table[cells[0]] = (cells[1], cells[3])
    return table


def problems(page: str, found: dict[str, list[str]]) -> list[str]:
    """What is wrong with the page or the marks."""
    table = rows(page)
    wrong = [
        f"row {row} is marked in {tests[0]} and not on the page" for row, tests in found.items() if row not in table
    ]
    for row, (feature, where) in table.items():
        if where != NOT_YET and row not in found:
            wrong.append(f"row {row} has no test: {feature}")
        if where == NOT_YET and row in found:
            wrong.append(f"row {row} is shown by {found[row][0]} and promised nowhere: {feature}")
        if where == "":
            wrong.append(f"row {row} has no page: {feature}")
    if updated(page, found) != page:
        wrong.append("the column of tests is out of date: python tools/features.py --write")
    return wrong


def main(arguments: list[str]) -> int:
    """Print the coverage, or write the page."""
    page, found = PAGE.read_text(encoding="utf-8"), tests_by_row()
    if arguments == ["--write"]:
        PAGE.write_text(updated(page, found), encoding="utf-8")
        return 0
    table = rows(page)
    for row, (feature, _) in table.items():
        print(f"{row:>4}  {len(found.get(row, [])):3} tests  {feature}")
    promised = [row for row, (_, where) in table.items() if where != NOT_YET]
    shown = [row for row in promised if row in found]
    print(f"{len(shown)} of {len(promised)} promised features are shown by a test; {len(table)} are listed.")
    wrong = problems(page, found)
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
