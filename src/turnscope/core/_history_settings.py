"""How much of a conversation is remembered, and how it is told to a language model."""

import string
from collections.abc import Callable
from dataclasses import dataclass

from turnscope._errors import ConfigError
from turnscope.core._messages import Message

__all__ = ["HistorySettings", "TokenCounter", "estimate_tokens", "given_text"]

TokenCounter = Callable[[Message], int]
"""How many tokens a message costs when a model is given it. Must be quick: it is called while a turn ends."""

BYTES_PER_TOKEN = 4
TOKENS_PER_MESSAGE = 4


def given_text(message: Message) -> str:
    """All the text of a message that a model is given: what was said, and the calls of tools."""
    return message.text + "".join(call.name + call.arguments for call in message.tool_calls)


def estimate_tokens(message: Message) -> int:
    """About how many tokens `message` costs: four for the message, and one for each four bytes of its text in UTF-8.

    An estimate that knows no model. Four characters of English to a token, and three or four tokens of frame to a
    message, are rules of thumb of OpenAI's ("What are tokens and how to count them?"; "How to count tokens with
    tiktoken"). Bytes are counted instead of characters because tokenizers work on bytes, and need more tokens for a
    character of other scripts. Code and numbers cost more than this says.
    """
    return TOKENS_PER_MESSAGE + -(-len(given_text(message).encode("utf-8", "surrogatepass")) // BYTES_PER_TOKEN)


@dataclass(frozen=True, slots=True)
class HistorySettings:
    """How much is remembered, and what a model is told about interruptions.

    What is over a limit is dropped by whole turns, the oldest first; the newest turn is always kept. None is no limit.

    Attributes:
        max_messages: Most messages.
        max_chars: Most characters of what a model is given; what was not heard does not count.
        max_tokens: Most tokens of the same, as `count_tokens` counts them.
        count_tokens: Counts the tokens of a message.
        interruption_note: Told to the model at the beginning of the caller's message that follows a reply which they
            cut off. May hold the fields ``{heard}`` and ``{unheard}``. None for nothing: the model sees that its reply
            ends in the middle.
    """

    max_messages: int | None = 100
    max_chars: int | None = None
    max_tokens: int | None = None
    count_tokens: TokenCounter = estimate_tokens
    interruption_note: str | None = None

    def __post_init__(self) -> None:
        for name in ("max_messages", "max_chars", "max_tokens"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"{name} must be at least 1, or None for no limit, got {value}")
        if not callable(self.count_tokens):
            raise ConfigError(f"count_tokens must be a function of a message, got {self.count_tokens!r}")
        if self.interruption_note is not None:
            _check_note(self.interruption_note)


def _check_note(note: str) -> None:
    try:
        fields = [(name, spec, conversion) for _, name, spec, conversion in string.Formatter().parse(note) if name]
        note.format(heard="", unheard="")
    except (ValueError, KeyError, IndexError, AttributeError) as error:
        raise ConfigError(
            f"interruption_note must be a template with no fields but {{heard}} and {{unheard}}: {error}"
        ) from error
    if any(name not in ("heard", "unheard") or spec or conversion for name, spec, conversion in fields):
        raise ConfigError(f"interruption_note must have no fields but {{heard}} and {{unheard}}, got {note!r}")
