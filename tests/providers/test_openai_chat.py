import logging
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import h2.connection
import httpx
import pytest
import trio
import trio.testing
import trustme

from tests.providers._chat_server import Call, ChatServer, Handler, chunk, event, open_chat_server, open_memory_server
from tests.providers._memory_http import client_over
from turnscope._errors import ConfigError, ProviderError
from turnscope.core import Message
from turnscope.providers._openai_chat import OpenAIChatLLM
from turnscope.providers._protocols import LLM, LLMConnection, LLMItem, Resources, TextDelta, Usage

CA = trustme.CA()
KEY = "sk-0123456789abcdef"
QUESTION = [Message("user", "Hello?")]
CANCEL = 8  # RFC 9113, section 7

# On real sockets, virtual time stands still (`mock_clock`): a clock that jumps when every task waits would jump to the
# timeouts while bytes are on their way. Tests about time use streams in memory.
WAYS: dict[str, tuple[bool, Sequence[str], bool, str]] = {
    # whether through TLS, what the server speaks there, whether HTTP/2 is prior knowledge, what is spoken in the end
    "HTTP/1.1": (False, (), False, "1.1"),
    "HTTP/1.1 through TLS": (True, ("http/1.1",), False, "1.1"),
    "HTTP/2 through TLS": (True, ("h2", "http/1.1"), False, "2"),
    "HTTP/2 with prior knowledge": (False, (), True, "2"),
}
every_way = pytest.mark.parametrize("way", WAYS)
every_http2_way = pytest.mark.parametrize("way", [way for way in WAYS if way.startswith("HTTP/2")])
every_http1_way = pytest.mark.parametrize("way", [way for way in WAYS if way.startswith("HTTP/1")])


class NoCompute:
    async def run(self, work: object, *, cost_s: float, name: str) -> object:
        raise AssertionError("a server computes")


def resources() -> Resources:
    return Resources(compute=NoCompute())  # type: ignore[arg-type]


def trusting_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    CA.configure_trust(context)
    return context


def client_for(way: str) -> Callable[[], httpx.AsyncClient]:
    tls, _, prior_knowledge, _ = WAYS[way]
    context = trusting_context() if tls else False
    return lambda: httpx.AsyncClient(verify=context, http1=not prior_knowledge, http2=True)


@asynccontextmanager
async def serving(way: str, handler: Handler, *, max_streams: int = 100) -> AsyncIterator[ChatServer]:
    tls, alpn, _, _ = WAYS[way]
    async with open_chat_server(handler, tls=CA if tls else None, alpn=alpn, max_streams=max_streams) as server:
        yield server


@asynccontextmanager
async def connected(
    way: str, handler: Handler, *, max_streams: int = 100, **options: Any
) -> AsyncIterator[tuple[ChatServer, LLMConnection]]:
    async with serving(way, handler, max_streams=max_streams) as server:
        llm = OpenAIChatLLM("m", base_url=server.url, api_key=KEY, client=client_for(way), **options)
        async with llm.connect(resources()) as connection:
            yield server, connection


async def ask(connection: LLMConnection, messages: Sequence[Message] = QUESTION) -> list[LLMItem]:
    async with connection.open_stream(messages) as stream:
        return [item async for item in stream]


async def say(connection: LLMConnection) -> str:
    return "".join(item.text for item in await ask(connection) if isinstance(item, TextDelta))


async def ask_memory(handler: Handler, **options: Any) -> tuple[list[LLMItem], ChatServer]:
    async with open_memory_server(handler) as (server, memory):
        llm = OpenAIChatLLM("m", base_url=server.url, client=client_over(memory.dial), **options)
        async with llm.connect(resources()) as connection:
            return await ask(connection), server


async def hello(call: Call) -> None:
    await call.answer("Hel", "lo", usage=(3, 2))


async def endless(call: Call) -> None:
    """Answers for ever, as fast as the client reads."""
    await call.start()
    while True:
        await call.chunk("word ")


async def silent(call: Call) -> None:
    """Takes a request and never answers."""
    await trio.sleep_forever()


async def one_word_then_silence(call: Call) -> None:
    await call.start()
    await call.chunk("word")
    await trio.sleep_forever()


def test_it_is_an_llm() -> None:
    assert isinstance(OpenAIChatLLM("m", base_url="http://x/v1"), LLM)


