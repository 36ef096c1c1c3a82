"""Policies that look at one thing each, and those that are made of others."""

from dataclasses import dataclass, replace

import pytest

from turnscope._errors import ConfigError
from turnscope.core import (
    AllConfirm,
    AnyConfirms,
    CustomRule,
    Evidence,
    FirstDecides,
    InterruptionPolicy,
    MinConfidence,
    MinSpeech,
    MinWords,
    Ruling,
    ScoreThresholds,
    ScoreVeto,
    Verdict,
    Veto,
    WordsPolicy,
)

CONFIRM, DISMISS, WAIT = Verdict.CONFIRM, Verdict.DISMISS, Verdict.WAIT
NOTHING_YET = Evidence(17_600, 16_000, None, 0.7, "", False, (), False)
"""A tenth of a second of speech."""


def after(seconds: float, *, ended: bool = False) -> Evidence:
    now = 16_000 + round(16_000 * seconds)
    return replace(NOTHING_YET, sample=now, speech_end=now if ended else None)


def saying(text: str, *, settled: bool = False) -> Evidence:
    return replace(NOTHING_YET, text=text, settled=settled, speech_end=17_600 if settled else None)


def scored(**scores: float) -> Evidence:
    return replace(NOTHING_YET, scores=tuple(scores.items()))


@dataclass(frozen=True)
class Says:
    """A policy whose mind is made up."""

    ruling: Ruling

    def judge(self, evidence: Evidence) -> Ruling:
        return self.ruling


YES, NO = Says(Ruling(CONFIRM, "yes")), Says(Ruling(DISMISS, "no"))
LATER, SOON = Says(Ruling(WAIT, "later", 30_000)), Says(Ruling(WAIT, "soon", 20_000))
NEVER = Says(Ruling(WAIT, "never"))


@pytest.mark.feature(30)
@pytest.mark.parametrize(
    ("policy", "evidence", "ruling"),
    [
        (MinSpeech(0.3), after(0.08), Ruling(WAIT, "too short so far", 20_800)),
        (MinSpeech(0.3), after(0.08, ended=True), Ruling(DISMISS, "less than 0.3 s of speech")),
        (MinSpeech(0.3), after(0.3), Ruling(CONFIRM, "0.3 s of speech")),
        (MinSpeech(0.3), after(0.3, ended=True), Ruling(CONFIRM, "0.3 s of speech")),
        (MinWords(2), saying("wait"), Ruling(WAIT, "too few words so far")),
        (MinWords(2), saying("yeah yeah wait", settled=True), Ruling(DISMISS, "1 of 2 words")),
        (MinWords(2), saying("wait please"), Ruling(CONFIRM, "words: wait please")),
        (MinWords(2, frozenset({"please"})), saying("wait please"), Ruling(WAIT, "too few words so far")),
        (MinConfidence(0.7), NOTHING_YET, Ruling(CONFIRM, "confidence 0.70")),
        (MinConfidence(0.71), NOTHING_YET, Ruling(DISMISS, "confidence 0.70")),
        (ScoreVeto("echo"), NOTHING_YET, Ruling(WAIT, "no echo")),
        (ScoreVeto("echo"), scored(echo=0.49, noise=1.0), Ruling(WAIT, "no echo")),
        (ScoreVeto("echo"), scored(echo=0.5), Ruling(DISMISS, "echo 0.50")),
        (ScoreVeto("noise", 0.9), scored(noise=0.95), Ruling(DISMISS, "noise 0.95")),
        (ScoreThresholds(), NOTHING_YET, Ruling(WAIT, "no interruption score")),
        (ScoreThresholds(), scored(interruption=0.8), Ruling(CONFIRM, "interruption 0.80")),
        (ScoreThresholds(), scored(interruption=0.5), Ruling(WAIT, "interruption 0.50")),
        (ScoreThresholds(), scored(interruption=0.2), Ruling(DISMISS, "interruption 0.20")),
        (ScoreThresholds("mine", 0.6, 0.5), scored(mine=0.5), Ruling(DISMISS, "mine 0.50")),
    ],
)
def test_each_block_decides_by_its_one_thing(policy: InterruptionPolicy, evidence: Evidence, ruling: Ruling) -> None:
    assert policy.judge(evidence) == ruling


