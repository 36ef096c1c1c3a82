"""The model's part of an attempt: from messages to clauses, by way of tools. It never touches audio."""

import math
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import trio

from turnscope._errors import ProviderError
from turnscope.core import (
    Clause,
    ClauseSegmenter,
    FirstToken,
    Message,
    ModelAsked,
    ReplyResumed,
    SpokenText,
    StartAttempt,
    ToolCall,
    unheard_rest,
)
from turnscope.providers import TextDelta
from turnscope.session._blame import next_item, open_blamed
from turnscope.session._calling import Calling
from turnscope.session._requests import Pieces, Request

if TYPE_CHECKING:
    from turnscope.session._turn import TurnContext

__all__ = ["Thinking"]


WRITER = "say"
"""Who is blamed when the text of a `say` does not come."""


class Thinking:
    """Asks the model, calls the tools that it asks for, and cuts what it says into clauses.

    Args:
        order: What to answer.
        request: How the application wants it, if it has asked for it.
        context: The session, as far as a turn may use it.
        spoken: Takes the text as it comes.
        calling: Calls tools.
        busy: Holds the names of the providers whose streams are open.
        admitted: It is the answer: tools may be called.
    """

    def __init__(
        self,
        order: StartAttempt,
        request: Request,
        context: "TurnContext",
        spoken: SpokenText,
        calling: Calling,
        busy: list[str],
        admitted: trio.Event,
    ) -> None:
        self._order = order
        self._request = request
        self._context = context
        self._spoken = spoken
        self._calling = calling
        self._busy = busy
        self._admitted = admitted
        self._segmenter = ClauseSegmenter(context.agent.clauses)
        self._cutting = trio.Lock()
        self._max_wait_s = context.agent.clauses.max_wait_s
        self._settle_at = math.inf
        self._pause = trio.CancelScope()
        """Ends when nothing has been written for `max_wait_s`."""
        self._has_said_anything = False

    async def run(self, messages: Callable[[], tuple[Message, ...]], clauses: trio.MemorySendChannel[Clause]) -> None:
        """Answer, or give the text that is to be said; closes `clauses` at the end.

        Args:
            messages: Gives what the model is told, with all that has been said and called by then.
            clauses: Takes what is to be spoken.
        """
        async with clauses, trio.open_nursery() as nursery:
            nursery.start_soon(self._settle_in_pauses, clauses)
            if self._request.resumes is not None:
                said = unheard_rest(self._request.resumes)
                now = self._context.now()
                self._context.publish(ReplyResumed(now, self._order.turn_id, self._order.attempt, said))
                await self._write(said, clauses)
            elif self._request.pieces is not None:
                await self._read(self._request.pieces, clauses)
            elif self._order.verbatim:
                await self._write(self._order.text, clauses)
            else:
                await self._converse(messages, clauses)
            await self._cut(self._segmenter.flush, clauses)
            nursery.cancel_scope.cancel()

    async def _converse(
        self, messages: Callable[[], tuple[Message, ...]], clauses: trio.MemorySendChannel[Clause]
    ) -> None:
        """Ask, and as long as the model calls tools, ask again with their results."""
        agent = self._context.agent
        await self._context.tools.wait_settled()
        for round_ in range(1, agent.max_tool_rounds + 2):
            calls = await self._ask(messages(), round_, clauses)
            if not calls:
                return
            await self._cut(self._segmenter.flush, clauses)  # what was said is heard while the tools run
            if round_ <= agent.max_tool_rounds:
                await self._admitted.wait()
                await self._calling.make(calls, len(self._spoken.text))
        message = f"called tools in more than {agent.max_tool_rounds} rounds of one turn (max_tool_rounds)"
        raise ProviderError(agent.llm.name, message)

    async def _ask(
        self, messages: tuple[Message, ...], round_: int, clauses: trio.MemorySendChannel[Clause]
    ) -> list[ToolCall]:
        """Pass on what the model says, and return what it calls."""
        agent, context, order = self._context.agent, self._context, self._order
        calls: list[ToolCall] = []
        first = True
        await trio.lowlevel.checkpoint_if_cancelled()  # a call may have been settled because all this was cancelled
        context.publish(ModelAsked(context.now(), order.turn_id, order.attempt, round_))
        specs = [tool.spec for tool in agent.tools]
        stream = context.llm.open_stream(messages, specs) if specs else context.llm.open_stream(messages)
        async with open_blamed(agent.llm.name, stream, self._busy, agent.provider_timeout_s) as items:
            while (item := await next_item(agent.llm.name, items, agent.provider_timeout_s)) is not None:
                if isinstance(item, ToolCall):
                    calls.append(item)
                elif isinstance(item, TextDelta):
                    await self._write(self._joint(item.text) + item.text if first else item.text, clauses)
                    first = first and not item.text
        return calls

    def _joint(self, text: str) -> str:
        """What comes between what was said before a tool was called and `text`, which is said after it."""
        before = self._spoken.text
        return " " if before and text and not before[-1].isspace() and not text[0].isspace() else ""

    async def _read(self, pieces: Pieces, clauses: trio.MemorySendChannel[Clause]) -> None:
        """Pass on what the application writes, with the patience that a provider gets, too."""
        timeout_s = self._context.agent.provider_timeout_s
        async with open_blamed(WRITER, _open(pieces), self._busy, timeout_s) as texts:
            while (text := await next_item(WRITER, texts, timeout_s)) is not None:
                if not isinstance(text, str):
                    raise ProviderError(WRITER, f"gave {type(text).__name__} instead of text")
                await self._write(text, clauses)

    async def _write(self, text: str, clauses: trio.MemorySendChannel[Clause]) -> None:
        if not self._has_said_anything and not self._order.verbatim:
            self._has_said_anything = True
            self._context.publish(FirstToken(self._context.now(), self._order.turn_id, self._order.attempt))
        self._spoken.add_text(text)
        await self._cut(partial(self._segmenter.push, text), clauses)
        if self._max_wait_s is not None:
            self._settle_at = trio.current_time() + self._max_wait_s
            self._pause.deadline = self._settle_at

    async def _settle_in_pauses(self, clauses: trio.MemorySendChannel[Clause]) -> None:
        """Let complete sentences go when nothing has been written for a while, until cancelled."""
        while True:
            with trio.CancelScope(deadline=self._settle_at) as self._pause:
                await trio.sleep_forever()
            self._settle_at = math.inf
            await self._cut(self._segmenter.settle, clauses)

    async def _cut(self, cut: Callable[[], list[Clause]], clauses: trio.MemorySendChannel[Clause]) -> None:
        """Pass on what `cut` gives, before anything else is cut."""
        async with self._cutting:
            for clause in cut():
                try:
                    await clauses.send(clause)
                except trio.BrokenResourceError:  # the speech was interrupted; the text goes on
                    return


@asynccontextmanager
async def _open(pieces: Pieces) -> AsyncGenerator[AsyncIterator[str]]:
    """An iterator of `pieces`, which are closed at the end if they can be, as contexts and generators can."""
    if isinstance(pieces, AbstractAsyncContextManager):
        async with pieces as opened:
            yield aiter(opened)
        return
    iterator = aiter(pieces)
    try:
        yield iterator
    finally:
        if isinstance(iterator, AsyncGenerator):
            await iterator.aclose()
