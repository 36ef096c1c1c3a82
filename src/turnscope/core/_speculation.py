"""Which guess at what the caller will have said is good enough: rules that begin and end nothing."""

import math
import re
from dataclasses import dataclass
from typing import Literal

from turnscope._errors import ConfigError

__all__ = ["Speculation", "SpeculationPolicy", "word_similarity"]

SpeculationPolicy = Literal["off", "discard", "use_if_similar", "always_use"]
"""Which speculative answer is given when the caller's turn is over: none, one to the same words, one to similar words,
or any."""

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


def spoken_words(text: str) -> tuple[str, ...]:
    """The words of `text`, without what two transcripts of the same speech may differ in: case and punctuation."""
    return tuple(_WORD.findall(text.casefold().replace("’", "'")))


def word_similarity(first: str, second: str) -> float:
    """How similar two utterances are: 1.0 for the same words, 0.0 for none in common.

    It is one minus the Levenshtein distance of their words (the fewest words to insert, delete or replace; Levenshtein
    1966) divided by the number of words of the longer one. Case and punctuation do not count.
    """
    one, two = spoken_words(first), spoken_words(second)
    if not one and not two:
        return 1.0
    row = list(range(len(two) + 1))
    for at, word in enumerate(one, 1):
        above, row[0] = row[0], at
        for place, other in enumerate(two, 1):
            above, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, above + (word != other))
    return 1.0 - row[-1] / max(len(one), len(two))


@dataclass(frozen=True, slots=True, kw_only=True)
class Speculation:
    """Whether answers are begun before the caller's turn is known to be over, and which of them are given.

    Attributes:
        policy: ``off`` begins none. ``discard`` gives one whose words are the caller's, whatever their case and
            punctuation; ``use_if_similar`` one whose words are similar enough; ``always_use`` any one, unless the
            caller went on speaking.
        similarity: What is similar enough, by `word_similarity`.
        min_words: Fewer words than this are not worth a guess.
        while_speaking: Do not wait for a pause: begin as soon as the words have been the same for `stable_s`.
        stable_s: For so long the words must have been the same, unless they are settled.
        max_speech_s: Whoever has spoken longer than this will often go on; they are waited for.
        max_tries: How many guesses a turn may cost.
        synthesize: Have the answer spoken, too, in silence: quicker still, and speech is thrown away with the words.
    """

    policy: SpeculationPolicy = "off"
    similarity: float = 0.8
    min_words: int = 1
    while_speaking: bool = False
    stable_s: float = 0.2
    max_speech_s: float = 10.0
    max_tries: int = 3
    synthesize: bool = False

    def __post_init__(self) -> None:
        if self.policy not in ("off", "discard", "use_if_similar", "always_use"):
            known = '"off", "discard", "use_if_similar" or "always_use"'
            raise ConfigError(f"policy must be {known}, got {self.policy!r}")
        if not 0 < self.similarity <= 1:
            raise ConfigError(f"similarity must be greater than 0 and at most 1, got {self.similarity}")
        for name in ("min_words", "max_tries"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 <= self.stable_s < math.inf:
            raise ConfigError(f"stable_s must be 0 or more, and finite, got {self.stable_s}")
        if not 0 < self.max_speech_s < math.inf:
            raise ConfigError(f"max_speech_s must be positive, got {self.max_speech_s}")

    def accepts(self, guessed: str, said: str) -> bool:
        """Whether an answer to the words `guessed` may be given to a caller who `said` something."""
        match self.policy:
            case "off":
                return False
            case "discard":
                return spoken_words(guessed) == spoken_words(said)
            case "use_if_similar":
                return word_similarity(guessed, said) >= self.similarity
            case "always_use":
                return bool(spoken_words(said))
