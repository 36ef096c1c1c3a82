"""One call of a tool: when it may start, how it is settled, and what becomes of it when nobody waits any more."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

from turnscope._errors import ToolWithdrawn
from turnscope.core import AttemptCommitted, Message, ToolCall, ToolFinishedLate, ToolSettled, ToolStarted
from turnscope.providers import Compute
from turnscope.session._tool import Tool
from turnscope.session._tool_context import ToolContext

if TYPE_CHECKING:
    from turnscope.session._agent import Agent
    from turnscope.session._toolbox import Toolbox

__all__ = ["Asked", "ToolRun"]

PENDING = "(not finished yet)"
"""The result of a call that is not settled yet. No model sees it: models are asked when calls are settled."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that a model asks for.

    Attributes:
        turn_id: The turn whose answer asks.
        attempt: Which of its answers.
        call_id: Names the call in events.
        key: Its idempotency key.
        call: What is asked for.
    """

    turn_id: int
    attempt: int
    call_id: str
    key: str
    call: ToolCall


class ToolRun:
    """One call. It is settled exactly once, unless it is dropped before it starts.

    Args:
        asked: What the model asks for.
        tool: What is called; None if there is no such tool.
        arguments: With what.
        box: The session's tools.
    """

    def __init__(self, asked: Asked, tool: Tool | None, arguments: dict[str, object], box: "Toolbox") -> None:
        self.asked: Asked = asked
        self.tool: Tool | None = tool
        self.arguments: dict[str, object] = arguments
        self.scope: trio.CancelScope = trio.CancelScope()
        """Around the function."""
        self.patience: trio.CancelScope = trio.CancelScope()
        """In which its end is waited for: when this is over, the call is cancelled."""
        self.task: trio.lowlevel.Task | None = None
        self.over: trio.Event = trio.Event()
        """Its function has come to an end."""
        self.timeout_s: float = math.inf
        """How long it may take, from its start."""
        self.timed_out: bool = False
        self.started: int | None = None
        self.settlement: ToolSettled | None = None
        self.settled: trio.Event = trio.Event()
        self.on_settled: Callable[[], None] | None = None
        self.released: str = ""
        """Why its answer does not wait for it any more; empty as long as it does."""
        self.closing: str = ""
        """Why the conversation is to end."""
        self._box = box

    @property
    def counts(self) -> bool:
        """It stands in the conversation: it has been started, or was settled without."""
        return self.started is not None or self.settlement is not None

    @property
    def result(self) -> Message:
        """What the model is told of it."""
        text = PENDING if self.settlement is None else self.settlement.text
        return Message("tool", text, tool_call_id=self.asked.call.id)

    @property
    def returned(self) -> bool:
        """It has returned while its answer waited for it."""
        return self.settlement is not None and self.settlement.kind == "returned"

    @property
    def context(self) -> ToolContext:
        """What its tool is given."""
        return ToolContext(
            call_id=self.asked.call_id,
            tool=self.asked.call.name,
            turn_id=self.asked.turn_id,
            idempotency_key=self.asked.key,
            session_id=self._box.session.id,
            metadata=self._box.session.metadata,
            control=self,
        )

    # Its life

    def start(self, timeout_s: float) -> None:
        """Its function is about to be called."""
        asked = self.asked
        self.timeout_s = timeout_s
        self.patience.deadline = trio.current_time() + timeout_s
        self.started = self._box.now()
        self._box.publish(ToolStarted(self.started, asked.turn_id, asked.call_id, asked.call.name, asked.key))

    async def call_function(self, compute: Compute) -> object:
        """Call it."""
        if self.tool is None:
            raise LookupError(f"there is no tool {self.asked.call.name}")
        return await self.tool.call(self.arguments, self.context, compute)

    def settle(self, kind: str, text: str) -> None:
        """Say how it ended. What comes later changes nothing."""
        if self.settlement is not None:
            return
        asked, now = self.asked, self._box.now()
        self.settlement = ToolSettled(
            now, asked.turn_id, asked.call_id, asked.call.name, kind, text, self.released, asked.key, self.started
        )
        self._box.publish(self.settlement)
        self.settled.set()
        if self.on_settled is not None:
            self.on_settled()

    def finish(self, kind: str, text: str) -> None:
        """Its function has come to an end, in one way or another."""
        self.over.set()
        if self.settlement is None:
            self.settle(kind, text)
            return
        asked, now = self.asked, self._box.now()
        kept = self.settlement.kind == "detached" and kind != "cancelled"
        self._box.publish(ToolFinishedLate(now, asked.turn_id, asked.call_id, asked.call.name, kind, text, kept))
        if kept:
            self._box.keep(self, text)

    def release(self, reason: str) -> None:
        """Its answer was interrupted or taken back: from now on it is its tool's policy that counts.

        Synchronous and idempotent. A call that has not been started never is.
        """
        if self.released or self.settlement is not None:
            return
        self.released = reason
        policy = "cancel" if self.tool is None or self.started is None else self.tool.on_interruption
        match policy:
            case "cancel":
                self.cancel(reason)
            case "finish_discard":
                self.settle("cancelled", "Interrupted. The call goes on, but its result will not be known.")
            case "finish_keep" if self.tool is not None:
                self.patience.deadline = min(self.patience.deadline, trio.current_time() + self.tool.keep_s)
            case "detach":
                self.patience.deadline = math.inf
                self.settle("detached", "The call goes on. Its result will be given later.")

    def cancel(self, reason: str) -> None:
        """Have its function end."""
        self.scope.cancel(reason=reason)
        self.patience.cancel(reason=reason)

    # What its tool says; see `ToolContext`

    def commit(self) -> None:
        """See `turnscope.session.ToolContext.committed`."""
        if self.scope.cancel_called:
            raise ToolWithdrawn(f"the call {self.asked.call_id} of {self.asked.call.name} has been cancelled")
        if not self.released:
            self._box.feed(AttemptCommitted(self._box.now(), self.asked.turn_id, self.asked.attempt))

    def close(self, reason: str) -> None:
        """See `turnscope.session.ToolContext.end_conversation`."""
        self.closing = reason

    async def hand_over(self, agent: "Agent") -> None:
        """See `turnscope.session.ToolContext.hand_over`."""
        await self._box.session.hand_over(agent)
