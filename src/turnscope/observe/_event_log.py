"""The event log: every event and every input of the Floor as JSON, one object a line. Synchronous; misses nothing."""

import json
import os
from collections.abc import Callable
from pathlib import Path

from turnscope._errors import ConfigError, ProtocolError, why_unreadable
from turnscope.core import Event, FloorInput, event_from_dict, event_to_dict, input_to_dict

__all__ = ["EventLog", "read_events"]


class EventLog:
    """A sink for `open_session`.

    Args:
        write: Takes each line, with its line break, at once; by default lines are kept for `text`.
    """

    def __init__(self, write: Callable[[str], object] | None = None) -> None:
        self._lines: list[str] = []
        self._write = write or self._lines.append

    def __call__(self, record: Event | FloorInput) -> None:
        """Log one record."""
        data = event_to_dict(record) if isinstance(record, Event) else input_to_dict(record)
        self._write(json.dumps(data, ensure_ascii=False, separators=(",", ":")) + "\n")

    def text(self) -> str:
        """All lines so far, if they are kept here."""
        return "".join(self._lines)


def read_events(path: str | os.PathLike[str]) -> tuple[Event, ...]:
    """The events of a log that an `EventLog` wrote; inputs of the Floor in it are passed over.

    Raises:
        ConfigError: The file cannot be read, or a line is no event. The message names the file and the line.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({why_unreadable(error)})") from error
    return tuple(
        event
        for number, line in enumerate(lines, 1)
        if line.strip() and (event := _event(line, f"{path}:{number}")) is not None
    )


def _event(line: str, where: str) -> Event | None:
    try:
        data = json.loads(line)
        if not isinstance(data, dict):
            raise ProtocolError("must be a JSON object")
        return None if "input" in data else event_from_dict(data)
    except (json.JSONDecodeError, ProtocolError) as error:
        raise ConfigError(f"{where}: {error}") from error
