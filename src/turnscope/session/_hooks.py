"""Hooks: functions of the application that are called with what happens. None of them can delay or break a call.

They run in tasks of their own, after everything that an event stands for has been done. So they may do with the
session whatever the application may do.
"""

import inspect
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import trio

from turnscope.core import Event, EventsLost, HookFailed
from turnscope.session._blame import first_error
from turnscope.session._bus import EventBus, Subscriber
from turnscope.session._clock import SessionClock
from turnscope.session._zombies import FORCED_ENDINGS, unblock

if TYPE_CHECKING:
    from turnscope.session._session import Session

__all__ = ["Handler", "Hook", "HookHandle", "Hooks"]

E = TypeVar("E", bound=Event)

Handler = Callable[["Session", E], Awaitable[object] | None]
"""What is called with the session and an event: a plain function, or a coroutine function."""

HOOK_GRACE_S = 1.0
"""How long hooks may go on after a session has ended, to handle what they were given."""

DISPATCH_BACKLOG = 10_000
"""Events that may wait to be given to hooks; only code that blocks the event loop makes them wait at all."""

_logger = logging.getLogger("turnscope")


@dataclass(frozen=True, slots=True)
class Hook(Generic[E]):
    """A function to be called with certain events of a session.

    Attributes:
        wanted: A class of events, or a function that says whether an event is wanted.
        handler: Is called with the session and the event. A plain function must be quick, and all of them are called
            in the order in which they were registered. A coroutine function has a task of its own and is given one
            event after the other.
        backlog: Events that may wait for a coroutine function; one more, and it loses some.
    """

    wanted: type[E] | Callable[[Event], bool]
    handler: Handler[E]
    backlog: int = 1000

    @property
    def name(self) -> str:
        """What the handler is called, for logs and events."""
        return getattr(self.handler, "__qualname__", None) or repr(self.handler)

    def wants(self, event: Event) -> bool:
        """Whether it is to be called with `event`."""
        return isinstance(event, self.wanted) if isinstance(self.wanted, type) else bool(self.wanted(event))


class HookHandle:
    """A registered hook. Made by `Session.on`."""

    def __init__(self, hooks: "Hooks", hook: Hook[Any]) -> None:
        self.hook: Hook[Any] = hook
        self.scope: trio.CancelScope = trio.CancelScope(shield=True)
        """Holds the task of a coroutine function. It is shielded because a hook sees the end of its session."""
        self.events: Subscriber = Subscriber(hook.backlog)
        self._hooks = hooks
        self._failed = False

    def remove(self) -> None:
        """Call it no more; a coroutine function is cancelled. Idempotent, and harmless to everything else."""
        self._hooks.remove(self)

    def failed(self, error: BaseException) -> bool:
        """Log what it raised. Returns whether that was the first time."""
        first, self._failed = not self._failed, True
        if first:
            _logger.error("hook %s raised", self.hook.name, exc_info=error)
        return first


class Hooks:
    """Calls the hooks of one session.

    Args:
        session: Is handed to them.
        bus: Where the events come from.
        clock: The session's.
        nursery: Where their tasks run.
    """

    def __init__(self, session: "Session", bus: EventBus, clock: SessionClock, nursery: trio.Nursery) -> None:
        self._session = session
        self._bus = bus
        self._clock = clock
        self._nursery = nursery
        self._handles: list[HookHandle] = []
        self._dispatch: Subscriber | None = None
        self._dispatch_scope = trio.CancelScope(shield=True)
        self._tasks: set[trio.lowlevel.Task] = set()
        self._running = 0
        self._idle = trio.lowlevel.ParkingLot()

    def add(self, hook: Hook[Any]) -> HookHandle:
        """Call `hook` from now on."""
        handle = HookHandle(self, hook)
        self._handles.append(handle)
        if self._dispatch is None:
            self._dispatch = self._bus.add_subscriber(DISPATCH_BACKLOG)
            self._start(self._give_out, self._dispatch, name="hooks")
        if _is_async(hook.handler):
            self._start(self._call_each, handle, name=f"hook {hook.name}")
        return handle

    def remove(self, handle: HookHandle) -> None:
        """See `HookHandle.remove`."""
        if handle in self._handles:
            self._handles.remove(handle)
        handle.scope.cancel(reason="hook removed")

    async def close(self) -> None:
        """There are no more events: let the hooks handle what they have, but not for ever."""
        with trio.move_on_after(HOOK_GRACE_S, shield=True):
            await self._wait_idle()
        self._dispatch_scope.cancel(reason="session ended")
        for handle in self._handles:
            handle.scope.cancel(reason="session ended")
        for _ in range(FORCED_ENDINGS):
            with trio.move_on_after(HOOK_GRACE_S, shield=True):
                await self._wait_idle()
            for task in list(self._tasks):
                unblock(task)

    async def _wait_idle(self) -> None:
        while self._running:
            await self._idle.park()

    def _start(self, work: Callable[[Any], Awaitable[None]], argument: object, *, name: str) -> None:
        self._running += 1
        self._nursery.start_soon(self._run, work, argument, name=name)

    async def _run(self, work: Callable[[Any], Awaitable[None]], argument: object) -> None:
        task = trio.lowlevel.current_task()
        self._tasks.add(task)
        try:
            await work(argument)
        finally:
            self._tasks.discard(task)
            self._running -= 1
            self._idle.unpark_all()

    async def _give_out(self, events: Subscriber) -> None:
        """Call the plain functions, in order, and hand over to the tasks of the others."""
        with self._dispatch_scope:
            async for event in events:
                for handle in list(self._handles):
                    self._offer(handle, event)
            for handle in self._handles:
                handle.events.close()

    def _offer(self, handle: HookHandle, event: Event) -> None:
        try:
            if not handle.hook.wants(event):
                return
            if _is_async(handle.hook.handler):
                handle.events.put(event)
                return
            result = handle.hook.handler(self._session, event)
            if inspect.iscoroutine(result):
                result.close()
                raise TypeError("it returned a coroutine: register the coroutine function itself")
        except Exception as error:
            self._tell(handle, error)

    async def _call_each(self, handle: HookHandle) -> None:
        with handle.scope:
            async for event in handle.events:
                try:
                    if isinstance(event, EventsLost) and not handle.hook.wants(event):
                        raise RuntimeError(f"it was too slow and lost {event.count} events")
                    result = handle.hook.handler(self._session, event)
                    if result is not None:
                        await result
                except Exception as error:
                    self._tell(handle, error)

    def _tell(self, handle: HookHandle, error: Exception) -> None:
        """Say once that a hook has failed; more would never end, if it is told of failures."""
        if handle.failed(error):
            original = first_error(error)
            message = f"{type(original).__name__}: {original}"
            self._bus.publish(HookFailed(self._clock.now(), handle.hook.name, message))


def _is_async(handler: Callable[..., object]) -> bool:
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(getattr(handler, "__call__", None))  # noqa: B004
