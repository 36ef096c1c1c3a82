"""Packets that come late, twice, out of order or never: the audio goes on in order and in its place."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnscope._errors import ConfigError
from turnscope.core import JitterBuffer, JitterSettings, OrderedFrame, Packet

HZ = 1000
LENGTH = 20
TIMEOUT = 100
"""The default of 0.1 s, in samples."""

pytestmark = pytest.mark.feature(54)


def packet(number: int, *, first: int = 0, timestamp: int | None = None) -> Packet:
    """The packet `number`, whose samples are its number."""
    at = number * LENGTH if timestamp is None else timestamp
    return Packet((first + number) % 65_536, at % (1 << 32), np.full(LENGTH, number, np.float32))


def heard(frames: Sequence[OrderedFrame]) -> list[tuple[int, int]]:
    """Which packets the frames are, and where they begin."""
    return [(int(frame.samples[0]), frame.start) for frame in frames]


def in_order(*numbers: int) -> list[tuple[int, int]]:
    return [(number, number * LENGTH) for number in numbers]


def test_what_comes_in_order_is_given_out_at_once() -> None:
    buffer = JitterBuffer(HZ)
    for number in range(5):
        assert heard(buffer.receive(packet(number), number * LENGTH)) == in_order(number)
        assert buffer.deadline is None


@st.composite
def shuffled(draw: st.DrawFn) -> list[int]:
    """Numbers from 0 on, none further than 8 from its place; the first is the first."""
    count = draw(st.integers(1, 60))
    places = [(index + draw(st.integers(0, 7)) if index else -1, index) for index in range(count)]
    return [index for _, index in sorted(places)]


@given(order=shuffled(), first=st.sampled_from([0, 65_530, 65_535, 12_345]), twice=st.sets(st.integers(0, 59)))
def test_any_order_within_the_window_gives_the_same_audio(order: list[int], first: int, twice: set[int]) -> None:
    buffer = JitterBuffer(HZ, JitterSettings(depth=10))
    frames: list[OrderedFrame] = []
    copies = 0
    for number in order:
        for _ in range(2 if number in twice else 1):
            frames += buffer.receive(packet(number, first=first), 0)
        copies += number in twice
    assert heard(frames) == in_order(*range(len(order)))
    assert (buffer.counts.delivered, buffer.counts.duplicate) == (len(order), copies)
    assert buffer.counts.lost == buffer.counts.late == 0
    assert buffer.deadline is None


def test_a_lost_packet_is_skipped_when_its_time_is_over_and_leaves_a_gap_of_its_length() -> None:
    buffer = JitterBuffer(HZ)
    buffer.receive(packet(0), 0)
    assert buffer.receive(packet(2), 40) == []
    assert buffer.receive(packet(3), 60) == []
    assert buffer.deadline == 40 + TIMEOUT
    assert buffer.advance(40 + TIMEOUT - 1) == []
    assert heard(buffer.advance(40 + TIMEOUT)) == in_order(2, 3)
    assert buffer.counts.lost == 1
    assert buffer.deadline is None


def test_without_a_call_at_the_deadline_the_next_packet_does_as_well() -> None:
    buffer = JitterBuffer(HZ)
    buffer.receive(packet(0), 0)
    buffer.receive(packet(2), 40)
    assert heard(buffer.receive(packet(5), 200)) == in_order(2)
    assert buffer.deadline == 200 + TIMEOUT


def test_so_many_packets_wait_and_no_more() -> None:
    buffer = JitterBuffer(HZ, JitterSettings(depth=3))
    buffer.receive(packet(0), 0)
    assert buffer.receive(packet(2), 0) == buffer.receive(packet(3), 0) == []
    assert heard(buffer.receive(packet(4), 0)) == in_order(2, 3, 4)


def test_a_packet_that_comes_after_it_was_given_up_is_dropped_and_counted() -> None:
    buffer = JitterBuffer(HZ)
    buffer.receive(packet(0), 0)
    buffer.receive(packet(2), 40)
    buffer.advance(140)
    assert buffer.receive(packet(1), 150) == []
    assert buffer.receive(packet(1), 151) == []
    assert (buffer.counts.lost, buffer.counts.late, buffer.counts.duplicate) == (1, 1, 1)
    assert heard(buffer.receive(packet(3), 160)) == in_order(3)


@given(
    arrivals=st.lists(st.tuples(st.integers(1, 40), st.integers(0, 400)), max_size=80),
    depth=st.integers(1, 12),
    adaptive=st.booleans(),
)
def test_whatever_comes_frames_are_in_order_nothing_is_given_twice_and_nothing_waits_for_ever(
    arrivals: list[tuple[int, int]], depth: int, adaptive: bool
) -> None:
    buffer = JitterBuffer(HZ, JitterSettings(depth=depth, adaptive=adaptive))
    frames = buffer.receive(packet(0), 0)
    sent, now = {0}, 0
    for number, waited in arrivals:
        now += waited
        frames += buffer.receive(packet(number), now)
        sent.add(number)
        assert len(buffer._held) < depth
        assert buffer.deadline is None or now < buffer.deadline <= now + TIMEOUT
    frames += buffer.flush()
    numbers = [number for number, _ in heard(frames)]
    assert numbers == sorted(set(numbers))
    assert set(numbers) <= sent
    assert heard(frames) == in_order(*numbers)
    counts = buffer.counts
    assert counts.delivered == len(numbers)
    assert counts.delivered + counts.late + counts.duplicate == len(arrivals) + 1
    assert counts.lost == numbers[-1] + 1 - len(numbers)


def test_timestamps_wrap_and_jump_where_nothing_was_sent() -> None:
    buffer = JitterBuffer(HZ)
    top = 1 << 32
    stamps = [top - 30, top - 10, 10, 5010]
    frames = [buffer.receive(packet(number, timestamp=stamp), 0)[0] for number, stamp in enumerate(stamps)]
    assert [frame.start for frame in frames] == [0, 20, 40, 5040]
    assert buffer.counts.lost == 0


def test_another_stream_begins_once_two_of_its_packets_follow_each_other() -> None:
    buffer = JitterBuffer(HZ)
    buffer.receive(packet(0), 0)
    assert buffer.receive(packet(0, first=30_000, timestamp=900_000), 20) == []  # alone, it may be a stray one
    assert heard(buffer.receive(packet(1), 20)) == in_order(1)
    assert buffer.receive(packet(0, first=30_000, timestamp=900_000), 40) == []
    assert [frame.start for frame in buffer.receive(packet(1, first=30_000, timestamp=900_020), 60)] == [20]
    assert buffer.counts.lost == 0


def test_an_adaptive_buffer_waits_only_as_long_as_late_packets_need() -> None:
    buffer = JitterBuffer(HZ, JitterSettings(adaptive=True))
    for number in range(1000):
        buffer.receive(packet(number), number * LENGTH)
    buffer.receive(packet(1001), 20_020)
    assert buffer.deadline == 20_020 + LENGTH  # the least
    buffer.advance(20_040)
    buffer.receive(packet(1000), 20_050)  # 30 late
    buffer.receive(packet(1003), 20_060)
    assert buffer.deadline == 20_060 + 60


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"gap_timeout_s": 0}, "gap_timeout_s must be positive"),
        ({"min_timeout_s": float("nan")}, "min_timeout_s must be positive"),
        ({"depth": 0}, "depth must be at least 1"),
        ({"sequence_bits": 8}, "sequence_bits must be from 14 to 64"),
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, float], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        JitterSettings(**wrong)  # type: ignore[arg-type]
