"""Carries events to those who look. One who is slow loses events and is told how many; one who raises harms nobody."""

import logging
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager

import trio

from turnscope.core import Event, EventsLost, FloorInput

__all__ = ["EventBus", "Record", "Sink"]

Record = Event | FloorInput
"""What a sink is given: what happened, and what the Floor was told."""

Sink = Callable[[Record], None]
"""A synchronous observer that misses nothing, such as an event log. It must be quick.

What it raises is logged, the first time, and stops nothing: it is given the next record as if nothing had happened.
"""

_logger = logging.getLogger("turnscope")


class _Subscriber:
    def __init__(self, capacity: int) -> None:
        self._events: deque[Event] = deque()
        self._capacity = capacity
        self._lost = 0
        self._lost_at = 0
        self._arrived = trio.Event()
        self._closed = False

    def put(self, event: Event) -> None:
        if len(self._events) >= self._capacity:
            self._lost += 1
            self._lost_at = event.sample
        else:
            if self._lost:
                self._events.append(self._take_lost())
            self._events.append(event)
        self._arrived.set()

    def close(self) -> None:
        self._closed = True
        self._arrived.set()

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        await trio.lowlevel.checkpoint()
        while not self._events:
            if self._lost:
                return self._take_lost()
            if self._closed:
                raise StopAsyncIteration
            self._arrived = trio.Event()
            await self._arrived.wait()
        return self._events.popleft()

    def _take_lost(self) -> EventsLost:
        lost, self._lost = self._lost, 0
        return EventsLost(self._lost_at, lost)


class EventBus:
    """Publishes events to sinks, at once, and to subscribers, as fast as they read."""

    def __init__(self, sinks: tuple[Sink, ...]) -> None:
        self._sinks = sinks
        self._raised: set[int] = set()
        self._subscribers: list[_Subscriber] = []
        self._closed = False

    def publish(self, event: Event) -> None:
        """Give `event` to everybody."""
        self._give_sinks(event)
        for subscriber in self._subscribers:
            subscriber.put(event)

    def log_input(self, item: FloorInput) -> None:
        """Give an input of the Floor to the sinks."""
        self._give_sinks(item)

    def _give_sinks(self, record: Record) -> None:
        for index, sink in enumerate(self._sinks):
            try:
                sink(record)
            except Exception:
                if index not in self._raised:
                    self._raised.add(index)
                    _logger.exception("sink %r raised when it was given %r", sink, record)

    @asynccontextmanager
    async def subscribe(self, capacity: int) -> AsyncGenerator[AsyncIterator[Event]]:
        """Events from now on. Iteration ends with the session."""
        subscriber = _Subscriber(capacity)
        if self._closed:
            subscriber.close()
        self._subscribers.append(subscriber)
        try:
            yield subscriber
        finally:
            self._subscribers.remove(subscriber)

    def close(self) -> None:
        """There will be no more events."""
        self._closed = True
        for subscriber in self._subscribers:
            subscriber.close()
