"""What a tool may know about its call, and what it may say about it while it runs."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol, TypeVar

import trio

if TYPE_CHECKING:
    from turnscope.session._agent import Agent

__all__ = ["CallControl", "ToolContext"]

T = TypeVar("T")


class CallControl(Protocol):
    """What a context passes on. Its methods are called in Trio's thread."""

    def commit(self) -> None:
        """See `ToolContext.committed`."""

    def close(self, reason: str) -> None:
        """See `ToolContext.end_conversation`."""

    async def hand_over(self, agent: "Agent") -> None:
        """See `ToolContext.hand_over`."""


class ToolContext:
    """Given to a tool's parameter that is annotated with this class; the model does not see that parameter.

    A function that runs in a thread may call the methods, too.

    Attributes:
        call_id: Names the call in events: ``turn.attempt.number``. Unique in the session.
        tool: The tool's name.
        turn_id: The turn that asked.
        idempotency_key: Names what is asked for: the same when an answer is begun anew, in the same turn, and asks for
            the same with the same arguments. Pass it to services that know such keys, so that nothing is done twice.
        session_id: The session's.
        metadata: The session's; see `turnscope.session.open_session`.
    """

    def __init__(
        self,
        *,
        call_id: str,
        tool: str,
        turn_id: int,
        idempotency_key: str,
        session_id: str,
        metadata: Mapping[str, str],
        control: CallControl,
    ) -> None:
        self.call_id: str = call_id
        self.tool: str = tool
        self.turn_id: int = turn_id
        self.idempotency_key: str = idempotency_key
        self.session_id: str = session_id
        self.metadata: Mapping[str, str] = metadata
        self._control = control

    def committed(self) -> None:
        """Say that from here on there is something that cannot be undone.

        Until a tool of it has said so, an answer is begun anew without a word when the caller goes on before they have
        heard anything of it. After that, whoever goes on interrupts: what was done stays in the conversation.

        Raises:
            ToolWithdrawn: The call has been cancelled; do not do it.
        """
        _in_trio(self._control.commit)

    def end_conversation(self, reason: str = "agent_hung_up") -> None:
        """Hang up once the reply that follows has been heard to its end.

        It counts only if the call returns, and it does not if the caller interrupts that reply: they have
        something to say.

        Args:
            reason: What `turnscope.core.SessionEnded` will say.
        """
        _in_trio(lambda: self._control.close(reason))

    async def hand_over(self, agent: "Agent") -> None:
        """Let another agent take over: it gives the next answer. See `turnscope.session.Session.hand_over`.

        The answer that this call belongs to goes on to its end, and is not taken back silently any more (`committed`).
        If the call is cancelled while the other agent's providers are being reached, the old agent stays.

        Raises:
            ToolWithdrawn: The call has been cancelled.
            SessionClosed, ConfigError, ProviderError: As for the session's method.
        """
        _in_trio(self._control.commit)
        await self._control.hand_over(agent)


def _in_trio(function: Callable[[], T]) -> T:
    """Call `function` in Trio's thread, from wherever this is."""
    if trio.lowlevel.in_trio_task():
        return function()
    return trio.from_thread.run_sync(function)
