import pytest

from turnscope import ConfigError
from turnscope.core import CLOCK_HZ, DetectorPolicy, Evidence, Ruling, Verdict, WordsPolicy


def evidence(
    score: float | None = None,
    text: str = "",
    *,
    speech_s: float = 0.4,
    ended: bool = False,
    settled: bool = False,
    recent: tuple[str, ...] = (),
    window_elapsed: bool = False,
    noise: float | None = None,
) -> Evidence:
    scores = {"interruption": score, "noise": noise}
    return Evidence(
        round(speech_s * CLOCK_HZ),
        0,
        round(speech_s * CLOCK_HZ) if ended else None,
        0.9,
        text,
        settled,
        recent,
        window_elapsed,
        tuple((name, value) for name, value in scores.items() if value is not None),
    )


def verdict(given: Evidence, **settings: float) -> Verdict:
    return DetectorPolicy(**settings).judge(given).verdict  # type: ignore[arg-type]


def test_a_high_score_confirms_before_there_is_a_word() -> None:
    assert DetectorPolicy().judge(evidence(0.85)) == Ruling(Verdict.CONFIRM, "interruption 0.85")
    assert verdict(evidence(0.85), confirm_at=0.9) is Verdict.WAIT


@pytest.mark.parametrize(
    "given",
    [
        evidence(text="stop that", recent=("stop", "stop that")),
        evidence(text="stop that", ended=True, settled=True),
        evidence(speech_s=0.8),
        evidence(text="mm", ended=True, settled=True),
        evidence(window_elapsed=True),
        evidence(text="stop"),
    ],
)
def test_without_a_score_words_decide_as_if_there_were_no_detector(given: Evidence) -> None:
    assert DetectorPolicy().judge(given) == WordsPolicy().judge(given)


def test_words_that_the_detector_takes_for_a_cough_are_not_believed() -> None:
    heard = {"text": "thank you", "recent": ("thank", "thank you")}
    assert verdict(evidence(0.1, **heard)) is Verdict.WAIT  # type: ignore[arg-type]
    assert verdict(evidence(0.1, "thank you", ended=True, settled=True)) is Verdict.DISMISS
    assert verdict(evidence(0.1, "thank you", ended=True, settled=False)) is Verdict.WAIT
    assert verdict(evidence(0.1, window_elapsed=True, **heard)) is Verdict.DISMISS  # type: ignore[arg-type]


def test_between_the_thresholds_words_decide() -> None:
    assert verdict(evidence(0.45, "stop that", recent=("stop", "stop that"))) is Verdict.CONFIRM
    assert verdict(evidence(0.45, "yeah", ended=True, settled=True)) is Verdict.DISMISS


def test_who_talks_on_is_judged_by_their_words_whatever_the_score() -> None:
    heard = {"text": "right so what about it", "recent": ("right so", "right so what about it")}
    assert verdict(evidence(0.1, speech_s=1.4, **heard)) is Verdict.WAIT  # type: ignore[arg-type]
    assert verdict(evidence(0.1, speech_s=1.5, **heard)) is Verdict.CONFIRM  # type: ignore[arg-type]


def test_where_all_words_are_those_of_a_nod_the_detector_must_be_surer() -> None:
    assert verdict(evidence(0.9, "yeah")) is Verdict.WAIT
    assert verdict(evidence(0.9, "yeah", ended=True, settled=True)) is Verdict.DISMISS
    assert verdict(evidence(0.96, "yeah")) is Verdict.CONFIRM
    assert verdict(evidence(0.9, "yeah but")) is Verdict.CONFIRM


def test_another_score_can_be_named() -> None:
    assert DetectorPolicy(name="noise").judge(evidence(noise=0.9)).evidence == "noise 0.90"


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"confirm_at": 0.0}, "confirm_at must be more than 0"),
        ({"confirm_at": 1.1}, "confirm_at must be more than 0"),
        ({"doubt_at": 0.9}, r"doubt_at must be between 0 and confirm_at \(0.8\)"),
        ({"nod_confirm_at": 0.7}, r"nod_confirm_at must be between confirm_at \(0.8\) and 1"),
        ({"words_after_s": -1.0}, "words_after_s must not be negative"),
    ],
)
def test_a_setting_out_of_its_range_is_named(settings: dict[str, float], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        DetectorPolicy(**settings)  # type: ignore[arg-type]
