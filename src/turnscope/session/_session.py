"""What an application does with a session. The only way to have one is `open_session`."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from types import MappingProxyType
from typing import Any, TypeVar, overload

import trio

from turnscope._errors import SessionClosed
from turnscope.core import (
    CloseSession,
    Emit,
    Event,
    Floor,
    History,
    InterruptRequested,
    Order,
    PolicyFailed,
    SayCancelled,
    SayRequested,
    State,
    TextReceived,
)
from turnscope.providers import Compute, LLMConnection, STTConnection, TTSConnection
from turnscope.session._agent import Agent
from turnscope.session._bus import EventBus, Sink
from turnscope.session._clock import SessionClock
from turnscope.session._ears import Ears
from turnscope.session._handles import SayHandle
from turnscope.session._hooks import Hook, HookHandle, Hooks
from turnscope.session._life import Life
from turnscope.session._memory import remember
from turnscope.session._playout import Playout
from turnscope.session._toolbox import Toolbox
from turnscope.session._turn import TurnContext
from turnscope.session._turns import Turns
from turnscope.session._watcher import Watcher
from turnscope.transports import Transport

__all__ = ["Session"]

_logger = logging.getLogger("turnscope")

E = TypeVar("E", bound=Event)

EVENT_BACKLOG = 1000
"""Events that wait for a slow subscriber before it loses some."""


class Session:
    """A running conversation. Made by `open_session`.

    Attributes:
        id: Its name, for logs.
        metadata: What the application wants to find again; never interpreted.
        agent: Who speaks.
        history: What the language model is given.
    """

    def __init__(
        self,
        agent: Agent,
        transport: Transport,
        connections: tuple[STTConnection, LLMConnection, TTSConnection],
        nursery: trio.Nursery,
        tool_compute: Compute,
        *,
        session_id: str,
        metadata: Mapping[str, str],
        sinks: tuple[Sink, ...],
        hooks: tuple[Hook[Any], ...],
    ) -> None:
        self.id = session_id
        self.metadata: Mapping[str, str] = MappingProxyType(dict(metadata))
        self.agent = agent
        self._nursery = nursery
        self._bus = EventBus(sinks)
        self._clock = SessionClock()
        self.history: History = remember(agent.history, self._clock, self._bus.publish)
        self._floor = Floor(agent.floor_settings)
        self._watcher = Watcher(self._floor, self._clock, self._obey, self._bus)
        self._ears = Ears(agent, transport, self._clock, self._watcher.feed, self._bus.publish)
        self._playout = Playout(transport, self._clock)
        self._tools = Toolbox(
            places=agent.max_concurrent_tools,
            timeout_s=agent.tool_timeout_s,
            stop_s=agent.join_deadline_s,
            compute=tool_compute,
            session_id=session_id,
            metadata=self.metadata,
            history=self.history,
            now=self._clock.now,
            feed=self._watcher.feed,
            publish=self._bus.publish,
        )
        stt, llm, tts = connections
        context = TurnContext(
            agent,
            self._clock,
            self._ears,
            self._playout,
            self.history,
            stt,
            llm,
            tts,
            self._tools,
            self._watcher.feed,
            self._bus.publish,
        )
        self._turns = Turns(context, nursery)
        self._hooks = Hooks(self, self._bus, self._clock, nursery)
        self._life = Life(
            nursery,
            self._clock,
            self._floor,
            self._watcher,
            self._ears,
            self._playout,
            self._turns,
            self._tools,
            self._bus,
            self._hooks,
            agent.join_deadline_s,
        )
        for hook in hooks:
            self._hooks.add(hook)

    # What the application does

    @property
    def state(self) -> State:
        """What the session is doing."""
        return self._floor.state

    def now(self) -> int:
        """The session's time, in samples of 16 kHz."""
        return self._clock.now()

    async def say(self, text: str, *, allow_interruptions: bool = True) -> SayHandle:
        """Say `text`, after what is being said and what is waiting to be.

        Args:
            text: What to say.
            allow_interruptions: False protects it: the caller's words are held until it has been said.

        Raises:
            SessionClosed: The session has ended.
        """
        await trio.lowlevel.checkpoint()
        self._check_open()
        turn_id = self._floor.reserve_turn_id()
        turn = self._turns.prepare(turn_id)
        self._watcher.feed(SayRequested(self.now(), turn_id, text, allow_interruptions))
        return SayHandle(turn, lambda reason: self._watcher.feed(SayCancelled(self.now(), turn_id, reason)))

    async def send_text(self, text: str) -> None:
        """The caller typed `text`: answer it now, instead of whatever is being said.

        Raises:
            SessionClosed: The session has ended.
        """
        await trio.lowlevel.checkpoint()
        self._check_open()
        self._watcher.feed(TextReceived(self.now(), self._floor.reserve_turn_id(), text))

    def interrupt(self, reason: str = "interrupted") -> None:
        """Cancel the running turn and every waiting `say` that may be interrupted. Silence is immediate."""
        self._watcher.feed(InterruptRequested(self.now(), reason))

    def interrupt_speech(self, reason: str = "interrupted") -> None:
        """Silence the running turn, but let the model finish its text until somebody else is to be answered."""
        self._watcher.feed(InterruptRequested(self.now(), reason, speech_only=True))

    def events(self, capacity: int = EVENT_BACKLOG) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Subscribe to events: ``async with session.events() as events: async for event in events: ...``.

        Args:
            capacity: Events that may wait for this subscriber; one more, and it loses some and is told how many.
        """
        return self._bus.subscribe(capacity)

    @overload
    def on(
        self, wanted: type[E], handler: Callable[["Session", E], Awaitable[object] | None], *, backlog: int = ...
    ) -> HookHandle: ...

    @overload
    def on(
        self,
        wanted: Callable[[Event], bool],
        handler: Callable[["Session", Event], Awaitable[object] | None],
        *,
        backlog: int = ...,
    ) -> HookHandle: ...

    def on(
        self,
        wanted: Any,
        handler: Callable[["Session", Any], Awaitable[object] | None],
        *,
        backlog: int = EVENT_BACKLOG,
    ) -> HookHandle:
        """Have `handler` called with the session and each event that is `wanted`, from now on.

        To see the very first event as well, give `Hook` objects to `open_session`. What a handler does or fails to do
        neither delays nor breaks anything: see `Hook`.

        Args:
            wanted: A class of events, or a function that says whether an event is wanted.
            handler: A plain function, which must be quick, or a coroutine function.
            backlog: Events that may wait for a coroutine function; one more, and it loses some and is told how many.

        Returns:
            Its registration, which can be removed.

        Raises:
            SessionClosed: The session has ended.
        """
        self._check_open()
        return self._hooks.add(Hook(wanted, handler, backlog))

    async def wait_ended(self) -> None:
        """Wait until the caller has hung up, or the session has ended otherwise, and all its turns have ended."""
        await self._life.concluded.wait()

    def _obey(self, order: Order) -> None:
        match order:
            case Emit(event):
                if isinstance(event, PolicyFailed):
                    _logger.error("the interruption policy %s failed: %s", event.policy, event.message)
                self._bus.publish(event)
            case CloseSession(reason):
                self._life.close(reason)
            case _:
                self._turns.obey(order)

    def _check_open(self) -> None:
        if self._floor.state is State.ENDED:
            raise SessionClosed(f"session {self.id} has ended")
