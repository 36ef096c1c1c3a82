"""Is it an interruption? Policies judge the evidence about a challenger; they never act and never wait."""

import math
from dataclasses import dataclass

from turnscope._errors import ConfigError
from turnscope.core._audio import to_samples
from turnscope.core._evidence import RECENT_TRANSCRIPTS, Evidence, Ruling, Verdict
from turnscope.core._lexicon import BACKCHANNELS, content_words

__all__ = ["WordsPolicy"]

OWN_WORDS_WEIGHT = 0.5
"""Where all words are the agent's own, half the echo is enough: two doubtful signs are one clear one."""


def check_max_echo(max_echo: float) -> None:
    """Refuse what no score can be."""
    if not 0 < max_echo <= 1:
        raise ConfigError(f"max_echo must be above 0 and at most 1, got {max_echo}")


def rule_on_echo(evidence: Evidence, max_echo: float) -> Ruling | None:
    """The ruling on what is the agent's own voice; None if it is not."""
    echo = evidence.score("echo")
    least = max_echo * (OWN_WORDS_WEIGHT if evidence.score("own_words") == 1.0 else 1.0)
    if echo is None or echo < least:
        return None
    over = evidence.speech_end is not None or evidence.window_elapsed
    return Ruling(Verdict.DISMISS if over else Verdict.WAIT, f"echo {echo:.2f}")


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
        max_echo: What has a score ``echo`` of so much or more is the agent's own voice, and no interruption. Of half as
            much, if all its words are the agent's own.
    """

    lexicon: frozenset[str] = BACKCHANNELS
    transcripts: int = 2
    min_speech_s: float = 0.8
    max_echo: float = 0.75

    def __post_init__(self) -> None:
        if not 1 <= self.transcripts <= RECENT_TRANSCRIPTS:
            raise ConfigError(f"transcripts must be between 1 and {RECENT_TRANSCRIPTS}, got {self.transcripts}")
        if not 0 < self.min_speech_s < math.inf:
            raise ConfigError(f"min_speech_s must be positive, got {self.min_speech_s}")
        check_max_echo(self.max_echo)

    def judge(self, evidence: Evidence) -> Ruling:
        """See `InterruptionPolicy.judge`."""
        echo = rule_on_echo(evidence, self.max_echo)
        if echo is not None:
            return echo
        words = content_words(evidence.text, self.lexicon)
        running = evidence.recent[-self.transcripts :]
        repeated = len(running) == self.transcripts and all(content_words(text, self.lexicon) for text in running)
        if words and (evidence.settled or repeated):
            return Ruling(Verdict.CONFIRM, f"words: {' '.join(words)}")
        nodding = bool(evidence.text.strip()) and not words
        lasting = not nodding and not evidence.continued
        if lasting and to_samples(evidence.speech_s) >= to_samples(self.min_speech_s):
            return Ruling(Verdict.CONFIRM, f"{self.min_speech_s:g} s of speech")
        if evidence.speech_end is not None and evidence.settled:
            return Ruling(Verdict.DISMISS, "backchannel" if nodding else "no words")
        if evidence.window_elapsed:
            return Ruling(Verdict.DISMISS, "backchannel" if nodding else "no words in time")
        review_at = None
        if evidence.speech_end is None and lasting:
            review_at = evidence.onset + to_samples(self.min_speech_s)
        return Ruling(Verdict.WAIT, "not enough yet", review_at)
