"""Server-sent events from bytes: the small part of the format that streaming APIs use.

A sans-IO parser; it never reads, and never waits.
"""

from dataclasses import dataclass

from turnscope._errors import ProtocolError

__all__ = ["SSEParser", "ServerSentEvent"]

_MAX_EVENT_BYTES = 1 << 20
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event.

    Attributes:
        data: Its ``data`` lines, joined by line feeds.
        kind: Its ``event`` field; empty when it has none.
    """

    data: str
    kind: str = ""


class SSEParser:
    r"""Turns bytes, cut anywhere, into events.

    Source: the section "Interpreting an event stream" of the HTML standard
    (https://html.spec.whatwg.org/multipage/server-sent-events.html). Lines end in LF, CR or CRLF; comments, which
    servers send to keep a connection alive, and the fields ``id`` and ``retry`` are dropped, and so are events without
    data.
    """

    def __init__(self) -> None:
        self._line = bytearray()
        self._data: list[str] = []
        self._data_size = 0
        self._kind = ""
        self._after_cr = False
        self._at_start = True

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """Take the next bytes, and return the events that they complete.

        Raises:
            ProtocolError: An event is larger than 1 MiB.
        """
        if not chunk:
            return []
        if self._after_cr:
            chunk = chunk.removeprefix(b"\n")  # the second half of a CRLF that was cut in two
        events: list[ServerSentEvent] = []
        *lines, rest = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        for line in lines:
            self._take_line(bytes(self._line + line), events)
            self._line.clear()
        self._line += rest
        self._after_cr = chunk.endswith(b"\r")
        if len(self._line) + self._data_size > _MAX_EVENT_BYTES:
            raise ProtocolError(f"an event is larger than {_MAX_EVENT_BYTES} bytes")
        return events

    def finish(self) -> list[ServerSentEvent]:
        """The event that the end of the stream leaves unfinished, if any.

        The standard drops it. It is given here because some servers forget the blank line after their last event; what
        it holds may have been cut short.
        """
        events: list[ServerSentEvent] = []
        self._take_line(bytes(self._line), events)
        self._take_line(b"", events)
        self._line.clear()
        return events

    def _take_line(self, line: bytes, events: list[ServerSentEvent]) -> None:
        if self._at_start:
            line = line.removeprefix(_BOM)
            self._at_start = False
        if not line:
            if self._data:
                events.append(ServerSentEvent("\n".join(self._data), self._kind))
            self._data, self._data_size, self._kind = [], 0, ""
            return
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value.decode("utf-8", "replace"))
            self._data_size += len(value) + 1
        elif field == b"event":
            self._kind = value.decode("utf-8", "replace")
