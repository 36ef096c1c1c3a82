"""What one turn adds to the conversation: what was asked, which tools were called, what was said of it and heard."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from turnscope.core import Message
from turnscope.session._calling import Round

__all__ = ["Exchange"]


class Exchange:
    """The messages of one turn, as a model is given them while it answers, and as they are kept."""

    def __init__(self) -> None:
        self._asked = ""
        self._taken_back: list[Round] = []

    @property
    def has_calls(self) -> bool:
        """Tools were called by attempts that were taken back."""
        return any(run.counts for round_ in self._taken_back for run in round_.runs)

    def take_back(self, asked: str, rounds: Sequence[Round]) -> None:
        """An attempt to answer `asked` was taken back: it was not heard, but the tools that it started were called."""
        self._asked = asked
        self._taken_back += [Round(0, round_.runs) for round_ in rounds]

    def so_far(self, asked: str, text: str, rounds: Sequence[Round]) -> tuple[Message, ...]:
        """What a model is given to go on from: all that has been written, as it is going to be heard."""
        return tuple(self._messages(asked, text, len(text), rounds))

    def as_heard(
        self,
        asked: str | None,
        text: str,
        cut: int,
        rounds: Sequence[Round],
        *,
        interrupted: bool,
        also_nothing: bool = False,
    ) -> tuple[Message, ...]:
        """What is kept.

        Args:
            asked: What the caller said; empty if the agent speaks of itself, None for what was last taken back.
            text: All that was written.
            cut: How much of it was heard.
            rounds: Which tools were called meanwhile.
            interrupted: It was cut off.
            also_nothing: Keep a message for the answer even if there is nothing of it yet.
        """
        messages = list(self._messages(self._asked if asked is None else asked, text, cut, rounds))
        begin = rounds[-1].stop if rounds else 0
        heard, unheard = text[begin : max(begin, cut)].strip(), text[max(begin, cut) :].strip()
        if heard or unheard or also_nothing:
            messages.append(Message("assistant", heard, interrupted, unheard))
        elif interrupted:
            _mark_last(messages)
        return tuple(messages)

    def _messages(self, asked: str, text: str, cut: int, rounds: Sequence[Round]) -> Iterator[Message]:
        if asked:
            yield Message("user", asked)
        begin = 0
        for round_ in (*self._taken_back, *rounds):
            stop = max(begin, round_.stop)
            middle = min(max(begin, cut), stop)
            heard, unheard = text[begin:middle].strip(), text[middle:stop].strip()
            runs = [run for run in round_.runs if run.counts]
            if heard or unheard or runs:
                calls = tuple(run.asked.call for run in runs)
                yield Message("assistant", heard, bool(unheard), unheard, tool_calls=calls)
            for run in runs:
                yield run.result
            begin = stop


def _mark_last(messages: list[Message]) -> None:
    """Mark the last thing that the agent said as interrupted, if it said anything."""
    for index in range(len(messages) - 1, -1, -1):
        if messages[index].role == "assistant":
            messages[index] = replace(messages[index], interrupted=True)
            return
