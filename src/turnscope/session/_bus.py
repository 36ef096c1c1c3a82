"""Carries events to those who look. One who is slow loses events and is told how many; one who raises harms nobody."""

import logging
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager

import trio

from turnscope.core import Event, EventsLost, FloorInput
from turnscope.session._tap import TapGuard

__all__ = ["EventBus", "Record", "Sink", "Subscriber"]

Record = Event | FloorInput
"""What a sink is given: what happened, and what the Floor was told."""

Sink = Callable[[Record], None]
"""A synchronous observer that misses nothing, such as an event log. It must be quick.

It is called once everything that the record stands for has been done: it cannot delay silence, only what comes next.
What it raises is logged, the first time, and stops nothing: it is given the next record as if nothing had happened.
"""

_logger = logging.getLogger("turnscope")


class Subscriber:
    """Events for one reader, as an async iterator. It never waits for the reader."""

    def __init__(self, capacity: int) -> None:
        self._events: deque[Event] = deque()
        self._capacity = capacity
        self._lost = 0
        self._lost_at = 0
        self._arrived = trio.Event()
        self._closed = False

    def put(self, event: Event) -> None:
        """Take an event; one too many is lost, and counted."""
        if len(self._events) >= self._capacity:
            self._lost += 1
            self._lost_at = event.sample
        else:
            if self._lost:
                self._events.append(self._take_lost())
            self._events.append(event)
        self._arrived.set()

    def close(self) -> None:
        """Nothing more comes: iteration ends after what has come."""
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
    """Publishes events to sinks, at once, and to subscribers, as fast as they read.

    "At once" has one exception: while something is being decided and done (`held`), nobody is told. What they do with
    what they are told, and how long it takes, comes after.
    """

    def __init__(self, sinks: tuple[Sink, ...], guard: TapGuard) -> None:
        self._sinks = sinks
        self._guard = guard
        self._raised: set[int] = set()
        self._subscribers: list[Subscriber] = []
        self._waiting: deque[Record] = deque()
        self._held = False
        self._giving = False
        self._closed = False

    def publish(self, event: Event) -> None:
        """Give `event` to everybody; nobody is there any more after `close`."""
        if self._closed:
            return
        self._waiting.append(event)
        self._give_out()

    def log_input(self, item: FloorInput) -> None:
        """Give an input of the Floor to the sinks."""
        self._waiting.append(item)
        self._give_out()

    @contextmanager
    def held(self) -> Generator[None]:
        """Keep back what is published inside until everything inside is done. Not to be nested."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
            self._give_out()

    def _give_out(self) -> None:
        """Give out what waits, in order, also what comes up while a sink is being called."""
        if self._held or self._giving:
            return
        self._giving = True
        try:
            while self._waiting:
                self._give(self._waiting.popleft())
        finally:
            self._giving = False

    def _give(self, record: Record) -> None:
        for index, sink in enumerate(self._sinks):
            try:
                sink(record)
            except Exception:
                if index not in self._raised:
                    self._raised.add(index)
                    _logger.exception("sink %r raised when it was given %r", sink, record)
        if isinstance(record, Event):
            self._guard.take(record)
            for subscriber in self._subscribers:
                subscriber.put(record)

    def add_subscriber(self, capacity: int) -> Subscriber:
        """Somebody who is told from now on, and to the end."""
        subscriber = Subscriber(capacity)
        if self._closed:
            subscriber.close()
        self._subscribers.append(subscriber)
        return subscriber

    @asynccontextmanager
    async def subscribe(self, capacity: int) -> AsyncGenerator[AsyncIterator[Event]]:
        """Events from now on. Iteration ends with the session."""
        subscriber = self.add_subscriber(capacity)
        try:
            yield subscriber
        finally:
            self._subscribers.remove(subscriber)

    def close(self) -> None:
        """There will be no more events."""
        self._closed = True
        for subscriber in self._subscribers:
            subscriber.close()
