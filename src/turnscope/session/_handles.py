"""What the application holds of a turn that it has begun."""

from collections.abc import Callable, Generator
from typing import Literal

from turnscope._errors import SessionClosed
from turnscope.core import FloorInput, Outcome, ProtectionChanged, SayCancelled
from turnscope.session._turn import Turn

__all__ = ["SpeechHandle", "TurnSource"]

TurnSource = Literal["application", "client"]
"""Whose hand begins and ends the caller's turn."""


class SpeechHandle:
    """A turn on its way, begun by `Session.say`, `generate_reply`, `send_text` or `resume_interrupted`.

    ``await handle`` is the same as ``await handle.wait_for_playout()``.
    """

    def __init__(
        self, turn: Turn, feed: Callable[[FloorInput], None], now: Callable[[], int], *, allow_interruptions: bool
    ) -> None:
        self._turn = turn
        self._feed = feed
        self._now = now
        self._allow_interruptions = allow_interruptions

    @property
    def turn_id(self) -> int:
        """The turn that it is, in events."""
        return self._turn.turn_id

    @property
    def outcome(self) -> Outcome | None:
        """How it ended; None while it has not."""
        return self._turn.ending.outcome if self._turn.ending.published.is_set() else None

    @property
    def allow_interruptions(self) -> bool:
        """Whether the caller's words can cut it off; while they cannot, they are held. May be changed at any time."""
        return self._allow_interruptions

    @allow_interruptions.setter
    def allow_interruptions(self, allow: bool) -> None:
        if allow != self._allow_interruptions:
            self._allow_interruptions = allow
            self._feed(ProtectionChanged(self._now(), self.turn_id, allow))

    def cancel(self, reason: str = "interrupted") -> None:
        """Stop it, or keep it from beginning, also when it is protected. At once, and idempotent.

        When this returns, its gate is shut: nothing of it will be heard but the fade.
        """
        if not self._turn.ending.published.is_set():
            self._feed(SayCancelled(self._now(), self.turn_id, reason))

    async def wait_for_playout(self) -> Outcome:
        """Wait until it was heard to its end, or was not: being interrupted is an outcome, not an exception.

        Raises:
            SessionClosed: The session ended before it had begun.
        """
        await self._turn.ending.published.wait()
        if self._turn.ending.outcome is None:
            raise SessionClosed("the session ended before this was said")
        return self._turn.ending.outcome

    def __await__(self) -> Generator[object, None, Outcome]:
        return self.wait_for_playout().__await__()
