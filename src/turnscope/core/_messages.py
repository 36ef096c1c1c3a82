"""The messages that a language model is given, and nothing about how they came to be."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Message", "Role"]

Role = Literal["system", "user", "assistant"]
"""Who says a message."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation.

    Attributes:
        role: Who says it.
        text: What was said: for an assistant's message, the words that the caller *heard*.
        interrupted: The caller cut this message off.
        unheard: What had been generated after `text` and was never heard. Never sent to a model as said.
    """

    role: Role
    text: str
    interrupted: bool = False
    unheard: str = ""
