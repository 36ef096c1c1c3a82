"""The providers' connections of a session: made once, shared by its agents, replaced when one cannot be trusted.

Each lives in a task of its own, because it is closed where it was opened, and may be at any time.
"""

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

import trio

from turnscope._errors import ProviderError
from turnscope.providers import Resources, applies_volume
from turnscope.session._agent import Agent
from turnscope.session._blame import blame, first_error, outermost_error
from turnscope.session._zombies import FORCED_ENDINGS, unblock

__all__ = ["Connection", "Connections", "open_connections"]

CLOSE_S = 2.0
"""How long a connection may take to close before it is closed by force."""

_logger = logging.getLogger("turnscope")


class _Provider(Protocol):
    @property
    def name(self) -> str: ...

    def connect(self, resources: Resources) -> AbstractAsyncContextManager[Any]: ...


class _Live:
    """One time that a provider was connected to."""

    def __init__(self) -> None:
        self.connection: Any = None
        self.streams = 0
        self.retired = False
        self.leave = trio.Event()

    def retire(self) -> None:
        """Nobody is to begin anything on it any more; it is left when its last stream has ended."""
        self.retired = True
        self.leave_if_unused()

    def leave_if_unused(self) -> None:
        if self.retired and not self.streams:
            self.leave.set()


class Connection:
    """A provider's connection, as the streams of all turns use it. It may be another one from stream to stream.

    Args:
        provider: An STT, LLM, TTS or detector.
        owner: In whose nursery its task runs.
        timeout_s: How long connecting may take.
    """

    def __init__(self, provider: _Provider, owner: "Connections", timeout_s: float) -> None:
        self.provider = provider
        self._owner = owner
        self._timeout_s = timeout_s
        self._live = _Live()
        self._unneeded = False
        self._opening = trio.Lock()

    @property
    def output_hz(self) -> int:
        """Sample rate of the speech it makes, if it makes any."""
        hz: int = self._live.connection.output_hz
        return hz

    @property
    def applies_volume(self) -> bool:
        """See `turnscope.providers.applies_volume`."""
        return applies_volume(self._live.connection)

    async def open(self) -> None:
        """Connect.

        Raises:
            ConfigError: The provider cannot be had, with what to do about it.
            ProviderError: It could not be reached, or not in time.
        """
        live = _Live()
        with trio.move_on_after(self._timeout_s) as scope:
            await self._owner.nursery.start(self.keep_connection, live, name=f"connection to {self.provider.name}")
        if scope.cancelled_caught:
            raise ProviderError(self.provider.name, f"did not connect within {self._timeout_s:g} s")
        self._live = live

    def distrust(self) -> None:
        """Something on it does not stop although it was cancelled: nothing else is begun on it, but on another one."""
        self._live.retire()

    def close(self) -> None:
        """It is not needed any more, except by what has begun on it."""
        self._unneeded = True
        self._live.retire()

    @asynccontextmanager
    async def open_stream(self, *arguments: Any) -> AsyncGenerator[Any]:
        """A stream, on another connection if the last one is not to be used any more.

        Raises:
            ProviderError: There was no other to be had.
        """
        if self._live.retired:
            await self._replace()
        live = self._live
        live.streams += 1
        try:
            async with live.connection.open_stream(*arguments) as stream:
                yield stream
        finally:
            live.streams -= 1
            live.leave_if_unused()

    async def _replace(self) -> None:
        async with self._opening:
            if self._live.retired:
                await self.open()
                self._owner.on_replaced(self.provider.name)
            self._live.retired = self._unneeded

    async def keep_connection(self, live: _Live, *, task_status: trio.TaskStatus[None]) -> None:
        """Hold a connection open until it is to be left. It never fails once it was open: it is replaced instead."""
        failure: BaseException | None = None
        opened = False
        task = trio.lowlevel.current_task()
        self._owner.began(task)
        try:
            with blame(self.provider.name):
                async with self.provider.connect(self._owner.resources) as live.connection:
                    opened = True
                    task_status.started()
                    await live.leave.wait()
        except* Exception as errors:
            failure = first_error(errors)
        finally:
            self._owner.ended(task)
        if failure is not None and not opened:
            raise failure from failure.__cause__
        if failure is not None:
            live.retired = True
            _logger.warning("the connection broke: %s", failure, exc_info=failure)


