"""Is the caller done? How long a silence must be before it ends a turn, given the words so far.

Rules over text and pauses; never listens itself.
"""

import math
import re
from dataclasses import dataclass

from turnscope._errors import ConfigError
from turnscope.core._audio import to_samples

__all__ = ["Completeness", "Endpointing", "completeness"]

Completeness = float
"""How complete an utterance looks: 0.0 (surely goes on) to 1.0 (surely done)."""

_UNFINISHED_LAST_WORDS = frozenset(
    "a about after although an and are as at because before being but by can could did do does for from had "
    "has have he her his how i i'd i'll i'm if in into is it's its just like may might my nor not of on or "
    "our over shall she should since so some than that the their then there's these they this those through "
    "to uh um under until us very was we we'll we're were what when where whether which while who whose why "
    "will with without would you'd your".split()
)
"""Words after which an English sentence hardly ever ends."""

_OPENERS_OF_MORE = frozenset("although and because but if or since so though unless until when whenever while".split())
"""Words that begin an English clause which leans on another one, more often than not still to come."""

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def completeness(text: str) -> Completeness:
    """How complete `text` looks as an utterance.

    A last word that no sentence ends with says that more is to come, a comma, dash or ellipsis nearly so, a
    conjunction at the beginning often. A question mark says that it is done. A full stop says little more than no
    mark at all, because recognizers put one wherever the audio ends.
    """
    words = _WORD.findall(text.lower())
    if not words:
        return 0.5
    if words[-1] in _UNFINISHED_LAST_WORDS:
        return 0.0
    mark = text.rstrip()[-1]
    if mark in ",-—–:;…" or text.rstrip().endswith("..."):
        return 0.1
    if mark == "?":
        return 1.0
    if words[0] in _OPENERS_OF_MORE:
        return 0.2
    return 0.85 if mark in ".!" else 0.6


@dataclass(frozen=True, slots=True)
class Endpointing:
    """Silence and text together.

    Attributes:
        min_delay_s: Silence after words that look complete.
        max_delay_s: Silence after words that look unfinished.
        unknown_delay_s: Silence after words that nobody has understood yet.
        pause_factor: A turn in which the caller has paused for p seconds and gone on is not ended by less than
            p times this, because they have shown how they pause.
        transcript_timeout_s: How long after the silence a final transcript is waited for.
        max_turn_s: A turn as long as this is answered though the caller still speaks.
    """

    min_delay_s: float = 0.5
    max_delay_s: float = 1.35
    unknown_delay_s: float = 1.0
    pause_factor: float = 1.25
    transcript_timeout_s: float = 2.0
    max_turn_s: float = 60.0

    def __post_init__(self) -> None:
        if not 0 < self.min_delay_s <= self.max_delay_s < math.inf:
            raise ConfigError(f"min_delay_s must be positive and at most max_delay_s, got {self.min_delay_s}")
        for name in ("unknown_delay_s", "pause_factor", "transcript_timeout_s", "max_turn_s"):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(f"{name} must be positive, got {getattr(self, name)}")

    def delay(self, text: str, *, settled: bool, longest_pause: int) -> int:
        """How many samples of silence end the turn.

        Args:
            text: The words so far.
            settled: No transcript is pending.
            longest_pause: The longest pause after which the caller went on in this turn, in samples.
        """
        if not text.strip() and not settled:
            return to_samples(max(self.unknown_delay_s, self.min_delay_s))
        missing = 1.0 - completeness(text)
        wanted = to_samples(self.min_delay_s + missing * (self.max_delay_s - self.min_delay_s))
        shown = min(round(longest_pause * self.pause_factor), to_samples(self.max_delay_s))
        return max(wanted, shown)