# --- Asking and being answered ---------------------------------------------------------------------------------------


@every_way
async def test_an_answer_is_streamed_in_every_way(way: str, mock_clock: trio.testing.MockClock) -> None:
    async with connected(way, hello) as (server, connection):
        for _ in range(3):
            assert await ask(connection) == [TextDelta("Hel"), TextDelta("lo"), Usage(3, 2)]
        assert {call.version for call in server.calls} == {WAYS[way][3]}
        assert server.connections == 1
        assert server.resets == []


@every_way
async def test_each_piece_is_given_before_the_next_one_exists(way: str, mock_clock: trio.testing.MockClock) -> None:
    read = trio.Event()

    async def one_at_a_time(call: Call) -> None:
        await call.start()
        await call.chunk("one")
        await read.wait()
        await call.chunk("two", finish="stop")
        await call.finish()

    async with connected(way, one_at_a_time) as (_, connection), connection.open_stream(QUESTION) as stream:
        assert await anext(stream) == TextDelta("one")
        read.set()
        assert [item async for item in stream] == [TextDelta("two")]


@every_way
async def test_a_request_says_what_it_must(way: str, mock_clock: trio.testing.MockClock) -> None:
    options: dict[str, Any] = {
        "temperature": 0.5,
        "max_tokens": 40,
        "extra_body": {"seed": 7},
        "extra_headers": {"X-Team": "voice"},
    }
    async with connected(way, hello, **options) as (server, connection):
        await ask(connection, [Message("system", "Réponds."), Message("user", "Ça va ?")])
        [call] = server.calls
    assert call.target == "/v1/chat/completions"
    assert call.json == {
        "model": "m",
        "messages": [{"role": "system", "content": "Réponds."}, {"role": "user", "content": "Ça va ?"}],
        "stream": True,
        "temperature": 0.5,
        "max_tokens": 40,
        "stream_options": {"include_usage": True},
        "seed": 7,
    }
    assert call.headers["authorization"] == f"Bearer {KEY}"
    assert call.headers["content-type"] == "application/json"
    assert call.headers["x-team"] == "voice"
    assert int(call.headers["content-length"]) == len(call.body)


async def test_usage_is_not_asked_for_where_servers_reject_that() -> None:
    _, server = await ask_memory(hello, include_usage=False)
    assert "stream_options" not in server.calls[0].json


async def test_a_query_in_the_url_goes_with_every_request() -> None:
    async with open_memory_server(hello) as (server, memory):
        llm = OpenAIChatLLM(
            "m", base_url="http://azure/openai/?api-version=2024-10-21", client=client_over(memory.dial)
        )
        async with llm.connect(resources()) as connection:
            await ask(connection)
    assert server.calls[0].target == "/openai/chat/completions?api-version=2024-10-21"
    assert server.calls[0].headers["host"] == "azure"


@every_way
async def test_a_history_larger_than_every_window_is_sent_whole(way: str, mock_clock: trio.testing.MockClock) -> None:
    messages = [Message("user", "long " * 100_000)]
    async with connected(way, hello) as (server, connection):
        await ask(connection, messages)
        assert server.calls[0].json["messages"][0]["content"] == messages[0].text


@every_way
async def test_an_answer_larger_than_every_window_is_read_whole(way: str, mock_clock: trio.testing.MockClock) -> None:
    async def long_answer(call: Call) -> None:
        await call.answer(*["word " * 1000] * 100)

    async with connected(way, long_answer) as (_, connection):
        assert await say(connection) == "word " * 100_000


@every_http2_way
async def test_a_stream_that_nobody_reads_does_not_hold_up_the_others(
    way: str, mock_clock: trio.testing.MockClock
) -> None:
    async def long_then_short(call: Call) -> None:
        if len(server.calls) > 1:
            await hello(call)
        else:
            await endless(call)

    async with connected(way, long_then_short) as (server, connection), connection.open_stream(QUESTION) as unread:
        await anext(unread)
        for _ in range(10):
            assert await say(connection) == "Hello"
        assert server.connections == 1


# --- Keys ------------------------------------------------------------------------------------------------------------


def test_the_key_of_the_environment_is_for_openai_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert OpenAIChatLLM("m")._headers["authorization"] == f"Bearer {KEY}"
    assert OpenAIChatLLM("m", base_url="https://api.openai.com/v1/")._headers["authorization"] == f"Bearer {KEY}"
    assert "authorization" not in OpenAIChatLLM("m", base_url="http://localhost:11434/v1")._headers


