"""Tool calls in the chat completions format: how they are asked for, written into a conversation, and put together.

Sans-IO, like `turnscope.providers._openai_wire`, whose part about tools it is.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from turnscope.core import Message, ToolCall
from turnscope.providers._protocols import ToolSpec

__all__ = ["ToolCallAssembler", "tools_on_the_wire", "with_tool_calls"]


def tools_on_the_wire(tools: Sequence[ToolSpec]) -> dict[str, object]:
    """The members of a request that offer `tools`; none if there are none, as an empty list is refused."""
    if not tools:
        return {}
    listed = [
        {
            "type": "function",
            "function": {"name": t.name, "description": t.description, "parameters": dict(t.parameters)},
        }
        for t in tools
    ]
    return {"tools": listed}


def with_tool_calls(message: Message) -> dict[str, object]:
    """A message in which a tool is called, or whose text is the result of a call."""
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.tool_call_id, "content": message.text}
    return {"role": message.role, "content": message.text or None, "tool_calls": _written(message.tool_calls)}


def _written(calls: Iterable[ToolCall]) -> list[dict[str, object]]:
    return [
        {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": _valid(c.arguments)}} for c in calls
    ]


def _valid(arguments: str) -> str:
    """`arguments`, or those of an empty call if they are no JSON object: servers that read them would refuse.

    What was wrong with them is said by the result of the call.
    """
    try:
        return arguments if isinstance(json.loads(arguments), dict) else "{}"
    except (ValueError, RecursionError):
        return "{}"


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: str = ""


class ToolCallAssembler:
    """Puts the tool calls of one streamed answer together.

    Source: OpenAI's API reference, "Chat completion chunk object", ``delta.tool_calls``: the first piece of a call has
    its ``index``, ``id`` and ``function.name``, the others its ``index`` and more of ``function.arguments``. Of other
    servers it is known that they leave out the ``index`` (Gemini, older versions of Ollama) or the ``id`` (Ollama),
    begin to count at 1 (proxies that count reasoning too), give all calls the index 0, or repeat id and name with
    every piece.
    """

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}

    def take(self, pieces: Iterable[Mapping[str, Any]]) -> int:
        """Take the pieces in one delta; returns the number of characters in them."""
        chars = 0
        for piece in pieces:
            function = piece.get("function")
            if not isinstance(function, dict):
                function = {}
            identity, name, arguments = _text(piece.get("id")), _text(function.get("name")), function.get("arguments")
            if arguments is not None and not isinstance(arguments, str):
                arguments = json.dumps(arguments)
            call = self._call_of(piece.get("index"), identity, name)
            call.id = call.id or identity
            if name != call.name:
                call.name += name
            call.arguments += arguments or ""
            chars += len(identity) + len(name) + len(arguments or "")
        return chars

    def calls(self) -> list[ToolCall]:
        """The calls, in the order in which they began. One that has no id gets one by its place."""
        return [
            ToolCall(call.id or f"call_{place}", call.name, call.arguments) for place, call in enumerate(self._calls)
        ]

    def _call_of(self, index: object, identity: str, name: str) -> _Call:
        """The call that a piece belongs to, a new one if it begins one."""
        known = self._by_index.get(index) if isinstance(index, int) else next(reversed(self._calls), None)
        if known is None or (identity and known.id and identity != known.id):
            return self._begin(index)
        if not isinstance(index, int) and not identity and name and known.name:
            return self._begin(index)
        return known

    def _begin(self, index: object) -> _Call:
        call = _Call()
        self._calls.append(call)
        if isinstance(index, int):
            self._by_index[index] = call
        return call


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
