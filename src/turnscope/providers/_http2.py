"""One HTTP/2 connection whose streams can be given up at any moment without harm to the others.

Two tasks own the socket; a stream only changes state in memory and wakes them. So a cancelled request never waits,
never leaves half a frame on the wire, and tells the server to stop with RST_STREAM.
"""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
import hpack
import trio

from turnscope.providers._http_messages import Head, HttpError, Request, decode_headers

__all__ = ["Http2Connection", "Http2Exchange"]

logger = logging.getLogger(__name__)

_READ_BYTES = 1 << 16
# Room for what the streams of a session have not read yet. A stream whose reader is slow is held back by its own window
# of 64 KiB; this one, which they share, must never be what holds the others back.
_CONNECTION_WINDOW = 1 << 24
_FRAME_HEADER_BYTES = 9
_GOAWAY = 0x07


class Http2Exchange:
    """One request and its answer, as a stream of a connection."""

    def __init__(self, connection: "Http2Connection", stream_id: int) -> None:
        self.stream_id = stream_id
        self._connection = connection
        self._chunks: deque[tuple[bytes, int]] = deque()
        self._head: Head | None = None
        self._failure: str | None = None
        self._ended = False
        self._news = trio.lowlevel.ParkingLot()

    async def receive_head(self) -> Head:
        """Wait for the status and the headers of the answer.

        Raises:
            HttpError: The stream or the connection failed.
        """
        while self._head is None:
            if self._failure is not None or self._ended:
                raise HttpError(self._failure or "the stream ended without an answer")
            await self._news.park()
        return self._head

    async def receive_some(self) -> bytes:
        """Wait for the next bytes of the body; nothing at its end.

        Raises:
            HttpError: The stream or the connection failed.
        """
        while not self._chunks:
            if self._failure is not None:
                raise HttpError(self._failure)
            if self._ended:
                return b""
            await self._news.park()
        data, size = self._chunks.popleft()
        self._connection.acknowledge(self, size)
        return data

    async def aclose(self) -> None:
        """Give the answer up. Never waits."""
        self.abandon()

    def abandon(self) -> None:
        """Give the answer up: tell the server to stop, unless it has finished."""
        unread = sum(size for _, size in self._chunks)
        self._chunks.clear()
        self._connection.forget(self, unread)
        self._fail("the stream was closed")

    def _take(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.ResponseReceived(headers=headers):
                self._head = decode_headers(headers)
            case h2.events.DataReceived(data=data, flow_controlled_length=size):
                self._chunks.append((data, size))
            case h2.events.StreamEnded():
                self._ended = True
            case h2.events.StreamReset(error_code=code):
                self._fail(f"the server gave up the stream ({_error_name(code)})")
        self._news.unpark_all()

    def _fail(self, why: str) -> None:
        if self._failure is None and not self._ended:
            self._failure = why
        self._news.unpark_all()


class Http2Connection:
    """A connection to one server, shared by any number of exchanges.

    Source of the rules: RFC 9113; `h2` keeps the state.

    Args:
        stream: Bytes to and from the server, after TLS. The connection owns it.
    """

    def __init__(self, stream: trio.abc.Stream) -> None:
        config = h2.config.H2Configuration(client_side=True, header_encoding=None)
        self._h2 = h2.connection.H2Connection(config)
        self._stream = stream
        self._exchanges: dict[int, Http2Exchange] = {}
        self._scope = trio.CancelScope()
        self._to_send = trio.lowlevel.ParkingLot()
        self._window_news = trio.lowlevel.ParkingLot()
        self._lost: str | None = None
        self._draining = False
        self._goaways = _GoAwayFilter(self._start_draining)
        # At once, so that nothing can come before the preface: a request may be made before run() has begun.
        self._h2.local_settings.update({h2.settings.SettingCodes.ENABLE_PUSH: 0})
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(_CONNECTION_WINDOW)

    @property
    def available(self) -> bool:
        """Whether it can take one more request now."""
        return (
            self._lost is None
            and not self._draining
            and self._h2.open_outbound_streams < self._h2.remote_settings.max_concurrent_streams
            and (self._h2.highest_outbound_stream_id or 0) + 2 <= self._h2.HIGHEST_ALLOWED_STREAM_ID
        )

    async def run(self) -> None:
        """Own the socket until the connection is lost, drained or cancelled. Never raises what the server causes."""
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._write)
                    nursery.start_soon(self._read)
        finally:
            self._lose("the connection was closed")
            await trio.aclose_forcefully(self._stream)

    async def request(self, request: Request) -> Http2Exchange:
        """Send a request; returns when all of it is under way.

        Raises:
            HttpError: The connection cannot take it, or failed.
        """
        if self._lost is not None:
            raise HttpError(self._lost)
        try:
            stream_id = self._h2.get_next_available_stream_id()
            self._h2.send_headers(stream_id, _h2_headers(request))
        except h2.exceptions.ProtocolError as exc:
            raise HttpError(f"the connection takes no further request: {exc}") from exc
        exchange = self._exchanges[stream_id] = Http2Exchange(self, stream_id)
        self._flush()
        try:
            await self._send_body(exchange, request.body)
        except BaseException:
            exchange.abandon()
            raise
        return exchange

    def acknowledge(self, exchange: Http2Exchange, size: int) -> None:
        """Let the server send as many bytes as `exchange` has just read."""
        if self._lost is None and size:
            self._h2.acknowledge_received_data(size, exchange.stream_id)
            self._flush()

    def forget(self, exchange: Http2Exchange, unread: int) -> None:
        """Drop an exchange, with bytes that it never read; reset its stream unless both sides are done."""
        if self._exchanges.pop(exchange.stream_id, None) is None or self._lost is not None:
            return
        if unread:
            # They count against the window that all streams share.
            self._h2.acknowledge_received_data(unread, exchange.stream_id)
        with suppress(h2.exceptions.ProtocolError):  # closed already, by either side
            self._h2.reset_stream(exchange.stream_id, h2.errors.ErrorCodes.CANCEL)
        self._flush()
        self._end_if_drained()

    async def _send_body(self, exchange: Http2Exchange, body: bytes) -> None:
        rest = memoryview(body)
        while True:
            if self._lost is not None:
                raise HttpError(self._lost)
            if exchange._failure is not None or exchange._ended:
                return  # the server has answered without waiting for all of it
            room = min(self._h2.local_flow_control_window(exchange.stream_id), self._h2.max_outbound_frame_size)
            if room <= 0 < len(rest):
                await self._window_news.park()
                continue
            part, rest = rest[:room], rest[room:]
            self._h2.send_data(exchange.stream_id, bytes(part), end_stream=not rest)
            self._flush()
            if not rest:
                return
            await trio.lowlevel.checkpoint()

    def _flush(self) -> None:
        self._to_send.unpark_all()

    async def _write(self) -> None:
        while True:
            data = self._h2.data_to_send()
            if not data:
                await self._to_send.park()
                continue
            try:
                await self._stream.send_all(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                # What the server said before it went away may still be there to be read; reading finds the end of it.
                self._draining = True
                return

    async def _read(self) -> None:
        while self._lost is None:
            try:
                data = await self._stream.receive_some(_READ_BYTES)
            except (trio.BrokenResourceError, trio.ClosedResourceError) as exc:
                self._lose(f"the connection was lost: {exc.__cause__ or exc}")
                return
            if not data:
                self._lose("the server closed the connection")
                return
            try:
                events = self._h2.receive_data(self._goaways.feed(bytes(data)))
            except h2.exceptions.ProtocolError as exc:
                self._lose(f"the server broke HTTP/2: {exc}")
                return
            self._dispatch(events)

    def _dispatch(self, events: Sequence[h2.events.Event]) -> None:
        for event in events:
            exchange = self._exchanges.get(getattr(event, "stream_id", None) or 0)
            if exchange is not None:
                exchange._take(event)
        self._window_news.unpark_all()  # windows, settings and ended streams all can be news for a waiting body
        self._flush()

    def _start_draining(self, last_stream_id: int, code: int) -> None:
        """GOAWAY: no new stream, but those up to `last_stream_id` may still be answered."""
        logger.debug("GOAWAY after stream %d (%s)", last_stream_id, _error_name(code))
        self._draining = True
        for exchange in list(self._exchanges.values()):
            if exchange.stream_id > last_stream_id:
                exchange._fail(f"the server is closing the connection ({_error_name(code)})")
        self._end_if_drained()

    def _end_if_drained(self) -> None:
        if self._draining and not self._exchanges:
            self._scope.cancel()

    def _lose(self, why: str) -> None:
        if self._lost is not None:
            return
        self._lost = why
        for exchange in self._exchanges.values():
            exchange._fail(why)
        self._exchanges.clear()
        self._window_news.unpark_all()
        self._scope.cancel()


class _GoAwayFilter:
    """Takes the GOAWAY frames out of the bytes from a server, and reports each.

    `h2` takes GOAWAY for the end: from then on it rejects every frame, though the server goes on answering the streams
    it has accepted (RFC 9113, section 6.8). Servers that limit the requests of a connection, and load balancers that
    are being replaced, do this in the middle of an answer.
    """

    def __init__(self, report: Callable[[int, int], None]) -> None:
        self._report = report
        self._held = bytearray()
        self._pass_on = 0  # bytes of the frame under way that may go by

    def feed(self, data: bytes) -> bytes:
        passed = bytearray()
        self._held += data
        while self._held:
            if self._pass_on:
                passed += self._held[: self._pass_on]
                taken = min(self._pass_on, len(self._held))
                self._pass_on -= taken
                del self._held[:taken]
                continue
            if len(self._held) < _FRAME_HEADER_BYTES:
                break
            size = _FRAME_HEADER_BYTES + int.from_bytes(self._held[:3], "big")
            # A GOAWAY too short or too long to be one is left for h2 to reject.
            if self._held[3] != _GOAWAY or not _FRAME_HEADER_BYTES + 8 <= size <= 1 << 14:
                self._pass_on = size
                continue
            if len(self._held) < size:
                break
            payload = bytes(self._held[_FRAME_HEADER_BYTES:size])
            del self._held[:size]
            self._report(int.from_bytes(payload[:4], "big") & 0x7FFF_FFFF, int.from_bytes(payload[4:8], "big"))
        return bytes(passed)


def _h2_headers(request: Request) -> list[hpack.HeaderTuple]:
    headers = [
        hpack.HeaderTuple(b":method", request.method.encode()),
        hpack.HeaderTuple(b":scheme", request.scheme.encode()),
        hpack.HeaderTuple(b":authority", request.authority.encode()),
        hpack.HeaderTuple(b":path", request.target.encode()),
    ]
    for name, value in request.headers:
        # Secrets must stay out of the compression tables of every hop (RFC 7541, section 7.1.3); it costs little to
        # treat all that the user adds as one.
        kind = hpack.NeverIndexedHeaderTuple if name in request.sensitive else hpack.HeaderTuple
        headers.append(kind(name.encode(), value.encode("latin-1")))
    headers.append(hpack.HeaderTuple(b"content-length", str(len(request.body)).encode()))
    return headers


def _error_name(code: object) -> str:
    try:
        return h2.errors.ErrorCodes(code).name if isinstance(code, int) else str(code)
    except ValueError:
        return f"error {code}"
