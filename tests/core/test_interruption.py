"""The rules by which words and time decide whether it is an interruption."""

import pytest

from turnscope._errors import ConfigError
from turnscope.core import BACKCHANNELS, Evidence, InterruptionSettings, Ruling, Verdict, WordsPolicy, content_words

POLICY = WordsPolicy(lexicon=frozenset({"mm-hmm", "yeah"}), transcripts=2, min_speech_s=0.5)


def evidence(
    text: str = "",
    *,
    speech_ms: int = 200,
    ended: bool = False,
    settled: bool = False,
    recent: tuple[str, ...] | None = None,
    window_elapsed: bool = False,
) -> Evidence:
    """Speech that began at sample 16000 and has lasted `speech_ms`."""
    now = 16_000 + 16 * speech_ms
    if recent is None:
        recent = (text,) if text else ()
    return Evidence(now, 16_000, now if ended else None, 0.9, text, settled, recent, window_elapsed)


WAITING = Ruling(Verdict.WAIT, "not enough yet", 24_000)
ONLY_WORDS_WILL_TELL = Ruling(Verdict.WAIT, "not enough yet", None)


@pytest.mark.parametrize(
    ("seen", "ruling"),
    [
        # words
        (evidence("wait", recent=("wait",)), WAITING),
        (evidence("wait now", recent=("wait", "wait now")), Ruling(Verdict.CONFIRM, "words: wait now")),
        (evidence("wait", recent=("yeah", "wait")), WAITING),
        (evidence("wait", recent=("wait", "")), WAITING),
        (evidence("yeah wait", recent=("yeah wait", "yeah wait")), Ruling(Verdict.CONFIRM, "words: wait")),
        (evidence("No.", ended=True, settled=True), Ruling(Verdict.CONFIRM, "words: no")),
        (evidence("No.", ended=True), ONLY_WORDS_WILL_TELL),
        # nods
        (evidence("Yeah."), ONLY_WORDS_WILL_TELL),
        (evidence("yeah yeah", speech_ms=5000), ONLY_WORDS_WILL_TELL),
        (evidence("Mm-hmm.", ended=True, settled=True), Ruling(Verdict.DISMISS, "backchannel")),
        (evidence("yeah", window_elapsed=True), Ruling(Verdict.DISMISS, "backchannel")),
        # time
        (evidence(speech_ms=499), WAITING),
        (evidence(speech_ms=500), Ruling(Verdict.CONFIRM, "0.5 s of speech")),
        (evidence("wait", speech_ms=500), Ruling(Verdict.CONFIRM, "0.5 s of speech")),
        (evidence(speech_ms=500, ended=True), Ruling(Verdict.CONFIRM, "0.5 s of speech")),
        (evidence(ended=True), ONLY_WORDS_WILL_TELL),
        (evidence(ended=True, settled=True), Ruling(Verdict.DISMISS, "no words")),
        (evidence(window_elapsed=True), Ruling(Verdict.DISMISS, "no words in time")),
        (evidence("wait", window_elapsed=True), Ruling(Verdict.DISMISS, "no words in time")),
        (evidence("...", ended=True, settled=True), Ruling(Verdict.DISMISS, "backchannel")),
    ],
)
def test_the_table_of_rulings(seen: Evidence, ruling: Ruling) -> None:
    assert POLICY.judge(seen) == ruling


def test_a_policy_that_trusts_every_transcript_confirms_on_the_first() -> None:
    assert WordsPolicy(transcripts=1).judge(evidence("wait")).verdict is Verdict.CONFIRM


@pytest.mark.parametrize("min_speech_s", [0.33333, 0.1 + 0.2, 0.8, 1 / 3, 0.00001])
def test_when_it_asks_to_be_called_again_it_decides_then(min_speech_s: float) -> None:
    policy = WordsPolicy(min_speech_s=min_speech_s)
    review_at = policy.judge(Evidence(0, 0, None, 0.9, "", False, (), False)).review_at
    again = Evidence(review_at or 0, 0, None, 0.9, "", False, (), False)
    assert policy.judge(again).verdict is Verdict.CONFIRM


def test_the_length_of_speech_is_counted_to_its_end() -> None:
    assert Evidence(32_000, 16_000, None, 1.0, "", False, (), False).speech_s == 1.0
    assert Evidence(32_000, 16_000, 20_000, 1.0, "", False, (), False).speech_s == 0.25


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("Yeah, OKAY... mm-hmm!", []),
        ("Uh-huh; uh huh", []),
        ("Okay, don't stop", ["don't", "stop"]),
        ("don’t", ["don’t"]),
        ("3 lattes", ["3", "lattes"]),
        ("Äh, nein", ["äh", "nein"]),
        ("— ?!", []),
        ("_yes_", []),
        ("I see. Go on, got it; of course.", []),
        ("of course not", ["not"]),
        ("That’s right", []),
        ("I see you", ["you"]),
        ("go away", ["go", "away"]),
        ("see", ["see"]),
    ],
)
def test_words_that_count_are_those_that_are_no_nods(text: str, words: list[str]) -> None:
    assert content_words(text) == words


def test_an_application_brings_its_own_nods() -> None:
    assert content_words("ja genau", frozenset({"ja", "genau"})) == []
    assert content_words("yeah", frozenset({"ja"})) == ["yeah"]


def test_the_nods_are_written_as_they_are_compared() -> None:
    assert {word for word in BACKCHANNELS if word != word.lower() or not word.strip()} == set()
    assert not BACKCHANNELS & {"no", "stop", "wait", "what"}


@pytest.mark.parametrize(
    "bad", [{"transcripts": 0}, {"transcripts": 5}, {"min_speech_s": 0.0}, {"min_speech_s": float("nan")}]
)
def test_a_policy_that_makes_no_sense_is_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(bad))):
        WordsPolicy(**bad)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "bad",
    [
        {"reaction": "shout"},
        {"decision_window_s": 0.0},
        {"duck_db": -11.0},
        {"duck_db": float("nan")},
        {"fade_s": -0.01},
        {"fade_s": 0.11},
    ],
)
def test_settings_that_make_no_sense_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(bad))):
        InterruptionSettings(**bad)  # type: ignore[arg-type]
