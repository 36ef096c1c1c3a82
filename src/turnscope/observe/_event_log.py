"""The event log: every event and every input of the Floor as JSON, one object a line. Synchronous; misses nothing."""

import json
from collections.abc import Callable

from turnscope.core import Event, FloorInput, event_to_dict, input_to_dict

__all__ = ["EventLog"]


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
