"""A chat completions server in the same Trio loop, on real sockets, that does what a test tells it to.

It speaks HTTP/1.1 (with h11) and HTTP/2 (with h2), in the clear or through TLS, and writes down what its clients do.
Nothing of it comes from Turnscope, so that the client meets a second opinion of both protocols.
"""

import json
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
import h11
import hyperframe.frame
import trio
import trio.testing
import trustme

_HANG_S = 20  # on the wall clock

Handler = Callable[["Call"], Awaitable[None]]


class _Exchange(Protocol):
    async def start(self, status: int, headers: list[tuple[str, str]]) -> None: ...
    async def send(self, data: bytes) -> None: ...
    async def finish(self) -> None: ...
    async def abort(self) -> None: ...
    async def go_away(self) -> None: ...


@dataclass
class Call:
    """One request, and the means to answer it."""

    version: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int
    _exchange: "_Exchange"

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    async def start(self, status: int = 200, content_type: str = "text/event-stream", **headers: str) -> None:
        extra = [(name.replace("_", "-"), value) for name, value in headers.items()]
        await self._exchange.start(status, [("content-type", content_type), *extra])

    async def send(self, data: bytes | str) -> None:
        await self._exchange.send(data.encode() if isinstance(data, str) else data)

    async def chunk(
        self, text: str | None = None, *, finish: str | None = None, role: str | None = None, **members: object
    ) -> None:
        await self.send(chunk(text, finish=finish, role=role, **members))

    async def finish(self) -> None:
        """End the body in the way of the protocol."""
        await self._exchange.finish()

    async def abort(self) -> None:
        """Break the answer off: close the connection, or over HTTP/2 reset the stream."""
        await self._exchange.abort()

    async def go_away(self) -> None:
        """HTTP/2: say that this request is the last that the connection takes."""
        await self._exchange.go_away()

    async def answer(self, *words: str, usage: tuple[int, int] | None = None) -> None:
        """A whole, well-behaved answer."""
        await self.start()
        await self.chunk("", role="assistant")
        for word in words:
            await self.chunk(word)
        await self.chunk(finish="stop")
        if usage is not None:
            counts = {"prompt_tokens": usage[0], "completion_tokens": usage[1]}
            await self.send(event({"choices": [], "usage": counts}))
        await self.send("data: [DONE]\n\n")
        await self.finish()

    async def refuse(self, status: int, body: object, **headers: str) -> None:
        is_text = isinstance(body, str)
        await self.start(status, "text/html" if is_text else "application/json", **headers)
        await self.send(str(body) if is_text else json.dumps(body))
        await self.finish()


def event(body: object) -> str:
    return f"data: {json.dumps(body)}\n\n"