def test_a_missing_key_is_noticed_before_anybody_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ConfigError, match="OPENAI_API_KEY"):
        OpenAIChatLLM("m")


def test_openai_gets_the_limit_by_its_new_name() -> None:
    assert OpenAIChatLLM("m", api_key=KEY, max_tokens=9)._options["max_completion_tokens"] == 9
    assert OpenAIChatLLM("m", base_url="http://x", max_tokens=9)._options["max_tokens"] == 9


def test_secrets_are_in_no_repr() -> None:
    url = f"https://x/v1?key={KEY}&x=1"
    llm = OpenAIChatLLM("m", base_url=url, api_key=KEY, extra_headers={"X-Key": KEY})
    assert repr(llm) == "<OpenAIChatLLM 'm' at https://x/v1/chat/completions>"
    assert KEY not in repr(llm._request(httpx.AsyncClient(), QUESTION))


async def test_no_log_holds_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with open_memory_server(hello) as (server, memory):
        url = f"{server.url}?key={KEY}"
        llm = OpenAIChatLLM(
            "m", base_url=url, api_key=KEY, extra_headers={"X-Key": KEY}, client=client_over(memory.dial)
        )
        async with llm.connect(resources()) as connection:
            await ask(connection)
    assert server.calls[0].target == f"/v1/chat/completions?key={KEY}"
    assert "/v1/chat/completions" in caplog.text
    assert KEY not in caplog.text


@pytest.mark.parametrize("status", [200, 401])
async def test_a_key_that_the_server_repeats_is_not_in_the_error(status: int) -> None:
    async def indiscreet(call: Call) -> None:
        body = {"error": {"message": f"Wrong key {KEY}, header other-secret, query queried-secret!"}}
        await (call.refuse(status, body) if status != 200 else _send_and_finish(call, event(body)))

    async with open_memory_server(indiscreet) as (_, memory):
        llm = OpenAIChatLLM(
            "m",
            base_url="http://x/v1?api_key=queried-secret",
            api_key=KEY,
            extra_headers={"X-Other": "other-secret"},
            client=client_over(memory.dial),
        )
        async with llm.connect(resources()) as connection:
            with pytest.raises(ProviderError) as caught:
                await ask(connection)
    assert "Wrong key [secret], header [secret], query [secret]!" in str(caught.value)
    shown: BaseException | None = caught.value
    while shown is not None:  # what a traceback would show
        assert "secret," not in str(shown).replace("[secret]", "")
        assert KEY not in str(shown)
        shown = shown.__cause__ if shown.__suppress_context__ else shown.__cause__ or shown.__context__


