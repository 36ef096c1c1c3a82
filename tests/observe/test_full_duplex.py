"""Full-Duplex-Bench's numbers on tracks drawn by hand."""

from turnscope.core import CLOCK_HZ
from turnscope.observe import Rate, Span, score_full_duplex


def at(seconds: float) -> int:
    return round(seconds * CLOCK_HZ)


def spoke(*times_s: tuple[float, float]) -> list[Span]:
    return [Span(at(start), at(stop)) for start, stop in times_s]


def test_the_stop_latency_is_the_length_of_an_overlap() -> None:
    duplex = score_full_duplex(spoke((2, 4), (10, 10.5)), spoke((0, 2.25), (5, 12)))
    assert list(duplex.overlaps) == spoke((2, 2.25), (10, 10.5))
    assert (duplex.stop_latency.n, duplex.stop_latency.mean) == (2, 0.375)


def test_of_overlaps_that_end_together_the_shortest_counts() -> None:
    duplex = score_full_duplex([Span(0, at(3)), Span(at(2), at(3))], spoke((1, 4)))
    assert list(duplex.overlaps) == spoke((2, 3))


def test_the_response_latency_is_the_gap_to_the_agent_s_next_speech() -> None:
    duplex = score_full_duplex(spoke((0, 1), (2, 3), (8, 9)), spoke((2.5, 2.8), (3.5, 5)))
    assert list(duplex.gaps) == spoke((1, 2.5), (3, 3.5))
    assert duplex.response_latency.mean == 1.0


def test_a_turn_is_taken_by_speaking_for_a_second() -> None:
    duplex = score_full_duplex(spoke((0, 1), (5, 6), (10, 11)), spoke((1.5, 2.4), (6.5, 7.0), (7.2, 7.6), (10.5, 13)))
    assert duplex.takeovers == Rate(2, 3)
    assert list(duplex.takeover_gaps) == spoke((6, 6.5), (11, 11))
    assert duplex.takeover_latency.mean == 0.25


def test_of_silence_nothing_is_known() -> None:
    duplex = score_full_duplex([], [])
    assert (duplex.stop_latency.n, duplex.takeovers) == (0, Rate(0, 0))
