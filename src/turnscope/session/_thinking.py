"""The model's part of an attempt: from messages to clauses. It never touches audio."""

from typing import TYPE_CHECKING

import trio

from turnscope.core import Clause, ClauseSegmenter, FirstToken, Message, SpokenText, StartAttempt
from turnscope.providers import TextDelta
from turnscope.session._blame import next_item, open_blamed

if TYPE_CHECKING:
    from turnscope.session._turn import TurnContext

__all__ = ["Thinking"]


class Thinking:
    """Asks the model, and cuts what it says into clauses.

    Args:
        order: What to answer.
        context: The session, as far as a turn may use it.
        spoken: Takes the text as it comes.
        busy: Holds the names of the providers whose streams are open.
    """

    def __init__(self, order: StartAttempt, context: "TurnContext", spoken: SpokenText, busy: list[str]) -> None:
        self._order = order
        self._context = context
        self._spoken = spoken
        self._busy = busy

    async def run(self, messages: tuple[Message, ...], clauses: trio.MemorySendChannel[Clause]) -> None:
        """Answer `messages`, or give the text that is to be said; closes `clauses` at the end."""
        segmenter = ClauseSegmenter(self._context.agent.clauses)
        async with clauses:
            if self._order.verbatim:
                await self._pass_on(segmenter.push(self._order.text), self._order.text, clauses)
            else:
                await self._generate(messages, segmenter, clauses)
            await self._pass_on(segmenter.flush(), "", clauses)

    async def _generate(
        self, messages: tuple[Message, ...], segmenter: ClauseSegmenter, clauses: trio.MemorySendChannel[Clause]
    ) -> None:
        agent = self._context.agent
        name, first = agent.llm.name, True
        async with open_blamed(
            name, self._context.llm.open_stream(messages), self._busy, agent.provider_timeout_s
        ) as items:
            while (item := await next_item(name, items, agent.provider_timeout_s)) is not None:
                if not isinstance(item, TextDelta):
                    continue
                if first:
                    first = False
                    self._context.publish(FirstToken(self._context.now(), self._order.turn_id, self._order.attempt))
                await self._pass_on(segmenter.push(item.text), item.text, clauses)

    async def _pass_on(self, ready: list[Clause], text: str, clauses: trio.MemorySendChannel[Clause]) -> None:
        self._spoken.add_text(text)
        for clause in ready:
            try:
                await clauses.send(clause)
            except trio.BrokenResourceError:  # the speech was interrupted; the text goes on
                return