async def _send_and_finish(call: Call, *parts: str) -> None:
    await call.start()
    for part in parts:
        await call.send(part)
    await call.finish()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": ""}, "model must not be empty"),
        ({"base_url": "localhost:8000"}, "base_url must begin with http"),
        ({"base_url": "ftp://x"}, "base_url must begin with http"),
        ({"base_url": "http://x:99999"}, "base_url is not a URL"),
        ({"base_url": "http://me:secret@x/v1"}, "base_url must not hold credentials"),
        ({"base_url": "http://x/v1#a"}, "base_url must not have a fragment"),
        ({"base_url": "http://x/v 1"}, "base_url must be percent-encoded"),
        ({"api_key": f"{KEY}\n"}, "api_key holds a line break"),
        ({"api_key": f"{KEY}\r\nX-Evil: 1"}, "api_key holds a line break"),
        ({"extra_headers": {"X-A": "secret\n"}}, r"extra_headers\['X-A'\] holds a line break"),
        ({"extra_headers": {"X A": "b"}}, "extra_headers: 'X A' is not a header's name"),
        ({"extra_headers": {"Host": "b"}}, "extra_headers: 'Host' is not for you to set"),
        ({"extra_body": {"stream": False}}, "extra_body must not set stream"),
        ({"extra_body": {"a": {1, 2}}}, "extra_body cannot be written as JSON"),
        ({"extra_body": {"a": float("nan")}}, "extra_body cannot be written as JSON"),
        ({"temperature": -1}, "temperature must be 0 or more"),
        ({"temperature": float("nan")}, "temperature must be 0 or more"),
        ({"max_tokens": 0}, "max_tokens must be 1 or more"),
        ({"connect_timeout_s": 0}, "connect_timeout_s must be greater than 0"),
        ({"first_token_timeout_s": float("nan")}, "first_token_timeout_s must be greater than 0"),
        ({"stall_timeout_s": -1}, "stall_timeout_s must be greater than 0"),
    ],
)
def test_a_wrong_setting_is_named_and_no_secret_told(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        OpenAIChatLLM(**{"model": "m", "base_url": "http://x/v1", **options})
    assert "secret" not in str(caught.value)
    assert KEY not in str(caught.value)


# --- Failures --------------------------------------------------------------------------------------------------------


@every_way
async def test_a_refusal_says_status_and_message_and_spoils_nothing(
    way: str, mock_clock: trio.testing.MockClock
) -> None:
    async def refuse_once(call: Call) -> None:
        if len(server.calls) == 1:
            await call.refuse(429, {"error": {"message": "Rate limit reached"}})
        else:
            await hello(call)

    async with connected(way, refuse_once) as (server, connection):
        with pytest.raises(
            ProviderError, match=r"^openai-chat: http.*/chat/completions: HTTP 429: Rate limit reached$"
        ):
            await ask(connection)
        assert len(server.calls) == 1, "a turn has no time for retries"
        assert await say(connection) == "Hello"


async def test_an_endless_refusal_is_not_read_to_its_end() -> None:
    async def rant(call: Call) -> None:
        await call.start(500, "text/html")
        while True:
            await call.send("<p>no</p>" * 100)

    with pytest.raises(ProviderError, match="HTTP 500: <p>no</p>") as caught:
        await ask_memory(rant)
    assert len(str(caught.value)) < 500


async def test_a_redirect_is_not_followed_with_the_key() -> None:
    async def moved(call: Call) -> None:
        await call.refuse(307, "", location="https://elsewhere.example/v1")

    with pytest.raises(ProviderError, match=r"HTTP 307: redirects to https://elsewhere.example/v1; set base_url"):
        await ask_memory(moved, api_key=KEY)


async def test_a_server_that_says_200_and_does_not_stream_is_quoted() -> None:
    async def lm_studio(call: Call) -> None:
        await call.refuse(200, {"error": "Unexpected endpoint or method. (POST /chat/completions)"})

    with pytest.raises(ProviderError, match="answered without streaming: Unexpected endpoint"):
        await ask_memory(lm_studio)


async def test_a_compressed_answer_is_refused_by_name() -> None:
    async def zipped(call: Call) -> None:
        await call.start(content_encoding="gzip")
        await call.send(b"\x1f\x8b\x08")
        await call.finish()

    with pytest.raises(ProviderError, match="compresses its answer"):
        await ask_memory(zipped)


@every_way
async def test_a_failure_in_the_middle_comes_after_what_was_said(way: str, mock_clock: trio.testing.MockClock) -> None:
    async def fail(call: Call) -> None:
        await _send_and_finish(call, chunk("Well, ") + event({"error": {"message": "out of memory"}}))

    async with connected(way, fail) as (_, connection), connection.open_stream(QUESTION) as stream:
        assert await anext(stream) == TextDelta("Well, ")
        with pytest.raises(ProviderError, match="failed in the middle of the answer: out of memory"):
            await anext(stream)
        assert [item async for item in stream] == []


@every_way
async def test_an_answer_without_an_end_was_cut_short(way: str, mock_clock: trio.testing.MockClock) -> None:
    async def stop_early(call: Call) -> None:
        await _send_and_finish(call, chunk("Well, "))

    async with connected(way, stop_early) as (_, connection), connection.open_stream(QUESTION) as stream:
        assert await anext(stream) == TextDelta("Well, ")
        with pytest.raises(ProviderError, match="cut short: it ended without a finish_reason"):
            await anext(stream)


@every_way
async def test_a_connection_that_breaks_in_the_middle_is_an_error_and_the_next_turn_works(
    way: str, mock_clock: trio.testing.MockClock
) -> None:
    async def break_once(call: Call) -> None:
        if len(server.calls) == 1:
            await call.start()
            await call.chunk("Well, ")
            await call.abort()
        else:
            await hello(call)

    async with connected(way, break_once) as (server, connection):
        with pytest.raises(ProviderError, match=r"cut short|lost|gave up the stream"):
            await ask(connection)
        assert await say(connection) == "Hello"


@every_way
async def test_a_connection_that_the_server_closed_between_turns_is_replaced(
    way: str, mock_clock: trio.testing.MockClock
) -> None:
    async with connected(way, hello) as (server, connection):
        await ask(connection)
        await server.drop_connections()
        await trio.testing.wait_all_tasks_blocked()
        assert await say(connection) == "Hello"
        assert server.connections == 2


@every_http2_way
async def test_a_server_that_closes_in_good_order_is_an_error_and_the_next_turn_works(
    way: str, mock_clock: trio.testing.MockClock
) -> None:
    """The server would finish this answer, but httpx takes GOAWAY for the end."""

    async def last_one(call: Call) -> None:
        if len(server.calls) == 1:
            await call.start()
            await call.chunk("Hel")
            await call.go_away()
            await trio.sleep_forever()
        else:
            await hello(call)

    async with connected(way, last_one) as (server, connection):
        with pytest.raises(ProviderError, match=r"the server is closing the connection \(NO_ERROR\)"):
            await ask(connection)
        assert await say(connection) == "Hello"
        assert [call.connection for call in server.calls] == [1, 2]
        await server.wait_for(lambda: server.open_connections == 1)


@every_http2_way
async def test_a_server_that_closes_in_good_order_between_turns_is_no_error(
    way: str, mock_clock: trio.testing.MockClock
) -> None:
    async def last_one(call: Call) -> None:
        await hello(call)
        if len(server.calls) == 1:
            await call.go_away()

    async with connected(way, last_one) as (server, connection):
        assert await say(connection) == "Hello"
        await trio.testing.wait_all_tasks_blocked()
        assert await say(connection) == "Hello"
        assert server.calls[-1].connection == 2


async def test_a_server_that_is_not_there_is_named(mock_clock: trio.testing.MockClock) -> None:
    async with open_chat_server(hello) as server:
        url = server.url  # nobody listens there after this block
    async with OpenAIChatLLM("m", base_url=url, api_key=KEY, name="local").connect(resources()) as connection:
        for _ in range(2):
            with pytest.raises(ProviderError, match="refused") as caught:
                await ask(connection)
            assert str(caught.value).startswith(f"local: {url}/chat/completions: cannot connect to {url[:-3]}: ")


async def test_a_certificate_that_nobody_vouches_for_is_refused(mock_clock: trio.testing.MockClock) -> None:
    async with open_chat_server(hello, tls=CA) as server:
        llm = OpenAIChatLLM("m", base_url=server.url, api_key=KEY)
        async with llm.connect(resources()) as connection:
            with pytest.raises(ProviderError, match=r"cannot connect to https://.*certificate verify failed"):
                await ask(connection)
    assert server.calls == []


@every_way
async def test_a_server_that_hangs_up_at_once_is_asked_once(way: str, mock_clock: trio.testing.MockClock) -> None:
    async def hang_up(stream: trio.abc.Stream) -> None:
        accepted.append(stream)
        await stream.aclose()

    accepted: list[trio.abc.Stream] = []
    async with trio.open_nursery() as nursery:
        [listener] = await nursery.start(partial(trio.serve_tcp, hang_up, 0, host="127.0.0.1"))
        port = listener.socket.getsockname()[1]
        scheme = "https" if WAYS[way][0] else "http"
        llm = OpenAIChatLLM("m", base_url=f"{scheme}://127.0.0.1:{port}", client=client_for(way))
        async with llm.connect(resources()) as connection:
            with pytest.raises(ProviderError, match=r"closed the connection|lost|cannot connect"):
                await ask(connection)
        nursery.cancel_scope.cancel()
    assert len(accepted) == 1


@every_http1_way
async def test_requests_that_wait_for_the_same_connection_get_one_each(
    way: str, mock_clock: trio.testing.MockClock
) -> None:
    async def all_at_once(call: Call) -> None:
        await server.wait_for(lambda: len(server.calls) == 6)
        await hello(call)

    async with connected(way, all_at_once) as (server, connection), trio.open_nursery() as nursery:
        for _ in range(6):
            nursery.start_soon(ask, connection)
        await server.wait_for(lambda: server.connections == 6)


async def test_http2_can_be_declined(mock_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_chat_server(hello, tls=CA) as server:
        for http2, version in ((True, "2"), (False, "1.1")):
            monkeypatch.setattr(httpx, "create_ssl_context", trusting_context)
            llm = OpenAIChatLLM("m", base_url=server.url, http2=http2)
            async with llm.connect(resources()) as connection:
                await ask(connection)
            assert server.calls[-1].version == version


async def test_certificates_are_read_once_for_all_sessions() -> None:
    shared = resources()
    llm = OpenAIChatLLM("m", base_url="https://memory")
    async with llm.connect(shared):
        context = next(iter(shared.cache.values()))
    async with llm.connect(shared):
        assert list(shared.cache.values()) == [context]


# --- Time ------------------------------------------------------------------------------------------------------------


async def test_a_server_that_does_not_accept_runs_into_the_connect_timeout() -> None:
    async def dial(host: str, port: int) -> trio.abc.Stream:
        await trio.sleep_forever()
        raise AssertionError

    llm = OpenAIChatLLM("m", base_url="http://x/v1", client=client_over(dial), connect_timeout_s=2.5)
    async with llm.connect(resources()) as connection:
        start = trio.current_time()
        with pytest.raises(ProviderError, match=r"cannot connect to http://x: connect timeout after 2\.5 s"):
            await ask(connection)
        assert trio.current_time() - start == 2.5


async def dumb(call: Call) -> None:
    await call.start()
    await trio.sleep_forever()


async def roles_only(call: Call) -> None:
    await call.start()
    while True:
        await call.chunk("", role="assistant")
        await trio.sleep(1)


async def keep_alive_only(call: Call) -> None:
    await call.start()
    while True:
        await call.send(": processing\n\n")
        await trio.sleep(1)


@pytest.mark.parametrize("handler", [silent, dumb, roles_only, keep_alive_only])
async def test_a_model_that_says_nothing_runs_into_the_first_token_timeout(handler: Handler) -> None:
    start = trio.current_time()
    with pytest.raises(ProviderError, match=r"first-token timeout: no text came within 3\.5 s"):
        await ask_memory(handler, first_token_timeout_s=3.5)
    assert trio.current_time() - start == 3.5


async def test_a_refusal_that_does_not_end_runs_into_the_first_token_timeout() -> None:
    async def hesitate(call: Call) -> None:
        await call.start(500, "application/json")
        await trio.sleep_forever()

    with pytest.raises(ProviderError, match="first-token timeout"):
        await ask_memory(hesitate, first_token_timeout_s=3)


async def test_a_server_that_takes_no_request_runs_into_the_first_token_timeout() -> None:
    async def dial(host: str, port: int) -> trio.abc.Stream:
        ours, theirs = trio.testing.lockstep_stream_pair()  # nobody reads the other end
        kept.append(theirs)
        return ours

    kept: list[trio.abc.Stream] = []
    llm = OpenAIChatLLM("m", base_url="http://x/v1", client=client_over(dial), first_token_timeout_s=4)
    async with llm.connect(resources()) as connection:
        start = trio.current_time()
        with pytest.raises(ProviderError, match="first-token timeout: no text came within 4 s"):
            await ask(connection)
        assert trio.current_time() - start == 4


async def test_a_model_that_falls_silent_runs_into_the_stall_timeout() -> None:
    async def stutter(call: Call) -> None:
        await call.start()
        for _ in range(5):
            await trio.sleep(2)
            await call.chunk("word ")
        for _ in range(100):
            await trio.sleep(1)
            await call.send(": processing\n\n")

    start = trio.current_time()
    with pytest.raises(ProviderError, match=r"stall timeout: nothing came for 2\.5 s after the last piece"):
        await ask_memory(stutter, stall_timeout_s=2.5, first_token_timeout_s=3)
    assert trio.current_time() - start == 12.5


async def test_a_reader_may_take_all_the_time_it_wants() -> None:
    async def answer(call: Call) -> None:
        await call.answer("one", "two")

    async with open_memory_server(answer) as (server, memory):
        llm = OpenAIChatLLM(
            "m", base_url=server.url, client=client_over(memory.dial), stall_timeout_s=1, first_token_timeout_s=1
        )
        async with llm.connect(resources()) as connection, connection.open_stream(QUESTION) as stream:
            got = [await anext(stream)]
            await trio.sleep(60)
            got += [item async for item in stream]
    assert got == [TextDelta("one"), TextDelta("two")]


async def test_a_complete_answer_is_no_failure_because_the_goodbye_is_late() -> None:
    async def no_goodbye(call: Call) -> None:
        await call.start()
        await call.chunk("Hello", finish="stop")
        await trio.sleep_forever()

    start = trio.current_time()
    assert (await ask_memory(no_goodbye))[0] == [TextDelta("Hello")]
    assert trio.current_time() - start == 0.5


async def test_a_body_that_goes_on_after_the_goodbye_is_left_alone() -> None:
    async def linger(call: Call) -> None:
        await call.start()
        await call.send(chunk("Hello", finish="stop") + "data: [DONE]\n\n")
        await trio.sleep_forever()

    start = trio.current_time()
    assert (await ask_memory(linger))[0] == [TextDelta("Hello")]
    assert trio.current_time() - start == 0.05


# --- Giving up -------------------------------------------------------------------------------------------------------


async def give_up(connection: LLMConnection, when: Callable[[], Any]) -> None:
    """Read a stream, and cancel it once the async function `when` returns."""
    async with trio.open_nursery() as nursery:

        async def read() -> None:
            async with connection.open_stream(QUESTION) as stream:
                async for _ in stream:
                    pass

        nursery.start_soon(read)
        await when()
        nursery.cancel_scope.cancel()


@every_http2_way
@pytest.mark.parametrize("handler", [silent, one_word_then_silence, endless])
async def test_over_http2_a_cancelled_answer_is_reset_and_costs_no_connection(
    way: str, handler: Handler, mock_clock: trio.testing.MockClock
) -> None:
    async def by_turns(call: Call) -> None:
        await (hello if len(server.calls) % 2 == 0 else handler)(call)

    async with connected(way, by_turns) as (server, connection):
        for turn in range(1, 4):
            await give_up(connection, partial(server.wait_for_calls, 2 * turn - 1))
            await server.wait_for_gone(turn)
            assert await say(connection) == "Hello"
        assert server.resets == [CANCEL] * 3
        assert (server.connections, server.open_connections) == (1, 1)


@every_http1_way
@pytest.mark.parametrize("handler", [silent, one_word_then_silence, endless])
async def test_over_http1_a_cancelled_answer_closes_its_connection(
    way: str, handler: Handler, mock_clock: trio.testing.MockClock
) -> None:
    async def by_turns(call: Call) -> None:
        await (hello if len(server.calls) == 2 else handler)(call)

    async with connected(way, by_turns) as (server, connection):
        await give_up(connection, partial(server.wait_for_calls, 1))
        await server.wait_for(lambda: server.open_connections == 0)
        assert await say(connection) == "Hello"
        assert (server.connections, server.open_connections) == (2, 1)


@every_way
async def test_a_hundred_and_fifty_cancelled_answers_leave_nothing_behind(
    way: str, mock_clock: trio.testing.MockClock
) -> None:
    async def by_turns(call: Call) -> None:
        await (hello if len(server.calls) > 150 else one_word_then_silence)(call)

    # Five streams at most: a client that forgets to count its own resets would be stuck at the sixth.
    async with connected(way, by_turns, max_streams=5) as (server, connection):
        for n in range(1, 151):
            with trio.CancelScope() as scope:
                async with connection.open_stream(QUESTION) as stream:
                    assert await anext(stream) == TextDelta("word")
                    if n % 2:  # the others are given up by leaving them
                        scope.cancel()
                        await trio.sleep_forever()
            await server.wait_for_gone(n)
        assert await say(connection) == "Hello"
        await server.wait_for(lambda: server.open_connections == 1)
        if WAYS[way][3] == "2":
            assert server.connections == 1
            assert server.resets == [CANCEL] * 150


@every_http2_way
async def test_a_request_cancelled_at_any_step_leaves_the_connection_whole(
    way: str, mock_clock: trio.testing.MockClock
) -> None:
    """Half a frame, or headers that only one side has counted, would break every later turn."""
    messages = [Message("user", "long " * 50_000)]
    async with connected(way, hello) as (server, connection):
        await ask(connection)
        for steps in range(60):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask, connection, messages)
                for _ in range(steps):
                    await trio.lowlevel.checkpoint()
                nursery.cancel_scope.cancel()
        assert await say(connection) == "Hello"
        assert server.connections == 1
        assert set(server.resets) <= {CANCEL}
        assert server.resets, "at least some were cancelled under way"


@every_way
async def test_a_request_cancelled_while_the_connection_is_made_does_the_next_no_harm(
    way: str, mock_clock: trio.testing.MockClock
) -> None:
    async with connected(way, hello) as (server, connection):
        steps = 0
        while not server.calls:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask, connection)
                for _ in range(steps):
                    await trio.lowlevel.checkpoint()
                nursery.cancel_scope.cancel()
            steps += 1
        assert await say(connection) == "Hello"
        await server.wait_for(lambda: server.open_connections == 1)


