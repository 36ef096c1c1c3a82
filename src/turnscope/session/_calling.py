"""The tools that one attempt calls: rounds of calls, and what becomes of them with the attempt."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import trio

from turnscope.core import StartAttempt, ToolCall, ToolCalled, ToolsDone, ToolsRunning
from turnscope.session._tool_run import Asked, ToolRun
from turnscope.session._tool_shape import BadArguments

if TYPE_CHECKING:
    from turnscope.session._turn import TurnContext

__all__ = ["Calling", "Round"]


@dataclass(frozen=True, slots=True)
class Round:
    """One answer of the model that calls tools.

    Attributes:
        stop: How much of the attempt's text had been written when it ended.
        runs: Its calls.
    """

    stop: int
    runs: tuple[ToolRun, ...]


class Calling:
    """Makes the calls of one attempt.

    Args:
        order: The attempt's.
        context: The session, as far as a turn may use it.
        on_settled: Called whenever a call has been settled.
    """

    def __init__(self, order: StartAttempt, context: "TurnContext", on_settled: Callable[[], None]) -> None:
        self.rounds: list[Round] = []
        self._order = order
        self._context = context
        self._on_settled = on_settled
        self._tools = {tool.name: tool for tool in context.agent.tools}
        self._asked: Counter[tuple[str, str]] = Counter()

    @property
    def runs(self) -> list[ToolRun]:
        """All calls so far."""
        return [run for round_ in self.rounds for run in round_.runs]

    @property
    def closing(self) -> str:
        """Why the conversation is to end after this answer, if a tool that has returned said so."""
        return next((run.closing for run in self.runs if run.closing and run.returned), "")

    async def make(self, calls: Sequence[ToolCall], stop: int) -> None:
        """Make the calls of one answer of the model, all at once, and wait until each is settled.

        Args:
            calls: What the model asks for.
            stop: How much of the attempt's text has been written.
        """
        await trio.lowlevel.checkpoint_if_cancelled()  # it may have been taken back when it was about to call
        count = len(self.runs)
        runs = tuple(self._ask(call, number) for number, call in enumerate(_told_apart(calls), count + 1))
        self.rounds.append(Round(stop, runs))
        context, turn_id = self._context, self._order.turn_id
        startable = [run for run in runs if run.settlement is None]
        if not startable:
            return
        context.feed(ToolsRunning(context.now(), turn_id))
        for run in startable:
            context.tools.start(run)
        for run in startable:
            await run.settled.wait()
        context.feed(ToolsDone(context.now(), turn_id))

    def release(self, reason: str) -> None:
        """The attempt was interrupted or taken back. Synchronous and idempotent."""
        for run in self.runs:
            run.release(reason)

    def _ask(self, call: ToolCall, number: int) -> ToolRun:
        """A call that can be started, or one that is settled because it cannot be."""
        context, order = self._context, self._order
        self._asked[call.name, call.arguments] += 1
        key = context.tools.key(order.turn_id, call.name, call.arguments, self._asked[call.name, call.arguments])
        asked = Asked(order.turn_id, order.attempt, f"{order.turn_id}.{order.attempt}.{number}", key, call)
        context.publish(
            ToolCalled(context.now(), order.turn_id, order.attempt, asked.call_id, call.name, call.arguments)
        )
        tool, arguments, wrong = self._tools.get(call.name), dict[str, object](), ""
        if tool is None:
            wrong = f"There is no tool {call.name!r}. There are: {', '.join(self._tools) or 'none'}."
        else:
            try:
                arguments = tool.read(call.arguments)
            except BadArguments as error:
                wrong = f"The arguments are wrong, and nothing was done. {error}"
        run = ToolRun(asked, tool, arguments, context.tools)
        if wrong:
            run.settle("failed", wrong)
        run.on_settled = self._on_settled
        return run


def _told_apart(calls: Sequence[ToolCall]) -> list[ToolCall]:
    """The calls, with ids that no two of them share: results are told apart by them."""
    apart: dict[str, ToolCall] = {}
    for number, call in enumerate(calls, 1):
        identity = call.id if call.id and call.id not in apart else f"{call.id or 'call'}_{number}"
        apart[identity] = replace(call, id=identity)
    return list(apart.values())
