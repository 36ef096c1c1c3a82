"""How the agent lets itself be interrupted."""

import math
from dataclasses import dataclass, field
from typing import Literal

from turnscope._errors import ConfigError
from turnscope.core._evidence import InterruptionPolicy
from turnscope.core._policies import WordsPolicy

__all__ = ["InterruptionSettings", "Reaction"]

Reaction = Literal["pause", "duck", "continue"]
"""What the agent does at an onset, before anything is decided."""


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
    """

    policy: InterruptionPolicy = field(default_factory=WordsPolicy)
    reaction: Reaction = "pause"
    decision_window_s: float = 2.0
    duck_db: float = -15.0
    duck_ramp_s: float = 0.02
    fade_s: float = 0.05

    def __post_init__(self) -> None:
        if self.reaction not in ("pause", "duck", "continue"):
            raise ConfigError(f'reaction must be "pause", "duck" or "continue", got {self.reaction!r}')
        if not 0 < self.decision_window_s < math.inf:
            raise ConfigError(f"decision_window_s must be positive, got {self.decision_window_s}")
        if not self.duck_db <= -12:
            raise ConfigError(f"duck_db must be -12 or less to count as yielding, got {self.duck_db}")
        if not 0 <= self.duck_ramp_s <= 0.2:
            raise ConfigError(f"duck_ramp_s must be between 0 and 0.2, got {self.duck_ramp_s}")
        if not 0 <= self.fade_s <= 0.1:
            raise ConfigError(f"fade_s must be between 0 and 0.1, got {self.fade_s}")
