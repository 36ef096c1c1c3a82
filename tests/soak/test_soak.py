"""A caller who interrupts for ever costs no memory, no task, no thread and no socket."""

import gc
import os
import threading
import tracemalloc
from dataclasses import dataclass, field

import pytest
import trio

from tests.session.calls import agent, child_tasks
from tests.session.endless import EndlessInterrupter
from turnscope.core import HistorySettings, Interrupted, TurnEnded
from turnscope.providers import ScriptedLLM
from turnscope.session import Record, open_runtime, open_session
from turnscope.session._turn import Turn
from turnscope.sim import FakeVAD, VirtualCompute, run_virtual

REPLY = "Your order is two lattes, and it will be ready soon, in ten minutes."

AGENT = agent(
    vad=FakeVAD(window_s=0.05),
    llm=ScriptedLLM([], fallback=REPLY, tokens_per_s=100, first_token_s=0.05),
    history=HistorySettings(max_messages=20),
)


@dataclass
class Footprint:
    """What lives at one moment."""

    bytes: int
    turns: int
    threads: int
    files: int


def footprint() -> Footprint:
    gc.collect()
    turns = sum(isinstance(thing, Turn) for thing in gc.get_objects())
    return Footprint(tracemalloc.get_traced_memory()[0], turns, threading.active_count(), len(os.listdir("/dev/fd")))


@dataclass
class Soak:
    """Counts the turns that were interrupted, and takes the footprint after the first and the last of them."""

    warm_up: int
    more: int
    interrupted: int = 0
    footprints: list[Footprint] = field(default_factory=list)
    tasks: list[int] = field(default_factory=list)

    def __call__(self, record: Record) -> None:
        if not (isinstance(record, TurnEnded) and isinstance(record.outcome, Interrupted)):
            return
        self.interrupted += 1
        if self.interrupted in (self.warm_up, self.warm_up + self.more):
            self.footprints.append(footprint())
        if self.interrupted % 10 == 0:
            self.tasks.append(sum(1 for _ in child_tasks(self._root)))

    async def run(self, compute: VirtualCompute) -> None:
        self._root = trio.lowlevel.current_task()
        transport = EndlessInterrupter(self.warm_up + self.more + 1)
        before = sum(1 for _ in child_tasks(self._root))
        async with (
            open_runtime(compute=compute) as runtime,
            open_session(AGENT, transport, runtime=runtime, sinks=(self,)) as session,
        ):
            await session.wait_ended()
        assert sum(1 for _ in child_tasks(self._root)) == before


def soak(warm_up: int, more: int) -> int:
    """Interrupt so many turns, and then so many more. Returns how many bytes the latter have added."""
    before = footprint()
    tracemalloc.start()
    try:
        result = Soak(warm_up, more)
        run_virtual(result.run, seed=1)
        after = footprint()
    finally:
        tracemalloc.stop()
    assert (after.turns, after.files) == (before.turns, before.files)
    assert after.threads <= before.threads  # an idle worker thread of an earlier test may have gone meanwhile
    assert result.interrupted == warm_up + more
    warm, last = result.footprints
    assert last.turns <= warm.turns == before.turns + 2  # the one that has just ended, and the one that ended it
    assert last.threads <= warm.threads
    assert last.files == warm.files
    seen = warm_up // 10
    assert max(result.tasks[seen:]) <= max(result.tasks[:seen])
    return last.bytes - warm.bytes


def test_a_few_hundred_interrupted_turns_leave_nothing_behind() -> None:
    grown_bytes = soak(100, 400)
    assert grown_bytes < 100_000


@pytest.mark.slow
def test_nine_thousand_interrupted_turns_add_less_than_a_megabyte() -> None:
    grown_bytes = soak(1_000, 9_000)
    print(f"9,000 interrupted turns have added {grown_bytes:,} bytes")
    assert grown_bytes < 1_000_000
