"""What TOML gives, as values of the types that are wanted; complaints are one line that begins with the key path."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from turnscope._errors import ConfigError

__all__ = ["at_key", "convert", "read_toml"]


def read_toml(path: Path) -> dict[str, Any]:
    """What a TOML file says.

    Raises:
        ConfigError: There is no such file, it cannot be read, or it is no TOML. The message does not name the file.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError("there is no such file") from None
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"not valid TOML: {error}") from error


def at_key(path: str, message: str, known: Mapping[str, object]) -> str:
    """A complaint ``key must be ...`` about the table at `path`, as ``path.key: must be ...`` if the key is `known`."""
    found = re.match(r"(\w+)((?:\[\d+\])?(?:\.\w+)*):? +(.*)", message, re.DOTALL)
    if found is None or found[1] not in known:
        return f"{path}: {message}"
    return f"{path}.{found[1]}{found[2]}: {found[3]}"


def convert(value: object, wanted: Any, path: str) -> Any:
    """`value`, as TOML gives it, checked to be of the type `wanted`.

    Raises:
        ConfigError: It is not; the message begins with `path`, or with the key in it that is wrong.
    """
    may_be = [wanted, *get_args(wanted)] if type(None) in get_args(wanted) else [wanted]
    for choice in may_be:
        if get_origin(choice) is Literal and value not in get_args(choice):
            raise ConfigError(f"{path}: must be one of {', '.join(map(repr, get_args(choice)))}, got {value!r}")
    try:
        return msgspec.convert(value, wanted)
    except msgspec.ValidationError as error:
        raise ConfigError(_plain(str(error), path, wanted)) from error


_KINDS = {
    "float": "a number",
    "int": "a whole number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
}


def _plain(message: str, path: str, wanted: Any) -> str:
    """What msgspec says, in the words of TOML."""
    message, _, where = message.partition(" - at `$")
    where = where.rstrip("`").replace("[...]", "")
    path = (path + where).lstrip(".")
    keys = re.findall(r"\w+", re.sub(r"\[\d+\]", "", where))
    if message.startswith("Invalid enum value ") and (choices := _choices_at(wanted, keys)):
        got = message.removeprefix("Invalid enum value ")
        return f"{path}: must be one of {', '.join(map(repr, choices))}, got {got}"
    if found := re.fullmatch(r"Object contains unknown field `(.*)`", message):
        known = _keys_at(wanted, keys)
        return f"{path}.{found[1]}: unknown key; known here: {', '.join(known)}".lstrip(".")
    if found := re.fullmatch(r"Object missing required field `(.*)`", message):
        return f"{path}.{found[1]}: is missing".lstrip(".")
    if found := re.fullmatch(r"Expected `(.*)`, got `(.*)`", message):
        wanted = [_KINDS.get(kind, kind) for kind in found[1].split(" | ") if kind != "null"]
        return f"{path}: must be {' or '.join(wanted)}, got {_KINDS.get(found[2], found[2])}"
    return f"{path}: {message}"


def _keys_at(kind: Any, path: Sequence[str]) -> Sequence[str]:
    """The keys of the struct that lies at `path` in a type; none if there is no such struct."""
    return next((found.__struct_fields__ for found in _types_at(kind, path) if _is_struct(found)), ())


def _choices_at(kind: Any, path: Sequence[str]) -> Sequence[object]:
    """What can stand at `path` in a type, where it is one of a few things."""
    return [each for found in _types_at(kind, path) if get_origin(found) is Literal for each in get_args(found)]


def _types_at(kind: Any, path: Sequence[str]) -> Iterator[Any]:
    """The types, each alternative by itself, that lie at `path` in a type. Lists take no part in a path."""
    if get_args(kind) and get_origin(kind) is not Literal:
        for part in get_args(kind):
            yield from _types_at(part, path)
    elif not path:
        yield kind
    elif _is_struct(kind) and path[0] in kind.__struct_fields__:
        yield from _types_at(get_type_hints(kind)[path[0]], path[1:])


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)
