"""A language model behind an OpenAI-compatible HTTP server: OpenAI itself, vLLM, Ollama, LM Studio, llama.cpp.

It asks once: a turn has no time for retries. Giving an answer up closes its stream without waiting.
"""

import os
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

import httpx
import trio

from turnscope._errors import ConfigError, ProviderError
from turnscope.core import Message
from turnscope.providers._http_stream import HttpError, HttpStream, WholeBody, send
from turnscope.providers._openai_request import endpoint, request_headers, request_options, secrets_in
from turnscope.providers._openai_wire import AnswerReader, ModelFailure, error_message, request_body, shorten
from turnscope.providers._protocols import LLMItem, Resources, ToolSpec

__all__ = ["OpenAIChatLLM"]

DEFAULT_BASE_URL = "https://api.openai.com/v1"

_MAX_REFUSAL_BYTES = 1 << 14
# How long a connection may be idle: longer than a caller thinks, shorter than most routers forget one.
_KEEP_IDLE_S = 240.0
_CONNECTIONS = httpx.Limits(max_connections=None, max_keepalive_connections=4, keepalive_expiry=_KEEP_IDLE_S)
# After the last word, the caller of the stream waits only to learn that it was the last: for the usage this long, ...
_USAGE_GRACE_S = 0.5
# ... and this long for the end of the body, with which an HTTP/1.1 connection can be used again.
_END_GRACE_S = 0.05
# A shorter "secret" is no secret, and blotting it out would spoil messages.
_MIN_SECRET_CHARS = 8


