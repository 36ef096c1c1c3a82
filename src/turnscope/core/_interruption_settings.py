"""How the agent lets itself be interrupted."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from turnscope._errors import ConfigError
from turnscope.core._detector_policy import DetectorPolicy
from turnscope.core._evidence import InterruptionPolicy, Phase
from turnscope.core._gate import Mute
from turnscope.core._phases import PHASES, PhaseProfile, Phases, Reaction

__all__ = ["InterruptionSettings", "MakeGood"]

MakeGood = Literal["resume", "reprompt", "nothing"]
"""What the agent does when it was interrupted by what turned out to be no words: see `InterruptionSettings`."""


@dataclass(frozen=True, slots=True)
class InterruptionSettings:
    """How the agent lets itself be interrupted.

    Attributes:
        policy: Who judges.
        reaction: What happens at the onset, before the ruling.
        decision_window_s: How long the policy may wait for evidence, counted from when the speech was noticed.
        duck_db: Level while ducked.
        duck_ramp_s: How long it takes to go down to it, and to come up again, 0 to 0.2.
        fade_s: Length of the fade when the voice stops, 0 to 0.1.
        phases: What is different while the agent thinks, is protected, has nearly finished, or asks something.
        nearly_finished_s: With less than this left to say, the agent has nearly finished; 0 for never.
        question_s: With less than this left of a question, the caller may be answering it; 0 for never.
        cooldown_s: So long after an interruption there is no other.
        grace_s: So long after its first sample a reply is not interrupted.
        mute: When the caller is not listened to at all.
        hold_at_most: How many utterances are held while the agent is protected; of more, the oldest are lost.
        words_deadline_s: An interruption without any words so long after it was decided was none.
        make_good: What the agent does then: ``"resume"`` with what it had not said, ``"reprompt"`` with
            `reprompt_text`, or ``"nothing"``.
        reprompt_text: What it says instead.
    """

    policy: InterruptionPolicy = field(default_factory=DetectorPolicy)
    reaction: Reaction = "pause"
    decision_window_s: float = 2.0
    duck_db: float = -15.0
    duck_ramp_s: float = 0.02
    fade_s: float = 0.05
    phases: Phases = PHASES
    nearly_finished_s: float = 0.3
    question_s: float = 1.5
    cooldown_s: float = 0.0
    grace_s: float = 0.0
    mute: Sequence[Mute] = ()
    hold_at_most: int = 4
    words_deadline_s: float = 3.0
    make_good: MakeGood = "resume"
    reprompt_text: str = "Sorry, I did not catch that."

    def __post_init__(self) -> None:
        if self.reaction not in get_args(Reaction):
            raise ConfigError(f'reaction must be "pause", "duck" or "continue", got {self.reaction!r}')
        for name in ("decision_window_s", "words_deadline_s"):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(f"{name} must be positive, got {getattr(self, name)}")
        if not self.duck_db <= -12:
            raise ConfigError(f"duck_db must be -12 or less to count as yielding, got {self.duck_db}")
        if not 0 <= self.duck_ramp_s <= 0.2:
            raise ConfigError(f"duck_ramp_s must be between 0 and 0.2, got {self.duck_ramp_s}")
        if not 0 <= self.fade_s <= 0.1:
            raise ConfigError(f"fade_s must be between 0 and 0.1, got {self.fade_s}")
        for name in ("nearly_finished_s", "question_s", "cooldown_s", "grace_s"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigError(f"{name} must not be negative, got {getattr(self, name)}")
        for mute in self.mute:
            if mute not in get_args(Mute):
                raise ConfigError(f"mute must be made of {', '.join(get_args(Mute))}, got {mute!r}")
        if self.hold_at_most < 1:
            raise ConfigError(f"hold_at_most must be at least 1, got {self.hold_at_most}")
        if self.make_good not in get_args(MakeGood):
            raise ConfigError(f'make_good must be "resume", "reprompt" or "nothing", got {self.make_good!r}')
        if self.make_good == "reprompt" and not self.reprompt_text.strip():
            raise ConfigError("reprompt_text must hold words")

    def profile(self, phase: Phase) -> PhaseProfile:
        """The profile of a phase, with what it leaves open filled in."""
        own = self.phases.of(phase)
        return PhaseProfile(
            own.handling,
            own.policy or self.policy,
            own.reaction or self.reaction,
            own.decision_window_s or self.decision_window_s,
        )

    def policy_for(self, phase: Phase) -> InterruptionPolicy:
        """Who judges in a phase."""
        return self.phases.of(phase).policy or self.policy
