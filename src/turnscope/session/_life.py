"""The life of a session: how its tasks begin, how it is over, and how everything of it is made to end."""

import logging
import math
from typing import get_args

import trio

from turnscope._errors import ConfigError, ProviderError, TransportError, TurnscopeError
from turnscope.core import (
    CloseRequested,
    EndRequested,
    Finish,
    Floor,
    LoopBlocked,
    SessionEnded,
    SessionOpened,
    State,
    to_samples,
)
from turnscope.session._bus import EventBus
from turnscope.session._clock import SessionClock
from turnscope.session._ears import Ears
from turnscope.session._hooks import Hooks
from turnscope.session._judging import Judging
from turnscope.session._playout import Playout
from turnscope.session._toolbox import Toolbox
from turnscope.session._turns import Turns
from turnscope.session._watcher import Watcher
from turnscope.session._zombies import FORCED_ENDINGS
from turnscope.transports import Transport

__all__ = ["Life", "end_request"]

_logger = logging.getLogger("turnscope")


def end_request(now: int, reason: str, finish: Finish, within_s: float) -> EndRequested:
    """What the Floor is told when the application wants the session to end.

    Raises:
        ConfigError: An argument makes no sense.
    """
    if finish not in get_args(Finish):
        raise ConfigError(f"finish must be one of {', '.join(get_args(Finish))}, got {finish!r}")
    if not reason:
        raise ConfigError("reason must not be empty")
    if not 0 < within_s < math.inf:
        raise ConfigError(f"within_s must be positive, got {within_s}")
    return EndRequested(now, reason, finish, to_samples(within_s))


class Life:
    """Begins and ends what a session is made of.

    Args:
        nursery: The session's.
        clock: The session's.
        floor: Knows whether the conversation is over.
        watcher: Drives the Floor.
        transport: Is told when the session is over.
        ears: Hear the caller.
        playout: Plays to the caller.
        turns: Live in the nursery.
        judging: Asks the interruption detector.
        tools: Their calls may outlive the turns that asked for them, but not the session.
        bus: Is told of the end.
        hooks: Are given time to handle it.
        join_deadline_s: How long cancelled tasks may take to end.
    """

    def __init__(
        self,
        nursery: trio.Nursery,
        clock: SessionClock,
        floor: Floor,
        watcher: Watcher,
        transport: Transport,
        ears: Ears,
        playout: Playout,
        turns: Turns,
        judging: Judging,
        tools: Toolbox,
        bus: EventBus,
        hooks: Hooks,
        join_deadline_s: float,
    ) -> None:
        self.failure: TurnscopeError | None = None
        """Why the session could not go on, if that is how it ended."""
        self.concluded: trio.Event = trio.Event()
        """Set when the conversation is over and its last event was published."""
        self.join_deadline_s: float = join_deadline_s
        """That of the agent that speaks."""
        self._ended = trio.Event()
        self._nursery = nursery
        self._clock = clock
        self._floor = floor
        self._watcher = watcher
        self._transport = transport
        self._ears = ears
        self._playout = playout
        self._turns = turns
        self._judging = judging
        self._tools = tools
        self._bus = bus
        self._hooks = hooks
        self._reason = "shutdown"

    async def start(self) -> None:
        """Begin: from now on the session hears and speaks."""
        self._nursery.start_soon(self._watcher.run, name="watcher")
        self._nursery.start_soon(self._play, name="playout")
        await self._nursery.start(self._tools.own_calls, name="tools")
        self._watcher.feed(SessionOpened(self._clock.now()))
        self._nursery.start_soon(self._judging.run, name="judging")
        self._nursery.start_soon(self._hear, name="ears")
        self._nursery.start_soon(self._conclude, name="conclusion")
        await trio.lowlevel.checkpoint()

    def close(self, reason: str) -> None:
        """The Floor says that the conversation is over."""
        if reason == "providers do not stop":
            self._fail(ProviderError("turnscope", "two providers at once did not stop when they were cancelled"))
        self._reason = reason
        self._ended.set()

    async def finish(self) -> None:
        """The session's block is being left: end the conversation, and everything of it."""
        if self._floor.state is not State.ENDED:
            self._watcher.feed(CloseRequested(self._clock.now()))
        await self._end_turns()
        self.publish_end()
        await self._hooks.close()
        self._nursery.cancel_scope.cancel()

    def publish_end(self) -> None:
        """Let the last event be the last. Idempotent."""
        if not self.concluded.is_set():
            self.concluded.set()
            self._tools.close()
            left = self._turns.count_tasks() + self._tools.tasks_left
            self._bus.publish(SessionEnded(self._clock.now(), self._reason, left))
            self._bus.close()
            self._hang_up()

    def _hang_up(self) -> None:
        try:
            self._transport.close()
        except Exception:
            _logger.exception("the transport could not be closed")

    def publish_blocked(self, task: str, blocked_s: float) -> None:
        """Say that a task has blocked the event loop."""
        self._bus.publish(LoopBlocked(self._clock.now(), task, blocked_s))

    def _fail(self, error: TurnscopeError) -> None:
        self.failure = error
        self._nursery.cancel_scope.cancel()

    async def _hear(self) -> None:
        try:
            await self._ears.run()
        except (ProviderError, TransportError) as error:
            self._fail(error)

    async def _play(self) -> None:
        try:
            await self._playout.run()
        except TransportError as error:
            self._fail(error)

    async def _conclude(self) -> None:
        """Once the conversation is over: have everything of it end, and say so."""
        await self._ended.wait()
        await self._end_turns()
        self.publish_end()

    async def _end_turns(self) -> None:
        """Wait for the last sample and the turns as long as is promised; then unblock what shields itself."""
        self._tools.cancel_all()
        self._judging.stop()
        with trio.move_on_after(1.25 * self.join_deadline_s, shield=True):
            await self._playout.wait_silent()
            await self._wait_gone()
        for _ in range(FORCED_ENDINGS):
            self._turns.force_end()
            self._judging.force_end()
            self._tools.force_end()
            with trio.move_on_after(self.join_deadline_s, shield=True):
                await self._wait_gone()

    async def _wait_gone(self) -> None:
        await self._turns.wait_gone()
        await self._judging.wait_idle()
        await self._tools.wait_gone()