class OpenAIChatLLM:
    """An `LLM` that asks ``{base_url}/chat/completions`` and streams the answer.

    Args:
        model: The server's name for the model.
        base_url: Where the API is. May have a query (Azure's ``?api-version=...``), which every request repeats.
        api_key: Sent as a bearer token. None takes it from the environment variable ``OPENAI_API_KEY`` at the default
            `base_url`, and sends none to any other. It appears in no ``repr`` and no error.
        temperature: As the API defines it; None leaves it to the server.
        max_tokens: Upper limit of the answer's tokens. Sent as ``max_completion_tokens`` at the default `base_url` and
            as ``max_tokens``, which OpenAI has deprecated and others know, everywhere else.
        include_usage: Ask for a final `Usage`. Some servers reject the request for it (Mistral: HTTP 422).
        extra_headers: Sent with every request; treated as secret.
        extra_body: Further members of the request's JSON; they win over those above. ``model``, ``messages``,
            ``stream`` and ``tools`` are not among them.
        http2: Speak HTTP/2 if the server offers it, which it can only through TLS: an answer given up then costs no
            connection. Over HTTP/1.1 it does.
        connect_timeout_s: Seconds to connect; a handshake of TLS has as many again.
        first_token_timeout_s: Seconds to wait, from opening a stream, for its first text. A model that reasons first,
            or that a local server still has to load, may need more.
        stall_timeout_s: Seconds to wait, after that, for each further piece of data. Comments that keep a connection
            alive are none.
        client: Makes the HTTP client of a session, for proxies, certificates of a private authority, and whatever else
            httpx can be told: ``lambda: httpx.AsyncClient(http2=True, verify=context)``. It is closed with the session.
            Only its timeouts and its handling of redirects do not count. None makes one that has no need of
            arguments; it obeys the environment variables for proxies and certificates, as httpx does.
        name: The provider's name in events, errors and reports.

    Raises:
        ConfigError: An argument is out of range or missing. The message names it.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str = DEFAULT_BASE_URL,
        api_key: str | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        include_usage: bool = True,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, object] | None = None,
        http2: bool = True,
        connect_timeout_s: float = 5.0,
        first_token_timeout_s: float = 30.0,
        stall_timeout_s: float = 10.0,
        client: Callable[[], httpx.AsyncClient] | None = None,
        name: str = "openai-chat",
    ) -> None:
        if not model:
            raise ConfigError("model must not be empty")
        for key, value in (
            ("connect_timeout_s", connect_timeout_s),
            ("first_token_timeout_s", first_token_timeout_s),
            ("stall_timeout_s", stall_timeout_s),
        ):
            if not value > 0:
                raise ConfigError(f"{key} must be greater than 0; got {value}")
        is_default = base_url.rstrip("/") == DEFAULT_BASE_URL
        if api_key is None and is_default:
            api_key = os.environ.get("OPENAI_API_KEY") or None
            if api_key is None:
                raise ConfigError("api_key is missing: pass it, or set the environment variable OPENAI_API_KEY")
        self._name = name
        self._model = model
        self._url = endpoint(base_url)
        self._headers = request_headers(api_key, extra_headers or {})
        secrets = [api_key or "", *secrets_in(self._url.query.decode("ascii")), *(extra_headers or {}).values()]
        # The longest first, so that a secret that contains another goes as a whole.
        self._secrets = sorted({s for s in secrets if len(s) >= _MIN_SECRET_CHARS}, key=len, reverse=True)
        limit_key = "max_completion_tokens" if is_default else "max_tokens"
        self._options = request_options(temperature, max_tokens, limit_key, include_usage, extra_body or {})
        self._http2 = http2
        self._make_client = client
        self._connect_timeout_s = connect_timeout_s
        self._first_token_timeout_s = first_token_timeout_s
        self._stall_timeout_s = stall_timeout_s

    def __repr__(self) -> str:
        return f"<OpenAIChatLLM {self._model!r} at {self._url}>"

    @property
    def name(self) -> str:
        """The provider's name in events, errors and reports."""
        return self._name

    @asynccontextmanager
    async def connect(self, resources: Resources) -> AsyncIterator["_ChatConnection"]:
        """An HTTP client. It dials when a stream needs it, and what it dialled is closed when the context is left.

        A server that cannot be reached is an error of the stream, not of this.
        """
        async with self._make_client() if self._make_client else self._default_client(resources) as client:
            yield _ChatConnection(self, client)

    def _default_client(self, resources: Resources) -> httpx.AsyncClient:
        context = _shared_ssl_context(resources, self._http2)
        return httpx.AsyncClient(http2=self._http2, verify=context, limits=_CONNECTIONS)

    def _request(
        self, client: httpx.AsyncClient, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()
    ) -> httpx.Request:
        body = request_body(self._model, messages, self._options, tools)
        request = client.build_request("POST", self._url, headers=self._headers, content=body)
        request.url = self._url
        request.stream = WholeBody(body)
        return request

    def _error(self, exc: HttpError | ModelFailure) -> ProviderError:
        message = str(exc)
        for secret in self._secrets:
            message = message.replace(secret, "[secret]")
        error = ProviderError(self._name, f"{self._url}: {shorten(message)}")
        if message == str(exc):  # else the traceback would show the secrets
            error.__cause__ = exc
        return error

    def _first_token_timeout(self) -> ModelFailure:
        return ModelFailure(f"first-token timeout: no text came within {self._first_token_timeout_s:g} s")


class _ChatConnection:
    """The HTTP client that the requests of a session share."""

    def __init__(self, llm: OpenAIChatLLM, client: httpx.AsyncClient) -> None:
        self._llm = llm
        self._client = client

    @asynccontextmanager
    async def open_stream(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()
    ) -> AsyncIterator["_Answer"]:
        llm = self._llm
        deadline = trio.current_time() + llm._first_token_timeout_s
        http: HttpStream | None = None
        failure: HttpError | ModelFailure = llm._first_token_timeout()
        with trio.move_on_at(deadline):
            try:
                request = llm._request(self._client, messages, tools)
                http = await send(self._client, request, connect_timeout_s=llm._connect_timeout_s)
            except HttpError as exc:
                failure = exc
        if http is None:
            raise llm._error(failure)
        answer = _Answer(llm, http, deadline - trio.current_time())
        try:
            yield answer
        finally:
            answer.close()
            await http.aclose()


