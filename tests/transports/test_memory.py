"""Two ends of a call in memory: in order, bounded, and with clear ahead of audio."""

import numpy as np
import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from turnscope._errors import AudioError, ConfigError, TransportError
from turnscope.core import Samples
from turnscope.sim import run_virtual
from turnscope.transports import MemoryTransport, OutputCleared, OutputFrame, Playhead, Transport, memory_pair


def counting(start: int, stop: int) -> Samples:
    """Samples whose value is their index."""
    return np.arange(start, stop, dtype=np.float32)


async def hear_all(transport: MemoryTransport) -> list[tuple[int, list[float]]]:
    frames = []
    while (frame := await transport.receive()) is not None:
        frames.append((frame.start, frame.samples.tolist()))
    return frames


def test_the_sessions_end_is_a_transport() -> None:
    transport: Transport = memory_pair()[0]
    assert isinstance(transport, Transport)


@given(st.lists(st.integers(0, 50), max_size=20), st.integers(1, 40))
def test_what_the_caller_says_arrives_whole_and_in_order_however_small_the_limit(
    lengths: list[int], limit: int
) -> None:
    async def call() -> list[tuple[int, list[float]]]:
        transport, caller = memory_pair(input_hz=1000, input_limit_s=limit / 1000)
        heard: list[tuple[int, list[float]]] = []

        async def speak() -> None:
            said = 0
            for length in lengths:
                await caller.send(counting(said, said + length))
                said += length
            caller.hang_up()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(speak)
            heard += await hear_all(transport)
        return heard

    frames = run_virtual(lambda _: call(), seed=0)
    assert [sample for _, samples in frames for sample in samples] == list(range(sum(lengths)))
    assert all(samples[0] == start for start, samples in frames)
    assert all(len(samples) <= limit for _, samples in frames)


async def test_the_caller_waits_while_the_session_has_not_heard_what_was_said() -> None:
    transport, caller = memory_pair(input_hz=1000, input_limit_s=0.02)
    await caller.send(counting(0, 20))
    with trio.move_on_after(1) as scope:
        await caller.send(counting(20, 21))
    assert scope.cancelled_caught
    caller.hang_up()
    assert await hear_all(transport) == [(0, list(range(20)))]


async def test_the_caller_may_use_its_memory_again() -> None:
    transport, caller = memory_pair()
    block = counting(0, 4)
    await caller.send(block)
    block[:] = 9
    caller.hang_up()
    assert await hear_all(transport) == [(0, [0, 1, 2, 3])]


async def test_a_cancelled_receive_loses_nothing() -> None:
    transport, caller = memory_pair()
    with trio.move_on_after(1) as scope:
        await transport.receive()
    assert scope.cancelled_caught
    await caller.send(counting(0, 2))
    with trio.CancelScope() as scope:
        scope.cancel()
        await transport.receive()
    caller.hang_up()
    assert await hear_all(transport) == [(0, [0, 1])]


async def test_the_agent_is_heard_as_it_was_sent_and_taking_acknowledges() -> None:
    transport, caller = memory_pair()
    transport.send(counting(0, 320), "a")
    transport.send(counting(320, 480), "b")
    assert transport.playhead() == Playhead(0, "acknowledged")
    first = await caller.receive()
    assert isinstance(first, OutputFrame)
    assert (first.samples.tolist(), first.response_id) == (list(range(320)), "a")
    assert transport.playhead() == Playhead(320, "acknowledged")
    transport.close()
    second = await caller.receive()
    assert isinstance(second, OutputFrame)
    assert second.response_id == "b"
    assert await caller.receive() is None


async def test_an_order_to_clear_overtakes_all_audio_and_takes_back_what_was_not_taken() -> None:
    transport, caller = memory_pair()
    transport.send(counting(0, 100), "old")
    transport.send(counting(0, 200), "new")
    transport.send(counting(0, 300), "old")
    transport.clear("old")
    transport.clear("old")
    transport.send(counting(0, 50), "old")
    transport.close()
    received = [await caller.receive() for _ in range(4)]
    assert received[0] == OutputCleared("old")
    assert [(len(frame.samples), frame.response_id) for frame in received[1:3] if isinstance(frame, OutputFrame)] == [
        (200, "new"),
        (50, "old"),
    ]
    assert received[3] is None
    assert transport.playhead().sample == 650


async def test_no_more_than_the_lead_may_wait() -> None:
    transport, caller = memory_pair(lead_s=0.02)
    assert transport.lead_samples == 320
    transport.send(counting(0, 320), "a")
    with pytest.raises(TransportError, match="321 samples would wait to be played; at most 320 may"):
        transport.send(counting(0, 1), "a")
    await caller.receive()
    transport.send(counting(0, 320), "a")


async def test_whoever_waits_is_woken_when_the_other_end_goes() -> None:
    transport, caller = memory_pair(input_limit_s=0.001)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(caller.receive)
        nursery.start_soon(caller.send, counting(0, 1000))
        await trio.testing.wait_all_tasks_blocked()
        transport.close()
    transport, caller = memory_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(transport.receive)
        await trio.testing.wait_all_tasks_blocked()
        caller.hang_up()


async def test_after_hanging_up_nothing_is_heard_and_nothing_fails() -> None:
    transport, caller = memory_pair()
    caller.hang_up()
    transport.send(counting(0, 10_000), "a")
    transport.clear("a")
    assert await caller.receive() is None
    assert await transport.receive() is None
    await caller.send(counting(0, 10))
    assert await transport.receive() is None


async def test_what_is_not_audio_is_refused_where_it_comes_in() -> None:
    _, caller = memory_pair()
    with pytest.raises(AudioError, match="mono"):
        await caller.send(np.zeros((2, 2), np.float32))


def test_impossible_limits_are_refused() -> None:
    with pytest.raises(ConfigError, match="must be positive"):
        memory_pair(lead_s=0)
