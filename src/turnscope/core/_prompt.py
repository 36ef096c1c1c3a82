"""What a language model is given of a conversation: the same messages in turns, with nothing unsaid in them."""

from collections.abc import Iterable
from dataclasses import replace

from turnscope.core._messages import Message

__all__ = ["as_prompt"]

_JOINTS = {"user": "\n", "assistant": " "}
"""What stands between two messages of one speaker that become one; the messages of others stay apart."""


def as_prompt(messages: Iterable[Message], interruption_note: str | None = None) -> tuple[Message, ...]:
    """The messages as a model is given them: caller and agent take turns.

    What the caller said and was given no answer to is one message with what they said next, so that the model is asked
    one question; what the agent said in two turns running is one message, too. Messages without a text – a reply of
    which nothing was heard – and those that were superseded are left out. Calls of tools and their results stay as they
    are. What was once given to a model stays the beginning of what it is given later, as far as whole turns are not
    dropped, so that caches of prompts are of use.

    Args:
        messages: In order, the question that is to be answered among them, as the last.
        interruption_note: See `HistorySettings.interruption_note`.
    """
    given: list[Message] = []
    cut_off: Message | None = None
    """What the agent said last, if it was cut off; tools may have returned after it."""
    for message in messages:
        if not message.is_sent or message.superseded:
            continue
        last = given[-1] if given else None
        if last is not None and last.role == message.role in _JOINTS and not (last.tool_calls or message.tool_calls):
            given[-1] = replace(message, text=f"{last.text}{_JOINTS[message.role]}{message.text}")
        elif cut_off is not None and message.role == "user" and interruption_note is not None:
            note = interruption_note.format(heard=cut_off.text, unheard=cut_off.unheard)
            given.append(replace(message, text=f"{note}\n{message.text}"))
        else:
            given.append(message)
        if message.role != "tool":
            cut_off = given[-1] if given[-1].interrupted else None
    return tuple(given)
