import gc
import logging
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import h2.config
import h2.connection
import httpx
import pytest
import trio
import trio.testing
import trustme
from hypothesis import given
from hypothesis import strategies as st

from tests.providers._chat_server import Call, Handler, open_chat_server
from tests.providers._memory_http import client_over
from turnscope.providers import _http_reset
from turnscope.providers._http_stream import HttpError, HttpStream, QuietURL, WholeBody, send

CA = trustme.CA()
CANCEL = 8  # RFC 9113, section 7
URL = "http://server/"

# On real sockets, virtual time stands still (`mock_clock`), for the reason that test_openai_chat.py gives.
every_version = pytest.mark.parametrize("http2", [False, True], ids=["HTTP/1.1", "HTTP/2"])


CONTEXT = ssl.create_default_context()
CA.configure_trust(CONTEXT)


def serve(handler: Handler, http2: bool) -> Any:
    return open_chat_server(handler, tls=CA, alpn=["h2"] if http2 else ["http/1.1"])


def make_client(**options: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(http2=True, verify=CONTEXT, **options)


@asynccontextmanager
async def answer_from(client: httpx.AsyncClient, url: str, content: bytes = b"{}") -> AsyncIterator[HttpStream]:
    request = client.build_request("POST", url, content=content)
    request.stream = WholeBody(content)
    http = await send(client, request, connect_timeout_s=1)
    try:
        yield http
    finally:
        await http.aclose()


async def read(client: httpx.AsyncClient, url: str, content: bytes = b"{}") -> bytes:
    body = b""
    async with answer_from(client, url, content) as http:
        while data := await http.receive_some():
            body += data
    return body


async def three_words(call: Call) -> None:
    await call.start()
    for word in ("one", "two", "three"):
        await trio.lowlevel.checkpoint()
        await call.send(word)
    await call.finish()


async def silent(call: Call) -> None:
    await trio.sleep_forever()


async def head_only(call: Call) -> None:
    await call.start()
    await trio.sleep_forever()


async def endless(call: Call) -> None:
    await call.start()
    while True:
        await call.send("word ")


# --- Giving up -------------------------------------------------------------------------------------------------------


class _CancelAtStep:
    """Cancels a task at one of its steps, so that it stops at the checkpoint after it."""

    def __init__(self, step: int) -> None:
        self.scope = trio.CancelScope()
        self._left = step
        self._task = trio.lowlevel.current_task()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if task is self._task:
            self._left -= 1
            if self._left == 0:
                self.scope.cancel()

    async def run(self, work: Callable[[], Awaitable[object]]) -> bool:
        """Whether `work` was cancelled before its end."""
        trio.lowlevel.add_instrument(self)  # type: ignore[arg-type]
        try:
            with self.scope:
                await work()
        finally:
            trio.lowlevel.remove_instrument(self)  # type: ignore[arg-type]
        return self.scope.cancelled_caught


@every_version
@pytest.mark.parametrize("is_warm", [False, True], ids=["while connecting", "on a connection"])
async def test_a_request_cancelled_at_any_checkpoint_leaves_nothing_behind(
    http2: bool, is_warm: bool, mock_clock: trio.testing.MockClock
) -> None:
    """Warnings are errors: a generator or a socket that is left to the garbage collector would fail this."""
    async with serve(three_words, http2) as server, make_client() as warm:
        step = 1
        cancelled = True
        await read(warm, server.url)
        while cancelled:
            async with make_client() as cold:
                client = warm if is_warm else cold
                cancelled = await _CancelAtStep(step).run(partial(read, client, server.url, b"long " * 10_000))
                if step % 20 == 0:
                    gc.collect()
                    assert await read(client, server.url) == b"onetwothree"
            step += 1
        gc.collect()
        assert step > 10
        await server.wait_for(lambda: server.open_connections <= 1)
        if is_warm and http2:
            assert server.connections == 1
            assert set(server.resets) == {CANCEL}


@every_version
@pytest.mark.parametrize("handler", [head_only, endless])
@pytest.mark.parametrize("pieces", [0, 1, 2])
async def test_an_answer_left_in_the_middle_leaves_nothing_behind(
    http2: bool, handler: Handler, pieces: int, mock_clock: trio.testing.MockClock
) -> None:
    async with serve(handler, http2) as server, make_client() as client:
        async with answer_from(client, server.url) as http:
            for _ in range(pieces if handler is endless else 0):
                await http.receive_some()
        gc.collect()
        await server.wait_for(lambda: server.resets == [CANCEL] if http2 else server.open_connections == 0)
        assert server.open_connections == (1 if http2 else 0)
        assert await http.receive_some() == b""


@every_version
async def test_three_hundred_cancelled_answers_in_a_row(http2: bool, mock_clock: trio.testing.MockClock) -> None:
    async def by_turns(call: Call) -> None:
        await (three_words if len(server.calls) > 300 else (silent, head_only, endless)[len(server.calls) % 3])(call)

    async with serve(by_turns, http2) as server, make_client() as client:
        for n in range(1, 301):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(read, client, server.url)
                await server.wait_for(lambda n=n: len(server.calls) == n)
                nursery.cancel_scope.cancel()
            await server.wait_for(lambda n=n: len(server.resets) == n if http2 else server.open_connections == 0)
        assert await read(client, server.url) == b"onetwothree"
        await server.wait_for(lambda: server.open_connections == 1)
        assert server.connections == (1 if http2 else 301)
        assert server.resets == ([CANCEL] * 300 if http2 else [])


@every_version
async def test_an_answer_can_be_left_while_another_task_reads_it(
    http2: bool, mock_clock: trio.testing.MockClock
) -> None:
    got: list[bytes] = []

    async def read_on(http: HttpStream) -> None:
        got.append(await http.receive_some())

    async with (
        serve(head_only, http2) as server,
        make_client() as client,
        answer_from(client, server.url) as http,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(read_on, http)
        await trio.testing.wait_all_tasks_blocked()
        await http.aclose()
        await server.wait_for_gone(1)
    gc.collect()
    assert got == [b""]


async def test_through_a_proxy_a_cancelled_answer_is_reset_too(mock_clock: trio.testing.MockClock) -> None:
    async def pump(source: trio.SocketStream, target: trio.SocketStream) -> None:
        async for data in source:
            await target.send_all(data)

    async def tunnel(stream: trio.SocketStream) -> None:
        head = bytes(await stream.receive_some())
        host, _, port = head.split()[1].decode().partition(":")
        async with await trio.open_tcp_stream(host, int(port)) as far, trio.open_nursery() as nursery:
            await stream.send_all(b"HTTP/1.1 200 OK\r\n\r\n")
            nursery.start_soon(pump, far, stream)
            await pump(stream, far)
            nursery.cancel_scope.cancel()

    async with serve(head_only, True) as server, trio.open_nursery() as nursery:
        [listener] = await nursery.start(partial(trio.serve_tcp, tunnel, 0, host="127.0.0.1"))
        proxy = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
        async with make_client(proxy=proxy) as client:
            for n in range(1, 4):
                async with answer_from(client, server.url):
                    pass
                await server.wait_for_gone(n)
        nursery.cancel_scope.cancel()
    assert server.resets == [CANCEL] * 3
    assert server.connections == 1


async def test_who_is_cancelled_in_a_write_that_is_stuck_leaves_the_connection_to_nobody() -> None:
    async def dial(host: str, port: int) -> trio.abc.Stream:
        ours, theirs = trio.testing.memory_stream_pair()
        dialled.append(theirs)
        send_all = ours.send_all

        async def get_stuck(data: bytes) -> None:
            await send_all(data[:20_000])
            if len(data) > 10_000:
                await trio.sleep_forever()

        if len(dialled) == 1:
            ours.send_all = get_stuck  # type: ignore[method-assign, assignment]
        else:
            nursery.start_soon(blurt(SETTINGS, head(), frame(0, b"hi", stream=1, flags=1)), theirs)
        return ours

    dialled: list[trio.abc.Stream] = []
    async with trio.open_nursery() as nursery, client_over(dial, http2=True)() as client:
        with trio.move_on_after(1):
            await read(client, URL, b"x" * 16_000)
        assert trio.current_time() < 1.02
        with trio.fail_after(60):
            assert await read(client, URL) == b"hi"
    assert len(dialled) == 2


# --- What httpcore calls its own -------------------------------------------------------------------------------------


async def test_httpcore_still_has_the_private_names_that_resets_need(mock_clock: trio.testing.MockClock) -> None:
    """If this fails, read httpcore's changes and repair `_http_reset`, or delete it if httpcore resets by itself."""
    async with serve(head_only, True) as server, make_client() as client, answer_from(client, server.url) as http:
        pool: Any = client._transport_for_url(httpx.URL(server.url))._pool  # type: ignore[attr-defined]
        [held] = pool._requests
        inner = held.connection._connection
        stream_id = http._response.extensions["stream_id"]
        assert held.request.method == b"POST"
        assert inner._h2_state.streams[stream_id].open
        assert inner._events[stream_id] == []
        assert inner._network_stream is http._response.extensions["network_stream"]
        assert callable(inner._write_outgoing_data)
        assert pool.connections == [held.connection]
        assert held.connection.can_handle_request(held.request.url.origin)


async def test_if_httpcore_changes_a_cancelled_answer_closes_its_connection(
    mock_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def gone(*args: object) -> Any:
        raise AttributeError("_h2_state")

    async def by_turns(call: Call) -> None:
        await (head_only if len(server.calls) == 2 else three_words)(call)

    monkeypatch.setattr(_http_reset, "_find_connection", gone)
    async with serve(by_turns, True) as server, make_client() as client:
        assert await read(client, server.url) == b"onetwothree"
        async with answer_from(client, server.url):
            pass
        await server.wait_for_gone(1)
        assert await read(client, server.url) == b"onetwothree"
        assert [call.connection for call in server.calls] == [1, 1, 2]
        assert server.resets == []
    assert [record.levelno for record in caplog.records if record.name == _http_reset.__name__] == [logging.WARNING]


# --- Connections that fail -------------------------------------------------------------------------------------------


@every_version
async def test_a_request_is_sent_again_only_if_its_connection_was_old(
    http2: bool, mock_clock: trio.testing.MockClock
) -> None:
    async def hang_up_later(call: Call) -> None:
        if len(server.calls) == 1:
            await three_words(call)
        else:
            await trio.aclose_forcefully(call._exchange._connection._stream if http2 else call._exchange._stream)  # type: ignore[attr-defined]

    async with serve(hang_up_later, http2) as server, make_client() as client:
        await read(client, server.url)
        with pytest.raises(HttpError, match=r"closed the connection|was lost"):
            await read(client, server.url)
        assert [call.connection for call in server.calls] == [1, 1, 2]


def frame(kind: int, payload: bytes, *, stream: int = 0, flags: int = 0) -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def goaway(last_stream: int, code: int = 0) -> bytes:
    return frame(7, struct.pack(">II", last_stream, code))


SETTINGS = frame(4, b"")


def head(stream: int = 1, status: bytes = b"200") -> bytes:
    """The frame of a bare head, as a server of its own would encode it."""
    server = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    return frame(1, server.encoder.encode([(b":status", status)]), stream=stream, flags=4)


def blurt(*parts: bytes) -> Callable[[trio.abc.HalfCloseableStream], Awaitable[None]]:
    """A server that takes a request for granted, says this, and hangs up."""

    async def server(stream: trio.abc.HalfCloseableStream) -> None:
        await stream.receive_some(1 << 16)
        with suppress(trio.BrokenResourceError):  # the client has heard enough
            for part in parts:
                await stream.send_all(part)
        await stream.send_eof()
        while await stream.receive_some(1 << 16):
            pass
        await stream.aclose()

    return server


def fetch_from(server: Callable[[trio.abc.HalfCloseableStream], Awaitable[None]], *, http2: bool) -> bytes | str:
    """What one request to `server` brings in virtual time: the body, or the failure as text."""
    got: bytes | str = b""

    async def main() -> None:
        nonlocal got
        async with trio.open_nursery() as nursery:

            async def dial(host: str, port: int) -> trio.abc.Stream:
                ours, theirs = trio.testing.memory_stream_pair()
                nursery.start_soon(server, theirs)
                return ours

            async with client_over(dial, http2=http2)() as client:
                try:
                    got = await read(client, URL)
                except HttpError as exc:
                    got = str(exc)
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    return got


def test_the_frames_above_make_an_answer() -> None:
    assert fetch_from(blurt(SETTINGS, head(), frame(0, b"hi", stream=1, flags=1)), http2=True) == b"hi"
    assert fetch_from(blurt(b"HTTP/1.1 200 OK\r\n\r\nhi"), http2=False) == b"hi"


@given(st.lists(st.binary(max_size=60), max_size=4))
def test_garbage_over_http1_is_a_failure_and_nothing_else(parts: list[bytes]) -> None:
    assert isinstance(fetch_from(blurt(*parts), http2=False), str)


@given(st.lists(st.binary(max_size=60), max_size=4))
def test_garbage_over_http2_is_a_failure_and_nothing_else(parts: list[bytes]) -> None:
    assert isinstance(fetch_from(blurt(SETTINGS, *parts), http2=True), str)


frames = st.builds(
    frame,
    st.integers(0, 12),
    st.binary(max_size=40),
    stream=st.sampled_from([0, 0, 1, 1, 2, 3]),
    flags=st.sampled_from([0, 1, 4, 5, 8, 0x2C]),
)


@given(st.lists(frames, max_size=6))
def test_any_frames_in_any_order_are_an_answer_or_a_failure(parts: list[bytes]) -> None:
    fetch_from(blurt(SETTINGS, head(), *parts), http2=True)
    fetch_from(blurt(SETTINGS, *parts), http2=True)


@pytest.mark.parametrize(
    ("parts", "failure"),
    [
        ((SETTINGS, goaway(0, 11)), "the server is closing the connection (ENHANCE_YOUR_CALM)"),
        ((SETTINGS, head(), goaway(1)), "the server is closing the connection (NO_ERROR)"),
        ((SETTINGS, head()), "the server closed the connection"),
        ((SETTINGS, frame(3, struct.pack(">I", 7), stream=1)), "the server gave up the stream (REFUSED_STREAM)"),
        ((SETTINGS, frame(3, struct.pack(">I", 99), stream=1)), "the server gave up the stream (error 99)"),
        ((SETTINGS, frame(7, b"short")), "the answer was cut short, or is not HTTP"),
        ((SETTINGS, head(status=b"ok")), "the answer was cut short, or is not HTTP"),
        ((b"HTTP/1.1 400 Bad Request\r\n\r\n",), "the server closed the connection"),
        ((), "the server closed the connection"),
    ],
)
def test_http2_failures_say_what_happened(parts: tuple[bytes, ...], failure: str) -> None:
    got = fetch_from(blurt(*parts), http2=True)
    assert isinstance(got, str)
    assert got.startswith(failure)


@pytest.mark.parametrize(
    ("parts", "failure"),
    [
        ((), "the server closed the connection"),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi",), "the answer was cut short"),
        ((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhi",), "the answer was cut short"),
        ((SETTINGS,), "the answer was cut short, or is not HTTP"),
        ((b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000,), "the answer was cut short, or is not HTTP"),
    ],
)
def test_http1_failures_say_what_happened(parts: tuple[bytes, ...], failure: str) -> None:
    got = fetch_from(blurt(*parts), http2=False)
    assert isinstance(got, str)
    assert got.startswith(failure)


def test_a_server_may_say_first_that_it_will_answer() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    assert fetch_from(blurt(early, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"), http2=False) == b"hi"


async def test_a_proxy_that_refuses_is_named(mock_clock: trio.testing.MockClock) -> None:
    refusal = blurt(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
    async with trio.open_nursery() as nursery:
        [listener] = await nursery.start(partial(trio.serve_tcp, refusal, 0, host="127.0.0.1"))
        proxy = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
        async with make_client(proxy=proxy) as client:
            with pytest.raises(HttpError, match=r"cannot connect to https://x: the proxy refused: 407"):
                await read(client, "https://x/v1")
        nursery.cancel_scope.cancel()


def test_the_query_of_a_url_is_not_in_its_text() -> None:
    url = QuietURL("https://x/v1?key=secret&b=1")
    assert url.raw_path == b"/v1?key=secret&b=1"
    assert (str(url), repr(url)) == ("https://x/v1", "https://x/v1")
