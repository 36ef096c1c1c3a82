"""Writes values as the Python code that makes them again, for the caller's scripts and agents that tests print.

It knows dataclasses by their fields, and other objects if they were made by `made`.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from enum import Enum
from typing import Any, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

import numpy as np

__all__ = ["Code", "Shown", "Unwritable", "Written", "called", "layout", "made", "name_of", "write"]

P = ParamSpec("P")
T = TypeVar("T")

MOST_POSITIONAL = 2
"""Arguments of a dataclass after so many are written with their names."""


class Unwritable(Exception):
    """There is no code that makes this again."""


@dataclass(frozen=True, slots=True)
class Written:
    """Code of several parts, which can stand in one line or in several.

    Attributes:
        opening: As in ``Moment(``.
        parts: What is separated by commas.
        closing: As in ``)``.
    """

    opening: str
    parts: "tuple[tuple[str, Code], ...]"
    closing: str

    def __str__(self) -> str:
        return f"{self.opening}{', '.join(f'{prefix}{part}' for prefix, part in self.parts)}{self.closing}"


class Shown:
    """Has Hypothesis show the repr of what a test was given, which it does not do for dataclasses."""

    __slots__ = ()

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """See `hypothesis.vendor.pretty`, and IPython, whose convention this is."""
        for index, line in enumerate(repr(self).splitlines()):
            if index:
                printer.break_()
            printer.text(line)


Code = str | Written
"""What was written, and not laid out yet."""

_MADE: "WeakKeyDictionary[object, Code]" = WeakKeyDictionary()
"""How objects were made that do not say so themselves."""


def made(make: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a public function or class, and remember how: `write` can write what comes of it."""
    bound = inspect.signature(make).bind(*args, **kwargs)
    parts: list[tuple[str, Code]] = []
    for name, value in bound.arguments.items():
        parameter = bound.signature.parameters[name]
        if not _same(value, parameter.default):
            first = not parts and parameter.default is parameter.empty
            parts.append(("" if first else f"{name}=", write(value)))
    result = make(*args, **kwargs)
    _MADE[result] = Written(f"{name_of(make)}(", tuple(parts), ")")
    return result


def write(value: object) -> Code:
    """The code that makes `value` again, with the names that the public modules give to what is in it.

    Raises:
        Unwritable: There is none that is known.
    """
    if value is None or (isinstance(value, bool | int | str | bytes) and not isinstance(value, Enum)):
        return repr(value)
    if isinstance(value, float | np.floating):
        return repr(float(value)) if np.isfinite(value) else f"float({str(float(value))!r})"
    if isinstance(value, type):
        return name_of(value)
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, tuple):
        comma = "," if len(value) == 1 else ""
        return Written("(", tuple(("", write(item)) for item in value), f"{comma})")
    if isinstance(value, list):
        return Written("[", tuple(("", write(item)) for item in value), "]")
    if isinstance(value, frozenset | set):
        listed = Written("{", tuple(("", write(item)) for item in sorted(value)), "}") if value else ""
        return called("frozenset" if isinstance(value, frozenset) else "set", [("", listed)] if value else [])
    if isinstance(value, Mapping):
        return Written("{", tuple((f"{write(key)}: ", write(item)) for key, item in value.items()), "}")
    return _write_object(value)


def _write_object(value: object) -> Code:
    if hasattr(value, "__code_that_makes_it__"):
        code: Code = value.__code_that_makes_it__()
        return code
    if is_dataclass(value):
        return _write_dataclass(value)
    try:
        return _MADE[value]
    except (KeyError, TypeError):  # TypeError: it cannot be looked up at all
        raise Unwritable(f"no code is known that makes a {type(value).__name__}") from None


def _write_dataclass(value: Any) -> Code:
    parts: list[tuple[str, Code]] = []
    skipped = False
    for place, field in enumerate(field for field in fields(value) if field.init):
        item = getattr(value, field.name)
        if _is_default(field, item):
            skipped = True
            continue
        positional = not (skipped or field.kw_only) and place < MOST_POSITIONAL
        parts.append(("" if positional else f"{field.name}=", write(item)))
    return called(type(value).__name__, parts)


def _is_default(field: "Field[Any]", value: object) -> bool:
    default = field.default if field.default_factory is MISSING else field.default_factory()
    return _same(value, default)


def _same(value: object, default: object) -> bool:
    if isinstance(value, np.ndarray) or isinstance(default, np.ndarray):
        return value is default
    return type(value) is type(default) and bool(value == default)


def called(name: str, parts: Iterable[tuple[str, Code]]) -> Written:
    """The call of a function or class: pairs of a prefix, as in ``seed=``, and an argument."""
    return Written(f"{name}(", tuple(parts), ")")


def name_of(function: object) -> str:
    """The name under which a function or class can be called.

    Raises:
        Unwritable: It has none, as a lambda has none.
    """
    name = getattr(function, "__qualname__", "")
    if not all(part.isidentifier() for part in name.split(".")):
        raise Unwritable("it has no name")
    return str(name)


def layout(code: Code, *, width: int = 100, indent: int = 0, before: int = 0) -> str:
    """Code as text: what fits into a line is one.

    Args:
        code: What was written.
        width: Of a line.
        indent: Of the first line.
        before: What else stands in the first line, before and after it.
    """
    line = str(code)
    if isinstance(code, str) or not code.parts or indent + before + len(line) <= width:
        return line
    inner = " " * (indent + 4)
    parts = [
        f"{inner}{prefix}{layout(part, width=width, indent=indent + 4, before=len(prefix) + 1)},\n"
        for prefix, part in code.parts
    ]
    return f"{code.opening}\n{''.join(parts)}{' ' * indent}{code.closing.lstrip(',')}"