class Connections:
    """Those of one session. Made by `open_connections`.

    Args:
        nursery: Where their tasks run.
        resources: What the runtime lends the providers.
    """

    def __init__(self, nursery: trio.Nursery, resources: Resources) -> None:
        self.resources: Resources = resources
        self.on_replaced: Callable[[str], None] = _ignore
        """Is told the name of a provider that was connected to once more."""
        self.nursery: trio.Nursery = nursery
        self._open: dict[int, Connection] = {}
        """By the identity of their providers: two agents that share one share its connection."""
        self._lasting: list[Connection] = []
        """Those that no agent can do without."""
        self._tasks: set[trio.lowlevel.Task] = set()
        self._gone = trio.lowlevel.ParkingLot()

    def began(self, task: trio.lowlevel.Task) -> None:
        """A task keeps a connection."""
        self._tasks.add(task)

    def ended(self, task: trio.lowlevel.Task) -> None:
        """It does not any more."""
        self._tasks.discard(task)
        self._gone.unpark_all()

    async def reach(self, agent: Agent) -> tuple[Connection, Connection, Connection]:
        """Connections to the STT, LLM and TTS of `agent`: those that there are, and new ones.

        Raises:
            ConfigError: A provider cannot be had, with what to do about it.
            ProviderError: One could not be reached; those that were new are let go.
        """
        made: list[Connection] = []
        try:
            stt, llm, tts = [
                await self._reach(provider, agent.connect_timeout_s, made)
                for provider in (agent.stt, agent.llm, agent.tts)
            ]
        except BaseException:
            for connection in made:
                self._let_go(connection)
            raise
        return stt, llm, tts

    async def reach_for_good(self, provider: _Provider, timeout_s: float) -> Connection:
        """A connection that is kept until the session ends, whatever its agents need.

        Raises:
            ConfigError: The provider cannot be had, with what to do about it.
            ProviderError: It could not be reached, or not in time.
        """
        connection = Connection(provider, self, timeout_s)
        await connection.open()
        self._lasting.append(connection)
        return connection

    async def _reach(self, provider: _Provider, timeout_s: float, made: list[Connection]) -> Connection:
        known = self._open.get(id(provider))
        if known is not None:
            return known
        connection = Connection(provider, self, timeout_s)
        await connection.open()
        self._open[id(provider)] = connection
        made.append(connection)
        return connection

    def keep_only(self, used: tuple[Connection, ...]) -> None:
        """Let go of all others."""
        for connection in [each for each in self._open.values() if each not in used]:
            self._let_go(connection)

    def distrust(self, name: str) -> None:
        """Have the connections of the provider of this name replaced before they are used again."""
        for connection in (*self._open.values(), *self._lasting):
            if connection.provider.name == name:
                connection.distrust()

    def _let_go(self, connection: Connection) -> None:
        connection.close()
        self._open.pop(id(connection.provider), None)

    async def close(self) -> None:
        """Close all, by force if need be."""
        self.keep_only(())
        for connection in self._lasting:
            connection.close()
        with trio.move_on_after(CLOSE_S, shield=True):
            await self._wait_closed()
        self.nursery.cancel_scope.cancel(reason="session ended")  # what is not closed by now is cancelled
        for _ in range(FORCED_ENDINGS):
            with trio.move_on_after(CLOSE_S, shield=True):
                await self._wait_closed()
            for task in list(self._tasks):
                unblock(task)

    async def _wait_closed(self) -> None:
        while self._tasks:
            await self._gone.park()


@asynccontextmanager
async def open_connections(resources: Resources) -> AsyncGenerator[Connections]:
    """No connection yet; all that are made are closed when the block is left."""
    try:
        async with trio.open_nursery() as nursery:
            connections = Connections(nursery, resources)
            try:
                yield connections
            finally:
                await connections.close()  # noqa: ASYNC102 -- it shields itself, with a deadline
    except BaseExceptionGroup as group:
        raise outermost_error(group) from group.__cause__


def _ignore(name: str) -> None:
    pass
