"""The ring buffer: absolute indices, readers at their own places, and losses that are counted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnscope._errors import AudioError, ConfigError, ProtocolError
from turnscope.core import RingBuffer, RingOverrun, Samples


def counting(start: int, stop: int) -> Samples:
    """Samples whose value is their index."""
    return np.arange(start, stop, dtype=np.float32)


def filled(capacity: int, *lengths: int) -> RingBuffer:
    """A ring that samples equal to their index were written to, in blocks."""
    ring = RingBuffer(capacity)
    for length in lengths:
        ring.write(counting(ring.end, ring.end + length))
    return ring


@given(st.integers(1, 40), st.lists(st.integers(0, 60), max_size=12))
def test_what_is_held_is_the_newest_of_what_was_written(capacity: int, lengths: list[int]) -> None:
    ring = filled(capacity, *lengths)
    assert ring.end == sum(lengths)
    assert ring.end - ring.begin == min(ring.end, capacity)
    np.testing.assert_array_equal(ring.read(ring.begin, ring.end), counting(ring.begin, ring.end))


@given(st.data())
def test_any_range_that_is_held_reads_as_it_was_written(data: st.DataObject) -> None:
    ring = filled(17, *data.draw(st.lists(st.integers(1, 20), min_size=1, max_size=6)))
    start = data.draw(st.integers(ring.begin, ring.end))
    stop = data.draw(st.integers(start, ring.end))
    np.testing.assert_array_equal(ring.read(start, stop), counting(start, stop))


def test_a_reading_is_not_touched_by_what_is_written_later() -> None:
    ring = filled(4, 4)
    before = ring.read(0, 4)
    ring.write(counting(4, 8))
    assert before.tolist() == [0, 1, 2, 3]


def test_the_ring_keeps_a_copy_of_what_it_was_given() -> None:
    ring, block = RingBuffer(4), counting(0, 3)
    ring.write(block)
    block[:] = 9
    assert ring.read(0, 3).tolist() == [0, 1, 2]


def test_a_window_can_be_read_into_memory_that_is_used_again() -> None:
    ring, window = filled(5, 7), np.empty(3, np.float32)
    assert ring.read(3, 6, out=window) is window
    assert window.tolist() == [3, 4, 5]
    with pytest.raises(AudioError, match=r"shape \(2,\)"):
        ring.read(3, 5, out=window)


def test_reading_what_was_overwritten_says_what_is_lost() -> None:
    ring = filled(10, 25)
    with pytest.raises(RingOverrun) as partly:
        ring.read(12, 20)
    assert (partly.value.lost_start, partly.value.lost_stop, partly.value.lost_samples) == (12, 15, 3)
    with pytest.raises(RingOverrun) as wholly:
        ring.read(2, 6)
    assert (wholly.value.lost_start, wholly.value.lost_stop) == (2, 6)


@pytest.mark.parametrize(("start", "stop"), [(0, 4), (4, 5), (-1, 2), (2, 1)])
def test_a_range_that_was_never_written_is_a_mistake_of_the_reader(start: int, stop: int) -> None:
    with pytest.raises(ProtocolError, match="cannot be read"):
        filled(10, 3).read(start, stop)


def test_an_empty_range_loses_nothing_even_where_all_is_overwritten() -> None:
    assert filled(10, 25).read(3, 3).size == 0


def test_stereo_and_an_empty_ring_are_refused() -> None:
    with pytest.raises(AudioError, match="mono"):
        RingBuffer(8).write(np.zeros((2, 2), np.float32))
    with pytest.raises(ConfigError, match="capacity_samples"):
        RingBuffer(0)


@given(st.integers(1, 30), st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=20))
def test_a_cursor_reads_every_sample_once_or_counts_it_as_lost(capacity: int, steps: list[tuple[int, int]]) -> None:
    ring = RingBuffer(capacity)
    cursor = ring.cursor(0)
    read: list[float] = []
    lost: list[float] = []
    for written, wanted in steps:
        ring.write(counting(ring.end, ring.end + written))
        before, known = cursor.position, cursor.lost_samples
        samples = cursor.read(wanted)
        missed = cursor.lost_samples - known
        lost += range(before, before + missed)
        read += samples.tolist()
        assert cursor.position == before + missed + samples.size
        assert cursor.available_samples == ring.end - cursor.position
    assert sorted([*read, *lost]) == list(range(cursor.position))
    assert cursor.lost_samples == len(lost)


def test_a_slow_reader_loses_its_place_and_does_not_disturb_a_quick_one() -> None:
    ring = RingBuffer(100)
    slow, quick = ring.cursor(0), ring.cursor(0)
    for _ in range(5):
        ring.write(counting(ring.end, ring.end + 50))
        assert quick.read(50).size == 50
    assert slow.read(1000).tolist() == list(range(150, 250))
    assert (slow.lost_samples, quick.lost_samples) == (150, 0)


def test_a_cursor_starts_where_it_is_told_and_by_default_at_the_next_sample() -> None:
    ring = filled(10, 8)
    preroll, live = ring.cursor(5), ring.cursor()
    ring.write(counting(8, 10))
    assert preroll.read(100).tolist() == [5, 6, 7, 8, 9]
    assert live.read(100).tolist() == [8, 9]
    for outside in (-1, 11):
        with pytest.raises(ProtocolError, match="cannot start"):
            ring.cursor(outside)


def test_skipping_is_not_losing() -> None:
    cursor = filled(10, 8).cursor(1)
    cursor.skip_to(6)
    assert cursor.read(100).tolist() == [6, 7]
    assert cursor.lost_samples == 0
    with pytest.raises(ProtocolError, match="cannot skip"):
        cursor.skip_to(3)


def test_a_cursor_cannot_read_backwards() -> None:
    with pytest.raises(ConfigError, match="max_samples"):
        filled(10, 8).cursor(1).read(-1)