@pytest.mark.feature(31)
@pytest.mark.parametrize(("says", "verdict"), [(True, CONFIRM), (False, DISMISS), (None, WAIT)])
def test_the_application_has_a_rule_of_its_own(says: bool | None, verdict: Verdict) -> None:
    assert CustomRule(lambda evidence: says, "vip").judge(NOTHING_YET).verdict is verdict
    assert CustomRule(lambda evidence: says, "vip").judge(NOTHING_YET).evidence.startswith("vip")


@pytest.mark.parametrize(
    ("policies", "first", "every", "some"),
    [
        ([YES], Ruling(CONFIRM, "yes"), Ruling(CONFIRM, "yes"), Ruling(CONFIRM, "yes")),
        ([NO, YES], Ruling(DISMISS, "no"), Ruling(DISMISS, "no"), Ruling(CONFIRM, "yes")),
        ([LATER, YES], Ruling(CONFIRM, "yes"), Ruling(WAIT, "later", 30_000), Ruling(CONFIRM, "yes")),
        ([LATER, NO], Ruling(DISMISS, "no"), Ruling(DISMISS, "no"), Ruling(WAIT, "later", 30_000)),
        ([NO, NO], Ruling(DISMISS, "no"), Ruling(DISMISS, "no"), Ruling(DISMISS, "no")),
        ([YES, YES], Ruling(CONFIRM, "yes"), Ruling(CONFIRM, "yes"), Ruling(CONFIRM, "yes")),
        (
            [LATER, NEVER, SOON],
            Ruling(WAIT, "later; never; soon", 20_000),
            Ruling(WAIT, "later and never and soon", 20_000),
            Ruling(WAIT, "later and never and soon", 20_000),
        ),
    ],
)
def test_the_table_of_combinations(
    policies: list[InterruptionPolicy], first: Ruling, every: Ruling, some: Ruling
) -> None:
    assert FirstDecides(policies).judge(NOTHING_YET) == first
    assert AllConfirm(policies).judge(NOTHING_YET) == every
    assert AnyConfirms(policies).judge(NOTHING_YET) == some


def test_what_all_confirm_names_all_evidence() -> None:
    policy = AllConfirm([MinSpeech(0.3), MinWords(1)])
    evidence = replace(after(0.5), text="wait")
    assert policy.judge(evidence) == Ruling(CONFIRM, "0.3 s of speech and words: wait")


@pytest.mark.parametrize(
    ("veto", "policy", "ruling"),
    [
        (NO, YES, Ruling(DISMISS, "no")),
        (NEVER, YES, Ruling(CONFIRM, "yes")),
        (YES, NO, Ruling(DISMISS, "no")),
        (YES, NEVER, Ruling(WAIT, "never")),
        (SOON, LATER, Ruling(WAIT, "later", 20_000)),
    ],
)
def test_a_veto_only_dismisses(veto: InterruptionPolicy, policy: InterruptionPolicy, ruling: Ruling) -> None:
    assert Veto(veto, policy).judge(NOTHING_YET) == ruling


def test_blocks_make_one_policy() -> None:
    policy = Veto(ScoreVeto("echo", 0.6), FirstDecides([ScoreThresholds(), WordsPolicy(min_speech_s=0.5)]))
    assert policy.judge(replace(after(0.1), scores=(("echo", 0.7),))).verdict is DISMISS
    assert policy.judge(replace(after(0.1), scores=(("interruption", 0.9),))).verdict is CONFIRM
    assert policy.judge(after(0.1)) == Ruling(WAIT, "no interruption score; not enough yet", 24_000)
    assert policy.judge(after(0.5)).verdict is CONFIRM


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: MinSpeech(0.0), "min_speech_s must be positive"),
        (lambda: MinWords(0), "min_words must be at least 1"),
        (lambda: MinConfidence(1.1), "min_confidence must be between 0 and 1"),
        (lambda: ScoreVeto("echo", float("nan")), "threshold must be between 0 and 1"),
        (lambda: ScoreThresholds(confirm_at=2.0), "confirm_at must be between"),
        (lambda: ScoreThresholds(confirm_at=0.5, dismiss_at=0.5), "dismiss_at must be between 0 and confirm_at"),
        (lambda: FirstDecides([]), "policies must hold one at least"),
        (lambda: AllConfirm([]), "policies must hold one at least"),
        (lambda: AnyConfirms([]), "policies must hold one at least"),
    ],
)
def test_blocks_that_make_no_sense_are_refused(make: type, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        make()
