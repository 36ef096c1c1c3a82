"""Requests whose answers are streamed, over Trio: HTTP/2 where the server speaks it, else HTTP/1.1.

Small on purpose: one server, no redirects, no retries, no compression, no cookies. It exists because giving an answer
up in the middle is the normal case here. It must not wait, must tell the server to stop, and must not cost the next
turn a connection.
"""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Literal

import h11
import trio

from turnscope.providers._http2 import Http2Connection
from turnscope.providers._http_messages import Exchange, Head, HttpError, Origin, Request

__all__ = ["Dial", "HttpClient", "HttpVersion", "open_http_client"]

Dial = Callable[[str, int], Awaitable[trio.abc.Stream]]
"""Opens a stream of bytes to a host and port, or raises `OSError`."""

HttpVersion = Literal["auto", "1.1", "2"]

_ALPN: dict[HttpVersion, list[str]] = {"auto": ["h2", "http/1.1"], "1.1": ["http/1.1"], "2": ["h2"]}
_READ_BYTES = 1 << 16
_MAX_IDLE = 4


class _Http1Exchange:
    """A request and its answer on a connection that has nothing else to do."""

    def __init__(self, stream: trio.abc.Stream, keep: Callable[["_Http1Exchange"], None]) -> None:
        self._stream = stream
        self._keep = keep
        self._h11 = h11.Connection(h11.CLIENT)
        self._open = True

    @property
    def reusable(self) -> bool:
        """Whether the server has neither closed the idle connection nor sent what nobody asked for."""
        stream = self._stream
        while isinstance(stream, trio.SSLStream):
            stream = stream.transport_stream
        return not (isinstance(stream, trio.SocketStream) and stream.socket.is_readable())

    def next(self) -> "_Http1Exchange":
        """An exchange for the next request on the same connection."""
        return _Http1Exchange(self._stream, self._keep)

    async def send(self, request: Request) -> None:
        headers = [
            ("host", request.authority),
            *request.headers,
            ("content-length", str(len(request.body))),
        ]
        head = self._h11.send(h11.Request(method=request.method, target=request.target, headers=headers))
        data = self._h11.send(h11.Data(data=request.body))
        end = self._h11.send(h11.EndOfMessage())
        # A server may refuse without reading everything: what it says, if anything, is yet to be read.
        with suppress(trio.BrokenResourceError):
            await self._stream.send_all(b"".join(part for part in (head, data, end) if part))

    async def receive_head(self) -> Head:
        while True:
            event = await self._next_event()
            if isinstance(event, h11.Response):
                names = {bytes(n).decode("latin-1"): bytes(v).decode("latin-1") for n, v in event.headers}
                return Head(event.status_code, names)
            if not isinstance(event, h11.InformationalResponse):
                raise HttpError("the server closed the connection without an answer")

    async def receive_some(self) -> bytes:
        while True:
            event = await self._next_event()
            if isinstance(event, h11.Data):
                return bytes(event.data)
            if isinstance(event, h11.EndOfMessage):
                self._release()
            return b""

    async def aclose(self) -> None:
        if self._open:
            self._open = False
            # There is no other way to make a server stop: HTTP/1.1 cannot take a request back.
            await trio.aclose_forcefully(self._stream)

    def _release(self) -> None:
        """Hand the connection back if it can take another request."""
        if self._open and self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE:
            self._open = False
            self._keep(self.next())

    async def _next_event(self) -> h11.Event | type[h11.PAUSED]:
        if not self._open:
            return h11.ConnectionClosed()
        while True:
            try:
                event = self._h11.next_event()
                if not (isinstance(event, type) and issubclass(event, h11.NEED_DATA)):
                    return event
                data = bytes(await self._stream.receive_some(_READ_BYTES))
                if not data and self._h11.their_state is h11.SEND_RESPONSE:
                    raise HttpError("the server closed the connection without an answer")
                self._h11.receive_data(data)
            except h11.RemoteProtocolError as exc:
                raise HttpError(f"the answer was cut short, or is not HTTP/1.1: {exc}") from exc
            except (trio.BrokenResourceError, trio.ClosedResourceError) as exc:
                raise HttpError(f"the connection was lost: {exc.__cause__ or exc}") from exc