async def test_what_was_received_and_never_read_does_not_use_up_the_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def by_turns(call: Call) -> None:
        await (hello if len(server.calls) > 5 else endless)(call)

    # What the protocol gives is room for what one stream leaves unread.
    monkeypatch.setattr(h2.connection.H2Connection, "increment_flow_control_window", lambda *args, **kwargs: None)
    async with open_memory_server(by_turns) as (server, memory):
        llm = OpenAIChatLLM("m", base_url=server.url, client=client_over(memory.dial, http2=True))
        async with llm.connect(resources()) as connection:
            for _ in range(5):
                async with connection.open_stream(QUESTION) as stream:
                    await trio.testing.wait_all_tasks_blocked()
                    await anext(stream)  # one piece of all that has come by now
            assert await say(connection) == "Hello"
            assert server.connections == 1


async def test_giving_up_costs_no_virtual_time() -> None:
    async with open_memory_server(one_word_then_silence) as (server, memory):
        for http2 in (False, True):
            llm = OpenAIChatLLM("m", base_url=server.url, client=client_over(memory.dial, http2=http2))
            async with llm.connect(resources()) as connection:
                with trio.move_on_after(1) as scope:
                    async with connection.open_stream(QUESTION) as stream:
                        async for _ in stream:
                            start = trio.current_time()
                assert scope.cancelled_caught
                assert trio.current_time() == start + 1


