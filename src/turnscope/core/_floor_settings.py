"""What the Floor decides by."""

import math
from dataclasses import dataclass, field
from typing import Literal, get_args

from turnscope._errors import ConfigError
from turnscope.core._endpointing import Endpointing
from turnscope.core._interruption_settings import InterruptionSettings
from turnscope.core._silence import SilenceSettings
from turnscope.core._speculation import Speculation

__all__ = ["FloorSettings", "NewInput", "TurnMode"]

NewInput = Literal["merge", "answer_newest", "queue"]
"""What becomes of an input when a newer one comes before anything of its answer was heard."""

TurnMode = Literal["automatic", "push_to_talk", "manual"]
"""Who says when the caller's turn begins and ends.

``"automatic"``: detectors, endpointing and policies. ``"push_to_talk"``: the application or the client, by starting and
ending the turn; what is said otherwise is not listened to. ``"manual"``: detectors find speech, but only the
application ends a turn, and only it interrupts.
"""


@dataclass(frozen=True, slots=True)
class FloorSettings:
    """What the Floor decides by.

    Attributes:
        interruption: When and how the agent lets itself be interrupted.
        endpointing: When the caller's turn is over.
        join_deadline_s: How long the tasks of a turn that has ended may take to be gone.
        away_after_s: After so long without anybody speaking the caller counts as away; None for never.
        silence: What the agent does when nobody speaks; None for nothing.
        session_timeout_s: The session ends so long after the last sign of life; None for never.
        answer_timeout_s: A turn of which nothing is heard so long after its answer was begun has failed.
        speculation: Whether answers are begun before the turn is known to be over.
        turn_mode: Who says when the caller's turn begins and ends.
        new_input: What becomes of an input when a newer one comes before anything of its answer was heard: ``merge``
            has both answered as one, ``answer_newest`` the newer one alone, and ``queue`` typed ones one after the
            other, so that typed words never interrupt.
        filler_after_s: The wait for an answer is filled when nothing of it has been heard for so long; None for never.
        fillers_at_most: So often in one answer; None for any number of times.
    """

    interruption: InterruptionSettings = field(default_factory=InterruptionSettings)
    endpointing: Endpointing = field(default_factory=Endpointing)
    join_deadline_s: float = 1.0
    away_after_s: float | None = None
    answer_timeout_s: float = 20.0
    speculation: Speculation = field(default_factory=Speculation)
    turn_mode: TurnMode = "automatic"
    new_input: NewInput = "merge"
    silence: SilenceSettings | None = None
    session_timeout_s: float | None = 1800.0
    filler_after_s: float | None = None
    fillers_at_most: int | None = None

    def __post_init__(self) -> None:
        for name in ("join_deadline_s", "answer_timeout_s"):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(f"{name} must be positive, got {getattr(self, name)}")
        if self.turn_mode not in get_args(TurnMode):
            raise ConfigError(f"turn_mode must be one of {', '.join(get_args(TurnMode))}, got {self.turn_mode!r}")
        for name in ("away_after_s", "session_timeout_s", "filler_after_s"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ConfigError(f"{name} must be positive or None, got {value}")
        if self.new_input not in get_args(NewInput):
            raise ConfigError(f"new_input must be one of {', '.join(get_args(NewInput))}, got {self.new_input!r}")
