"""httpx over streams in memory, or over sockets that a test interferes with."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import httpcore
import httpx
import trio

Dial = Callable[[str, int], Awaitable[trio.abc.Stream]]


class _Stream(httpcore.AsyncNetworkStream):
    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        try:
            return bytes(await self._stream.receive_some(max_bytes))
        except (trio.BrokenResourceError, trio.ClosedResourceError) as exc:
            raise httpcore.ReadError(exc) from exc

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        try:
            if buffer:
                await self._stream.send_all(buffer)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as exc:
            raise httpcore.WriteError(exc) from exc

    async def aclose(self) -> None:
        await self._stream.aclose()

    def get_extra_info(self, info: str) -> Any:
        return None


class _Network(httpcore.AsyncNetworkBackend):
    def __init__(self, dial: Dial) -> None:
        self._dial = dial

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            with trio.fail_after(timeout or 1e9):
                return _Stream(await self._dial(host, port))
        except trio.TooSlowError as exc:
            raise httpcore.ConnectTimeout(exc) from exc


class _Transport(httpx.AsyncHTTPTransport):
    def __init__(self, dial: Dial, http2: bool) -> None:
        self._pool = httpcore.AsyncConnectionPool(http1=not http2, http2=http2, network_backend=_Network(dial))


def client_over(dial: Dial, *, http2: bool = False) -> Callable[[], httpx.AsyncClient]:
    """What makes a client whose connections are opened by `dial`, in the clear; HTTP/2 is prior knowledge."""
    return lambda: httpx.AsyncClient(transport=_Transport(dial, http2))
