"""Code that blocks the event loop is noticed and named, in real time."""

import time

import pytest
import trio

from tests.session.calls import agent
from turnscope.core import LoopBlocked
from turnscope.session import open_runtime, open_session
from turnscope.sim import CallerTransport, FakeTTS, VirtualCompute

pytestmark = pytest.mark.realtime


class BlockingTTS(FakeTTS):
    """Sleeps as code does that has never heard of an event loop."""

    def _chunks(self, text, options):  # type: ignore[no-untyped-def]
        time.sleep(0.12)
        return super()._chunks(text, options)


async def blocked_events(compute: VirtualCompute | None) -> list[LoopBlocked]:
    seen: list[LoopBlocked] = []

    def note(record: object) -> None:
        if isinstance(record, LoopBlocked):
            seen.append(record)

    async with open_runtime(compute=compute) as runtime:
        caller = CallerTransport([], lead_s=0.02)
        async with open_session(agent(tts=BlockingTTS()), caller, runtime=runtime, sinks=(note,)) as session:
            await session.say("Hello there.")
            await trio.sleep(0.3)
    return seen


async def test_a_provider_that_blocks_the_loop_is_named() -> None:
    seen = await blocked_events(None)
    assert any("turn 1" in event.task or "Attempt" in event.task or "_speak" in event.task for event in seen), seen
    assert max(event.blocked_s for event in seen) >= 0.12


async def test_where_compute_is_modelled_nobody_reads_the_wall_clock() -> None:
    assert await blocked_events(VirtualCompute()) == []
