import ssl
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress

import h2.config
import h2.connection
import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from turnscope._errors import ConfigError
from turnscope.providers._http import HttpVersion, open_http_client
from turnscope.providers._http2 import _GoAwayFilter
from turnscope.providers._http_messages import Head, HttpError, Origin, Request, decode_headers, split_url

ORIGIN = Origin("http", "server", 80)
REQUEST = Request("POST", "http", "server", "/", (("accept", "*/*"),), b"{}")


def frame(kind: int, payload: bytes, *, stream: int = 0, flags: int = 0) -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def goaway(last_stream: int, code: int = 0, debug: bytes = b"") -> bytes:
    return frame(7, struct.pack(">II", last_stream, code) + debug)


def fetch_from(server: Callable[[trio.abc.Stream], Awaitable[None]], version: HttpVersion) -> bytes | str:
    """What one request to `server` brings in virtual time: the body, or the failure as text."""
    got: bytes | str = b""

    async def main() -> None:
        nonlocal got
        async with trio.open_nursery() as nursery:

            async def dial(host: str, port: int) -> trio.abc.Stream:
                ours, theirs = trio.testing.memory_stream_pair()
                nursery.start_soon(server, theirs)
                return ours

            body = b""
            try:
                async with open_http_client(
                    ORIGIN, version=version, ssl_context=None, connect_timeout_s=1, dial=dial
                ) as client:
                    exchange = await client.send(REQUEST)
                    try:
                        await exchange.receive_head()
                        while data := await exchange.receive_some():
                            body += data
                    finally:
                        await exchange.aclose()
                got = body
            except HttpError as exc:
                got = str(exc)
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    return got


def blurt(*parts: bytes) -> Callable[[trio.abc.Stream], Awaitable[None]]:
    """A server that takes a request for granted, says this, and hangs up."""

    async def server(stream: trio.abc.Stream) -> None:
        await stream.receive_some(1 << 16)
        with suppress(trio.BrokenResourceError):  # the client has heard enough
            for part in parts:
                await stream.send_all(part)
        await stream.aclose()

    return server


SETTINGS = frame(4, b"")


def head(stream: int = 1) -> bytes:
    """The frame of a bare 200, as a server of its own would encode it."""
    server = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    return frame(1, server.encoder.encode([(b":status", b"200")]), stream=stream, flags=4)


def test_the_frames_above_make_an_answer() -> None:
    assert fetch_from(blurt(SETTINGS, head(), frame(0, b"hi", stream=1, flags=1)), "2") == b"hi"
    assert fetch_from(blurt(b"HTTP/1.1 200 OK\r\n\r\nhi"), "1.1") == b"hi"


@given(st.lists(st.binary(max_size=60), max_size=4))
def test_garbage_over_http1_is_a_failure_and_nothing_else(parts: list[bytes]) -> None:
    assert isinstance(fetch_from(blurt(*parts), "1.1"), str)


@given(st.lists(st.binary(max_size=60), max_size=4))
def test_garbage_over_http2_is_a_failure_and_nothing_else(parts: list[bytes]) -> None:
    assert isinstance(fetch_from(blurt(SETTINGS, *parts), "2"), str)


frames = st.builds(
    frame,
    st.integers(0, 12),
    st.binary(max_size=40),
    stream=st.sampled_from([0, 0, 1, 1, 2, 3]),
    flags=st.sampled_from([0, 1, 4, 5, 8, 0x2C]),
)


@given(st.lists(frames, max_size=6))
def test_any_frames_in_any_order_are_an_answer_or_a_failure(parts: list[bytes]) -> None:
    fetch_from(blurt(SETTINGS, head(), *parts), "2")
    fetch_from(blurt(SETTINGS, *parts), "2")


def test_a_status_that_is_no_number_is_no_success() -> None:
    assert decode_headers([(b":status", b"ok"), (b"Server", b"x")]) == Head(0, {"server": "x"})
    assert decode_headers([]) == Head(0, {})


