"""What the agent does when the caller says nothing: how long it waits, and what comes then."""

import math
from dataclasses import dataclass
from typing import Literal

from turnscope._errors import ConfigError

__all__ = ["SilenceSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceSettings:
    """What the agent does when nobody speaks.

    Attributes:
        after_s: So long after the last speech, the caller's or the agent's, it speaks up.
        say: What it says. None to have the language model find the words.
        prompt: What the model is told to do if `say` is None, as a system message that is not kept.
        times: How often it speaks up before it gives up; the caller's next turn begins the count anew. 0 for never.
        then: What giving up is, `after_s` after the last time: the caller counts as ``away``, or the session is at its
            ``end``, for the reason ``silence``.
    """

    after_s: float = 8.0
    say: str | None = None
    prompt: str = "The user has said nothing for a while. Ask, in one short sentence, whether they are still there."
    times: int = 2
    then: Literal["away", "end"] = "away"

    def __post_init__(self) -> None:
        if not 0 < self.after_s < math.inf:
            raise ConfigError(f"silence.after_s must be positive, got {self.after_s}")
        if self.times < 0:
            raise ConfigError(f"silence.times must be 0 or more, got {self.times}")
        if self.then not in ("away", "end"):
            raise ConfigError(f"silence.then must be 'away' or 'end', got {self.then!r}")
        if not (self.prompt if self.say is None else self.say).strip():
            raise ConfigError("silence.say, or without it silence.prompt, must not be empty")
