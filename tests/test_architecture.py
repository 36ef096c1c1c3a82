import ast
import re
import tomllib
from pathlib import Path

import pytest

from tests.architecture import (
    INNER_FACES,
    MAX_EXAMPLE_LINES,
    MAX_LINES,
    PLACES,
    PLUGIN_MODULES,
    ROOMS,
    Module,
    definitions,
    exported,
    import_breaches,
    imported,
    is_inside,
    read_package,
    third_party,
)

ROOT = Path(__file__).parent.parent
PACKAGE = read_package(ROOT / "src" / "turnscope")
FACE_NAMES = ("turnscope", *(f"turnscope.{room}" for room in ROOMS), *INNER_FACES)
FACES = [module for module in PACKAGE if module.name in FACE_NAMES]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXAMPLES = sorted((ROOT / "examples").rglob("*.py"))
TEXTS = sorted(
    path
    for folder in ("src", "tests", "docs", "examples", ".ci")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {"", ".cfg", ".html", ".js", ".md", ".py", ".sh", ".toml", ".txt"} and path.is_file()
    if "_build" not in path.parts
) + [path for path in sorted(ROOT.glob("*")) if path.suffix in {".md", ".toml", ".py"}]

each_module = pytest.mark.parametrize("module", PACKAGE, ids=lambda module: module.name)
each_face = pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)


@each_module
def test_a_room_imports_only_from_rooms_before_it(module: Module) -> None:
    assert import_breaches(module) == []


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("turnscope.core._floor", "import trio"),
        ("turnscope.core._floor", "import time"),
        ("turnscope.core._floor", "def f():\n    from turnscope.session import open_session"),
        ("turnscope.session._turn", "from turnscope.core._floor import Floor"),
        ("turnscope.session._turn", "import asyncio"),
        ("turnscope.session._turn", "import turnscope"),
        ("turnscope.session._turn", "from turnscope import open_session"),
        ("turnscope.observe._log", "from turnscope import sim"),
        ("turnscope._errors", "from turnscope.core import Message"),
    ],
)
def test_a_forbidden_import_would_be_found(name: str, source: str) -> None:
    assert len(import_breaches(Module(name, source))) == 1


def distributions(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=~!; ]", requirement)[0].replace("-", "_") for requirement in requirements}


def test_what_is_imported_is_required_and_what_is_required_is_imported() -> None:
    always = {name for module in PACKAGE for name in third_party(module)[0]}
    lazily = {name for module in PACKAGE for name in third_party(module)[1]}
    core = distributions(PROJECT["dependencies"])
    extras = {name for names in PROJECT["optional-dependencies"].values() for name in distributions(names)}
    assert always <= core
    assert lazily <= core | extras
    assert core <= always | lazily


def test_an_import_inside_a_function_is_told_from_one_at_the_top() -> None:
    module = Module(
        "turnscope.providers._x", "import os, trio\nfrom h2 import events\ndef f():\n    import ctranslate2"
    )
    assert third_party(module) == ({"trio", "h2"}, {"ctranslate2"})


def test_only_pytest_loads_what_needs_pytest() -> None:
    loading = {module.name for module in PACKAGE if set(imported(module)) & set(PLUGIN_MODULES)}
    assert loading <= set(PLUGIN_MODULES)


@pytest.mark.parametrize("name", INNER_FACES)
def test_what_needs_a_package_of_its_own_is_loaded_by_nothing_else(name: str) -> None:
    outside = [module for module in PACKAGE if not is_inside(module, name)]
    assert [
        module.name for module in outside if any(is_inside(Module(other, ""), name) for other in imported(module))
    ] == []


@each_module
def test_modules_are_private_and_their_room_is_public(module: Module) -> None:
    parts = module.name.split(".")
    if len(parts) == 2:
        assert parts[1] in ROOMS or parts[1].startswith("_")
    if len(parts) > 2:
        assert parts[1] in ROOMS
        assert parts[-1].startswith("_") or module.name in INNER_FACES


@each_module
def test_a_module_can_be_read_in_one_sitting(module: Module) -> None:
    if module not in FACES:  # which are lists of names
        assert module.source.count("\n") <= MAX_LINES


@each_module
def test_a_module_says_what_it_is_for(module: Module) -> None:
    assert ast.get_docstring(ast.parse(module.source))


def test_every_room_exists() -> None:
    assert {face.name for face in FACES} == set(FACE_NAMES)


@each_face
def test_a_room_says_what_is_public(face: Module) -> None:
    names = exported(face)
    assert names
    assert len(names) == len(set(names))
    assert not [name for name in names if name.startswith("_") and name != "__version__"]


@each_face
def test_every_public_name_has_a_docstring(face: Module) -> None:
    documented = {
        name
        for module in PACKAGE
        if face.name == "turnscope" or module.name.startswith(face.name + ".") or module is face
        for name, docstring in definitions(module).items()
        if docstring
    }
    assert [name for name in exported(face) if name not in documented and name != "__version__"] == []


@each_face
def test_the_reference_shows_every_room(face: Module) -> None:
    reference = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("reference*.md")))
    whole_rooms = re.findall(r"automodule:: (\S+)\n *:members:", reference)
    if face.name not in whole_rooms:  # the top level repeats names that their rooms describe
        assert [name for name in exported(face) if not re.search(rf"\b{re.escape(name)}\b", reference)] == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_short(path: Path) -> None:
    assert path.read_text(encoding="utf-8").count("\n") < MAX_EXAMPLE_LINES


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_depends_on_a_place(path: Path) -> None:
    found = PLACES.search(path.read_text(encoding="utf-8"))
    assert found is None, found
