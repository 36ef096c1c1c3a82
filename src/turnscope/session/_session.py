"""A session: one caller, one agent, one nursery. The only way in is `open_session`."""

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from types import MappingProxyType
from typing import TypeVar

import trio

from turnscope._errors import ProviderError, SessionClosed, TransportError, TurnscopeError
from turnscope.core import (
    AbandonTurn,
    AdmitAttempt,
    CancelAttempt,
    CloseRequested,
    CloseSession,
    DismissTurn,
    Emit,
    EndTurn,
    Event,
    Floor,
    FlushUtterance,
    History,
    InterruptRequested,
    InterruptSpeech,
    InterruptTurn,
    ListenOn,
    LoopBlocked,
    OpenTurn,
    Order,
    PolicyFailed,
    ResumeSpeech,
    SayCancelled,
    SayRequested,
    SessionEnded,
    SessionOpened,
    StartAttempt,
    State,
    StopListening,
    TextReceived,
    YieldSpeech,
)
from turnscope.providers import Compute, LLMConnection, STTConnection, TTSConnection
from turnscope.session._agent import Agent
from turnscope.session._blame import blame
from turnscope.session._bus import EventBus, Sink
from turnscope.session._clock import SessionClock
from turnscope.session._ears import Ears
from turnscope.session._handles import SayHandle
from turnscope.session._playout import Playout
from turnscope.session._runtime import Runtime, open_runtime
from turnscope.session._toolbox import Toolbox
from turnscope.session._turn import Turn, TurnContext
from turnscope.session._watcher import Watcher
from turnscope.transports import Transport

__all__ = ["Session", "open_session"]

T = TypeVar("T")

_logger = logging.getLogger("turnscope")

