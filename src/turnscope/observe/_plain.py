"""Facts and settings as plain JSON data, and back again, equal to what they were. Knows no files.

Only what is listed here is ever written: a class of an application's own is named, and its fields, which may hold
secrets, stay where they are.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

import numpy as np

from turnscope import core
from turnscope._errors import ProtocolError
from turnscope.providers import Score, SpeechChunk, TextDelta, ToolSpec, Transcript, Usage, VoiceOptions

__all__ = ["from_plain", "has_code", "to_plain"]

_CLASSES: dict[str, type[Any]] = {
    name: kind for name in core.__all__ if isinstance(kind := getattr(core, name), type) and is_dataclass(kind)
} | {kind.__name__: kind for kind in (Score, SpeechChunk, TextDelta, ToolSpec, Transcript, Usage, VoiceOptions)}

_FUNCTIONS = {"estimate_tokens": core.estimate_tokens}

_TELLING = frozenset(
    "action agent blamed cause change change_kind closing kind name new old origin policy profile provider reaction "
    "reason role silence_source source tool trigger verdict waits_for voice".split()
)
"""Fields whose strings are words of Turnscope's or names: all that is left when texts are left out."""

LEFT_OUT = "…"
"""Stands for a text that was left out."""


def to_plain(value: object, *, texts: bool = True) -> Any:
    """`value` as JSON data.

    A dataclass becomes an object with its name under ``"type"``, a set one with ``"set"``, a mapping one with
    ``"map"``, a function of Turnscope's own one with ``"function"``. Of what is not known, only the name is kept, under
    ``"code"``.

    Args:
        value: Settings, inputs, orders, events, or what providers are given and give.
        texts: False leaves out what was said and written.
    """
    match value:
        case Enum():
            return value.value
        case str():
            return value if texts or not value else LEFT_OUT
        case None | bool() | int() | float():
            return value
        case np.generic():
            return value.item()
        case list() | tuple():
            return [to_plain(item, texts=texts) for item in value]
        case set() | frozenset():
            return {"set": sorted(to_plain(item, texts=texts) for item in value)}
        case Mapping():
            return {"map": {str(key): to_plain(item, texts=texts) for key, item in value.items()}}
    kind = type(value)
    for name, function in _FUNCTIONS.items():
        if function is value:
            return {"function": name}
    if not isinstance(value, type) and _CLASSES.get(kind.__name__) is kind:
        return {"type": kind.__name__} | {
            field.name: _field(field.name, getattr(value, field.name), texts=texts)
            for field in fields(kind)
            if not (kind is SpeechChunk and field.name == "samples")  # audio is kept apart
        }
    return {"code": _name(value if isinstance(value, type) or callable(value) else kind)}


def _field(name: str, value: object, *, texts: bool) -> Any:
    return to_plain(value, texts=texts or (isinstance(value, str) and name in _TELLING))


def _name(value: object) -> str:
    return f"{getattr(value, '__module__', '?')}.{getattr(value, '__qualname__', type(value).__qualname__)}"


def has_code(plain: object) -> str | None:
    """The name of the first class or function in plain data that is an application's own; None if all is known."""
    if isinstance(plain, list):
        return next((name for item in plain if (name := has_code(item)) is not None), None)
    if isinstance(plain, dict):
        if isinstance(plain.get("code"), str) and len(plain) == 1:
            return str(plain["code"])
        return has_code(list(plain.values()))
    return None


def from_plain(plain: Any) -> Any:
    """The inverse of `to_plain`, with tuples for lists.

    Raises:
        ProtocolError: There is a class in it that is not known, or a field that its class has not, or not with this
            value.
    """
    if isinstance(plain, list):
        return tuple(from_plain(item) for item in plain)
    if not isinstance(plain, dict):
        return plain
    match plain:
        case {"set": list(items)}:
            return frozenset(from_plain(item) for item in items)
        case {"map": dict(items)}:
            return {key: from_plain(item) for key, item in items.items()}
        case {"function": str(name)} if name in _FUNCTIONS:
            return _FUNCTIONS[name]
        case {"code": name}:
            raise ProtocolError(f"{name} is code, which is not in a recording")
        case {"type": str(name), **values} if name in _CLASSES:
            return _made(_CLASSES[name], values)
    raise ProtocolError(f"unknown kind {plain.get('type')!r}")


def _made(kind: type[Any], values: dict[str, Any]) -> Any:
    if kind is SpeechChunk:
        values["samples"] = np.zeros(0, np.float32)
    try:
        return kind(**{key: from_plain(value) if key != "samples" else value for key, value in values.items()})
    except ProtocolError:
        raise
    except Exception as error:  # whatever a constructor makes of what a damaged file says
        raise ProtocolError(f"{kind.__name__}: {error}") from error
