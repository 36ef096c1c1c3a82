"""What an agent made of one clip of a corpus."""

from dataclasses import dataclass

from turnscope.sim._corpus import Clip

__all__ = ["ClipResult"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipResult:
    """What an agent made of a clip.

    Attributes:
        clip: The clip.
        duration_s: How long it was listened to, from its onset on.
        interrupted: The agent's turn was cancelled after the onset.
        early: It was cancelled before the onset, by whatever precedes it.
        stops: How often the agent's turn was cancelled.
        yields: How often it stepped back.
        onset_to_yield_s: From the labelled onset to the agent's first step back; None if it did not.
        onset_to_decision_s: To the decision that it is an interruption.
        onset_to_silence_s: To the agent's last sample.
        spoken_over: The agent was speaking at the onset.
        fell_silent_s: From the onset until the agent had fallen silent for longer than a pause between two sentences,
            in its track, whyever it did; None if it spoke on.
        evidence: What decided, for the last decision.
        text: What had been understood by then.
        error: Why the clip could not be played; everything else is then empty.
    """

    clip: Clip
    duration_s: float = 0.0
    interrupted: bool = False
    early: bool = False
    stops: int = 0
    yields: int = 0
    onset_to_yield_s: float | None = None
    onset_to_decision_s: float | None = None
    onset_to_silence_s: float | None = None
    spoken_over: bool = False
    fell_silent_s: float | None = None
    evidence: str = ""
    text: str = ""
    error: str = ""
