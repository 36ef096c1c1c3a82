"""What an application does with a session. The only way to have one is `open_session`."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from types import MappingProxyType
from typing import Any, TypeVar, overload

import trio

from turnscope._errors import QueueFull, SessionClosed
from turnscope.core import (
    CloseSession,
    Emit,
    Event,
    Floor,
    History,
    InterruptRequested,
    Message,
    Order,
    PolicyFailed,
    ReplyRequested,
    SayRequested,
    SpeechStarted,
    SpeechStopped,
    State,
    TextReceived,
    UserTurnCleared,
    unheard_rest,
)
from turnscope.providers import Compute, DetectorConnection, LLMConnection, STTConnection, TTSConnection, VoiceOptions
from turnscope.session._agent import Agent
from turnscope.session._bus import EventBus, Sink
from turnscope.session._clock import SessionClock
from turnscope.session._ears import Ears
from turnscope.session._far_end import FarEnd
from turnscope.session._handles import SpeechHandle, TurnSource
from turnscope.session._hooks import Hook, HookHandle, Hooks
from turnscope.session._judging import Judging
from turnscope.session._life import Life
from turnscope.session._memory import remember
from turnscope.session._playout import Playout
from turnscope.session._requests import Pieces, Request
from turnscope.session._toolbox import Toolbox
from turnscope.session._turn import Turn, TurnContext
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
        detector: DetectorConnection | None = None,
    ) -> None:
        self.id = session_id
        self.metadata: Mapping[str, str] = MappingProxyType(dict(metadata))
        self.agent = agent
        self._nursery = nursery
        self._bus = EventBus(sinks)
        self._clock = SessionClock()
        self.history: History = remember(agent.history, self._clock, self._bus.publish)
        self._resuming: tuple[Message, SpeechHandle] | None = None
        """The reply that was last gone on with at the application's wish, and what came of it."""
        self._floor = Floor(agent.floor_settings)
        self._watcher = Watcher(self._floor, self._clock, self._obey, self._bus)
        far_end = FarEnd(transport.output_hz)
        self._ears = Ears(agent, transport, self._clock, self._watcher.feed, self._bus.publish, far_end)
        self._playout = Playout(transport, self._clock, far_end)
        self._judging = Judging(detector, agent, self._ears, self._clock, self._watcher.feed, self._bus.publish)
        self._tools = Toolbox(
            agent,
            compute=tool_compute,
            session_id=session_id,
            metadata=self.metadata,
            history=self.history,
            now=self._clock.now,
            feed=self._watcher.feed,
            publish=self._bus.publish,
            announce=self.generate_reply,
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
            self._judging,
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

    async def say(
        self,
        text: str | Pieces,
        *,
        voice: str | None = None,
        speed: float | None = None,
        volume: float | None = None,
        allow_interruptions: bool = True,
        priority: int = 0,
        add_to_history: bool = True,
    ) -> SpeechHandle:
        """Say `text`, after what is being said and what is waiting to be.

        Args:
            text: What to say; or its pieces, as they are being written: an async iterator, or the context of one. They
                are read when its turn has come, and said as soon as they make a clause.
            voice: Instead of the agent's `VoiceOptions.voice`.
            speed: Instead of the agent's `VoiceOptions.speed`.
            volume: Instead of the agent's `VoiceOptions.volume`.
            allow_interruptions: False protects it: the caller's words are held until it has been said.
            add_to_history: False keeps it from the language model, now and later.
            priority: With 1 or more it does not wait: what is said with a lower priority is interrupted, for the
                reason ``priority_message``, and if the caller is speaking, their words are held.

        Raises:
            ConfigError: A number is out of its range.
            QueueFull: `Agent.max_queued_says` things wait already.
            SessionClosed: The session has ended.
        """
        await trio.lowlevel.checkpoint()
        pieces = None if isinstance(text, str) else text
        request = Request(pieces, self._voice(voice, speed, volume), add_to_history)
        turn = self._new_turn(request, queued=True)
        said = text if isinstance(text, str) else ""
        self._watcher.feed(SayRequested(self.now(), turn.turn_id, said, allow_interruptions, priority))
        return self._handle(turn, allow_interruptions=allow_interruptions)

    async def generate_reply(
        self,
        *,
        instructions: str = "",
        user_text: str = "",
        voice: str | None = None,
        speed: float | None = None,
        volume: float | None = None,
        allow_interruptions: bool = True,
        add_to_history: bool = True,
    ) -> SpeechHandle:
        """Have the language model say something of its own accord, after what is being said and waiting to be.

        Args:
            instructions: What the model is told for this answer only, in a system message after the conversation.
            user_text: Words of the caller that the model is to answer; they become part of the history.
            voice: As for `say`.
            speed: As for `say`.
            volume: As for `say`.
            allow_interruptions: As for `say`.
            add_to_history: As for `say`; with False, `user_text` is not remembered either.

        Raises:
            ConfigError: A number is out of its range.
            QueueFull: `Agent.max_queued_says` things wait already.
            SessionClosed: The session has ended.
        """
        await trio.lowlevel.checkpoint()
        request = Request(None, self._voice(voice, speed, volume), add_to_history, instructions)
        turn = self._new_turn(request, queued=True)
        self._watcher.feed(ReplyRequested(self.now(), turn.turn_id, user_text, allow_interruptions))
        return self._handle(turn, allow_interruptions=allow_interruptions)

    async def send_text(self, text: str) -> SpeechHandle:
        """The caller typed `text`: answer it now, instead of whatever is being said, or as `Agent.new_input` has it.

        Raises:
            QueueFull: It would have to wait, and `Agent.max_queued_says` things wait already.
            SessionClosed: The session has ended.
        """
        await trio.lowlevel.checkpoint()
        turn = self._new_turn(Request(), queued=self._floor.typed_input_waits)
        self._watcher.feed(TextReceived(self.now(), turn.turn_id, text))
        return self._handle(turn, allow_interruptions=True)

    def start_user_turn(self, source: TurnSource = "application") -> None:
        """The caller begins, by somebody's hand: what is being said is interrupted, and they are listened to.

        Until `end_user_turn` no detector ends their turn, in any `turn_mode`.

        Args:
            source: Whose hand: ``"application"``, or ``"client"`` for a button that the caller presses.
        """
        now = self.now()
        self._watcher.feed(SpeechStarted(now, now, now, "turn", 1.0, source))

    def end_user_turn(self, source: TurnSource = "application") -> None:
        """The caller's turn is over: answer it as soon as its words are known."""
        now = self.now()
        self._watcher.feed(SpeechStopped(now, now, "turn", source))

    def clear_user_turn(self) -> None:
        """Throw away what the caller is saying: nobody answers it."""
        self._watcher.feed(UserTurnCleared(self.now()))

    async def resume_interrupted(self, *, allow_interruptions: bool = True) -> SpeechHandle | None:
        """Go on with the reply that was interrupted last, from its first unheard word, as a turn of its own.

        It need not have been interrupted in this session: what is restored with its history can be gone on with, too.

        Args:
            allow_interruptions: As for `say`.

        Returns:
            What was begun, or what is going on already; None if nothing was left unheard.

        Raises:
            QueueFull: `Agent.max_queued_says` things wait already.
            SessionClosed: The session has ended.
        """
        await trio.lowlevel.checkpoint()
        self._check_open()
        reply = self.history.resumable(None)
        if reply is None:
            return None
        if self._resuming is None or self._resuming[0] is not reply or self._resuming[1].outcome is not None:
            turn, said = self._new_turn(Request(resumes=reply), queued=True), unheard_rest(reply)
            self._resuming = reply, self._handle(turn, allow_interruptions=allow_interruptions)
            self._watcher.feed(SayRequested(self.now(), turn.turn_id, said, allow_interruptions))
        return self._resuming[1]

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

    def _voice(self, voice: str | None, speed: float | None, volume: float | None) -> VoiceOptions:
        """The agent's way to speak, as far as nothing else is wanted."""
        own = self.agent.voice
        return VoiceOptions(
            own.voice if voice is None else voice,
            own.speed if speed is None else speed,
            own.volume if volume is None else volume,
        )

    def _new_turn(self, request: Request, *, queued: bool) -> Turn:
        """A turn that the application begins; the Floor has yet to be told."""
        self._check_open()
        most = self.agent.max_queued_says
        if queued and self._floor.queued >= most:
            raise QueueFull(f"{most} things wait to be said already (max_queued_says)")
        return self._turns.prepare(self._floor.reserve_turn_id(), request)

    def _handle(self, turn: Turn, *, allow_interruptions: bool) -> SpeechHandle:
        return SpeechHandle(turn, self._watcher.feed, self.now, allow_interruptions=allow_interruptions)

    # What the Floor orders

    def _obey(self, order: Order) -> None:
        match order:
            case Emit(event):
                if isinstance(event, PolicyFailed):
                    _logger.error("the interruption policy %s failed: %s", event.policy, event.message)
                self._bus.publish(event)
                self._judging.notice(event)
            case CloseSession(reason):
                self._life.close(reason)
            case _:
                self._turns.obey(order)

    def _check_open(self) -> None:
        if self._floor.state is State.ENDED:
            raise SessionClosed(f"session {self.id} has ended")