FORCED_ENDINGS = 10
"""How often a task that shields itself for ever is unblocked before its session waits for it for ever, too."""

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
    ) -> None:
        self.id = session_id
        self.metadata: Mapping[str, str] = MappingProxyType(dict(metadata))
        self.agent = agent
        self.history: History = History(agent.max_history_messages)
        self._nursery = nursery
        self._bus = EventBus(sinks)
        self._clock = SessionClock()
        self._floor = Floor(agent.floor_settings)
        self._watcher = Watcher(self._floor, self._clock, self._obey, self._bus.log_input)
        self._ears = Ears(agent, transport, self._clock, self._watcher.feed, self._bus.publish)
        self._playout = Playout(transport, self._clock)
        self._turns: dict[int, Turn] = {}
        self._running: set[int] = set()
        self._turn_gone = trio.lowlevel.ParkingLot()
        self._ended = trio.Event()
        self._end_reason = "shutdown"
        self._concluded = trio.Event()
        self._failure: TurnscopeError | None = None
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
        self._context = TurnContext(
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
        self._turns[turn_id] = turn = Turn(turn_id, None, self._context)
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

    async def wait_ended(self) -> None:
        """Wait until the caller hangs up, or the session ends otherwise."""
        await self._ended.wait()

    # What the Floor orders

    def _obey(self, order: Order) -> None:
        match order:
            case Emit(event):
                if isinstance(event, PolicyFailed):
                    _logger.error("the interruption policy %s failed: %s", event.policy, event.message)
                self._bus.publish(event)
            case OpenTurn(turn_id, listen_from):
                self._open_turn(turn_id, listen_from)
            case CloseSession(reason):
                self._end(reason)
            case _:
                turn = self._turns.get(order.turn_id)
                if turn is not None:
                    self._obey_for(turn, order)

    def _obey_for(self, turn: Turn, order: Order) -> None:
        match order:
            case InterruptTurn(turn_id, cause):
                turn.interrupt(cause)
                if turn_id not in self._running:
                    self._turns.pop(turn_id)
                    turn.end_unstarted()
            case InterruptSpeech(_, cause):
                turn.interrupt_speech(cause)
            case YieldSpeech(_, reaction):
                turn.yield_speech(reaction)
            case ResumeSpeech():
                turn.resume_speech()
            case FlushUtterance():
                turn.flush_utterance()
            case ListenOn(_, listen_from):
                turn.listen_on(listen_from)
            case StopListening():
                turn.stop_listening()
            case StartAttempt():
                turn.start_attempt(order)
            case AdmitAttempt():
                turn.admit_attempt(order)
            case CancelAttempt(_, attempt):
                turn.cancel_attempt(attempt)
            case DismissTurn():
                turn.dismiss()
            case EndTurn(_, provider, message):
                turn.end_without_answer(provider, message)
            case AbandonTurn():
                turn.abandon()

    def _open_turn(self, turn_id: int, listen_from: int | None) -> None:
        turn = self._turns.setdefault(turn_id, Turn(turn_id, listen_from, self._context))
        self._running.add(turn_id)
        self._nursery.start_soon(self._run_turn, turn, name=f"turn {turn_id}")

    async def _run_turn(self, turn: Turn) -> None:
        try:
            await turn.run()
        finally:
            self._turns.pop(turn.turn_id, None)
            self._running.discard(turn.turn_id)
            self._turn_gone.unpark_all()

    def _end(self, reason: str) -> None:
        if reason == "providers do not stop":
            self._failure = ProviderError("turnscope", "two providers at once did not stop when they were cancelled")
            self._nursery.cancel_scope.cancel()
        self._end_reason = reason
        self._ended.set()

    # Its life

    def _check_open(self) -> None:
        if self._floor.state is State.ENDED:
            raise SessionClosed(f"session {self.id} has ended")

    async def _start(self) -> None:
        self._nursery.start_soon(self._watcher.run, name="watcher")
        self._nursery.start_soon(self._playout.run, name="playout")
        await self._nursery.start(self._tools.own_calls, name="tools")
        self._watcher.feed(SessionOpened(self.now()))
        self._nursery.start_soon(self._hear, name="ears")
        self._nursery.start_soon(self._conclude, name="conclusion")
        await trio.lowlevel.checkpoint()

    async def _hear(self) -> None:
        try:
            await self._ears.run()
        except (ProviderError, TransportError) as error:
            self._failure = error
            self._nursery.cancel_scope.cancel()

    async def _conclude(self) -> None:
        """Once the conversation is over: have everything of it end, and say so."""
        await self._ended.wait()
        await self._end_turns()
        self._publish_end()

    async def _finish(self) -> None:
        """The block is being left: end the conversation, and everything of it."""
        if self._floor.state is not State.ENDED:
            self._watcher.feed(CloseRequested(self.now()))
        await self._end_turns()
        self._publish_end()
        self._nursery.cancel_scope.cancel()

    async def _end_turns(self) -> None:
        """Wait for the last sample and the turns as long as is promised; then unblock what shields itself."""
        self._tools.cancel_all()
        with trio.move_on_after(1.25 * self.agent.join_deadline_s, shield=True):
            await self._playout.wait_silent()
            await self._wait_for_turns()
        for _ in range(FORCED_ENDINGS):
            for turn in list(self._turns.values()):
                turn.force_end()
            self._tools.force_end()
            with trio.move_on_after(self.agent.join_deadline_s, shield=True):
                await self._wait_for_turns()

    async def _wait_for_turns(self) -> None:
        while self._running:
            await self._turn_gone.park()
        await self._tools.wait_gone()

    def _publish_blocked(self, task: str, blocked_s: float) -> None:
        self._bus.publish(LoopBlocked(self.now(), task, blocked_s))

    def _publish_end(self) -> None:
        """Let the last event be the last. Idempotent."""
        if not self._concluded.is_set():
            self._concluded.set()
            self._tools.close()
            left = len(self._running) + self._tools.tasks_left
            self._bus.publish(SessionEnded(self.now(), self._end_reason, left))
            self._bus.close()
            self._ended.set()


async def _connect(stack: AsyncExitStack, provider: str, connection: AbstractAsyncContextManager[T]) -> T:
    """Open a provider's connection for as long as `stack` lives."""
    with blame(provider):
        return await stack.enter_async_context(connection)


@asynccontextmanager
async def open_session(
    agent: Agent,
    transport: Transport,
    *,
    runtime: Runtime | None = None,
    session_id: str = "session",
    metadata: Mapping[str, str] | None = None,
    sinks: tuple[Sink, ...] = (),
) -> AsyncGenerator[Session]:
    """Begin a conversation; leaving the block ends it and leaves nothing behind.

    Args:
        agent: Who speaks.
        transport: The way to the caller.
        runtime: What to share with other sessions; by default one of its own.
        session_id: Its name, for logs.
        metadata: What the application wants to find again.
        sinks: Synchronous observers that see every event and every input of the Floor, such as an event log.

    Raises:
        ConfigError: A provider cannot be had, with what to do about it.
        ProviderError: A provider could not be reached, or two at once did not stop when cancelled.
        TransportError: The way to the caller failed.
    """
    async with AsyncExitStack() as stack:
        if runtime is None:
            runtime = await stack.enter_async_context(open_runtime())
        stack.enter_context(runtime.session_place())
        stt = await _connect(stack, agent.stt.name, agent.stt.connect(runtime.resources))
        llm = await _connect(stack, agent.llm.name, agent.llm.connect(runtime.resources))
        tts = await _connect(stack, agent.tts.name, agent.tts.connect(runtime.resources))
        session: Session | None = None
        try:
            async with trio.open_nursery() as nursery:
                session = Session(
                    agent,
                    transport,
                    (stt, llm, tts),
                    nursery,
                    runtime.tool_compute,
                    session_id=session_id,
                    metadata=metadata or {},
                    sinks=sinks,
                )
                await session._start()
                stack.enter_context(runtime.told_of_blocking(session._publish_blocked))
                try:
                    yield session
                finally:
                    await session._finish()  # noqa: ASYNC102 -- it shields itself, with a deadline
        except BaseExceptionGroup as group:
            errors = [error for error in group.exceptions if not isinstance(error, trio.Cancelled)]
            raise (errors or group.exceptions)[0] from group.__cause__
        finally:
            if session is not None:
                session._publish_end()
        if session._failure is not None:
            raise session._failure
