import math

import pytest

from turnscope.observe import PerMinute, Rate
from turnscope.sim import Clip, ClipResult, Label, evaluation_to_dict, summarize


def result(label: Label, *, error: str = "", kind: str = "", speaker: str = "", **keys: object) -> ClipResult:
    clip = Clip(path=f"{label}-{id(keys)}.wav", label=label, kind=kind, speaker=speaker)
    return ClipResult(clip=clip, error=error, **keys)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [(0, 10, 0.0, 0.2775), (8, 10, 0.4902, 0.9433), (10, 10, 0.7225, 1.0), (25, 25, 0.8668, 1.0), (0, 0, 0.0, 1.0)],
)
def test_a_rate_has_wilsons_interval(count: int, of: int, low: float, high: float) -> None:
    assert Rate(count, of).interval == pytest.approx((low, high), abs=1e-4)


def test_a_rate_of_nothing_is_no_number() -> None:
    assert math.isnan(Rate(0, 0).value)
    assert math.isnan(PerMinute(0, 0.0).value)


@pytest.mark.parametrize(
    ("count", "low", "high"), [(0, 0.0, 3.69), (1, 0.03, 5.57), (10, 4.80, 18.39)]
)  # the exact limits, by the chi-squared distribution
def test_events_a_minute_have_a_poisson_interval(count: int, low: float, high: float) -> None:
    assert PerMinute(count, 1.0).interval == pytest.approx((low, high), abs=0.13)
    assert PerMinute(count, 10.0).interval == pytest.approx(tuple(x / 10 for x in PerMinute(count, 1.0).interval))


def test_each_label_counts_where_it_belongs() -> None:
    evaluation = summarize(
        [
            result("interruption", interrupted=True, stops=1),
            result("interruption"),
            result("backchannel"),
            result("backchannel"),
            result("backchannel", interrupted=True, stops=1),
            result("noise", kind="cough", duration_s=30, stops=2, yields=5),
            result("noise", kind="fan", duration_s=90),
            result("echo", duration_s=60, stops=1),
        ]
    )
    assert evaluation.yielded_to == Rate(1, 2)
    assert evaluation.talked_through == Rate(2, 3)
    assert evaluation.noise_stops == PerMinute(2, 2.0)
    assert evaluation.noise_yields == PerMinute(5, 2.0)
    assert dict(evaluation.stops_by_kind) == {"cough": PerMinute(2, 0.5), "fan": PerMinute(0, 1.5)}
    assert evaluation.echo_stops == PerMinute(1, 1.0)


def test_an_interruption_that_came_before_the_speech_is_told_and_does_not_count() -> None:
    evaluation = summarize([result("interruption", early=True, stops=1), result("backchannel", early=True, stops=1)])
    assert evaluation.early == Rate(2, 2)
    assert evaluation.yielded_to == Rate(0, 1)
    assert evaluation.talked_through == Rate(0, 1)


def test_latencies_are_of_interruptions_where_they_happened() -> None:
    values = [0.1 + k / 1000 for k in range(100)]
    evaluation = summarize(
        [result("interruption", interrupted=True, onset_to_yield_s=value) for value in reversed(values)]
        + [result("interruption"), result("backchannel", onset_to_yield_s=9.0)]
    )
    assert evaluation.onset_to_yield.n == 100
    assert evaluation.onset_to_yield.p50 == values[49]
    assert evaluation.onset_to_yield.p95 == values[94]
    assert math.isnan(evaluation.onset_to_silence.p50)


def test_a_clip_that_could_not_be_played_is_named_and_nothing_else() -> None:
    broken = result("noise", error="damaged")
    evaluation = summarize([broken, result("interruption", interrupted=True)])
    assert evaluation.failed == ((broken.clip.path, "damaged"),)
    assert math.isnan(evaluation.noise_stops.value)
    assert evaluation.yielded_to == Rate(1, 1)


def test_the_weakest_cells_are_those_with_the_lowest_shares_of_enough_clips() -> None:
    evaluation = summarize(
        [result("interruption", speaker="Ann", interrupted=True) for _ in range(9)]
        + [result("interruption", speaker="Ann")]
        + [result("interruption", speaker="Bob", interrupted=k > 2) for k in range(6)]
        + [result("interruption", speaker="Cem") for _ in range(4)]
        + [result("backchannel", speaker="Dan") for _ in range(7)]
    )
    assert [(cell.name, cell.right) for cell in evaluation.weakest] == [
        ("interruption, Bob", Rate(3, 6)),
        ("interruption, Ann", Rate(9, 10)),
    ]


def test_an_evaluation_is_plain_data_without_what_is_no_number() -> None:
    results = [result("interruption", interrupted=True, onset_to_yield_s=0.1)]
    data = evaluation_to_dict(summarize(results), results)
    assert data["yielded_to"] == {
        "count": 1,
        "of": 1,
        "value": 1.0,
        "low": pytest.approx(0.2065, abs=1e-4),
        "high": 1.0,
    }
    assert data["noise_stops"] == {"count": 0, "minutes": 0, "value": None, "low": 0.0, "high": None}
    assert data["onset_to_silence"] == {"n": 0, "p50_s": None, "p95_s": None, "mean_s": None}
    clips = data["clips"]
    assert isinstance(clips, list)
    assert clips[0]["label"] == "interruption"
    assert clips[0]["onset_to_yield_s"] == 0.1