@pytest.mark.parametrize(
    ("parts", "failure"),
    [
        ((SETTINGS, goaway(0, 11)), "the server is closing the connection (ENHANCE_YOUR_CALM)"),
        ((SETTINGS, head(), goaway(1)), "the server closed the connection"),
        ((SETTINGS, frame(3, struct.pack(">I", 7), stream=1)), "the server gave up the stream (REFUSED_STREAM)"),
        ((SETTINGS, frame(3, struct.pack(">I", 99), stream=1)), "the server gave up the stream (error 99)"),
        ((SETTINGS, frame(7, b"short")), "the server broke HTTP/2"),
        ((b"HTTP/1.1 400 Bad Request\r\n\r\n",), "the server closed the connection"),
        ((), "the server closed the connection"),
    ],
)
def test_http2_failures_say_what_happened(parts: tuple[bytes, ...], failure: str) -> None:
    got = fetch_from(blurt(*parts), "2")
    assert isinstance(got, str)
    assert got.startswith(failure)


@pytest.mark.parametrize(
    ("parts", "failure"),
    [
        ((), "the server closed the connection without an answer"),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi",), "the answer was cut short"),
        ((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhi",), "the answer was cut short"),
        ((SETTINGS,), "the answer was cut short, or is not HTTP/1.1"),
        ((b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000,), "the answer was cut short, or is not HTTP/1.1"),
    ],
)
def test_http1_failures_say_what_happened(parts: tuple[bytes, ...], failure: str) -> None:
    got = fetch_from(blurt(*parts), "1.1")
    assert isinstance(got, str)
    assert got.startswith(failure)


def test_a_server_may_say_first_that_it_will_answer() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    assert fetch_from(blurt(early, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"), "1.1") == b"hi"


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=30)), max_size=6), st.data())
def test_the_filter_takes_out_goaways_and_only_those(plan: list[tuple[bool, bytes]], data: st.DataObject) -> None:
    parts = [goaway(5, 2, debug) if is_goaway else frame(0, debug, stream=1) for is_goaway, debug in plan]
    stream = b"".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    reported: list[tuple[int, int]] = []
    goaways = _GoAwayFilter(lambda last, code: reported.append((last, code)))
    passed = b"".join(goaways.feed(stream[a:b]) for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True))
    assert passed == b"".join(part for part, (is_goaway, _) in zip(parts, plan, strict=True) if not is_goaway)
    assert reported == [(5, 2)] * sum(is_goaway for is_goaway, _ in plan)


@pytest.mark.parametrize(
    ("url", "origin", "path", "query"),
    [
        ("https://api.example/v1/", Origin("https", "api.example", 443), "/v1", ""),
        ("http://localhost:11434", Origin("http", "localhost", 11434), "", ""),
        ("http://[::1]:8000/v1?a=b", Origin("http", "::1", 8000), "/v1", "a=b"),
        ("HTTP://Bücher.example", Origin("http", "xn--bcher-kva.example", 80), "", ""),
    ],
)
def test_a_url_is_a_server_a_path_and_a_query(url: str, origin: Origin, path: str, query: str) -> None:
    assert split_url(url, key="url") == (origin, path, query)


@pytest.mark.parametrize("url", ["", "x", "//x", "http://", "http://[::1", "http://x:y", "http://é..x", "http://x/ü"])
def test_what_is_no_url_is_refused_by_the_name_of_its_key(url: str) -> None:
    with pytest.raises(ConfigError, match=r"^base_url "):
        split_url(url, key="base_url")


def test_an_origin_is_written_as_in_a_url() -> None:
    assert str(Origin("https", "x", 443)) == "https://x"
    assert str(Origin("http", "::1", 8000)) == "http://[::1]:8000"


def test_what_a_server_said_before_it_stopped_listening_is_still_heard() -> None:
    body = frame(0, b"hi", stream=1), frame(0, b"!", stream=1, flags=1)
    assert fetch_from(blurt(SETTINGS, head(), *body), "2") == b"hi!"


async def test_the_server_is_offered_only_the_versions_that_were_asked_for() -> None:
    offered = {}
    versions: list[HttpVersion] = ["auto", "1.1", "2"]
    for version in versions:
        context = ssl.create_default_context()
        async with open_http_client(
            ORIGIN,
            version=version,
            ssl_context=context,
            connect_timeout_s=1,
            dial=trio.open_tcp_stream,
        ):
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            with pytest.raises(ssl.SSLWantReadError):
                context.wrap_bio(incoming, outgoing, server_hostname="x").do_handshake()
            hello = outgoing.read()
            offered[version] = (b"\x02h2" in hello, b"\x08http/1.1" in hello)
    assert offered == {"auto": (True, True), "1.1": (False, True), "2": (True, False)}
