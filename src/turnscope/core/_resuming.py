"""Going on with what was interrupted: who asks for it, and where it goes on. Rules over text; never speaks itself."""

from dataclasses import dataclass

from turnscope._errors import ConfigError
from turnscope.core._ledger import CLOSING
from turnscope.core._lexicon import content_words
from turnscope.core._messages import Message

__all__ = ["GO_ON", "ResumeSettings", "asks_to_go_on", "unheard_rest"]

GO_ON = frozenset(
    {
        "carry on",
        "carry on with what you were saying",
        "continue",
        "continue with what you were saying",
        "finish your sentence",
        "finish what you were saying",
        "go on",
        "go on with what you were saying",
        "keep going",
        "keep talking",
        "what were you going to say",
        "what were you saying",
        "where did you stop",
        "where were we",
        "where were you",
        "you were saying",
    }
)
"""English for "go on", as a whole utterance, in lower case and without marks.

"Go ahead" is not among it: it often says yes to a question that was just cut off.
"""

FILLERS = frozenset("ah anyway just no now oh ok okay please so sorry then uh um well".split())
"""Words that may stand before and after it."""


@dataclass(frozen=True, slots=True)
class ResumeSettings:
    """Whether the caller can have the agent go on with what was interrupted.

    Attributes:
        phrases: What they say for it, in lower case and without marks. With none, it is the model that answers.
        max_turns_between: How many turns may lie between that in which the agent was interrupted and "go on". After
            such a turn, "go on" is more often about what was said last.
    """

    phrases: frozenset[str] = GO_ON
    max_turns_between: int = 0

    def __post_init__(self) -> None:
        for phrase in sorted(self.phrases):
            if phrase != " ".join(_words(phrase)) or not phrase:
                raise ConfigError(f"phrases must be words in lower case, single spaces between, got {phrase!r}")
        if self.max_turns_between < 0:
            raise ConfigError(f"max_turns_between must not be negative, got {self.max_turns_between}")


def asks_to_go_on(text: str, phrases: frozenset[str] = GO_ON) -> bool:
    """All of `text` says "go on", but for a few words of politeness before and after it: "Oh sorry, go on, please."."""
    words = _words(text)
    for skipped in range(len(words)):
        if skipped and words[skipped - 1] not in FILLERS:
            return False
        for stop in range(len(words), skipped, -1):
            if " ".join(words[skipped:stop]) in phrases:
                return True
            if words[stop - 1] not in FILLERS:
                break
    return False


def unheard_rest(message: Message) -> str:
    """What is left to say of a message that was interrupted, from the first word on that was not heard."""
    return message.unheard.lstrip(CLOSING) if message.interrupted and not message.resumed else ""


def _words(text: str) -> list[str]:
    return [word.replace("’", "'") for word in content_words(text, frozenset())]
