"""What is known about a challenger, and what may be said of it: the two ends of every interruption policy."""

from dataclasses import dataclass
from enum import Enum
from typing import Literal, Protocol

from turnscope.core._audio import CLOCK_HZ

__all__ = ["RECENT_TRANSCRIPTS", "Evidence", "InterruptionPolicy", "Phase", "Ruling", "Verdict"]

RECENT_TRANSCRIPTS = 4
"""How many transcripts back a policy can look."""


Phase = Literal["thinking", "speaking", "protected", "nearly_finished", "answering_question"]
"""What the agent was doing when the speech began: see `Phases`."""


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
        scores: What others say of its sound, as pairs of a name and a value from 0 to 1, the newest of each name.
        phase: What the agent was doing when the speech began.
        continued: The same sound has gone on since something of it was dismissed: that it lasts says nothing.
        reply_s: How long the agent has been heard, in seconds; 0.0 while it is not.
    """

    sample: int
    onset: int
    speech_end: int | None
    confidence: float
    text: str
    settled: bool
    recent: tuple[str, ...]
    window_elapsed: bool
    scores: tuple[tuple[str, float], ...] = ()
    phase: Phase = "speaking"
    continued: bool = False
    reply_s: float = 0.0

    def score(self, name: str) -> float | None:
        """The newest value of this name, 0 to 1; None when nobody has given one. See `EvidenceReceived`."""
        return dict(self.scores).get(name)

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
