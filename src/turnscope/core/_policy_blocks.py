"""Policies that look at one thing each, to be put together by those of `_combinators`.

Each confirms or dismisses where its one thing decides, and waits, which stands for "no opinion", where it does not.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from turnscope._errors import ConfigError
from turnscope.core._audio import to_samples
from turnscope.core._evidence import Evidence, Ruling, Verdict
from turnscope.core._lexicon import BACKCHANNELS, content_words

__all__ = ["CustomRule", "MinConfidence", "MinSpeech", "MinWords", "ScoreThresholds", "ScoreVeto"]


def _check_share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ConfigError(f"{name} must be between 0 and 1, got {value}")


@dataclass(frozen=True, slots=True)
class MinSpeech:
    """So much speech is an interruption; speech that ends before is none.

    Attributes:
        min_speech_s: How much.
    """

    min_speech_s: float

    def __post_init__(self) -> None:
        if not 0 < self.min_speech_s < math.inf:
            raise ConfigError(f"min_speech_s must be positive, got {self.min_speech_s}")

    def judge(self, evidence: Evidence) -> Ruling:
        """See `InterruptionPolicy.judge`."""
        wanted = to_samples(self.min_speech_s)
        if to_samples(evidence.speech_s) >= wanted:
            return Ruling(Verdict.CONFIRM, f"{self.min_speech_s:g} s of speech")
        if evidence.speech_end is not None:
            return Ruling(Verdict.DISMISS, f"less than {self.min_speech_s:g} s of speech")
        return Ruling(Verdict.WAIT, "too short so far", evidence.onset + wanted)


@dataclass(frozen=True, slots=True)
class MinWords:
    """So many words are an interruption; an utterance that has ended with fewer is none.

    Attributes:
        min_words: How many.
        lexicon: Words and phrases that do not count.
    """

    min_words: int = 1
    lexicon: frozenset[str] = BACKCHANNELS

    def __post_init__(self) -> None:
        if self.min_words < 1:
            raise ConfigError(f"min_words must be at least 1, got {self.min_words}")

    def judge(self, evidence: Evidence) -> Ruling:
        """See `InterruptionPolicy.judge`."""
        words = content_words(evidence.text, self.lexicon)
        if len(words) >= self.min_words:
            return Ruling(Verdict.CONFIRM, f"words: {' '.join(words)}")
        if evidence.speech_end is not None and evidence.settled:
            return Ruling(Verdict.DISMISS, f"{len(words)} of {self.min_words} words")
        return Ruling(Verdict.WAIT, "too few words so far")


@dataclass(frozen=True, slots=True)
class MinConfidence:
    """Speech of which the detector was not sure is no interruption.

    Attributes:
        min_confidence: How sure it must have been at the onset, 0 to 1.
    """

    min_confidence: float

    def __post_init__(self) -> None:
        _check_share("min_confidence", self.min_confidence)

    def judge(self, evidence: Evidence) -> Ruling:
        """See `InterruptionPolicy.judge`."""
        sure = evidence.confidence >= self.min_confidence
        return Ruling(Verdict.CONFIRM if sure else Verdict.DISMISS, f"confidence {evidence.confidence:.2f}")


@dataclass(frozen=True, slots=True)
class ScoreVeto:
    """What somebody takes for an echo, a noise, or anything else of this kind, is no interruption.

    Attributes:
        name: Which score: ``echo``, ``noise`` or a name of the application's own; see `EvidenceReceived`.
        threshold: A score as high as this dismisses, 0 to 1.
    """

    name: str
    threshold: float = 0.5

    def __post_init__(self) -> None:
        _check_share("threshold", self.threshold)

    def judge(self, evidence: Evidence) -> Ruling:
        """See `InterruptionPolicy.judge`."""
        score = evidence.score(self.name)
        if score is not None and score >= self.threshold:
            return Ruling(Verdict.DISMISS, f"{self.name} {score:.2f}")
        return Ruling(Verdict.WAIT, f"no {self.name}")


@dataclass(frozen=True, slots=True)
class ScoreThresholds:
    """A detector's score decides, where it is clear.

    Attributes:
        name: Which score; see `EvidenceReceived`.
        confirm_at: A score as high as this confirms, 0 to 1.
        dismiss_at: One as low as this dismisses; between the two it is undecided.
    """

    name: str = "interruption"
    confirm_at: float = 0.8
    dismiss_at: float = 0.2

    def __post_init__(self) -> None:
        _check_share("confirm_at", self.confirm_at)
        if not 0 <= self.dismiss_at < self.confirm_at:
            raise ConfigError(f"dismiss_at must be between 0 and confirm_at ({self.confirm_at}), got {self.dismiss_at}")

    def judge(self, evidence: Evidence) -> Ruling:
        """See `InterruptionPolicy.judge`."""
        score = evidence.score(self.name)
        if score is None:
            return Ruling(Verdict.WAIT, f"no {self.name} score")
        says = f"{self.name} {score:.2f}"
        if score >= self.confirm_at:
            return Ruling(Verdict.CONFIRM, says)
        return Ruling(Verdict.DISMISS if score <= self.dismiss_at else Verdict.WAIT, says)


@dataclass(frozen=True, slots=True)
class CustomRule:
    """The application's own rule.

    Attributes:
        rule: Says of the evidence: True, it is an interruption; False, it is none; None, no opinion. Must be a pure
            function, so that a log replays to the same decisions.
        name: What events call it.
    """

    rule: Callable[[Evidence], bool | None]
    name: str = "custom rule"

    def judge(self, evidence: Evidence) -> Ruling:
        """See `InterruptionPolicy.judge`."""
        says = self.rule(evidence)
        if says is None:
            return Ruling(Verdict.WAIT, f"{self.name}: no opinion")
        return Ruling(Verdict.CONFIRM if says else Verdict.DISMISS, self.name)
