"""What a scenario expects of a text or a number: read from TOML, compared, and told in words."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from turnscope._errors import ConfigError
from turnscope.core import CLOCK_HZ

__all__ = [
    "Number",
    "NumberRange",
    "Text",
    "TextPattern",
    "check_text",
    "is_like",
    "matches_number",
    "matches_text",
    "told",
    "wanted_value",
]


class TextPattern(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A text of which not every character is known: all that is given must hold. Case counts.

    Attributes:
        contains: It holds this, or each of these.
        lacks: It holds not this, or none of these.
        regex: This regular expression is found in it.
    """

    contains: str | list[str] | None = None
    lacks: str | list[str] | None = None
    regex: str | None = None


class NumberRange(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A number within bounds, which belong to it."""

    at_least: float | None = None
    at_most: float | None = None


Text = str | TextPattern
"""The whole text, apart from white space around it, or what is known of it."""

Number = float | NumberRange
"""The number, as exact as a sample of the session's clock is, or its bounds."""


def check_text(wanted: Text | None, key: str) -> None:
    """See that `wanted` can be matched at all.

    Raises:
        ConfigError: It says nothing, or holds no regular expression where one is meant.
    """
    if not isinstance(wanted, TextPattern):
        return
    if wanted == TextPattern():
        raise ConfigError(f"{key}: must have contains, lacks or regex")
    try:
        re.compile(wanted.regex or "")
    except (re.error, OverflowError, RecursionError) as error:
        raise ConfigError(f"{key}.regex: is not a regular expression: {error}") from error


def matches_text(wanted: Text, found: str) -> bool:
    """Whether `found` is what is wanted."""
    if isinstance(wanted, str):
        return found.strip() == wanted.strip()
    return (
        all(part in found for part in _listed(wanted.contains))
        and not any(part in found for part in _listed(wanted.lacks))
        and (wanted.regex is None or re.search(wanted.regex, found) is not None)
    )


def matches_number(wanted: Number, found: float) -> bool:
    """Whether `found` is what is wanted, times in seconds being compared as samples."""
    if isinstance(wanted, NumberRange):
        least, most = wanted.at_least, wanted.at_most
        return (least is None or _steps(found) >= _steps(least)) and (most is None or _steps(found) <= _steps(most))
    return _steps(found) == _steps(wanted)


def wanted_value(value: Any, key: str) -> Any:
    """What something is compared with: a value, or if it is a table, what is known of one.

    Raises:
        ConfigError: The table is neither about a text nor about a number.
    """
    if not isinstance(value, dict):
        return value
    kind = NumberRange if set(value) & {"at_least", "at_most"} else TextPattern
    try:
        wanted = msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{key}: {error}") from error
    if isinstance(wanted, TextPattern):
        check_text(wanted, key)
    return wanted


def is_like(wanted: Any, found: Any) -> bool:
    """Whether `found` is what is wanted, whatever it is."""
    match wanted:
        case TextPattern():
            return isinstance(found, str) and matches_text(wanted, found)
        case NumberRange():
            return isinstance(found, int | float) and matches_number(wanted, found)
        case float():
            return isinstance(found, int | float) and matches_number(wanted, found)
        case _:
            return bool(wanted == found)


def told(value: object) -> str:
    """A value, expected or found, in words."""
    match value:
        case None:
            return "none"
        case float():
            return f"{round(value, 6):.10g}"
        case TextPattern():
            parts = [f"contains {part!r}" for part in _listed(value.contains)]
            parts += [f"lacks {part!r}" for part in _listed(value.lacks)]
            parts += [] if value.regex is None else [f"matches {value.regex!r}"]
            return f"text that {' and '.join(parts)}"
        case NumberRange():
            bounds = (("at least", value.at_least), ("at most", value.at_most))
            return " and ".join(f"{name} {told(bound)}" for name, bound in bounds if bound is not None) or "any number"
        case list() | tuple():
            return ", ".join(told(part) if not isinstance(part, str) else part for part in value) or "none"
        case _:
            return repr(value)


def _listed(parts: str | Sequence[str] | None) -> Sequence[str]:
    return () if parts is None else (parts,) if isinstance(parts, str) else parts


def _steps(value: float) -> int:
    return round(value * CLOCK_HZ)
