"""Is the caller done? How long a silence must be before it ends a turn, given the words so far.

Rules over text and pauses; never listens itself.
"""

import re
from dataclasses import dataclass

from turnscope._errors import ConfigError
from turnscope.core._audio import to_samples

__all__ = ["Completeness", "Endpointing", "completeness"]

Completeness = float
"""How complete an utterance looks: 0.0 (surely goes on) to 1.0 (surely done)."""

_UNFINISHED_LAST_WORDS = frozenset(
    "a about after although an and are as at because before being but by can could did do does for from had has have he her his how "
    "i i'd i'll i'm if in into is it's its just like may might my nor not of on or our over shall she should since so some than that "
    "the their then there's these they this those through to uh um under until us very was we we'll we're were what when where "
    "whether which while who whose why will with without would you'd your".split()
)
"""Words after which an English sentence hardly ever ends."""

_LAST_WORD = re.compile(r"([^\W_]+(?:['’][^\W_]+)*)\W*$")


def completeness(text: str) -> Completeness:
    """How complete `text` looks as an utterance.

    A trailing conjunction, article or preposition, a comma, a dash or an ellipsis say that more is to come; a full
    stop or a question mark that it is done.
    """
    stripped = text.strip()
    if not stripped:
        return 0.5
    last = _LAST_WORD.search(stripped)
    if last is not None and last.group(1).lower() in _UNFINISHED_LAST_WORDS:
        return 0.0
    if stripped.endswith(("...", "…", ",", "-", "—", ":", ";")):
        return 0.1
    if stripped.endswith((".", "!", "?")):
        return 1.0
    return 0.6


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
    max_delay_s: float = 1.4
    unknown_delay_s: float = 1.0
    pause_factor: float = 1.25
    transcript_timeout_s: float = 2.0
    max_turn_s: float = 60.0

    def __post_init__(self) -> None:
        if not 0 < self.min_delay_s <= self.max_delay_s:
            raise ConfigError(f"min_delay_s must be positive and at most max_delay_s, got {self.min_delay_s}")
        for name in ("unknown_delay_s", "pause_factor", "transcript_timeout_s", "max_turn_s"):
            if not getattr(self, name) > 0:
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
