"""Words that are no interruption when nothing else is said."""

import re

from turnscope._errors import ConfigError

__all__ = ["BACKCHANNELS", "content_words", "parse_lexicon"]

BACKCHANNELS = frozenset(
    "ah aha alright good great hm hmm huh mhm mm mmhm mmhmm mm-hm mm-hmm oh okay ok right sure uh uh-huh uhhuh um "
    "yeah yep yes".split()
) | {"all right", "fair enough", "go on", "got it", "i see", "makes sense", "of course", "that's right"}
"""English words and phrases that say "go on" rather than "stop" when nothing else is said."""

LONGEST_PHRASE = 8
"""So many words a phrase of a lexicon may have."""

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


def content_words(text: str, lexicon: frozenset[str] = BACKCHANNELS) -> list[str]:
    """The words of `text` that belong to no word or phrase of `lexicon`, in lower case.

    Phrases are found from left to right, the longest first: in "of course not", "of course" is a backchannel and "not"
    is a word.
    """
    words = _WORD.findall(text.lower())
    longest = min(max((phrase.count(" ") for phrase in lexicon), default=0) + 1, LONGEST_PHRASE)
    counting: list[str] = []
    at = 0
    while at < len(words):
        length = _phrase_at(words, at, longest, lexicon)
        if not length:
            counting.append(words[at])
        at += length or 1
    return counting


def _phrase_at(words: list[str], at: int, longest: int, lexicon: frozenset[str]) -> int:
    """How many words the longest phrase of `lexicon` has that begins at `at`; 0 when none does."""
    for length in range(min(longest, len(words) - at), 0, -1):
        if " ".join(words[at : at + length]).replace("’", "'") in lexicon:
            return length
    return 0


def parse_lexicon(text: str, name: str = "lexicon") -> frozenset[str]:
    """A lexicon from text: a word or a phrase a line; what follows a ``#`` is a remark, and empty lines are none.

    Args:
        text: The lines.
        name: What complaints call it, for example the name of its file.

    Raises:
        ConfigError: A line holds something that no transcript can, or nothing is listed. The message begins with the
            name and the number of the line.
    """
    phrases: set[str] = set()
    for number, line in enumerate(text.splitlines(), start=1):
        entry = line.partition("#")[0].strip().lower().replace("’", "'")
        if not entry:
            continue
        words = entry.split()
        if any(_WORD.fullmatch(word) is None for word in words):
            raise ConfigError(f"{name}, line {number}: expected a word or a phrase without other marks, got {entry!r}")
        if len(words) > LONGEST_PHRASE:
            raise ConfigError(f"{name}, line {number}: a phrase has at most {LONGEST_PHRASE} words, got {len(words)}")
        phrases.add(" ".join(words))
    if not phrases:
        raise ConfigError(f"{name}: lists no words")
    return frozenset(phrases)
