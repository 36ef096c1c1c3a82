"""Is it an interruption? Policies judge the evidence about a challenger; they never act and never wait."""

import math
import re
from dataclasses import dataclass
from enum import Enum
from typing import Literal, Protocol

from turnscope._errors import ConfigError
from turnscope.core._audio import CLOCK_HZ, to_samples

__all__ = [
    "BACKCHANNELS",
    "RECENT_TRANSCRIPTS",
    "Evidence",
    "InterruptionPolicy",
    "InterruptionSettings",
    "Reaction",
    "Ruling",
    "Verdict",
    "WordsPolicy",
    "content_words",
]

Reaction = Literal["pause", "duck", "continue"]
"""What the agent does at an onset, before anything is decided."""

BACKCHANNELS = frozenset(
    "ah aha alright good great hm hmm huh mhm mm mmhm mmhmm mm-hm mm-hmm oh okay ok right sure uh uh-huh uhhuh um "
    "yeah yep yes".split()
)
"""English words that say "go on" rather than "stop" when nothing else is said."""

RECENT_TRANSCRIPTS = 4
"""How many transcripts back a policy can look."""

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


def content_words(text: str, lexicon: frozenset[str] = BACKCHANNELS) -> list[str]:
    """The words of `text` that are not backchannels, in lower case."""
    return [word for word in _WORD.findall(text.lower()) if word not in lexicon]


class Verdict(Enum):
    """What a policy says of a challenger."""

    CONFIRM = "confirm"
    DISMISS = "dismiss"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known about a challenger at one moment.

    Attributes:
        sample: The moment, on the session's clock.
        onset: First sample of its speech.
        speech_end: Sample after its last one; None while it goes on.
        confidence: The detector's, when the speech was noticed.
        text: Its words so far.
        settled: No transcript is pending: `text` is all that was said so far.
        recent: The texts of the newest transcripts, oldest first, at most `RECENT_TRANSCRIPTS`.
        window_elapsed: The decision window is over; the policy must not wait any longer.
    """

    sample: int
    onset: int
    speech_end: int | None
    confidence: float
    text: str
    settled: bool
    recent: tuple[str, ...]
    window_elapsed: bool

    @property
    def speech_s(self) -> float:
        """How long it has been speaking, in seconds."""
        return ((self.sample if self.speech_end is None else self.speech_end) - self.onset) / CLOCK_HZ


@dataclass(frozen=True, slots=True)
class Ruling:
    """A verdict and what it rests on.

    Attributes:
        verdict: The verdict.
        evidence: What decided, in a few words.
        review_at: With `Verdict.WAIT`: the sample at which time alone would change the ruling, if any.
    """

    verdict: Verdict
    evidence: str
    review_at: int | None = None


class InterruptionPolicy(Protocol):
    """Judges challengers. Must be a pure function of the evidence, so that a log replays to the same decisions."""

    def judge(self, evidence: Evidence) -> Ruling:
        """Rule on `evidence`; called whenever it changes, and at `Ruling.review_at`."""
        ...


@dataclass(frozen=True, slots=True)
class WordsPolicy:
    """Words decide, and long speech does when they are slow.

    Confirms on a word that is no backchannel, heard in `transcripts` transcripts running or in a settled one, and on
    `min_speech_s` of speech that is not made of backchannels only. Dismisses when the speech has ended and its
    transcript is settled without such a word, or when the window is over.

    Attributes:
        lexicon: Words that do not count, in lower case.
        transcripts: How many transcripts in a row must hold a word that counts. One alone is often a hallucination.
        min_speech_s: Speech as long as this is an interruption without words, as long as none say otherwise.
    """

    lexicon: frozenset[str] = BACKCHANNELS
    transcripts: int = 2
    min_speech_s: float = 0.8

    def __post_init__(self) -> None:
        if not 1 <= self.transcripts <= RECENT_TRANSCRIPTS:
            raise ConfigError(f"transcripts must be between 1 and {RECENT_TRANSCRIPTS}, got {self.transcripts}")
        if not 0 < self.min_speech_s < math.inf:
            raise ConfigError(f"min_speech_s must be positive, got {self.min_speech_s}")

    def judge(self, evidence: Evidence) -> Ruling:
        """See `InterruptionPolicy.judge`."""
        words = content_words(evidence.text, self.lexicon)
        running = evidence.recent[-self.transcripts :]
        repeated = len(running) == self.transcripts and all(content_words(text, self.lexicon) for text in running)
        if words and (evidence.settled or repeated):
            return Ruling(Verdict.CONFIRM, f"words: {' '.join(words)}")
        nodding = bool(evidence.text.strip()) and not words
        if not nodding and to_samples(evidence.speech_s) >= to_samples(self.min_speech_s):
            return Ruling(Verdict.CONFIRM, f"{self.min_speech_s:g} s of speech")
        if evidence.speech_end is not None and evidence.settled:
            return Ruling(Verdict.DISMISS, "backchannel" if nodding else "no words")
        if evidence.window_elapsed:
            return Ruling(Verdict.DISMISS, "backchannel" if nodding else "no words in time")
        review_at = None
        if evidence.speech_end is None and not nodding:
            review_at = evidence.onset + to_samples(self.min_speech_s)
        return Ruling(Verdict.WAIT, "not enough yet", review_at)


@dataclass(frozen=True, slots=True)
class InterruptionSettings:
    """How the agent lets itself be interrupted.

    Attributes:
        policy: Who judges.
        reaction: What happens at the onset, before the ruling.
        decision_window_s: How long the policy may wait for evidence, counted from when the speech was noticed.
        duck_db: Level while ducked.
        fade_s: Length of the fade when the voice stops, 0 to 0.1.
    """

    policy: InterruptionPolicy = WordsPolicy()
    reaction: Reaction = "pause"
    decision_window_s: float = 2.0
    duck_db: float = -15.0
    fade_s: float = 0.05

    def __post_init__(self) -> None:
        if self.reaction not in ("pause", "duck", "continue"):
            raise ConfigError(f'reaction must be "pause", "duck" or "continue", got {self.reaction!r}')
        if not 0 < self.decision_window_s < math.inf:
            raise ConfigError(f"decision_window_s must be positive, got {self.decision_window_s}")
        if not self.duck_db <= -12:
            raise ConfigError(f"duck_db must be -12 or less to count as yielding, got {self.duck_db}")
        if not 0 <= self.fade_s <= 0.1:
            raise ConfigError(f"fade_s must be between 0 and 0.1, got {self.fade_s}")
