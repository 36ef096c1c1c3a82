"""What the application holds of something it asked to be said."""

from collections.abc import Callable

from turnscope._errors import SessionClosed
from turnscope.core import Outcome
from turnscope.session._turn import Turn

__all__ = ["SayHandle"]


class SayHandle:
    """A `say` on its way. Made by `Session.say`."""

    def __init__(self, turn: Turn, cancel: Callable[[str], None]) -> None:
        self._turn = turn
        self._cancel = cancel

    @property
    def turn_id(self) -> int:
        """The turn that it is, in events."""
        return self._turn.turn_id

    @property
    def outcome(self) -> Outcome | None:
        """How it ended; None while it has not."""
        return self._turn.ending.outcome if self._turn.ending.published.is_set() else None

    def cancel(self, reason: str = "interrupted") -> None:
        """Stop it, or keep it from beginning. At once, and idempotent."""
        if not self._turn.ending.published.is_set():
            self._cancel(reason)

    async def wait_for_playout(self) -> Outcome:
        """Wait until it was heard to its end, or was not: being interrupted is an outcome, not an exception."""
        await self._turn.ending.published.wait()
        if self._turn.ending.outcome is None:
            raise SessionClosed("the session ended before this was said")
        return self._turn.ending.outcome
