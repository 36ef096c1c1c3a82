"""A history as JSON and back, checked to the last key. What was saved is what comes back."""

import json
from collections.abc import Iterable
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

from turnscope._errors import ProtocolError
from turnscope.core._messages import Message

__all__ = ["message_to_dict", "turns_from_json", "turns_to_json"]

VERSION = 1
"""Of the format of saved histories."""


def turns_to_json(turns: Iterable[Iterable[Message]]) -> str:
    """``{"version": 1, "turns": [[message, ...], ...]}``; fields of a message that are empty are left out."""
    data = {"version": VERSION, "turns": [[message_to_dict(message) for message in turn] for turn in turns]}
    return json.dumps(data, separators=(",", ":"))


def turns_from_json(saved: str) -> list[list[Message]]:
    """The inverse of `turns_to_json`.

    Raises:
        ProtocolError: Something in it is wrong; the message names the key.
    """
    try:
        data = json.loads(saved)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"a saved history must be JSON: {error}") from error
    table = _expect(data, dict, "a saved history")
    if table.get("version") != VERSION:
        raise ProtocolError(f"version: must be {VERSION}, got {table.get('version')!r}")
    for key in table.keys() - {"version", "turns"}:
        raise ProtocolError(f"{key}: unknown key; known here: version, turns")
    return [
        [_made(Message, message, f"turns[{index}][{place}]") for place, message in enumerate(turn)]
        for index, listed in enumerate(_expect(table.get("turns"), list, "turns"))
        if (turn := _expect(listed, list, f"turns[{index}]"))
    ]


def message_to_dict(message: Message) -> dict[str, object]:
    """A message as plain JSON data; fields that are empty are left out."""
    plain: dict[str, object] = _plain(message)
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if not is_dataclass(value):
        return value
    items = {field.name: (field, getattr(value, field.name)) for field in fields(value)}
    return {name: _plain(item) for name, (field, item) in items.items() if _needed(field) or item != field.default}


def _needed(field: "Field[Any]") -> bool:
    return field.default is MISSING


def _made(kind: type[Any], data: object, path: str) -> Any:
    table = _expect(data, dict, path)
    hints = get_type_hints(kind)
    known = {field.name: field for field in fields(kind)}
    for key in table:
        if key not in known:
            raise ProtocolError(f"{path}.{key}: unknown key; known here: {', '.join(known)}")
    for name, field in known.items():
        if _needed(field) and name not in table:
            raise ProtocolError(f"{path}.{name}: is missing")
    return kind(**{key: _value(hints[key], value, f"{path}.{key}") for key, value in table.items()})


def _value(hint: Any, value: object, path: str) -> object:
    if get_origin(hint) is tuple:
        items = enumerate(_expect(value, list, path))
        return tuple(_value(get_args(hint)[0], item, f"{path}[{index}]") for index, item in items)
    if is_dataclass(hint) and isinstance(hint, type):
        return _made(hint, value, path)
    if isinstance(hint, type):
        return _expect(value, hint, path)
    if value not in get_args(hint):
        raise ProtocolError(f"{path}: must be one of {', '.join(get_args(hint))}, got {value!r}")
    return value


_KINDS = {str: "text", bool: "true or false", int: "a whole number", list: "a list", dict: "an object"}


def _expect(value: object, kind: type[Any], path: str) -> Any:
    if type(value) is not kind:
        raise ProtocolError(f"{path}: must be {_KINDS[kind]}, got {value!r}")
    return value