def chunk(text: str | None = None, *, finish: str | None = None, role: str | None = None, **members: object) -> str:
    delta = {key: value for key, value in (("role", role), ("content", text)) if value is not None}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return event({"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [choice], **members})


class ChatServer:
    """What the server has seen.

    Attributes:
        url: What to give a client as ``base_url``.
        calls: Every request, in order.
        connections: How many connections were accepted.
        open_connections: How many of them are open.
        resets: The error codes of the RST_STREAM frames that came, in order.
        gone: How many requests were given up by the client before they were answered.
    """

    def __init__(self, handler: Handler, url: str, *, max_streams: int = 100) -> None:
        self.url = url
        self.calls: list[Call] = []
        self.connections = 0
        self.open_connections = 0
        self.resets: list[int] = []
        self.gone = 0
        self.max_streams = max_streams
        self._handler = handler
        self._scopes: set[trio.CancelScope] = set()
        self._changes = trio.lowlevel.ParkingLot()

    async def wait_for(self, what: Callable[[], bool]) -> None:
        """Wait until `what()` holds; it is asked again whenever one of the attributes changes."""
        while not what():
            await self._changes.park()

    async def wait_for_calls(self, number: int) -> None:
        await self.wait_for(lambda: len(self.calls) == number)

    async def wait_for_gone(self, number: int) -> None:
        await self.wait_for(lambda: self.gone == number)

    def changed(self) -> None:
        self._changes.unpark_all()

    async def drop_connections(self) -> None:
        """Close every connection."""
        for scope in self._scopes:
            scope.cancel()
        await self.wait_for(lambda: self.open_connections == 0)

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Serve one connection from its handshake to its end."""
        self.connections += 1
        self.open_connections += 1
        self.changed()
        scope = trio.CancelScope()
        self._scopes.add(scope)
        try:
            with scope:
                await self._serve(stream, self.connections)
        except* (trio.BrokenResourceError, trio.ClosedResourceError, h11.RemoteProtocolError):
            pass  # clients come and go
        finally:
            self._scopes.discard(scope)
            await trio.aclose_forcefully(stream)
            self.open_connections -= 1
            self.changed()

    async def answer(self, call: Call) -> None:
        self.calls.append(call)
        self.changed()
        await self._handler(call)

    async def _serve(self, stream: trio.abc.Stream, number: int) -> None:
        if isinstance(stream, trio.SSLStream):
            await stream.do_handshake()
        first = bytes(await stream.receive_some(1 << 16))
        if first.startswith(b"PRI * HTTP/2.0"):
            await _Http2(self, stream, number).run(first)
        elif first:
            await _Http1(self, stream, number).run(first)


class _Http1:
    """One HTTP/1.1 connection."""

    def __init__(self, server: ChatServer, stream: trio.abc.Stream, number: int) -> None:
        self._server = server
        self._stream = stream
        self._number = number
        self._h11 = h11.Connection(h11.SERVER)

    async def run(self, first: bytes) -> None:
        self._h11.receive_data(first)
        while (call := await self._next_call()) is not None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._watch, nursery.cancel_scope)
                await self._server.answer(call)
                nursery.cancel_scope.cancel()
            if self._h11.our_state is not h11.DONE:
                return
            self._h11.start_next_cycle()

    async def _watch(self, scope: trio.CancelScope) -> None:
        """Notice that the client is gone while an answer is on its way."""
        try:
            data = await self._stream.receive_some(1 << 16)
        except trio.BrokenResourceError:
            data = b""
        if not data:
            self._server.gone += 1
            self._server.changed()
            scope.cancel()
        self._h11.receive_data(bytes(data))

    async def _next_call(self) -> Call | None:
        request: h11.Request | None = None
        body = b""
        while True:
            event = self._h11.next_event()
            if event is h11.NEED_DATA:
                self._h11.receive_data(bytes(await self._stream.receive_some(1 << 16)))
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage) and request is not None:
                headers = {bytes(k).decode(): bytes(v).decode() for k, v in request.headers}
                target = bytes(request.target).decode()
                return Call("1.1", target, headers, body, self._number, self)
            else:
                return None

    async def start(self, status: int, headers: list[tuple[str, str]]) -> None:
        await self._stream.send_all(self._h11.send(h11.Response(status_code=status, headers=headers)) or b"")

    async def send(self, data: bytes) -> None:
        await self._stream.send_all(self._h11.send(h11.Data(data=data)) or b"")

    async def finish(self) -> None:
        await self._stream.send_all(self._h11.send(h11.EndOfMessage()) or b"")

    async def abort(self) -> None:
        await trio.aclose_forcefully(self._stream)

    async def go_away(self) -> None:
        raise AssertionError("HTTP/1.1 has no GOAWAY")


class _Http2:
    """One HTTP/2 connection."""

    def __init__(self, server: ChatServer, stream: trio.abc.Stream, number: int) -> None:
        self._server = server
        self._stream = stream
        self._number = number
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        self.h2 = h2.connection.H2Connection(config)
        self.h2.local_settings.update({h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: server.max_streams})
        self._write_lock = trio.Lock()
        self._requests: dict[int, tuple[dict[str, str], bytearray]] = {}
        self._scopes: dict[int, trio.CancelScope] = {}
        self.windows = trio.lowlevel.ParkingLot()

    async def run(self, data: bytes) -> None:
        self.h2.initiate_connection()
        async with trio.open_nursery() as nursery:
            while data:
                for event in self.h2.receive_data(data):
                    self._take(event, nursery)
                self.windows.unpark_all()
                await self.flush()
                data = bytes(await self._stream.receive_some(1 << 16))
            self._server.gone += len(self._scopes)
            nursery.cancel_scope.cancel()

    def _take(self, event: h2.events.Event, nursery: trio.Nursery) -> None:
        match event:
            case h2.events.RequestReceived(stream_id=int(number), headers=headers):
                self._requests[number] = ({str(k): str(v) for k, v in headers}, bytearray())
            case h2.events.DataReceived(stream_id=int(number), data=data, flow_controlled_length=size):
                self._requests[number][1].extend(data)
                self.h2.acknowledge_received_data(size or 0, number)
            case h2.events.StreamEnded(stream_id=int(number)):
                names, body = self._requests.pop(number)
                exchange = _Http2Stream(self, number)
                call = Call("2", names[":path"], names, bytes(body), self._number, exchange)
                scope = self._scopes[number] = trio.CancelScope()
                nursery.start_soon(self._answer, call, number, scope)
            case h2.events.StreamReset(stream_id=int(number), error_code=code):
                self._server.resets.append(int(code or 0))
                if number in self._scopes:
                    self._server.gone += 1
                    self._scopes[number].cancel()
                self._server.changed()

    async def _answer(self, call: Call, number: int, scope: trio.CancelScope) -> None:
        with scope, suppress(h2.exceptions.StreamClosedError):  # of one that the client has just reset
            await self._server.answer(call)
        del self._scopes[number]

    async def flush(self) -> None:
        async with self._write_lock:
            if data := self.h2.data_to_send():
                with trio.CancelScope(shield=True):  # frames go out whole
                    await self._stream.send_all(data)


class _Http2Stream:
    """One stream of an HTTP/2 connection."""

    def __init__(self, connection: _Http2, number: int) -> None:
        self._connection = connection
        self._h2 = connection.h2
        self._number = number

    async def start(self, status: int, headers: list[tuple[str, str]]) -> None:
        self._h2.send_headers(self._number, [(":status", str(status)), *headers])
        await self._connection.flush()

    async def send(self, data: bytes) -> None:
        while data:
            room = min(self._h2.local_flow_control_window(self._number), self._h2.max_outbound_frame_size)
            if room == 0:
                await self._connection.windows.park()
                continue
            self._h2.send_data(self._number, data[:room])
            data = data[room:]
            await self._connection.flush()

    async def finish(self) -> None:
        self._h2.end_stream(self._number)
        await self._connection.flush()

    async def abort(self) -> None:
        self._h2.reset_stream(self._number, h2.errors.ErrorCodes.INTERNAL_ERROR)
        await self._connection.flush()

    async def go_away(self) -> None:
        # By hand: h2 takes its own GOAWAY for the end of the connection.
        frame = hyperframe.frame.GoAwayFrame(last_stream_id=self._number)
        await self._connection._stream.send_all(frame.serialize())


class Memory:
    """A way to a server without sockets: give `dial` to a client. In virtual time this is the only one."""

    def __init__(self, server: ChatServer, nursery: trio.Nursery) -> None:
        self._server = server
        self._nursery = nursery

    async def dial(self, host: str, port: int) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        ours, theirs = trio.testing.memory_stream_pair()
        self._nursery.start_soon(self._server.serve, theirs)
        return ours


@asynccontextmanager
async def open_chat_server(
    handler: Handler, *, tls: trustme.CA | None = None, alpn: Sequence[str] = ("h2", "http/1.1"), max_streams: int = 100
) -> AsyncIterator[ChatServer]:
    """A server on a free port of the loopback interface; its connections are closed when the block is left."""
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    scheme = "https" if tls else "http"
    server = ChatServer(handler, f"{scheme}://127.0.0.1:{port}/v1", max_streams=max_streams)
    listeners: list[trio.abc.Listener[Any]] = [listener]
    if tls is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.set_alpn_protocols(list(alpn))
        tls.issue_cert("127.0.0.1").configure_cert(context)
        listeners = [trio.SSLListener(listener, context, https_compatible=True)]
    async with _nursery() as nursery:
        await nursery.start(partial(trio.serve_listeners, server.serve, listeners, handler_nursery=nursery))
        yield server


@asynccontextmanager
async def open_memory_server(handler: Handler) -> AsyncIterator[tuple[ChatServer, Memory]]:
    """A server without sockets, and the way to it."""
    server = ChatServer(handler, "http://memory/v1")
    async with _nursery() as nursery:
        yield server, Memory(server, nursery)


async def _watch(over: threading.Event) -> None:
    """Fail a test that waits for what never comes: where virtual time stands still, no other timeout would."""
    if not await trio.to_thread.run_sync(over.wait, _HANG_S, abandon_on_cancel=True):
        raise AssertionError("client and server wait for each other")


@asynccontextmanager
async def _nursery() -> AsyncIterator[trio.Nursery]:
    """A nursery that is cancelled with its block, and raises what the block raises as it is, not in a group."""
    failure: Exception | None = None
    over = threading.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_watch, over)
        try:
            yield nursery
        except Exception as exc:
            failure = exc
        finally:
            over.set()
            nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure
