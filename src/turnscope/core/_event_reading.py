"""Events as they were written down, read again: the inverse of `event_to_dict`."""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from types import MappingProxyType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from turnscope._errors import ProtocolError
from turnscope.core._events import Event
from turnscope.core._outcomes import Completed, Failed, HungUp, Interrupted, Outcome

__all__ = ["event_from_dict"]

_OUTCOMES: Mapping[str, type] = MappingProxyType(
    {"completed": Completed, "interrupted": Interrupted, "failed": Failed, "hung_up": HungUp}
)


def event_from_dict(data: Mapping[str, object]) -> Event:
    """The inverse of `turnscope.core.event_to_dict`.

    Raises:
        ProtocolError: The kind is unknown, or a field is missing, unknown or of the wrong type.
    """
    values = dict(data)
    values.pop("at", None)  # the same as `sample`, for people
    name = str(values.pop("event", None))
    kind = _kinds().get(name)
    if kind is None:
        raise ProtocolError(f"unknown event {name!r}")
    made = _record(kind, values, name)
    assert isinstance(made, Event)
    return made


@functools.cache
def _kinds() -> Mapping[str, type[Event]]:
    return {kind.__name__: kind for kind in _below(Event)}


def _below(kind: type[Event]) -> Iterator[type[Event]]:
    for each in kind.__subclasses__():
        yield each
        yield from _below(each)


@functools.cache
def _hints(kind: type) -> Mapping[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def _record(kind: type, values: object, where: str) -> object:
    if not isinstance(values, Mapping):
        raise ProtocolError(f"{where} must be an object, got {values!r}")
    hints = _hints(kind)
    unknown = sorted(values.keys() - hints.keys())
    if unknown:
        raise ProtocolError(f"{where} has no field {unknown[0]!r}")
    read = {key: _value(hints[key], value, f"{where}.{key}") for key, value in values.items()}
    try:
        return kind(**read)
    except TypeError as error:
        raise ProtocolError(f"{where}: {error}") from error


def _value(hint: Any, value: object, where: str) -> object:
    """`value` as the type `hint`, as far as events use types."""
    if hint == Outcome:
        kind = _OUTCOMES.get(str(value.get("kind"))) if isinstance(value, Mapping) else None
        if kind is None:
            raise ProtocolError(f"{where} must be an outcome, got {value!r}")
        return _record(kind, value, where)
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise ProtocolError(f"{where} must be one of {', '.join(get_args(hint))}, got {value!r}")
        return value
    if isinstance(hint, UnionType):
        choices = get_args(hint)
        if value is None and type(None) in choices:
            return None
        return _value(next(each for each in choices if each is not type(None)), value, where)
    if get_origin(hint) is tuple:
        if not isinstance(value, list):
            raise ProtocolError(f"{where} must be a list, got {value!r}")
        return tuple(_value(get_args(hint)[0], part, f"{where}[{index}]") for index, part in enumerate(value))
    if is_dataclass(hint) and isinstance(hint, type):
        return _record(hint, value, where)
    if hint is float and type(value) is int:
        return float(value)
    if isinstance(hint, type) and type(value) is not hint:
        raise ProtocolError(f"{where} must be {hint.__name__}, got {value!r}")
    return value
