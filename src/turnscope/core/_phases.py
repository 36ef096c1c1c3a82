"""What the agent is doing when somebody speaks over it, and what that changes. Decides nothing about the words."""

import math
from dataclasses import dataclass
from typing import Literal

from turnscope._errors import ConfigError
from turnscope.core._evidence import InterruptionPolicy, Phase
from turnscope.core._policies import WordsPolicy

__all__ = ["PHASES", "Handling", "PhaseProfile", "Phases", "Reaction"]

Reaction = Literal["pause", "duck", "continue"]
"""What the agent does at an onset, before anything is decided."""

Handling = Literal["judge", "hold", "discard"]
"""What becomes of speech in a phase: a policy judges it, it is held for afterwards, or it is not listened to."""


@dataclass(frozen=True, slots=True)
class PhaseProfile:
    """How the agent lets itself be interrupted in one phase.

    Attributes:
        handling: What becomes of the caller's speech.
        policy: Who judges; None for the policy of the settings.
        reaction: What happens at the onset; None for the reaction of the settings. While the agent is not heard yet,
            its answer is held back until the ruling unless this is ``"continue"``.
        decision_window_s: How long the policy may wait for evidence; None for the window of the settings.
    """

    handling: Handling = "judge"
    policy: InterruptionPolicy | None = None
    reaction: Reaction | None = None
    decision_window_s: float | None = None

    def __post_init__(self) -> None:
        if self.handling not in ("judge", "hold", "discard"):
            raise ConfigError(f'handling must be "judge", "hold" or "discard", got {self.handling!r}')
        if self.reaction not in (None, "pause", "duck", "continue"):
            raise ConfigError(f'reaction must be "pause", "duck" or "continue", got {self.reaction!r}')
        if self.decision_window_s is not None and not 0 < self.decision_window_s < math.inf:
            raise ConfigError(f"decision_window_s must be positive, got {self.decision_window_s}")


_THINKING = PhaseProfile(policy=WordsPolicy(min_speech_s=0.6))
_SPEAKING = PhaseProfile()
_PROTECTED = PhaseProfile("hold")
_NEARLY_FINISHED = PhaseProfile("hold")
_ANSWERING_QUESTION = PhaseProfile(policy=WordsPolicy(lexicon=frozenset()))


@dataclass(frozen=True, slots=True)
class Phases:
    """A profile for each phase of the agent's turn.

    Attributes:
        thinking: Nothing of the answer is heard yet. A click does not take it back; a word, or speech that lasts, does.
        speaking: The agent is heard.
        protected: What it says must not be interrupted: ``"hold"`` or ``"discard"`` what the caller says meanwhile.
        nearly_finished: So little is left to say that the words can wait.
        answering_question: What it says ends with a question, and the end is near: "yeah" is an answer, not a nod.
    """

    thinking: PhaseProfile = _THINKING
    speaking: PhaseProfile = _SPEAKING
    protected: PhaseProfile = _PROTECTED
    nearly_finished: PhaseProfile = _NEARLY_FINISHED
    answering_question: PhaseProfile = _ANSWERING_QUESTION

    def __post_init__(self) -> None:
        if self.thinking.handling != "judge":
            raise ConfigError(f'thinking.handling must be "judge", got {self.thinking.handling!r}')
        if self.protected.handling == "judge":
            raise ConfigError('protected.handling must be "hold" or "discard", got "judge"')

    def of(self, phase: Phase) -> PhaseProfile:
        """The profile of a phase."""
        profile: PhaseProfile = getattr(self, phase)
        return profile


PHASES = Phases()
"""The profiles that settings have unless they say otherwise."""
