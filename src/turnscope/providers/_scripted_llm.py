"""A language model that says what a script tells it to: no network, no weights, the same every time.

It makes simulations and tests possible, and is the default agent. It never thinks.
"""

import json
import math
import re
import string
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import trio

from turnscope._errors import ConfigError, ProviderError
from turnscope.core import Message, ToolCall
from turnscope.providers._protocols import LLMItem, Resources, TextDelta, ToolSpec, Usage

__all__ = ["Rule", "ScriptedCall", "ScriptedLLM"]

_PIECE = re.compile(r"\s*(?:\w+(?:[.,:'’-]\w+)*|[^\w\s])|\s+")
_QUOTED_CHARS = 200


@dataclass(frozen=True, slots=True)
class ScriptedCall:
    """A tool call that a script makes.

    Attributes:
        tool: The tool's name.
        arguments: Its arguments. In those that are text, ``{name}`` stands for a group as in `Rule.reply`.
    """

    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a script: what to answer to what.

    Attributes:
        when: Regular expression, searched without regard to case in the user's last message, or for a rule with `after`
            in the result of the tool. An empty one always matches.
        reply: The answer. ``{name}`` stands for the group ``(?P<name>...)`` of `when`, as the user said it (nothing, if
            the group took no part in the match); ``{{`` and ``}}`` stand for braces.
        turn: Answer only in the user's turn of this number: 1 after the user's first message, 0 while the user has
            said nothing. None for any turn.
        calls: Tools to call after the reply, which may be empty.
        after: Answer only to the result of a call of this tool. Rules without it answer only to the user.
    """

    when: str
    reply: str
    turn: int | None = None
    calls: Sequence[ScriptedCall] = ()
    after: str | None = None


class ScriptedLLM:
    """An `LLM` that answers with the first rule that matches the user's last message.

    The answer comes in pieces the size of tokens: words with the space before them, and punctuation by itself. Piece
    *k*, counted from 0, comes `first_token_s` + *k* / `tokens_per_s` seconds after the stream was opened, or as soon
    after that as it is asked for.

    Args:
        rules: The script, in order of precedence.
        tokens_per_s: Pieces a second; ``math.inf`` for all at once.
        first_token_s: Seconds until the first piece.
        fallback: The answer, word for word, when no rule matches. None makes that a `ProviderError`.
        name: The provider's name in events, errors and reports.

    Raises:
        ConfigError: A pattern is not a regular expression, a reply uses a field that its pattern does not name, or a
            number is out of range. The message names the rule by its index.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        *,
        tokens_per_s: float = 50.0,
        first_token_s: float = 0.2,
        fallback: str | None = None,
        name: str = "scripted",
    ) -> None:
        if not tokens_per_s > 0:
            raise ConfigError(f"tokens_per_s must be greater than 0; got {tokens_per_s}")
        if not 0 <= first_token_s < math.inf:
            raise ConfigError(f"first_token_s must be 0 or more, and finite; got {first_token_s}")
        self._name = name
        self._tokens_per_s = tokens_per_s
        self._first_token_s = first_token_s
        self._fallback = fallback
        self._rules = tuple((rule, _compile(index, rule)) for index, rule in enumerate(rules))

    def __repr__(self) -> str:
        return f"<ScriptedLLM {self._name!r} with {len(self._rules)} rules>"

    @property
    def name(self) -> str:
        """The provider's name in events, errors and reports."""
        return self._name

    @asynccontextmanager
    async def connect(self, resources: Resources) -> AsyncIterator["_ScriptedConnection"]:
        """A connection; there is nothing to dial."""
        yield _ScriptedConnection(self)

    def reply_to(self, messages: Sequence[Message]) -> str:
        """What the script says to `messages`, apart from the tools that it calls.

        Raises:
            ProviderError: No rule matches, and there is no fallback.
        """
        return self._answer_to(messages)[0]

    def _answer_to(self, messages: Sequence[Message]) -> tuple[str, list[ToolCall]]:
        """What the script says, and the tools that it calls."""
        said = [message.text for message in messages if message.role == "user"]
        heard = _results(messages) or [("", said[-1] if said else "")]
        for rule, pattern in self._rules:
            if rule.turn is not None and rule.turn != len(said):
                continue
            for tool, text in heard:
                if tool == (rule.after or "") and (match := pattern.search(text)):
                    groups = {name: part or "" for name, part in match.groupdict().items()}
                    return rule.reply.format_map(groups), _calls(rule, groups, messages)
        if self._fallback is None:
            tool, text = heard[0]
            quoted = text if len(text) <= _QUOTED_CHARS else f"{text[:_QUOTED_CHARS]}…"
            what = f"{quoted!r} in the user's turn {len(said)}" if not tool else f"the result {quoted!r} of {tool}"
            raise ProviderError(self._name, f"no rule for {what}, and no fallback")
        return self._fallback, []


