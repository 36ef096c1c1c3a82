"""Finds an agent, or anything else, in the user's own code: by a module, or a file, and a name in it."""

import importlib
import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from turnscope._errors import ConfigError
from turnscope.session import Agent

__all__ = ["load_agent", "load_function", "load_object", "name_of"]

_ROOT_FILES = ("pyproject.toml", "setup.py", "setup.cfg", "noxfile.py", "pytest.ini", "tox.ini", ".git")
"""What the top folder of a project holds."""


def load_agent(what: str, folder: str | os.PathLike[str] = ".") -> Agent:
    """The agent that a module of the user's makes.

    Args:
        what: As for `load_object`: an `Agent`, or a function without arguments that makes one.
        folder: Where to begin.

    Raises:
        ConfigError: It cannot be found, or does not make an agent. The message is one line that says why.
    """
    with _found(what, folder) as found:
        return _made(found, what)


def load_object(what: str, folder: str | os.PathLike[str] = ".") -> Any:
    """What a module of the user's has under a name.

    Args:
        what: ``"module:name"`` or ``"file.py:name"``. Modules are looked for in `folder`, in the top folder of the
            project that it belongs to and its ``src``, and where Python looks for them. A file is relative to `folder`.
        folder: Where to begin.

    Raises:
        ConfigError: It cannot be found. The message is one line that says why.
    """
    with _found(what, folder) as found:
        return found


def load_function(what: str, folder: str | os.PathLike[str] = ".") -> Callable[..., Any]:
    """A function of a module of the user's. See `load_object`.

    Raises:
        ConfigError: It cannot be found, or cannot be called.
    """
    found = load_object(what, folder)
    if not callable(found):
        raise ConfigError(f"{what} must be a function, and is {type(found).__name__}")
    function: Callable[..., Any] = found
    return function


def name_of(function: Callable[..., object]) -> str:
    """The name by which `load_function` finds it, if it stands in a module by itself."""
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}:{named.__qualname__}"


@contextmanager
def _found(what: str, folder: str | os.PathLike[str]) -> Iterator[Any]:
    """It, while Python looks for modules where it was found."""
    where, _, name = what.rpartition(":")
    if not where or not name.replace(".", "").isidentifier():
        raise ConfigError(f"must be 'module:name' or 'file.py:name', got {what!r}")
    folder = Path(folder).absolute()
    places = [str(place) for place in _places(folder)]
    with _first_on_path(places):
        module = _of_file(folder / where) if where.endswith(".py") else _of_name(where, places)
        found: Any = module
        for part in name.split("."):
            if not hasattr(found, part):
                raise ConfigError(f"{where} has no {name!r}")
            found = getattr(found, part)
        yield found


def _made(found: Any, what: str) -> Agent:
    if callable(found) and not isinstance(found, Agent):
        try:
            found = found()
        except Exception as error:
            raise ConfigError(f"{what}() failed: {_said(error)}") from error
    if isinstance(found, Agent):
        return found
    if hasattr(found, "close") and hasattr(found, "cr_frame"):
        found.close()
        raise ConfigError(f"{what} is async; it must give an Agent without being awaited")
    raise ConfigError(f"{what} must be, or make, an Agent, and is {type(found).__name__}")


def _places(folder: Path) -> Iterator[Path]:
    yield folder
    root = next(
        (each for each in (folder, *folder.parents) if any((each / name).exists() for name in _ROOT_FILES)), None
    )
    if root is not None:
        yield from (each for each in (root, root / "src") if each != folder and each.is_dir())


@contextmanager
def _first_on_path(places: Sequence[str]) -> Iterator[None]:
    """Have Python look in `places` first, while the block runs."""
    before = list(sys.path)
    sys.path[:0] = places
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = before


def _of_file(path: Path) -> ModuleType:
    path = path.resolve()
    if not path.is_file():
        raise ConfigError(f"there is no file {path}")
    name = f"turnscope_agent_of_{'_'.join(path.with_suffix('').parts[1:])}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise ConfigError(f"{path} cannot be imported: {_said(error)}") from error
    return module


def _of_name(name: str, places: Sequence[str]) -> ModuleType:
    top = name.partition(".")[0]
    near = importlib.machinery.PathFinder.find_spec(top, list(places))
    loaded = getattr(sys.modules.get(top), "__file__", None)
    if near is not None and near.origin is not None and loaded is not None and Path(loaded) != Path(near.origin):
        raise ConfigError(f"{near.origin} is meant, but another {top} is loaded, {loaded}; name the file instead")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise ConfigError(
                f"there is no module {error.name} in {' or '.join(places)}, nor on Python's path"
            ) from error
        raise ConfigError(f"{name} cannot be imported: {_said(error)}") from error
    except Exception as error:
        raise ConfigError(f"{name} cannot be imported: {_said(error)}") from error


def _said(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
