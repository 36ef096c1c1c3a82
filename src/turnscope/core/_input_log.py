"""The Floor's inputs as they are written down and read again, and their order when several come at one time."""

from dataclasses import asdict, fields
from typing import get_args

from turnscope._errors import ProtocolError
from turnscope.core._inputs import (
    AudioFinished,
    AudioStalled,
    AudioStarted,
    AudioWentOn,
    DeadlineReached,
    EvidenceReceived,
    FillerFinished,
    FillerStarted,
    FloorInput,
    SpeechStarted,
    SpeechStopped,
    TranscriptReceived,
)

__all__ = ["input_from_dict", "input_rank", "input_to_dict"]

_BY_NAME: dict[str, type[FloorInput]] = {kind.__name__: kind for kind in get_args(FloorInput)}

_RANK = {
    DeadlineReached: 0,
    SpeechStarted: 2,
    SpeechStopped: 2,
    AudioStarted: 2,
    AudioStalled: 2,
    AudioWentOn: 2,
    AudioFinished: 2,
    FillerStarted: 2,
    FillerFinished: 2,
    TranscriptReceived: 3,
    EvidenceReceived: 3,
}


def input_rank(item: FloorInput) -> int:
    """Where an input stands among others of the same time: deadline 0, control 1, audio 2, what it says 3."""
    return _RANK.get(type(item), 1)


def input_to_dict(item: FloorInput) -> dict[str, object]:
    """An input as plain JSON data, with its kind under ``"input"``."""
    return {"input": type(item).__name__, **asdict(item)}


def input_from_dict(data: dict[str, object]) -> FloorInput:
    """The inverse of `input_to_dict`.

    Raises:
        ProtocolError: The kind is unknown, or a field is missing, unknown or of the wrong type.
    """
    values = dict(data)
    name = values.pop("input", None)
    kind = _BY_NAME.get(str(name))
    if kind is None:
        raise ProtocolError(f"unknown floor input {name!r}")
    known = {field.name: field.type for field in fields(kind)}
    for key, value in values.items():
        if key not in known:
            raise ProtocolError(f"{name} has no field {key!r}")
        values[key] = _checked(f"{name}.{key}", known[key], value)
    try:
        return kind(**values)  # type: ignore[arg-type]  # the names and types were checked above
    except TypeError as error:
        raise ProtocolError(f"{name}: {error}") from error


def _checked(where: str, expected: object, value: object) -> object:
    """`value`, if it may stand in a field of the type `expected`: a JSON number without a fraction is a float, too."""
    if isinstance(expected, type):
        if expected is float and type(value) is int:
            return float(value)
        if type(value) is not expected:
            raise ProtocolError(f"{where} must be {expected.__name__}, got {value!r}")
    elif value not in get_args(expected):
        raise ProtocolError(f"{where} must be one of {', '.join(get_args(expected))}, got {value!r}")
    return value