class _ScriptedConnection:
    """Nothing is shared by the requests of a session but the script."""

    def __init__(self, llm: ScriptedLLM) -> None:
        self._llm = llm

    @asynccontextmanager
    async def open_stream(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()
    ) -> AsyncIterator["_ScriptedAnswer"]:
        text, calls = self._llm._answer_to(messages)
        pieces: list[LLMItem] = [*(TextDelta(piece) for piece in _pieces(text)), *calls]
        usage = Usage(input_tokens=sum(len(_pieces(m.text)) for m in messages), output_tokens=len(pieces))
        first_at = trio.current_time() + self._llm._first_token_s
        answer = _ScriptedAnswer(pieces, usage, first_at=first_at, tokens_per_s=self._llm._tokens_per_s)
        try:
            yield answer
        finally:
            answer.close()


class _ScriptedAnswer:
    """The pieces of one answer and its calls, each at its time, and then what they cost."""

    def __init__(self, pieces: Sequence[LLMItem], usage: Usage, *, first_at: float, tokens_per_s: float) -> None:
        self._items: list[LLMItem] = [*pieces, usage]
        self._first_at = first_at
        self._tokens_per_s = tokens_per_s
        self._next = 0

    def close(self) -> None:
        self._items = []

    def __aiter__(self) -> "_ScriptedAnswer":
        return self

    async def __anext__(self) -> LLMItem:
        if self._next >= len(self._items):
            raise StopAsyncIteration
        # The usage has no time of its own: it comes with the last piece.
        place = max(0, min(self._next, len(self._items) - 2))
        # From the start, not from the piece before: rounding errors must not add up.
        await trio.sleep_until(self._first_at + place / self._tokens_per_s)
        if self._next >= len(self._items):  # closed while another task slept here
            raise StopAsyncIteration
        item = self._items[self._next]
        self._next += 1
        return item


def _pieces(text: str) -> list[str]:
    """`text` cut into pieces the size of tokens, which joined are `text` again."""
    return _PIECE.findall(text)


def _results(messages: Sequence[Message]) -> list[tuple[str, str]]:
    """The results that the last message is one of, with the names of their tools; none if it is not."""
    begin = len(messages)
    while begin and messages[begin - 1].role == "tool":
        begin -= 1
    calls = messages[begin - 1].tool_calls if begin else ()
    return [(call.name, result.text) for call, result in zip(calls, messages[begin:], strict=False)]


def _calls(rule: Rule, groups: Mapping[str, str], messages: Sequence[Message]) -> list[ToolCall]:
    """What a rule calls, with ids that are new to the conversation."""
    made = sum(len(message.tool_calls) for message in messages)
    calls: list[ToolCall] = []
    for call in rule.calls:
        filled = {
            key: value.format_map(groups) if isinstance(value, str) else value for key, value in call.arguments.items()
        }
        calls.append(ToolCall(f"call_{made + len(calls) + 1}", call.tool, json.dumps(filled)))
    return calls


def _compile(index: int, rule: Rule) -> re.Pattern[str]:
    """The pattern of a rule whose reply was checked against it."""
    try:
        pattern = re.compile(rule.when, re.IGNORECASE)
    except (re.error, OverflowError, RecursionError) as exc:
        raise ConfigError(f"rules[{index}].when is not a regular expression: {exc}; got {rule.when!r}") from exc
    if rule.turn is not None and rule.turn < 0:
        raise ConfigError(f"rules[{index}].turn must be 0 or more, or None; got {rule.turn}")
    _check_fields(f"rules[{index}].reply", rule.reply, pattern)
    for number, call in enumerate(rule.calls):
        if not call.tool:
            raise ConfigError(f"rules[{index}].calls[{number}].tool must not be empty")
        for key, value in call.arguments.items():
            if isinstance(value, str):
                _check_fields(f"rules[{index}].calls[{number}].arguments.{key}", value, pattern)
    return pattern


def _check_fields(key: str, text: str, pattern: re.Pattern[str]) -> None:
    """Check that each field in `text` is a group of `pattern`."""
    try:
        fields = list(string.Formatter().parse(text))
    except ValueError as exc:
        raise ConfigError(f"{key}: {exc}; write {{{{ and }}}} for braces") from exc
    for _, name, spec, conversion in fields:
        if name is None:
            continue
        if spec or conversion:
            raise ConfigError(f"{key}: the field {{{name}}} takes neither a format nor a conversion")
        if name not in pattern.groupindex:
            known = ", ".join(pattern.groupindex) or "none"
            raise ConfigError(f"{key}: unknown field {{{name}}}; the groups named in `when`: {known}")
