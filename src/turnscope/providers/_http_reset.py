"""Tells an HTTP/2 server to stop an answer that is given up, and keeps the connection whole. httpx does neither.

httpx leaves HTTP/2 to httpcore, which forgets a cancelled stream without RST_STREAM (httpcore issues 943 and 1022): the
server goes on generating, and after 100 of them h2 takes no further request. And a write that is cancelled may leave
half a frame on the wire, after which every later answer fails. Only this module uses private names of httpx and
httpcore. Where they are gone, it closes the connection, as HTTP/1.1 has to do anyway.
"""

import logging
from contextlib import suppress
from functools import partial
from typing import Any

import h2.errors
import h2.events
import httpx
import trio

__all__ = ["RequestTrace"]

logger = logging.getLogger(__name__)

# A frame goes to a buffer of the kernel. If that takes longer for somebody who is cancelled, it is full.
_GRACE_S = 0.005


class RequestTrace:
    """The extension ``trace`` of one request: httpcore awaits it at every step, in the task that asks.

    Attributes:
        dialled: A connection was made for this request.
    """

    def __init__(self, client: httpx.AsyncClient, request: httpx.Request) -> None:
        self.dialled = False
        self._client: Any = client
        self._url = request.url
        self._request: Any = None
        self._connection: Any = None
        self._half_made: Any = None
        self._complete = False

    async def __call__(self, step: str, info: dict[str, Any]) -> None:
        """What httpcore calls; `step` is its name for what begins, is complete or has failed."""
        if step.endswith(".send_request_headers.started") and info["request"].method != b"CONNECT":
            self._half_made = None
        if step.endswith(".connect_tcp.started"):
            self.dialled = True
        elif step.endswith(".connect_tcp.complete"):
            self._half_made = info["return_value"]
        elif step == "http2.send_request_headers.started":
            # Must not wait: the number of the stream is chosen, and would be chosen again.
            self._request = info["request"]
            with suppress(AttributeError):
                self._connection = _find_connection(self._pool, self._request)
                _keep_frames_whole(self._connection)
        elif step == "http2.receive_response_body.complete":
            self._complete = True
        elif step == "http2.response_closed.started" and not self._complete and self._request is not None:
            with trio.move_on_after(_GRACE_S, shield=True):
                await self._give_up(info["stream_id"])

    async def close_half_made(self) -> None:
        """Close a connection in whose making the request was cancelled: httpcore would leave it open, or use it."""
        if self._half_made is not None:
            await self._half_made.aclose()

    @property
    def _pool(self) -> Any:
        return self._client._transport_for_url(self._url)._pool

    async def _give_up(self, stream_id: int) -> None:
        try:
            await _reset(self._connection, stream_id, self._request)
        except AttributeError:
            logger.warning("httpcore has changed, or is hidden by a transport: an answer given up costs its connection")
            with suppress(AttributeError):
                for connection in self._pool.connections:
                    if connection.can_handle_request(self._request.url.origin):
                        await connection.aclose()
        except Exception as exc:  # the connection is broken already, and httpcore will notice
            logger.debug("could not reset stream %d: %r", stream_id, exc)


def _find_connection(pool: Any, request: Any) -> Any:
    """The HTTP/2 connection that carries `request`, which may be wrapped in a tunnel through a proxy."""
    connection: Any = next((r.connection for r in pool._requests if r.request is request), None)
    while not hasattr(connection, "_h2_state"):
        connection = connection._connection
    return connection


async def _reset(connection: Any, stream_id: int, request: Any) -> None:
    state = connection._h2_state
    unread = [event for event in connection._events[stream_id] if isinstance(event, h2.events.DataReceived)]
    # They count against the window that all streams of the connection share.
    state.acknowledge_received_data(sum(event.flow_controlled_length or 0 for event in unread), stream_id)
    stream = state.streams.get(stream_id)
    if stream is not None and not stream.closed:
        state.reset_stream(stream_id, h2.errors.ErrorCodes.CANCEL)
    await connection._write_outgoing_data(request)


def _keep_frames_whole(connection: Any) -> None:
    stream = connection._network_stream
    if not isinstance(stream.write, partial):
        stream.write = partial(_write_whole, connection, stream.write)


async def _write_whole(connection: Any, write: Any, *args: Any) -> None:
    """Let a write that has begun be finished when its caller is cancelled, or else give the connection up."""
    failure: Exception | None = None
    scope = trio.CancelScope(shield=True)

    async def finish() -> None:
        nonlocal failure
        with scope:
            try:
                await write(*args)
            except Exception as exc:
                failure = exc
        if scope.cancelled_caught:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + _GRACE_S):
                await connection.aclose()
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(finish)
        try:
            await trio.sleep_forever()
        finally:
            scope.deadline = trio.current_time() + _GRACE_S
    if failure is not None:
        raise failure
