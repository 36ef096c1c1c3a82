"""The chat completions format of OpenAI and of the many servers that speak it: requests out, answers in.

Sans-IO: values in, values out. What it knows about single servers was read in their documentation and issue trackers.
"""

import json
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from turnscope._errors import ProtocolError
from turnscope.core import Message
from turnscope.providers._openai_tools import ToolCallAssembler, tools_on_the_wire, with_tool_calls
from turnscope.providers._protocols import LLMItem, TextDelta, ToolSpec, Usage
from turnscope.providers._sse import ServerSentEvent, SSEParser

__all__ = ["AnswerReader", "ModelFailure", "error_message", "request_body", "shorten"]

_MAX_ANSWER_CHARS = 1 << 20
_MAX_MESSAGE_CHARS = 300


class ModelFailure(Exception):
    """The server says that it failed, or what it says is not an answer."""


def request_body(
    model: str, messages: Iterable[Message], options: Mapping[str, object], tools: Sequence[ToolSpec] = ()
) -> bytes:
    """The JSON of a request for a streamed answer.

    An assistant's message holds what was heard of it; one of which nothing was heard was never said, and is left out
    (some servers reject empty ones).

    Args:
        model: The server's name for the model.
        messages: The conversation so far.
        options: Further members of the object.
        tools: What the model may call.

    Raises:
        TypeError, ValueError: `options` cannot be written as JSON.
    """
    said = [_on_the_wire(m) for m in messages if m.is_sent or m.role != "assistant"]
    body = {"model": model, "messages": said, "stream": True, **tools_on_the_wire(tools), **options}
    return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8", "replace")


def _on_the_wire(message: Message) -> dict[str, object]:
    if message.tool_calls or message.role == "tool":
        return with_tool_calls(message)
    return {"role": message.role, "content": message.text}


class AnswerReader:
    """Reads one streamed answer.

    Source: OpenAI's API reference, "Chat completion chunk object" and ``stream_options``: objects in ``data`` fields,
    each with one choice and a piece of text, the last of them with a ``finish_reason``; if it was asked for, then one
    with ``usage`` and no choices; then ``[DONE]``. Other servers leave out ``choices``, send ``usage`` with every
    chunk, fail in the middle with an object that holds ``error``, or end without ``[DONE]``.

    Attributes:
        has_begun: Some text, or a part of a tool call, has come.
        finished: The answer is complete; the usage may still come.
        done: The server has said that nothing follows.
    """

    def __init__(self) -> None:
        self._events = SSEParser()
        self._chars = 0
        self._usage: Usage | None = None
        self._tool_calls = ToolCallAssembler()
        self.has_begun = False
        self.finished = False
        self.done = False

    def feed(self, chunk: bytes, items: deque[LLMItem]) -> bool:
        """Take the next bytes of the body, and append the pieces of text and the complete tool calls to `items`.

        Returns:
            Whether they complete any data, rather than being only signs of life.

        Raises:
            ModelFailure: The server reports an error, or sends what is no answer. What came before it is in `items`.
        """
        try:
            events = self._events.feed(chunk)
        except ProtocolError as exc:
            raise ModelFailure(f"the answer is not a stream of events: {exc}") from exc
        for event in events:
            self._take(event, items)
        return bool(events)

    def finish(self, items: deque[LLMItem]) -> None:
        """The end of the body: append what is left, and last of all the usage if the server told it.

        Raises:
            ModelFailure: The answer was cut short.
        """
        for event in self._events.finish():
            if _is_whole(event.data):
                self._take(event, items)
        if not self.finished:
            if not (self.done and self.has_begun):
                raise ModelFailure("the answer was cut short: it ended without a finish_reason")
            items.extend(self._tool_calls.calls())
        if self._usage is not None:
            items.append(self._usage)
            self._usage = None

    def _take(self, event: ServerSentEvent, items: deque[LLMItem]) -> None:
        if self.done:
            return
        if event.data.strip() == "[DONE]":
            self.done = True
            return
        try:
            chunk = json.loads(event.data)
        except (ValueError, RecursionError) as exc:
            raise ModelFailure(f"the server sent what is not JSON: {shorten(event.data)!r}") from exc
        if not isinstance(chunk, dict):
            raise ModelFailure(f"the server sent what is not an object: {shorten(event.data)!r}")
        if event.kind == "error" or chunk.get("error") or chunk.get("object") == "error":
            raise ModelFailure(f"the server failed in the middle of the answer: {_message_in(chunk)}")
        self._usage = _usage(chunk.get("usage")) or self._usage
        for choice in _dicts(chunk.get("choices")):
            if choice.get("index") in (0, None):
                self._take_choice(choice, items)

    def _take_choice(self, choice: Mapping[str, Any], items: deque[LLMItem]) -> None:
        delta = choice.get("delta")
        if isinstance(delta, dict):
            text = _text(delta.get("content")) or _text(delta.get("refusal"))
            self._count(len(text) + self._tool_calls.take(_dicts(delta.get("tool_calls"))))
            if text:
                items.append(TextDelta(text))
        reason = choice.get("finish_reason")
        if not reason:
            return
        if reason in ("content_filter", "error"):
            raise ModelFailure(f"the answer was broken off: finish_reason {reason!r}")
        calls = [] if self.finished else self._tool_calls.calls()
        if reason in ("tool_calls", "function_call") and not (calls or self.finished):
            raise ModelFailure(f"the answer ended with the finish_reason {reason!r}, but it calls no tool")
        items.extend(calls)
        self.finished = True

    def _count(self, chars: int) -> None:
        self._chars += chars
        if self._chars > _MAX_ANSWER_CHARS:
            raise ModelFailure(f"the answer is longer than {_MAX_ANSWER_CHARS} characters")
        self.has_begun = self.has_begun or chars > 0


def error_message(body: bytes) -> str:
    """What the body of a refusal says, for a person: the message in it if it is JSON, else its beginning."""
    text = body.decode("utf-8", "replace").strip()
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text or "(no message)"
    return _message_in(found)


def shorten(text: str) -> str:
    """`text` on one line, no longer than is good for an error message."""
    line = " ".join(text.split())
    return line if len(line) <= _MAX_MESSAGE_CHARS else f"{line[:_MAX_MESSAGE_CHARS]}…"


def _message_in(found: object) -> str:
    """The message in an error object: OpenAI nests it in ``error``, FastAPI calls it ``detail``; it may be a string."""
    while isinstance(found, dict):
        inner = next((found[key] for key in ("error", "message", "detail") if found.get(key)), None)
        if inner is None:
            break
        found = inner
    if isinstance(found, str):
        return found
    return json.dumps(found, ensure_ascii=False) if found else "(no message)"


def _is_whole(data: str) -> bool:
    if data.strip() == "[DONE]":
        return True
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def _dicts(value: object) -> Sequence[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(content: object) -> str:
    """The text of a delta: a string, or (Mistral) a list of parts of which those of type ``text`` count."""
    if isinstance(content, str):
        return content
    parts = (part.get("text") for part in _dicts(content) if part.get("type") == "text")
    return "".join(part for part in parts if isinstance(part, str))


def _usage(found: object) -> Usage | None:
    if not isinstance(found, dict):
        return None
    counts = [found.get(key) for key in ("prompt_tokens", "completion_tokens")]
    if not any(isinstance(count, int) for count in counts):
        return None
    sent, received = (count if isinstance(count, int) else 0 for count in counts)
    return Usage(input_tokens=sent, output_tokens=received)
