"""Where the caller's audio lies on the session's clock, when clients pause, lose packets, hurry and drift."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnscope._errors import ConfigError
from turnscope.core import InputClock, Placement

HZ = 1000
"""One sample is a millisecond here."""

FRAME = 20


def test_audio_that_comes_on_time_is_placed_sample_for_sample() -> None:
    clock = InputClock(HZ)
    placed = [clock.place(at, FRAME, at + FRAME, quiet=True) for at in range(0, 10_000, FRAME)]
    assert placed == [Placement(0, None, 0, at, None) for at in range(0, 10_000, FRAME)]


@given(st.lists(st.integers(0, 40), min_size=1, max_size=300))
def test_a_network_that_is_late_by_up_to_the_tolerance_moves_nothing(lateness: list[int]) -> None:
    clock = InputClock(HZ)
    for index, late in enumerate(lateness):
        placement = clock.place(index * FRAME, FRAME, index * FRAME + FRAME + late, quiet=True)
        assert placement.start == index * FRAME


def test_a_client_that_begins_late_is_heard_when_it_speaks() -> None:
    assert InputClock(HZ).place(0, FRAME, 3020, quiet=True) == Placement(3000, "paused", 0, 3000, None)


def test_what_the_transport_lost_is_a_gap_as_long_as_what_was_lost() -> None:
    clock = InputClock(HZ)
    clock.place(0, FRAME, 20, quiet=False)
    assert clock.place(60, FRAME, 80, quiet=False) == Placement(40, "lost", 0, 60, None)


def test_a_gap_is_no_longer_than_the_time_that_has_passed_and_the_lead_that_is_allowed() -> None:
    clock = InputClock(HZ)
    clock.place(0, FRAME, 20, quiet=False)
    assert clock.place(1_000_000, FRAME, 40, quiet=False) == Placement(200, "lost", 0, 220, None)


def test_indices_that_begin_again_are_a_stream_that_goes_on() -> None:
    clock = InputClock(HZ)
    clock.place(5000, FRAME, 20, quiet=False)
    assert clock.place(0, FRAME, 40, quiet=False) == Placement(0, None, 0, 20, None)
    assert clock.place(20, FRAME, 60, quiet=False) == Placement(0, None, 0, 40, None)


def test_after_a_pause_what_comes_is_now() -> None:
    clock = InputClock(HZ)
    clock.place(0, FRAME, 20, quiet=False)
    assert clock.place(20, FRAME, 2040, quiet=False) == Placement(2000, "paused", 0, 2020, None)


def test_after_a_hold_up_that_is_too_short_for_a_pause_a_burst_lies_where_it_was_spoken() -> None:
    clock = InputClock(HZ)
    clock.place(0, FRAME, 20, quiet=False)
    for at in range(20, 420, FRAME):
        assert clock.place(at, FRAME, 430, quiet=False).start == at


def test_silence_that_was_heard_for_what_came_after_all_is_taken_back_in_the_next_quiet_moment() -> None:
    clock = InputClock(HZ)
    clock.place(0, FRAME, 20, quiet=False)
    assert clock.fill(620) == 600
    position, now = 620, 620
    for at in range(20, 620, FRAME):  # half a second comes at once, all of it speech
        placement = clock.place(at, FRAME, now, quiet=False)
        assert (placement.gap, placement.correction, placement.start) == (0, 0, position)
        position += FRAME
        now = placement.ready_at or now
    dropped = 0
    for at in range(620, 4020, FRAME):
        placement = clock.place(at, FRAME, now := max(now, at + FRAME), quiet=True)
        assert placement.correction <= 0
        dropped -= placement.correction
    assert clock.position - now == pytest.approx(0, abs=40)
    assert dropped == pytest.approx(600, abs=40)


def test_whoever_sends_ahead_of_time_is_made_to_wait_and_loses_nothing() -> None:
    clock = InputClock(HZ)
    now = 0
    for at in range(0, 5000, FRAME):
        placement = clock.place(at, FRAME, now, quiet=True)
        assert (placement.gap, placement.correction, placement.start) == (0, 0, at)
        now = placement.ready_at or now
        assert clock.position - now <= 200


@pytest.mark.parametrize("error", [0.001, -0.001, 0.01, -0.01])
def test_a_clock_that_runs_apart_for_an_hour_stays_within_a_few_hundredths_of_a_second(error: float) -> None:
    """The caller speaks for 10 s, is quiet for 2 s, and so on; their clock is `error` too fast."""
    clock = InputClock(HZ)
    worst = 0.0
    for index in range(3600 * 50):
        now = round((index + 1) * FRAME / (1 + error))
        clock.place(index * FRAME, FRAME, now, quiet=now % 12_000 >= 10_000)
        worst = max(worst, abs(clock.position - now))
    assert worst <= 40 + abs(error) * 14_000


def test_speech_is_never_stretched_or_cut_for_a_clock() -> None:
    clock = InputClock(HZ)
    for index in range(1000):
        placement = clock.place(index * FRAME, FRAME, round((index + 1) * FRAME * 1.01), quiet=False)
        assert (placement.gap, placement.correction) == (0, 0)


@given(
    st.lists(
        st.tuples(st.integers(0, 2000), st.integers(0, 300), st.integers(1, 200), st.booleans()),
        min_size=1,
        max_size=60,
    )
)
def test_whatever_comes_places_follow_each_other_and_end_not_far_in_the_future(
    pieces: list[tuple[int, int, int, bool]],
) -> None:
    clock = InputClock(HZ)
    now = start = position = 0
    for waited, lost, count, quiet in pieces:
        now += waited
        start += lost
        before = max(position - now, 0)
        placement = clock.place(start, count, now, quiet=quiet)
        assert placement.start - max(placement.correction, 0) - placement.gap == position
        assert placement.gap >= 0
        kept = count + min(placement.correction, 0)
        assert kept >= 0
        assert clock.position == placement.start + kept
        assert clock.position - now <= before + max(200, count) + 200
        position = clock.position
        start += count
        now = max(now, placement.ready_at or 0)
        assert position - now <= 200


def test_a_rate_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="hz must be positive"):
        InputClock(0)
