"""Finds in words, as they are heard one after the other, where something has been said."""

import re
from collections.abc import Sequence

import msgspec

from turnscope._errors import ConfigError
from turnscope.core import spoken_words

__all__ = ["Phrase", "SpokenPattern", "check_phrase", "words_until"]


class SpokenPattern(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Words that a regular expression finds, without regard to case, in those said so far with a space between two."""

    regex: str


Phrase = str | SpokenPattern
"""Words in a row, without regard to case and punctuation, or a pattern of them."""


def check_phrase(phrase: Phrase, key: str) -> None:
    """See that `phrase` can be said.

    Raises:
        ConfigError: It holds no word, or no regular expression where one is meant.
    """
    if isinstance(phrase, str):
        if not spoken_words(phrase):
            raise ConfigError(f"{key}: must hold a word")
        return
    try:
        re.compile(phrase.regex)
    except (re.error, OverflowError, RecursionError) as error:
        raise ConfigError(f"{key}.regex: is not a regular expression: {error}") from error


def words_until(phrase: Phrase, words: Sequence[str]) -> int | None:
    """How many of `words` it takes until `phrase` has been said for the first time; None if it has not."""
    if isinstance(phrase, SpokenPattern):
        pattern = re.compile(phrase.regex, re.IGNORECASE)
        return next((count for count in range(1, len(words) + 1) if pattern.search(" ".join(words[:count]))), None)
    wanted = spoken_words(phrase)
    said: list[str] = []
    for count, word in enumerate(words, 1):
        said += spoken_words(word)
        if any(tuple(said[at : at + len(wanted)]) == wanted for at in range(len(said) - len(wanted) + 1)):
            return count
    return None