class HttpClient:
    """Requests to one server, over as few connections as they can share.

    Args:
        origin: The server.
        nursery: Where the tasks live that dial, and that own HTTP/2 connections.
        version: ``"auto"`` lets the server choose during the TLS handshake and speaks HTTP/1.1 without TLS; ``"2"``
            without TLS is HTTP/2 with prior knowledge.
        ssl_context: For TLS; None to speak in the clear.
        connect_timeout_s: Seconds to connect, TLS included.
        dial: Opens the stream of bytes under it all.
    """

    def __init__(
        self,
        origin: Origin,
        *,
        nursery: trio.Nursery,
        version: HttpVersion,
        ssl_context: ssl.SSLContext | None,
        connect_timeout_s: float,
        dial: Dial,
    ) -> None:
        self._origin = origin
        self._nursery = nursery
        self._version = version
        self._ssl_context = ssl_context
        self._connect_timeout_s = connect_timeout_s
        self._dial = dial
        self._shared: list[Http2Connection] = []
        self._idle: list[_Http1Exchange] = []
        self._dialling: _Dialling | None = None

    def warm_up(self) -> None:
        """Begin to connect in the background. A failure is kept quiet: the first request will meet it too."""
        if self._dialling is None and not self._shared and not self._idle:
            self._start_dialling()

    async def send(self, request: Request) -> Exchange:
        """Send `request`, on a connection that is there or on a new one.

        Raises:
            HttpError: No connection could be made; or it failed.
        """
        while True:
            for connection in self._shared:
                if connection.available:
                    return await connection.request(request)
            while self._idle:
                exchange = self._idle.pop()
                if exchange.reusable:
                    return await _send_alone(exchange, request)
                await exchange.aclose()
            # A cancelled request leaves the dialling alone, so that the next one finds the connection made.
            dialling = self._dialling or self._start_dialling()
            await dialling.done.wait()
            if dialling.failure is not None:
                raise HttpError(dialling.failure)
            # What was made must do, even if the server has closed it since: to dial again would be a retry. Only if
            # another request has taken it is it right to go round once more.
            if dialling.alone in self._idle:
                self._idle.remove(dialling.alone)
                return await _send_alone(dialling.alone, request)
            if dialling.shared is not None:
                return await dialling.shared.request(request)

    async def aclose(self) -> None:
        """Close what is idle. The tasks of the other connections end with their nursery."""
        while self._idle:
            await self._idle.pop().aclose()

    def _start_dialling(self) -> "_Dialling":
        self._dialling = _Dialling()
        self._nursery.start_soon(self._connect, self._dialling)
        return self._dialling

    async def _connect(self, dialling: "_Dialling") -> None:
        try:
            stream, version = await self._open_stream()
        except trio.TooSlowError:
            dialling.failure = f"cannot connect to {self._origin}: connect timeout after {self._connect_timeout_s:g} s"
        except (OSError, ssl.SSLError, trio.BrokenResourceError, HttpError) as exc:
            dialling.failure = f"cannot connect to {self._origin}: {_reason(exc)}"
        else:
            if version == "2":
                dialling.shared = Http2Connection(stream)
                self._shared.append(dialling.shared)
                self._nursery.start_soon(self._run_shared, dialling.shared)
            else:
                dialling.alone = _Http1Exchange(stream, self._keep)
                self._keep(dialling.alone)
        finally:
            self._dialling = None
            dialling.done.set()

    async def _open_stream(self) -> tuple[trio.abc.Stream, HttpVersion]:
        with trio.fail_after(self._connect_timeout_s):
            stream = await self._dial(self._origin.host, self._origin.port)
            if self._ssl_context is None:
                return stream, "2" if self._version == "2" else "1.1"
            tls = trio.SSLStream(stream, self._ssl_context, server_hostname=self._origin.host, https_compatible=True)
            try:
                await tls.do_handshake()
                chosen = tls.selected_alpn_protocol()
                if self._version == "2" and chosen != "h2":
                    raise HttpError("the server does not speak HTTP/2")
            except BaseException:
                await trio.aclose_forcefully(stream)
                raise
            return tls, "2" if chosen == "h2" else "1.1"

    async def _run_shared(self, connection: Http2Connection) -> None:
        try:
            await connection.run()
        finally:
            self._shared.remove(connection)

    def _keep(self, exchange: _Http1Exchange) -> None:
        self._idle.append(exchange)
        if len(self._idle) > _MAX_IDLE:
            self._nursery.start_soon(self._idle.pop(0).aclose)


class _Dialling:
    """An attempt to connect, which several requests may wait for, and what came of it."""

    def __init__(self) -> None:
        self.done = trio.Event()
        self.failure: str | None = None
        self.shared: Http2Connection | None = None
        self.alone: _Http1Exchange | None = None


async def _send_alone(exchange: _Http1Exchange, request: Request) -> Exchange:
    try:
        await exchange.send(request)
    except BaseException:
        await exchange.aclose()
        raise
    return exchange


@asynccontextmanager
async def open_http_client(
    origin: Origin,
    *,
    version: HttpVersion,
    ssl_context: ssl.SSLContext | None,
    connect_timeout_s: float,
    dial: Dial,
) -> AsyncIterator[HttpClient]:
    """An `HttpClient` with its nursery. When the block is left, every connection is closed and every task has ended.

    What the block raises is raised as it is, not in a group.
    """
    if ssl_context is not None:
        ssl_context.set_alpn_protocols(_ALPN[version])
    failure: Exception | None = None
    client: HttpClient | None = None
    try:
        async with trio.open_nursery() as nursery:
            client = HttpClient(
                origin,
                nursery=nursery,
                version=version,
                ssl_context=ssl_context,
                connect_timeout_s=connect_timeout_s,
                dial=dial,
            )
            try:
                yield client
            except Exception as exc:
                failure = exc  # raised below: inside, the nursery would wrap it in a group
            finally:
                nursery.cancel_scope.cancel()
    finally:
        if client is not None:
            await client.aclose()
    if failure is not None:
        raise failure


def _reason(exc: BaseException) -> str:
    """The innermost cause of a failed connection, which is the one that says something."""
    while True:
        if isinstance(exc, BaseExceptionGroup):
            exc = exc.exceptions[0]
        elif isinstance(exc, trio.BrokenResourceError | OSError) and exc.__cause__ is not None:
            exc = exc.__cause__
        else:
            return str(exc) or type(exc).__name__
