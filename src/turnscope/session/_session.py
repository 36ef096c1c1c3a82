"""What an application does with a session. The only way to have one is `open_session`."""

import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from types import MappingProxyType
from typing import Any, TypeVar, overload

import trio

from turnscope._errors import QueueFull, SessionClosed
from turnscope.core import (
    ChangeAgent,
    CloseSession,
    Emit,
    Event,
    Finish,
    Floor,
    HandOverRequested,
    HeardWord,
    History,
    InterruptRequested,
    KeptAlive,
    Message,
    Order,
    PolicyFailed,
    ProviderReplaced,
    ReplyRequested,
    SayRequested,
    SpeechStarted,
    SpeechStopped,
    State,
    TextReceived,
    UserTurnCleared,
    unheard_rest,
)
from turnscope.providers import Compute, DetectorConnection
from turnscope.session._agent import Agent
from turnscope.session._bus import EventBus, Sink
from turnscope.session._clock import SessionClock
from turnscope.session._connections import Connections
from turnscope.session._ears import Ears
from turnscope.session._far_end import FarEnd
from turnscope.session._handles import SpeechHandle, TurnSource
from turnscope.session._hooks import Handler, Hook, HookHandle, Hooks
from turnscope.session._judging import Judging
from turnscope.session._life import Life, end_request
from turnscope.session._line_ups import LineUps, Reached
from turnscope.session._memory import keep_safe, remember
from turnscope.session._playout import Playout
from turnscope.session._requests import Pieces, Request
from turnscope.session._tap import AgentKnown, Opening, TapGuard
from turnscope.session._tapped import Taps
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
        connections: Connections,
        reached: Reached,
        nursery: trio.Nursery,
        tool_compute: Compute,
        *,
        session_id: str,
        metadata: Mapping[str, str],
        sinks: tuple[Sink, ...],
        hooks: tuple[Hook[Any], ...],
        detector: DetectorConnection | None = None,
        guard: TapGuard,
    ) -> None:
        self.id = session_id
        self.metadata: Mapping[str, str] = MappingProxyType(dict(metadata))
        self.agent: Agent = agent
        self._nursery = nursery
        self._guard = guard
        self._bus = bus = EventBus(sinks, guard)
        self._clock = clock = SessionClock()
        taps = Taps(guard, clock)
        transport = taps.transport(transport)
        guard.take(Opening.of(session_id, metadata, transport))
        guard.take(AgentKnown(agent))
        self.history: History = remember(agent.history, clock, bus.publish)
        self._resuming: tuple[Message, SpeechHandle] | None = None
        """The reply that was last gone on with at the application's wish, and what came of it."""
        self._floor = floor = Floor(agent.floor_settings, agent.name)
        self._watcher = watcher = Watcher(floor, clock, self._obey, bus, guard)
        feed, publish = watcher.feed, bus.publish
        far_end = FarEnd(transport.output_hz)
        self._ears = ears = Ears(agent, transport, clock, feed, publish, far_end, lambda: floor.judging, taps)
        playout = Playout(transport, clock, far_end)
        self._judging = judging = Judging(detector, agent, ears, clock, feed, publish, taps)
        tools = Toolbox(self, tool_compute, feed, publish)
        connections.on_replaced = lambda name: publish(ProviderReplaced(self.now(), name))
        self._line_ups = LineUps(agent, reached, connections)
        context = TurnContext(
            agent, clock, ears, playout, self.history, *reached, tools, feed, publish, connections.distrust, taps
        )
        self._turns = turns = Turns(context, nursery)
        self._hooks = on_event = Hooks(self, bus, clock, nursery)
        parts = (clock, floor, watcher, transport, ears, playout, turns, judging, tools, bus, on_event)
        self._life = Life(nursery, *parts, agent.join_deadline_s)
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

    def words_heard(self) -> dict[int, tuple[HeardWord, ...]]:
        """By turns, the words heard so far of what is being said; the `stop` of the last may be about to come."""
        return self._turns.heard_words()

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
            text: What to say; or its pieces as they are written: an async iterator, or the context of one.
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
        request = Request(pieces, voice, speed, volume, add_to_history)
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
        request = Request(None, voice, speed, volume, add_to_history, instructions)
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

    async def hand_over(self, agent: Agent) -> None:
        """Let another agent take over: it gives the next answer, and knows all that was said.

        What is being said goes on to its end, by the agent that began it; an `AgentChanged` event tells when the other
        one has taken over. The new agent's settings hold from that moment; of the first agent, `Agent.detector`,
        `Agent.stages` and `Agent.echo_guard` stay, which are about the line and not about who speaks. Connections of
        providers that both have are kept, the others are made before this returns and closed when nothing uses them any
        more.

        Raises:
            SessionClosed: The session has ended.
            ConfigError: Another agent of this session has the same name and other settings; or a provider cannot be
                had.
            ProviderError: A provider could not be reached: the old agent stays.
        """
        self._check_open()
        self._floor.know(agent.name, agent.floor_settings)
        self._ears.prepare(agent)
        self._guard.take(AgentKnown(agent))
        await self._line_ups.prepare(agent)
        self._check_open()
        self._watcher.feed(HandOverRequested(self.now(), agent.name))

    def keep_alive(self) -> None:
        """Somebody is there, although nobody speaks: timeouts and re-prompts are counted from now on."""
        self._watcher.feed(KeptAlive(self.now()))

    def end(self, reason: str = "shutdown", *, finish: Finish = "sentence", within_s: float = 10.0) -> None:
        """End the session, and return at once: `wait_ended` waits until it has. Idempotent.

        From now on nothing new can be said.

        Args:
            reason: Why, for events: what was not finished has been left for this reason.
            finish: What the agent may finish: ``"nothing"``; its ``"sentence"``; or ``"everything"`` that it is saying
                and was asked to say. The caller can still interrupt it, which ends the session.
            within_s: After so long it ends in any case.

        Raises:
            ConfigError: An argument makes no sense.
        """
        self._watcher.feed(end_request(self.now(), reason, finish, within_s))

    def events(self, capacity: int = EVENT_BACKLOG) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Subscribe to events: ``async with session.events() as events: async for event in events: ...``.

        Args:
            capacity: Events that may wait for this subscriber; one more, and it loses some and is told how many.
        """
        return self._bus.subscribe(capacity)

    @overload
    def on(self, wanted: type[E], handler: Handler[E], *, backlog: int = ...) -> HookHandle: ...

    @overload
    def on(self, wanted: Callable[[Event], bool], handler: Handler[Event], *, backlog: int = ...) -> HookHandle: ...

    def on(self, wanted: Any, handler: Handler[Any], *, backlog: int = EVENT_BACKLOG) -> HookHandle:
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

    def _new_turn(self, request: Request, *, queued: bool) -> Turn:
        """A turn that the application begins; the Floor has yet to be told."""
        self._check_open()
        request.way_to_speak(self.agent.voice)  # what makes no sense is said now
        most = self.agent.max_queued_says
        if queued and self._floor.queued >= most:
            raise QueueFull(f"{most} things wait to be said already (max_queued_says)")
        return self._turns.prepare(self._watcher.reserve_turn_id(), request)

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
            case ChangeAgent(name):
                self._change_agent(name)
            case CloseSession(reason):
                self._life.close(reason)
            case _:
                self._turns.obey(order)

    def _change_agent(self, name: str) -> None:
        self.agent, (stt, llm, tts) = self._line_ups.switch(name)
        self._turns.context = replace(self._turns.context, agent=self.agent, stt=stt, llm=llm, tts=tts)
        self._ears.hand_over(self.agent)
        self._life.join_deadline_s = self.agent.join_deadline_s
        self.history.change_settings(keep_safe(self.agent.history))

    def _check_open(self) -> None:
        if self._floor.state is State.ENDED or self._floor.closing:
            raise SessionClosed(f"session {self.id} has ended, or is about to")
