"""The only way into a session: `open_session`, which owns its nursery and its providers' connections."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import trio

from turnscope._errors import ProviderError
from turnscope.core import DetectorFailed, History
from turnscope.session._agent import Agent
from turnscope.session._blame import outermost_error
from turnscope.session._bus import Sink
from turnscope.session._connections import Connection, Connections, open_connections
from turnscope.session._hooks import Hook
from turnscope.session._runtime import Runtime, open_runtime
from turnscope.session._session import Session
from turnscope.session._tap import Tap, TapGuard
from turnscope.transports import Transport

__all__ = ["open_session"]


async def _connect_detector(connections: Connections, agent: Agent) -> tuple[Connection | None, DetectorFailed | None]:
    """The detector's connection, if the agent has one; a call goes on without one that cannot be had."""
    detector = agent.interruption_detector
    if detector is None:
        return None, None
    try:
        return await connections.reach_for_good(detector, agent.connect_timeout_s), None
    except ProviderError as error:
        return None, DetectorFailed(0, 0, error.provider, error.message)


@asynccontextmanager
async def open_session(
    agent: Agent,
    transport: Transport,
    *,
    runtime: Runtime | None = None,
    session_id: str = "session",
    metadata: Mapping[str, str] | None = None,
    history: History | None = None,
    sinks: tuple[Sink, ...] = (),
    hooks: tuple[Hook[Any], ...] = (),
    recorder: Tap | None = None,
) -> AsyncGenerator[Session]:
    """Begin a conversation; leaving the block ends it and leaves nothing behind.

    Args:
        agent: Who speaks.
        transport: The way to the caller.
        runtime: What to share with other sessions; by default one of its own.
        session_id: Its name, for logs.
        metadata: What the application wants to find again.
        history: What was said in an earlier session, which is gone on with. It is copied, as far as the limits of the
            agent allow; `Session.history` is the new session's own.
        sinks: Synchronous observers that see every event and every input of the Floor, such as an event log.
        hooks: Functions to be called with certain events, from the first one on. See `Session.on` for later ones.
        recorder: Is shown everything that goes in and out, and each decision: a `turnscope.observe.Recorder`. One for
            each session.

    Raises:
        ConfigError: A provider cannot be had, with what to do about it.
        TooManySessions: The runtime serves as many as it may.
        ProviderError: A provider could not be reached, or two at once did not stop when cancelled.
        TransportError: The way to the caller failed.
    """
    guard = TapGuard(recorder)
    async with AsyncExitStack() as stack:
        if runtime is None:
            runtime = await stack.enter_async_context(open_runtime())
        stack.enter_context(runtime.session_place())
        connections = await stack.enter_async_context(open_connections(runtime.resources))
        reached = await connections.reach(agent)
        detector, complaint = await _connect_detector(connections, agent)
        session: Session | None = None
        try:
            async with trio.open_nursery() as nursery:
                session = Session(
                    agent,
                    transport,
                    connections,
                    reached,
                    nursery,
                    runtime.tool_compute,
                    session_id=session_id,
                    metadata=metadata or {},
                    sinks=sinks,
                    hooks=hooks,
                    detector=detector,
                    guard=guard,
                )
                if complaint is not None:
                    session._bus.publish(complaint)
                try:
                    if history is not None:
                        session.history.restore(history)
                    await session._life.start()
                    stack.enter_context(runtime.told_of_blocking(session._life.publish_blocked))
                    yield session
                finally:
                    await session._life.finish()  # noqa: ASYNC102 -- it shields itself, with a deadline
        except BaseExceptionGroup as group:
            raise outermost_error(group) from group.__cause__
        finally:
            if session is not None:
                session._life.publish_end()
            await guard.finish(runtime.tool_compute)  # noqa: ASYNC102 -- it shields itself, with a deadline
        if session._life.failure is not None:
            raise session._life.failure
