"""A language model behind an OpenAI-compatible HTTP server: OpenAI itself, vLLM, Ollama, LM Studio, llama.cpp.

It asks once: a turn has no time for retries. Giving an answer up closes its stream without waiting.
"""

import math
import os
import ssl
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from urllib.parse import parse_qsl

import trio

from turnscope._errors import ConfigError, ProviderError
from turnscope.core import Message
from turnscope.providers._http import Dial, HttpClient, HttpVersion, open_http_client
from turnscope.providers._http_messages import Exchange, HttpError, Request, split_url
from turnscope.providers._openai_wire import AnswerReader, ModelFailure, error_message, request_body, shorten
from turnscope.providers._protocols import LLMItem, Resources

__all__ = ["OpenAIChatLLM"]

DEFAULT_BASE_URL = "https://api.openai.com/v1"

_MAX_REFUSAL_BYTES = 1 << 14
_RESERVED_OPTIONS = frozenset({"model", "messages", "stream"})
_RESERVED_HEADERS = frozenset({"host", "content-length", "content-type", "transfer-encoding", "connection", "accept"})
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
        extra_body: Further members of the request's JSON; they win over those above. ``model``, ``messages`` and
            ``stream`` are not among them.
        http_version: ``"auto"``, ``"1.1"`` or ``"2"``. Over TLS, ``"auto"`` takes HTTP/2 if the server offers it: an
            answer given up then costs no connection. Without TLS it is HTTP/1.1, and ``"2"`` is prior knowledge.
        connect_timeout_s: Seconds to connect, TLS included.
        first_token_timeout_s: Seconds to wait, from opening a stream, for its first text. A model that reasons first,
            or that a local server still has to load, may need more.
        stall_timeout_s: Seconds to wait, after that, for each further piece of data. Comments that keep a connection
            alive are none.
        ssl_context: For servers with a certificate of a private authority. Its ALPN protocols are set.
        dial: Opens the stream of bytes to a host and port; for simulations and tunnels.
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
        http_version: HttpVersion = "auto",
        connect_timeout_s: float = 5.0,
        first_token_timeout_s: float = 30.0,
        stall_timeout_s: float = 10.0,
        ssl_context: ssl.SSLContext | None = None,
        dial: Dial = trio.open_tcp_stream,
        name: str = "openai-chat",
    ) -> None:
        if not model:
            raise ConfigError("model must not be empty")
        if http_version not in ("auto", "1.1", "2"):
            raise ConfigError(f'http_version must be "auto", "1.1" or "2"; got {http_version!r}')
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
        self._origin, path, query = split_url(base_url, key="base_url")
        # Without the query, which may hold a key: this one is for errors.
        self._url = f"{self._origin}{path}/chat/completions"
        self._target = f"{path}/chat/completions" + (f"?{query}" if query else "")
        self._headers, self._sensitive = _headers(api_key, extra_headers or {})
        secrets = [api_key or "", *_secrets_in(query), *(extra_headers or {}).values()]
        # The longest first, so that a secret that contains another goes as a whole.
        self._secrets = sorted({s for s in secrets if len(s) >= _MIN_SECRET_CHARS}, key=len, reverse=True)
        limit_key = "max_completion_tokens" if is_default else "max_tokens"
        self._options = _options(temperature, max_tokens, limit_key, include_usage, extra_body or {})
        self._http_version: HttpVersion = http_version
        self._connect_timeout_s = connect_timeout_s
        self._first_token_timeout_s = first_token_timeout_s
        self._stall_timeout_s = stall_timeout_s
        self._ssl_context = ssl_context
        self._dial = dial

    def __repr__(self) -> str:
        return f"<OpenAIChatLLM {self._model!r} at {self._url}>"

    @property
    def name(self) -> str:
        """The provider's name in events, errors and reports."""
        return self._name

    @asynccontextmanager
    async def connect(self, resources: Resources) -> AsyncIterator["_ChatConnection"]:
        """A connection, which is dialled in the background at once, so that no turn pays for the handshake.

        A server that cannot be reached is an error of the stream that needs it, not of this.
        """
        ssl_context: ssl.SSLContext | None = None
        if self._origin.scheme == "https":
            ssl_context = self._ssl_context or _shared_ssl_context(resources, self._http_version)
        async with open_http_client(
            self._origin,
            version=self._http_version,
            ssl_context=ssl_context,
            connect_timeout_s=self._connect_timeout_s,
            dial=self._dial,
        ) as client:
            client.warm_up()
            yield _ChatConnection(self, client)

    def _request(self, messages: Sequence[Message]) -> Request:
        return Request(
            method="POST",
            scheme=self._origin.scheme,
            authority=self._origin.authority,
            target=self._target,
            headers=self._headers,
            body=request_body(self._model, messages, self._options),
            sensitive=self._sensitive,
        )

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

    def __init__(self, llm: OpenAIChatLLM, client: HttpClient) -> None:
        self._llm = llm
        self._client = client

    @asynccontextmanager
    async def open_stream(self, messages: Sequence[Message]) -> AsyncIterator["_Answer"]:
        llm = self._llm
        deadline = trio.current_time() + llm._first_token_timeout_s
        exchange: Exchange | None = None
        failure: HttpError | ModelFailure = llm._first_token_timeout()
        with trio.move_on_at(deadline):
            try:
                exchange = await self._client.send(llm._request(messages))
            except HttpError as exc:
                failure = exc
        if exchange is None:
            raise llm._error(failure)
        answer = _Answer(llm, exchange, deadline - trio.current_time())
        try:
            yield answer
        finally:
            answer.close()
            await exchange.aclose()