@every_way
async def test_nothing_is_delivered_after_a_stream_was_left(way: str, mock_clock: trio.testing.MockClock) -> None:
    async def burst(call: Call) -> None:
        await _send_and_finish(call, "".join(chunk(str(n)) for n in range(100)) + chunk(finish="stop"))

    async with connected(way, burst) as (_, connection):
        async with connection.open_stream(QUESTION) as stream:
            assert await anext(stream) == TextDelta("0")
        assert [item async for item in stream] == []


async def test_a_cancelled_reader_gets_nothing_of_what_was_received_before() -> None:
    async def burst(call: Call) -> None:
        await _send_and_finish(call, "".join(chunk(str(n)) for n in range(100)) + chunk(finish="stop"))

    async with open_memory_server(burst) as (server, memory):
        llm = OpenAIChatLLM("m", base_url=server.url, client=client_over(memory.dial))
        async with llm.connect(resources()) as connection:
            got = []
            with trio.CancelScope() as scope:
                async with connection.open_stream(QUESTION) as stream:
                    async for item in stream:
                        got.append(item)
                        scope.cancel()
    assert got == [TextDelta("0")]


@every_way
async def test_no_task_and_no_socket_outlives_the_connection(way: str, mock_clock: trio.testing.MockClock) -> None:
    async with serving(way, one_word_then_silence) as server:
        llm = OpenAIChatLLM("m", base_url=server.url, client=client_for(way))
        before = set(trio.lowlevel.current_task().child_nurseries)
        with trio.CancelScope() as scope:
            async with llm.connect(resources()) as connection, connection.open_stream(QUESTION) as stream:
                await anext(stream)
                scope.cancel()
        assert set(trio.lowlevel.current_task().child_nurseries) == before
        await server.wait_for(lambda: server.open_connections == 0)


async def test_an_error_of_the_session_is_not_wrapped_in_a_group() -> None:
    async with open_memory_server(hello) as (server, memory):
        llm = OpenAIChatLLM("m", base_url=server.url, client=client_over(memory.dial))
        with pytest.raises(ZeroDivisionError):
            async with llm.connect(resources()):
                raise ZeroDivisionError
