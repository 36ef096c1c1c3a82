"""How the package may be laid out, as functions from source text to breaches; `test_architecture.py` applies them."""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOMS = ("core", "providers", "transports", "session", "observe", "sim", "testing", "cli")
"""A room imports only from those before it."""

SHARED = ("turnscope._errors", "turnscope._version")
"""What every room may import."""

PLUGIN_MODULES = ("turnscope.testing._plugin", "turnscope.testing._scenario_items")
"""What only pytest loads; a test sees to it that nothing else does."""

INNER_FACES = {"turnscope.testing.strategies": "hypothesis"}
"""What is public in a folder of its own below its room, because it needs a package that its room does not need."""

MAX_LINES = 400
MAX_EXAMPLE_LINES = 80

WAITING_MODULES = frozenset(
    "asyncio concurrent datetime http io multiprocessing os pathlib select selectors signal socket ssl subprocess "
    "tempfile threading time urllib wave".split()
)
"""The standard library's modules that wait, read a clock, or touch the world outside: nothing for core."""

PURE_MODULES = sys.stdlib_module_names | {"numpy"}
"""All that core may import; of these, not the ones above."""

# Written with brackets so that this file does not match itself.
PLACES = re.compile(r"\b(py[p]i\.org|pythonhost[e]d|npm[j]s|deb\.debia[n]|hugging[f]ace\.co)|/wor[k]/|/opt/ven[v]")
"""Package registries' hosts and folders of one machine."""


@dataclass(frozen=True)
class Module:
    """One module of the package: its dotted name and its source text."""

    name: str
    source: str

    @property
    def room(self) -> str | None:
        """The room it belongs to; None for what lies beside the rooms."""
        parts = self.name.split(".")
        return parts[1] if len(parts) > 1 and parts[1] in ROOMS else None


def read_package(root: Path) -> list[Module]:
    """Every module below `root`, which is the package's folder."""
    modules = []
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        modules.append(Module(name, path.read_text(encoding="utf-8")))
    return modules


def imported(module: Module) -> Iterator[str]:
    """Dotted names of the modules that `module` imports anywhere, also in functions and for type checkers only."""
    yield from _imported(ast.parse(module.source))


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "ruff forbids relative imports"
            assert node.module is not None
            if node.module == "turnscope":  # `from turnscope import core` imports turnscope.core
                yield from (f"turnscope.{alias.name}" for alias in node.names)
            else:
                yield node.module


def import_breaches(module: Module) -> list[str]:
    """Imports that break the order of the rooms, their privacy, or the purity of core."""
    breaches = []
    for name in imported(module):
        top = name.partition(".")[0]
        if top in {"asyncio", "anyio"}:
            breaches.append(f"{name}: Turnscope runs on Trio")
        if top == "turnscope":
            breaches += _inner_breaches(module, name)
        elif module.room == "core" and (
            top in WAITING_MODULES or not (top == "numpy" or top in sys.stdlib_module_names)
        ):
            breaches.append(f"{name}: core decides and never waits")
    return breaches


def _inner_breaches(module: Module, name: str) -> list[str]:
    """What is wrong with the import of the Turnscope module `name` into `module`."""
    if module.name in ("turnscope", "turnscope.__main__") or name in SHARED:
        return []
    parts = name.split(".")
    if len(parts) == 1 or parts[1] not in ROOMS:
        return [f"{name}: not in any room"]
    if module.room is None:
        return [f"{name}: what lies beside the rooms imports none of them"]
    room = parts[1]
    if room == module.room:
        return []
    if ROOMS.index(room) > ROOMS.index(module.room):
        return [f"{name}: {module.room} comes before {room}"]
    return [f"{name}: private to {room}"] if len(parts) > 2 else []


def third_party(module: Module) -> tuple[set[str], set[str]]:
    """The packages of others that `module` needs to be imported, and those that only a function of it needs.

    What only pytest loads, in the room `testing`, needs pytest as a function would: where it is not, nobody misses it.
    So it is with the package that an inner face is there for.
    """
    body = ast.parse(module.source).body
    functions = [node for node in body if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)]
    lazily = {name.partition(".")[0] for node in functions for name in _imported(node)}
    always = {name.partition(".")[0] for node in body if node not in functions for name in _imported(node)}
    ours = sys.stdlib_module_names | {"turnscope", "pytest_turnscope"}
    if module.name in PLUGIN_MODULES:
        always, lazily = always - {"pytest"}, lazily | {"pytest"}
    for face, package in INNER_FACES.items():
        if is_inside(module, face):
            always, lazily = always - {package}, lazily | {package}
    return always - ours, lazily - always - ours


def is_inside(module: Module, face: str) -> bool:
    """Whether `module` is this face, or one of the modules in its folder."""
    return module.name == face or module.name.startswith(f"{face}.")


def definitions(module: Module) -> dict[str, str | None]:
    """The docstring of every name that `module` defines at its top level; None where there is none."""
    found: dict[str, str | None] = {}
    body = ast.parse(module.source).body
    for node, following in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found[node.name] = ast.get_docstring(node) or found.get(node.name)  # overloads have none
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            found.update(dict.fromkeys(names, _string(following)))
    return found


def exported(module: Module) -> list[str]:
    """The names in a module's `__all__`, which has to be a literal list of strings."""
    for node in ast.parse(module.source).body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            names: list[str] = ast.literal_eval(node.value)
            return names
    return []


def _string(node: ast.stmt | None) -> str | None:
    """The text of a statement that is only a string, as a constant's docstring is."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return node.value.value
    return None