class _Answer:
    """The pieces of one answer. Everything happens in the task that iterates."""

    def __init__(self, llm: OpenAIChatLLM, exchange: Exchange, patience_s: float) -> None:
        self._llm = llm
        self._exchange = exchange
        self._reader = AnswerReader()
        self._items: deque[LLMItem] = deque()
        # How much longer to wait. Only waiting uses it up: a reader may take its time between two pieces.
        self._patience_s = patience_s
        self._failure: ProviderError | None = None
        self._started = False
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
                if not self._started:
                    await self._check_head()
                    self._started = True
                data = await self._exchange.receive_some()
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
        elif self._reader.has_text:
            self._patience_s = self._llm._stall_timeout_s

    def _time_out(self) -> None:
        if self._reader.finished:
            self._end()  # every word is here; only the usage, or the goodbye, is not
        elif self._reader.has_text:
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
            while await self._exchange.receive_some():
                pass

    async def _check_head(self) -> None:
        head = await self._exchange.receive_head()
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
            while len(body) < _MAX_REFUSAL_BYTES and (data := await self._exchange.receive_some()):
                body += data
        return body[:_MAX_REFUSAL_BYTES]


def _shared_ssl_context(resources: Resources, version: HttpVersion) -> ssl.SSLContext:
    """The system's certificates, read once per process: it takes tens of milliseconds."""
    key = f"turnscope ssl context for HTTP {version}"
    context = resources.cache.get(key)
    if not isinstance(context, ssl.SSLContext):
        context = resources.cache[key] = ssl.create_default_context()
    return context


def _headers(api_key: str | None, extra: Mapping[str, str]) -> tuple[tuple[tuple[str, str], ...], frozenset[str]]:
    """All headers of a request, and the names of those that hold secrets."""
    headers = {"content-type": "application/json", "accept": "text/event-stream", "user-agent": "turnscope"}
    secret: dict[str, str] = {}
    if api_key is not None:
        _check_header_value("api_key", api_key)
        secret["authorization"] = f"Bearer {api_key}"
    for name, value in extra.items():
        if not name or not name.isascii() or not all(c.isalnum() or c in "!#$%&'*+-.^_`|~" for c in name):
            raise ConfigError(f"extra_headers: {name!r} is not a header's name")
        if name.lower() in _RESERVED_HEADERS:
            raise ConfigError(f"extra_headers: {name!r} is not for you to set")
        _check_header_value(f"extra_headers[{name!r}]", value)
        secret[name.lower()] = value
    headers.update(secret)
    return tuple(headers.items()), frozenset(secret)


def _secrets_in(query: str) -> list[str]:
    """The values in a query whose names say that they are secret."""
    return [
        v for name, v in parse_qsl(query) if any(word in name.lower() for word in ("key", "token", "secret", "sig"))
    ]


def _check_header_value(key: str, value: str) -> None:
    # Never quotes the value: it is a secret, and a line break at its end is how a key read from a file looks.
    if not value.isascii() or not value.isprintable() or value != value.strip():
        raise ConfigError(f"{key} holds a line break, a space at an end, or what is not plain ASCII")


def _options(
    temperature: float | None,
    max_tokens: int | None,
    limit_key: str,
    include_usage: bool,
    extra: Mapping[str, object],
) -> dict[str, object]:
    options: dict[str, object] = {}
    if temperature is not None:
        if not 0 <= temperature < math.inf:
            raise ConfigError(f"temperature must be 0 or more, and finite; got {temperature}")
        options["temperature"] = temperature
    if max_tokens is not None:
        if max_tokens < 1:
            raise ConfigError(f"max_tokens must be 1 or more; got {max_tokens}")
        options[limit_key] = max_tokens
    if include_usage:
        options["stream_options"] = {"include_usage": True}
    if reserved := _RESERVED_OPTIONS & extra.keys():
        raise ConfigError(f"extra_body must not set {', '.join(sorted(reserved))}")
    options.update(extra)
    try:
        request_body("", (), options)
    except (TypeError, ValueError, RecursionError) as exc:
        raise ConfigError(f"extra_body cannot be written as JSON: {exc}") from exc
    return options
