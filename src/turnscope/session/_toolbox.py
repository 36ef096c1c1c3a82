"""The session's tools: every call runs in their nursery, in a scope of its own, at most so many at once."""

import hashlib
import json
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import trio

from turnscope._errors import QueueFull, SessionClosed
from turnscope.core import Event, FloorInput, Message, ToolStuck
from turnscope.providers import Compute
from turnscope.session._blame import first_error
from turnscope.session._tool import written
from turnscope.session._tool_run import ToolRun
from turnscope.session._zombies import unblock

if TYPE_CHECKING:
    from turnscope.session._session import Session

__all__ = ["Toolbox"]

CANCELLED = {
    "user_speaking": "Cancelled, because the caller interrupted.",
    "user_resumed": "Cancelled, because the caller went on speaking.",
}
"""What models are told, by what the call was cancelled for."""

UNKNOWN = "It is not known what it has done."

_logger = logging.getLogger("turnscope")


class Toolbox:
    """Owns the calls of a session. A call's answer may be gone long before the call is.

    Args:
        session: Whose tools they are. Its agent says how many calls may run at once, how long those may take whose
            tools do not say, and how long one may take to end when it was cancelled.
        compute: Where synchronous functions run.
        feed: Tells the Floor.
        publish: Tells everybody else.
    """

    def __init__(
        self,
        session: "Session",
        compute: Compute,
        feed: Callable[[FloorInput], None],
        publish: Callable[[Event], None],
    ) -> None:
        self.session: Session = session
        self.now: Callable[[], int] = session.now
        self.feed: Callable[[FloorInput], None] = feed
        self._compute = compute
        self._publish = publish
        self._runs: dict[ToolRun, None] = {}
        """Calls whose tasks live, in order."""
        self._queue: deque[ToolRun] = deque()
        """Calls that wait for a place, in order."""
        self._gone = trio.lowlevel.ParkingLot()
        self._nursery: trio.Nursery | None = None
        self._closed = False
        # No two sessions of this world begin at the same reading of Trio's clock, whose zero is random.
        self._nonce = f"{session.id}/{trio.current_time()!r}"

    async def own_calls(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Own the calls, until cancelled."""
        async with trio.open_nursery() as self._nursery:
            task_status.started()
            await trio.sleep_forever()

    def key(self, turn_id: int, name: str, arguments: str, nth: int) -> str:
        """The idempotency key of the `nth` call of this kind that an answer of a turn asks for."""
        with suppress(ValueError, RecursionError):  # what is no JSON is compared as it is
            arguments = json.dumps(json.loads(arguments or "{}"), sort_keys=True)
        asked = json.dumps([self._nonce, turn_id, name, arguments, nth])
        return hashlib.sha256(asked.encode()).hexdigest()[:32]

    def publish(self, event: Event) -> None:
        """Tell everybody, unless the session is over and said so."""
        if not self._closed:
            self._publish(event)

    # Calls

    def start(self, run: ToolRun) -> None:
        """Have it run as soon as there is a place."""
        self._queue.append(run)
        self._fill_places()

    def keep(self, run: ToolRun, text: str) -> None:
        """A detached call has a result: put it into the history as an item of its own."""
        call = Message("assistant", "", tool_calls=(run.asked.call,))
        self.session.history.append(call, Message("tool", text, tool_call_id=run.asked.call.id))
        if run.tool is not None and run.tool.announce and self._nursery is not None:
            self._nursery.start_soon(self._have_announced)

    async def _have_announced(self) -> None:
        with suppress(QueueFull, SessionClosed):  # then there is more to say than there is time for
            await self.session.generate_reply()

    async def wait_settled(self) -> None:
        """Wait until no call that was started is without a settlement."""
        for run in list(self._runs):
            if run.started is not None:
                await run.settled.wait()

    async def _run(self, run: ToolRun) -> None:
        run.task = trio.lowlevel.current_task()
        try:
            if not run.released:
                async with trio.open_nursery() as nursery:
                    run.start(self._timeout_of(run))
                    nursery.start_soon(self._do, run, name=f"function of tool {run.asked.call.name}")
                    await self._supervise(run)
        finally:
            del self._runs[run]
            self._fill_places()
            self._gone.unpark_all()

    def _fill_places(self) -> None:
        """Begin with the calls whose turn it is. One that was given up while it waited ends before it starts."""
        while self._queue and len(self._runs) < self.session.agent.max_concurrent_tools and self._nursery is not None:
            run = self._queue.popleft()
            self._runs[run] = None
            self._nursery.start_soon(self._run, run, name=f"tool {run.asked.call.name}")

    async def _do(self, run: ToolRun) -> None:
        kind, text = "cancelled", ""
        try:
            with run.scope:
                await trio.lowlevel.checkpoint_if_cancelled()  # else it would run up to its first checkpoint
                value = await run.call_function(self._compute)
                kind, text = "returned", _text(value)
        except* Exception as errors:
            reason = first_error(errors)
            _logger.warning("tool %s failed", run.asked.call.name, exc_info=reason)
            kind, text = "failed", f"{type(reason).__name__}: {reason}"
        finally:
            if kind == "cancelled":
                kind, text = self._cancelled(run)
            run.finish(kind, text)

    async def _supervise(self, run: ToolRun) -> None:
        """Wait for its end as long as it may take; then cancel it, and name it if it does not stop."""
        with run.patience:
            await run.over.wait()
        if run.over.is_set():
            return
        run.timed_out = not run.released
        run.cancel("timeout" if run.timed_out else run.released)
        with trio.move_on_after(self.session.agent.join_deadline_s):
            await run.over.wait()
        if not run.over.is_set():
            asked = run.asked
            self.publish(ToolStuck(self.now(), asked.turn_id, asked.call_id, asked.call.name))
            kind, text = self._cancelled(run)
            run.settle(kind, f"{text} {UNKNOWN}")

    def _timeout_of(self, run: ToolRun) -> float:
        own = None if run.tool is None else run.tool.timeout_s
        return self.session.agent.tool_timeout_s if own is None else own

    def _cancelled(self, run: ToolRun) -> tuple[str, str]:
        """How a call ends that was cancelled, and what the model is told of it."""
        if run.timed_out:
            return "failed", f"{run.asked.call.name} took longer than {run.timeout_s:g} s and was cancelled."
        return "cancelled", CANCELLED.get(run.released, "Cancelled.")

    # The end of the session

    @property
    def tasks_left(self) -> int:
        """How many calls have tasks."""
        return len(self._runs)

    def cancel_all(self) -> None:
        """The session is over: nothing goes on."""
        self._queue.clear()
        for run in list(self._runs):
            run.released = run.released or "shutdown"
            run.cancel("shutdown")

    async def wait_gone(self) -> None:
        """Wait until no call has a task."""
        while self._runs:
            await self._gone.park()

    def force_end(self) -> None:
        """Unblock the calls that shield themselves."""
        for run in list(self._runs):
            if run.task is not None:
                unblock(run.task)

    def close(self) -> None:
        """Settle what does not end, and say nothing more."""
        for run in list(self._runs):
            if run.started is not None:
                run.settle("cancelled", f"{self._cancelled(run)[1]} {UNKNOWN}")
        self._closed = True


def _text(value: object) -> str:
    try:
        return written(value)
    except Exception as error:
        raise TypeError(f"the result cannot be written as JSON: {error}") from error
