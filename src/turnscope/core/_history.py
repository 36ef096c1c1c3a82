"""The conversation as the language model gets it: what the caller said, and what they heard."""

from collections import deque
from collections.abc import Iterable
from dataclasses import asdict

from turnscope._errors import ConfigError
from turnscope.core._messages import Message

__all__ = ["History"]


class History:
    """Messages in order, bounded, trimmed by whole turns.

    So a question never loses its answer, nor a tool call its result.

    Args:
        max_messages: At most so many messages are kept, as far as whole turns allow; the newest turn is always kept.
    """

    def __init__(self, max_messages: int = 100) -> None:
        if max_messages < 1:
            raise ConfigError(f"max_messages must be at least 1, got {max_messages}")
        self._max_messages = max_messages
        self._turns: deque[tuple[Message, ...]] = deque()
        self._count = 0

    @property
    def messages(self) -> tuple[Message, ...]:
        """All messages, oldest first."""
        return tuple(message for turn in self._turns for message in turn)

    def append(self, *messages: Message) -> None:
        """Add the messages of one turn."""
        if not messages:
            return
        self._turns.append(messages)
        self._count += len(messages)
        self._trim()

    def _trim(self) -> None:
        while self._count > self._max_messages and len(self._turns) > 1:
            self._count -= len(self._turns.popleft())

    def amend(self, old: Message, new: Message) -> None:
        """Put `new` in place of `old`, the same object that was appended, if it is still kept."""
        for turn in self._turns:
            if any(message is old for message in turn):
                self.rewrite(old, *(new if message is old else message for message in turn))
                return

    def rewrite(self, member: Message, *messages: Message) -> None:
        """Put `messages` in place of the turn that `member` is in, the same object, if that is still kept."""
        for index, turn in enumerate(self._turns):
            if messages and any(message is member for message in turn):
                self._turns[index] = messages
                self._count += len(messages) - len(turn)
                self._trim()
                return

    def replace(self, messages: Iterable[Message]) -> None:
        """Put other messages in place of all; a turn begins with each message of the caller."""
        self.clear()
        turn: list[Message] = []
        for message in messages:
            if message.role == "user" and turn:
                self.append(*turn)
                turn = []
            turn.append(message)
        self.append(*turn)

    def clear(self) -> None:
        """Forget everything."""
        self._turns.clear()
        self._count = 0

    def to_list(self) -> list[dict[str, object]]:
        """The messages as plain JSON data."""
        return [_plain(message) for message in self.messages]


def _plain(message: Message) -> dict[str, object]:
    """A message without the parts that only messages about tools have, unless it is one."""
    plain = asdict(message)
    for key in ("tool_calls", "tool_call_id"):
        plain[key] = list(plain[key]) if key == "tool_calls" else plain[key]
        if not plain[key]:
            del plain[key]
    return plain
