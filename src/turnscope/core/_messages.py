"""The messages that a language model is given, and nothing about how they came to be."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Message", "Role", "ToolCall"]

Role = Literal["system", "user", "assistant", "tool"]
"""Who says a message; ``tool`` is the result of a tool call."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model asks for a tool to be called.

    Attributes:
        id: The model's name for the call, which the message with its result repeats. Not unique beyond its message.
        name: The tool's.
        arguments: The arguments as the model wrote them: the text of a JSON object, if it kept to the format.
    """

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation.

    Attributes:
        role: Who says it.
        text: What was said: for an assistant's message, the words that the caller *heard*; for a tool's, the result.
        interrupted: The caller cut this message off.
        unheard: What had been generated after `text` and was never heard. Never sent to a model as said.
        tool_calls: Of an assistant's message: the tools that it called, after `text`. The results of all of them follow
            it at once, as messages of the role ``tool``, in this order.
        tool_call_id: Of a tool's message: the `ToolCall.id` that it is the result of.
        resumed: `unheard` was taken up again later, in a message of its own.
        superseded: Of a caller's message: a newer one took its place before any of its answer was heard, so that a
            model is no longer given it.
    """

    role: Role
    text: str
    interrupted: bool = False
    unheard: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""
    resumed: bool = False
    superseded: bool = False

    @property
    def is_sent(self) -> bool:
        """A model is given this message: something was said in it, called, or returned."""
        return bool(self.text or self.tool_calls) or self.role == "tool"
