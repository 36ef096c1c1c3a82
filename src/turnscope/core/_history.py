"""The conversation as it is remembered: what the caller said, and what they heard."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from turnscope._errors import ConfigError
from turnscope.core._history_json import message_to_dict, turns_from_json, turns_to_json
from turnscope.core._history_settings import HistorySettings, given_text
from turnscope.core._messages import Message
from turnscope.core._prompt import as_prompt
from turnscope.core._resuming import unheard_rest

__all__ = ["History", "HistoryChange", "HistoryChangeKind"]

HistoryChangeKind = Literal["added", "amended", "trimmed", "replaced", "cleared", "restored"]
"""What became of a history."""


@dataclass(frozen=True, slots=True)
class HistoryChange:
    """A change of a history.

    Attributes:
        kind: ``added`` or ``amended`` with a turn of the conversation, ``trimmed`` to its limits, ``replaced`` or
            ``cleared`` by the application, ``restored`` from what was saved.
        messages: Those that were added, put in place of others, or dropped; none for ``cleared``.
        turn_id: The turn that they belong to, where there is one.
    """

    kind: HistoryChangeKind
    messages: tuple[Message, ...]
    turn_id: int | None = None


@dataclass(frozen=True, slots=True)
class _Turn:
    messages: tuple[Message, ...]
    size: tuple[int, int, int]
    """Messages, characters and tokens."""


class History:
    """Messages in order, bounded, trimmed by whole turns.

    So a question never loses its answer, nor a tool call its result.

    An application may read and change it at any time. A turn that is running has been given its messages already: what
    is changed counts from the next answer on, and when the running turn ends, its own messages are added to what is
    there by then.

    Args:
        settings: Its limits, and what a model is told about interruptions.
        on_change: Called with each change, after it. Must not raise.
    """

    def __init__(
        self, settings: HistorySettings | None = None, *, on_change: Callable[[HistoryChange], None] | None = None
    ) -> None:
        self.settings: HistorySettings = settings or HistorySettings()
        self._on_change = on_change
        self._turns: deque[_Turn] = deque()

    # Reading

    @property
    def messages(self) -> tuple[Message, ...]:
        """All messages, oldest first."""
        return tuple(message for turn in self._turns for message in turn.messages)

    @property
    def turns(self) -> tuple[tuple[Message, ...], ...]:
        """The same, turn by turn."""
        return tuple(turn.messages for turn in self._turns)

    @property
    def tokens(self) -> int:
        """How many tokens they cost, as `HistorySettings.count_tokens` counts."""
        return sum(turn.size[2] for turn in self._turns)

    def prompt(self, *asked: Message) -> tuple[Message, ...]:
        """What a model is given (`as_prompt`) when `asked` comes next."""
        return as_prompt((*self.messages, *asked), self.settings.interruption_note)

    def resumable(self, max_turns_between: int | None = 0) -> Message | None:
        """The reply that was interrupted and can be gone on with, which is what `unheard_rest` gives of it.

        Args:
            max_turns_between: How many turns with a reply may have followed it; None for any number.
        """
        between = 0
        for turn in reversed(self._turns):
            reply = next((message for message in reversed(turn.messages) if message.role == "assistant"), None)
            if reply is None:
                continue
            if unheard_rest(reply) and not any(message.superseded for message in turn.messages):
                return reply
            between += 1
            if reply.resumed or (max_turns_between is not None and between > max_turns_between):
                return None
        return None

    # What turns do

    def append(self, *messages: Message, turn_id: int | None = None) -> None:
        """Add the messages of one turn, `turn_id`."""
        if messages:
            self._turns.append(self._measured(messages))
            self._tell("added", messages, turn_id)
            self._trim()

    def amend(self, old: Message, new: Message, *, turn_id: int | None = None) -> None:
        """Put `new` in place of `old`, the same object that was appended, if it is still kept."""
        turn = self._turn_of(old)
        if turn is not None:
            self._put_in_place(turn, tuple(new if message is old else message for message in turn.messages))
            self._tell("amended", (new,), turn_id)
            self._trim()

    def rewrite(self, member: Message, *messages: Message, turn_id: int | None = None) -> None:
        """Put `messages` in place of the turn that `member` is in, the same object, if that is still kept."""
        turn = self._turn_of(member)
        if turn is not None and messages:
            self._put_in_place(turn, messages)
            self._tell("amended", messages, turn_id)
            self._trim()

    # What applications do

    def replace(self, messages: Iterable[Message]) -> None:
        """Put other messages in place of all; a turn begins with each message of the caller.

        Raises:
            ConfigError: One of them is no message.
        """
        turns: list[list[Message]] = []
        for index, message in enumerate(messages):
            if not isinstance(message, Message):
                raise ConfigError(f"messages[{index}] must be a Message, got {message!r}")
            if message.role == "user" or not turns:
                turns.append([])
            turns[-1].append(message)
        self._put("replaced", turns)

    def clear(self) -> None:
        """Forget everything."""
        self._turns.clear()
        self._tell("cleared", ())

    def change_settings(self, settings: HistorySettings) -> None:
        """Go on with other settings: what is over their limits is dropped."""
        self.settings = settings
        self._turns = deque(self._measured(turn.messages) for turn in self._turns)
        self._trim()

    # Saving

    def to_json(self) -> str:
        """All of it, what was not heard too, as JSON that `from_json` reads."""
        return turns_to_json(self.turns)

    @classmethod
    def from_json(cls, saved: str, settings: HistorySettings | None = None) -> "History":
        """The history that was saved.

        Args:
            saved: What `to_json` gave.
            settings: Its limits; by default there are none, so that nothing is lost.

        Raises:
            ProtocolError: It is no saved history; the message names the key, such as ``turns[3][0].role``.
        """
        history = cls(settings or HistorySettings(max_messages=None))
        history._put("restored", turns_from_json(saved))
        return history

    def restore(self, other: "History") -> None:
        """Put the turns of `other` in place of all, as far as this one's limits allow."""
        self._put("restored", other.turns)

    def to_list(self) -> list[dict[str, object]]:
        """The messages as plain JSON data, without the fields that are empty."""
        return [message_to_dict(message) for message in self.messages]

    # Inside

    def _turn_of(self, member: Message) -> _Turn | None:
        return next((turn for turn in self._turns if any(message is member for message in turn.messages)), None)

    def _put_in_place(self, old: _Turn, messages: tuple[Message, ...]) -> None:
        new = self._measured(messages)
        self._turns = deque(new if turn is old else turn for turn in self._turns)

    def _put(self, kind: HistoryChangeKind, turns: Iterable[Iterable[Message]]) -> None:
        self._turns = deque(self._measured(messages) for messages in map(tuple, turns) if messages)
        self._tell(kind, self.messages)
        self._trim()

    def _measured(self, messages: tuple[Message, ...]) -> _Turn:
        chars = sum(len(given_text(message)) for message in messages)
        return _Turn(messages, (len(messages), chars, sum(map(self.settings.count_tokens, messages))))

    def _trim(self) -> None:
        """Drop the oldest turns until all limits are kept; the newest turn stays."""
        limits = (self.settings.max_messages, self.settings.max_chars, self.settings.max_tokens)
        sizes = [sum(amounts) for amounts in zip(*(turn.size for turn in self._turns), strict=True)]
        dropped: list[Message] = []
        while len(self._turns) > 1 and any(
            limit is not None and size > limit for size, limit in zip(sizes, limits, strict=True)
        ):
            turn = self._turns.popleft()
            dropped += turn.messages
            sizes = [size - amount for size, amount in zip(sizes, turn.size, strict=True)]
        if dropped:
            self._tell("trimmed", tuple(dropped))

    def _tell(self, kind: HistoryChangeKind, messages: tuple[Message, ...], turn_id: int | None = None) -> None:
        if self._on_change is not None:
            self._on_change(HistoryChange(kind, messages, turn_id))
