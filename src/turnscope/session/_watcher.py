"""The watcher outlives turns: it alone drives the Floor, and only its orders cancel anything."""

import heapq
from collections.abc import Callable

import trio

from turnscope.core import DeadlineReached, Floor, FloorInput, Order, TurnReserved, input_rank
from turnscope.session._bus import EventBus
from turnscope.session._clock import SessionClock
from turnscope.session._tap import Decision, TapGuard

__all__ = ["Watcher"]


class Watcher:
    """Feeds the Floor, carries out what it orders, and keeps its deadlines.

    Args:
        floor: The state machine.
        clock: The session's.
        obey: Carries out one order; synchronous.
        bus: Is told of each input, and tells nobody of anything before its orders were carried out.
        guard: Is shown each input with the orders that followed, once they were carried out.
    """

    def __init__(
        self, floor: Floor, clock: SessionClock, obey: Callable[[Order], None], bus: EventBus, guard: TapGuard
    ) -> None:
        self._floor = floor
        self._clock = clock
        self._obey = obey
        self._bus = bus
        self._guard = guard
        self._inbox: list[tuple[int, int, int, FloorInput]] = []
        self._count = 0
        self._obeying = False
        self._timer: trio.CancelScope | None = None

    def feed(self, item: FloorInput) -> None:
        """Take an input and carry out what follows, before returning. Observers are told when all of it is done.

        An input that comes up while orders are carried out is taken right after them. Inputs that wait together
        are taken in the order of their time, their rank (`input_rank`), and their coming.
        """
        self._put(item)
        if self._obeying:
            return
        self._obeying = True
        try:
            while self._inbox:  # also what an observer puts in when it is told
                with self._bus.held():
                    self._take_all()
        finally:
            self._obeying = False
        self._set_timer()

    def _take_all(self) -> None:
        while self._inbox:
            self._put_due_deadline(self._inbox[0][0])
            item = heapq.heappop(self._inbox)[3]
            self._bus.log_input(item)
            with self._clock.hold(item.sample):
                orders = self._floor.receive(item)
                for order in orders:
                    self._obey(order)
            self._guard.take(Decision(item, orders))

    def _put(self, item: FloorInput) -> None:
        heapq.heappush(self._inbox, (item.sample, input_rank(item), self._count, item))
        self._count += 1

    def _put_due_deadline(self, before: int) -> None:
        """A deadline comes before whatever else happens at its time, also when the timer is late."""
        deadline = self._floor.deadline
        if deadline is not None and deadline <= before and not isinstance(self._inbox[0][3], DeadlineReached):
            self._put(DeadlineReached(before))

    def catch_up(self) -> None:
        """Take a deadline that is due by now, if there is one: what follows from it comes before what is asked for."""
        deadline, now = self._floor.deadline, self._clock.now()
        if deadline is not None and deadline <= now:
            self.feed(DeadlineReached(now))

    def reserve_turn_id(self) -> int:
        """An id for a turn that the application begins.

        The Floor is told at once, ahead of what may wait, and so is the log: a deadline may open a turn between this
        and the request that the id is for, and a replay has to give both the same ids.
        """
        self.catch_up()
        item = TurnReserved(self._clock.now(), self._floor.next_turn_id)
        orders = self._floor.receive(item)
        self._guard.take(Decision(item, orders))
        self._bus.log_input(item)
        return item.turn_id

    async def run(self) -> None:
        """Keep the Floor's deadlines, until cancelled."""
        while True:
            with trio.CancelScope() as self._timer:
                self._set_timer()
                await trio.sleep_forever()
            # Another input may have come at the same instant and taken the deadline along: then there is a later one.
            self.catch_up()

    def _set_timer(self) -> None:
        if self._timer is not None:
            deadline = self._floor.deadline
            self._timer.deadline = float("inf") if deadline is None else self._clock.trio_time(deadline)
