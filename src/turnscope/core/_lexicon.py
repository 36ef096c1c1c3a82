"""Words that are no interruption when nothing else is said."""

import re

__all__ = ["BACKCHANNELS", "content_words"]

BACKCHANNELS = frozenset(
    "ah aha alright good great hm hmm huh mhm mm mmhm mmhmm mm-hm mm-hmm oh okay ok right sure uh uh-huh uhhuh um "
    "yeah yep yes".split()
)
"""English words that say "go on" rather than "stop" when nothing else is said."""

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


def content_words(text: str, lexicon: frozenset[str] = BACKCHANNELS) -> list[str]:
    """The words of `text` that are not backchannels, in lower case."""
    return [word for word in _WORD.findall(text.lower()) if word not in lexicon]
