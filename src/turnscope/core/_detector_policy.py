"""The default judge of interruptions: a detector that listens to the sound, and words where it is not sure."""

import math
from dataclasses import dataclass, field

from turnscope._errors import ConfigError
from turnscope.core._evidence import Evidence, InterruptionPolicy, Ruling, Verdict
from turnscope.core._lexicon import BACKCHANNELS, content_words
from turnscope.core._policies import WordsPolicy, check_max_echo, rule_on_echo

__all__ = ["DetectorPolicy"]


@dataclass(frozen=True, slots=True)
class DetectorPolicy:
    """A detector's score confirms where it is high, and where it is low words alone are not believed at first.

    Without a score, because there is no detector, or it is late or broken, `words` decides by itself. A score as high
    as `confirm_at` confirms. Below `doubt_at`, what `words` takes for an interruption is one only once the speech is as
    long as `words_after_s`: recognizers hear words in coughs, but nobody coughs on and on. In between, `words` decides.
    As long as all words so far are those of a nod, the score has to be as high as `nod_confirm_at`. The agent's own
    voice is no interruption, however much it sounds like one.

    Attributes:
        confirm_at: A score as high as this confirms, 0 to 1.
        doubt_at: One below this raises doubts, 0 to `confirm_at`.
        nod_confirm_at: Where all that is understood belongs to `lexicon`, only a score as high as this confirms, from
            `confirm_at` to 1.
        words_after_s: Speech as long as this is judged by its words, whatever the score.
        words: Judges words and lengths.
        lexicon: Words and phrases of nods, in lower case.
        name: Which score; see `EvidenceReceived`.
        max_echo: As that of `WordsPolicy`.
    """

    confirm_at: float = 0.8
    doubt_at: float = 0.3
    nod_confirm_at: float = 0.95
    words_after_s: float = 1.5
    words: InterruptionPolicy = field(default_factory=WordsPolicy)
    lexicon: frozenset[str] = BACKCHANNELS
    name: str = "interruption"
    max_echo: float = 0.75

    def __post_init__(self) -> None:
        if not 0 < self.confirm_at <= 1:
            raise ConfigError(f"confirm_at must be more than 0 and at most 1, got {self.confirm_at}")
        if not 0 <= self.doubt_at <= self.confirm_at:
            raise ConfigError(f"doubt_at must be between 0 and confirm_at ({self.confirm_at}), got {self.doubt_at}")
        if not self.confirm_at <= self.nod_confirm_at <= 1:
            raise ConfigError(
                f"nod_confirm_at must be between confirm_at ({self.confirm_at}) and 1, got {self.nod_confirm_at}"
            )
        if not 0 <= self.words_after_s < math.inf:
            raise ConfigError(f"words_after_s must not be negative, got {self.words_after_s}")

        check_max_echo(self.max_echo)

    def judge(self, evidence: Evidence) -> Ruling:
        """See `InterruptionPolicy.judge`."""
        echo = rule_on_echo(evidence, self.max_echo)
        if echo is not None:
            return echo
        score = evidence.score(self.name)
        if score is None:
            return self.words.judge(evidence)
        says = f"{self.name} {score:.2f}"
        nodding = bool(evidence.text.strip()) and not content_words(evidence.text, self.lexicon)
        if score >= (self.nod_confirm_at if nodding else self.confirm_at):
            return Ruling(Verdict.CONFIRM, says)
        ruling = self.words.judge(evidence)
        if ruling.verdict is not Verdict.CONFIRM or score >= self.doubt_at or evidence.speech_s >= self.words_after_s:
            return ruling
        over = evidence.window_elapsed or (evidence.speech_end is not None and evidence.settled)
        return Ruling(Verdict.DISMISS if over else Verdict.WAIT, says)