class _Answer:
    """The pieces of one answer. Everything happens in the task that iterates."""

    def __init__(self, llm: OpenAIChatLLM, http: HttpStream, patience_s: float) -> None:
        self._llm = llm
        self._http = http
        self._reader = AnswerReader()
        self._items: deque[LLMItem] = deque()
        # How much longer to wait. Only waiting uses it up: a reader may take its time between two pieces.
        self._patience_s = patience_s
        self._failure: ProviderError | None = None
        self._checked = False
        self._over = False

    def close(self) -> None:
        self._items.clear()
        self._failure = None
        self._over = True

    def __aiter__(self) -> "_Answer":
        return self

    async def __anext__(self) -> LLMItem:
        if self._items:
            await trio.lowlevel.checkpoint()  # a cancelled reader must not go on with what was received before
        while not self._items:
            if self._failure is not None:
                failure, self._failure = self._failure, None
                raise failure
            if self._over:
                raise StopAsyncIteration
            await self._receive()
        return self._items.popleft()

    async def _receive(self) -> None:
        """Wait for the next bytes and take what is in them: items, a failure, the end, or nothing of interest."""
        try:
            if self._reader.done:
                await self._drain()
                if not self._over:  # closed while this waited
                    self._end()
            else:
                await self._receive_some()
        except (HttpError, ModelFailure) as exc:
            if not self._over:
                self._failure = self._llm._error(exc)
                self._over = True

    async def _receive_some(self) -> None:
        data: bytes | None = None
        start = trio.current_time()
        try:
            with trio.move_on_after(max(0, self._patience_s)):
                if not self._checked:
                    await self._check_head()
                    self._checked = True
                data = await self._http.receive_some()
        finally:
            self._patience_s -= trio.current_time() - start
        if self._over:
            return  # closed while this waited
        if data is None:
            self._time_out()
        elif not data:
            self._end()
        else:
            if self._reader.feed(data, self._items):
                self._be_patient_again()

    def _be_patient_again(self) -> None:
        if self._reader.finished:
            self._patience_s = _USAGE_GRACE_S
        elif self._reader.has_begun:
            self._patience_s = self._llm._stall_timeout_s

    def _time_out(self) -> None:
        if self._reader.finished:
            self._end()  # every word is here; only the usage, or the goodbye, is not
        elif self._reader.has_begun:
            raise ModelFailure(f"stall timeout: nothing came for {self._llm._stall_timeout_s:g} s after the last piece")
        else:
            raise self._llm._first_token_timeout()

    def _end(self) -> None:
        self._reader.finish(self._items)
        self._over = True

    async def _drain(self) -> None:
        """Read the few bytes after the last event, so that the connection can serve the next request."""
        # The answer is complete, whatever happens to the connection.
        with trio.move_on_after(_END_GRACE_S), suppress(HttpError):
            while await self._http.receive_some():
                pass

    async def _check_head(self) -> None:
        head = self._http
        kind = head.headers.get("content-type", "").partition(";")[0].strip().lower()
        if head.headers.get("content-encoding", "identity").lower() != "identity":
            raise ModelFailure("the server compresses its answer, which it was not asked to do")
        if head.status == 200 and kind != "application/json":
            return
        message = error_message(await self._beginning_of_body())
        if head.status == 200:  # LM Studio answers wrong paths like this
            raise ModelFailure(f"the server answered without streaming: {message}")
        if 300 <= head.status < 400:
            message = f"redirects to {head.headers.get('location', 'nowhere')}; set base_url to where the API is"
        raise ModelFailure(f"HTTP {head.status}: {message}")

    async def _beginning_of_body(self) -> bytes:
        body = b""
        with suppress(HttpError):  # the status says more than that the body of a refusal was cut short
            while len(body) < _MAX_REFUSAL_BYTES and (data := await self._http.receive_some()):
                body += data
        return body[:_MAX_REFUSAL_BYTES]


def _shared_ssl_context(resources: Resources, http2: bool) -> ssl.SSLContext:
    """The certificates that httpx trusts, read once per process: it takes tens of milliseconds."""
    # One for each way: httpx writes into it which versions of HTTP to offer.
    key = f"turnscope ssl context, HTTP/{2 if http2 else 1}"
    context = resources.cache.get(key)
    if not isinstance(context, ssl.SSLContext):
        context = resources.cache[key] = httpx.create_ssl_context()
    return context
