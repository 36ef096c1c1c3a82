"""One request over httpx whose answer is read as it comes, and given up at any moment without waiting.

httpx streams through half a dozen nested async generators. Left in the middle they would wait for the garbage
collector, so what leaves here unwinds them first. Nothing else knows that they exist.
"""

from collections.abc import Iterator
from contextlib import suppress

import h2.errors
import h2.events
import httpx
import trio

from turnscope.providers._http_reset import RequestTrace

__all__ = ["HttpError", "HttpStream", "QuietURL", "WholeBody", "send"]

_CLOSE_GRACE_S = 0.02
_DISCONNECTED = "Server disconnected"  # how httpcore says that the server closed the connection


class HttpError(Exception):
    """A request got no answer, or only a part of one. Providers turn it into an error with their name."""


class QuietURL(httpx.URL):
    """A URL whose query, which may hold a key, is not in its text: httpx logs that."""

    def __str__(self) -> str:
        return str(self.copy_with(query=None))

    __repr__ = __str__


class WholeBody(httpx.AsyncByteStream):
    """A request's body in one piece. httpx's own is one more generator that would have to be closed."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._parts: Iterator[bytes] = iter(())

    def __aiter__(self) -> "WholeBody":
        self._parts = iter((self._content,))
        return self

    async def __anext__(self) -> bytes:
        for part in self._parts:
            return part
        raise StopAsyncIteration


class HttpStream:
    """The answer to a request.

    Attributes:
        status: Its HTTP status.
        headers: Its headers; their names do not mind case.
    """

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.headers = response.headers
        self._response = response
        self._body = response.aiter_raw()
        self._reading: trio.CancelScope | None = None

    async def receive_some(self) -> bytes:
        """Wait for the next bytes of the body; nothing at its end, or after `aclose`.

        Raises:
            HttpError: It was cut short.
        """
        data = b""
        with trio.CancelScope() as self._reading:
            try:
                data = await anext(self._body, b"")
            except Exception as exc:  # not only httpx's: it lets errors of h2 and of ssl through
                raise HttpError(_reason(exc)) from exc
            finally:
                self._reading = None
        return data

    async def aclose(self) -> None:
        """Give up what has not been received. Does not wait for the network."""
        if self._reading is not None:
            self._reading.cancel()  # the task that reads unwinds what it is in
        else:
            await self._unwind()
        with trio.move_on_after(_CLOSE_GRACE_S, shield=True), suppress(Exception):
            await self._response.aclose()

    async def _unwind(self) -> None:
        # A generator that is suspended ends where it is resumed and cancelled: at the innermost place that waits.
        with trio.CancelScope(shield=True) as scope, suppress(Exception):
            scope.cancel()
            while True:
                await anext(self._body)


async def send(client: httpx.AsyncClient, request: httpx.Request, *, connect_timeout_s: float) -> HttpStream:
    """Send `request`, and wait for the status and the headers of the answer.

    A server may close a connection that has been idle just when it is used again. Then, and only then, the request is
    sent a second time, on a new connection.

    Args:
        client: What to send it with.
        request: Of this client. Its timeouts are replaced: the only one is for connecting.
        connect_timeout_s: Seconds to connect. The handshake of TLS has as many again.

    Raises:
        HttpError: No connection could be made; or it failed.
    """
    request.extensions["timeout"] = httpx.Timeout(None, connect=connect_timeout_s).as_dict()
    again = False
    while True:
        trace = request.extensions["trace"] = RequestTrace(client, request)
        try:
            return HttpStream(await client.send(request, stream=True, follow_redirects=False))
        except Exception as exc:
            was_closed = isinstance(exc, httpx.NetworkError) or str(exc).startswith(_DISCONNECTED)
            if again or trace.dialled or not was_closed:
                raise HttpError(_failure_to_send(exc, request.url, connect_timeout_s)) from exc
            again = True
        except BaseException:
            with trio.move_on_after(_CLOSE_GRACE_S, shield=True):
                await trace.close_half_made()
            raise


def _failure_to_send(exc: Exception, url: httpx.URL, connect_timeout_s: float) -> str:
    place = f"{url.scheme}://{url.netloc.decode('ascii')}"
    match exc:
        case httpx.ConnectTimeout():
            return f"cannot connect to {place}: connect timeout after {connect_timeout_s:g} s"
        case httpx.ConnectError():
            return f"cannot connect to {place}: {_innermost(exc)}"
        case httpx.ProxyError():
            return f"cannot connect to {place}: the proxy refused: {exc}"
        case _:
            return _reason(exc)


def _reason(exc: Exception) -> str:
    """What went wrong with a connection, for a person to read."""
    event = exc.__cause__.args[0] if exc.__cause__ is not None and exc.__cause__.args else None
    match event:
        case h2.events.StreamReset(error_code=code):
            return f"the server gave up the stream ({_error_name(code)})"
        case h2.events.ConnectionTerminated(error_code=code):
            return f"the server is closing the connection ({_error_name(code)})"
    if str(exc).startswith(_DISCONNECTED):
        return "the server closed the connection"
    if isinstance(exc, httpx.NetworkError):
        return f"the connection was lost: {_innermost(exc)}"
    return f"the answer was cut short, or is not HTTP: {str(exc) or type(exc).__name__}"


def _innermost(exc: BaseException) -> str:
    """The message of the innermost cause, which is the one that says something."""
    while True:
        if isinstance(exc, BaseExceptionGroup):
            exc = exc.exceptions[0]
        elif (cause := exc.__cause__ or exc.__context__) is not None:
            exc = cause
        else:
            return str(exc) or type(exc).__name__


def _error_name(code: object) -> str:
    try:
        return h2.errors.ErrorCodes(code).name if isinstance(code, int) else str(code)
    except ValueError:
        return f"error {code}"
