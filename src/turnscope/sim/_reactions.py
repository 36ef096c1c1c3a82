"""What a scripted caller can react to, and when it was: words as they are heard, and what the session does."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from turnscope._errors import ConfigError
from turnscope.core import Event, HeardWord, WordsHeard
from turnscope.session import Record
from turnscope.sim._matching import is_like
from turnscope.sim._phrases import Phrase, SpokenPattern, words_until

__all__ = ["AgentSays", "AgentWords", "Happens", "Reaction", "Reactions"]

WordsOf = Callable[[], Mapping[int, tuple[HeardWord, ...]]]
"""Gives the words heard so far of the replies that are being spoken, by turns."""


@dataclass(frozen=True, slots=True)
class AgentSays:
    """The caller has heard the agent say this: the moment is the end of its last word.

    Attributes:
        phrase: Words in a row, without regard to case and punctuation; or a regular expression, which is searched for
            in the words heard so far, with a space between two.
        is_pattern: It is a regular expression.
    """

    phrase: str
    is_pattern: bool = False

    def moments(self, words: Sequence[HeardWord]) -> list[int]:
        """When, in the words of one reply, as samples."""
        phrase: Phrase = SpokenPattern(self.phrase) if self.is_pattern else self.phrase
        found: list[int] = []
        while (count := words_until(phrase, [word.text for word in words])) is not None:
            found.append(words[count - 1].stop)
            words = words[count:]
        return found


@dataclass(frozen=True, slots=True)
class AgentWords:
    """The caller has heard so many words of a reply: the moment is the end of the last of them.

    Raises:
        ConfigError: There is nothing to count.
    """

    count: int

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ConfigError(f"count must be at least 1, got {self.count}")

    def moments(self, words: Sequence[HeardWord]) -> list[int]:
        """When, in the words of one reply, as samples."""
        return [words[self.count - 1].stop] if len(words) >= self.count else []


@dataclass(frozen=True, slots=True)
class Happens:
    """Something happens in the session, with an event: a state is reached, a tool's call begins or ends, it is decided.

    Attributes:
        kind: The class of the event.
        where: What its fields have to hold; those that are not named may hold anything.
    """

    kind: type[Event]
    where: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))

    def fits(self, event: Event) -> bool:
        """Whether this is such an event."""
        return isinstance(event, self.kind) and all(
            is_like(value, getattr(event, key)) for key, value in self.where.items()
        )


Reaction = AgentSays | AgentWords | Happens
"""What a step can wait for, apart from times and silences."""


class Reactions:
    """Notes what happens in a call, and finds the moments in it.

    What happens at one time may be told in any order, so only what lies before the caller's present counts.
    """

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._kinds: tuple[type[Event], ...] = ()
        """The kinds of events that somebody waits for."""
        self._heard: dict[int, tuple[HeardWord, ...]] = {}
        """The words of replies that are over, by turns."""
        self._being_heard: WordsOf = dict

    def listen(self, words: WordsOf) -> None:
        """Ask `words` for what is being heard."""
        self._being_heard = words

    def expect(self, wanted: object) -> None:
        """From now on, note what is waited for."""
        if isinstance(wanted, Happens):
            self._kinds = (*self._kinds, wanted.kind)

    def notice(self, record: Record) -> None:
        """Take note of the next thing that happens."""
        if isinstance(record, WordsHeard):
            self._heard[record.turn_id] = record.words
        if isinstance(record, self._kinds):
            self._events.append(record)

    def moment(self, wanted: Reaction, *, since: int, nth: int | None, now: int) -> int | None:
        """When the caller could notice it, as a sample before `now`; None if that is still to come.

        Args:
            wanted: What they wait for.
            since: It has to be after this.
            nth: Instead of that: which time in the call, or for words, in which reply; counted from 1.
            now: The caller's present.
        """
        if isinstance(wanted, Happens):
            moments = [event.sample for event in self._events if event.sample < now and wanted.fits(event)]
        else:
            moments = self._moments_of_words(wanted, nth, now)
            nth = 1 if nth is not None else None
        if nth is not None:
            return moments[nth - 1] if len(moments) >= nth else None
        return next((moment for moment in moments if moment > since), None)

    def _moments_of_words(self, wanted: AgentSays | AgentWords, nth: int | None, now: int) -> list[int]:
        known = [words for words in {**self._being_heard(), **self._heard}.values() if words]
        replies = [
            [word for word in words if word.stop <= now] for words in sorted(known, key=lambda words: words[0].start)
        ]
        chosen = replies if nth is None else replies[nth - 1 : nth]
        return [moment for words in chosen for moment in wanted.moments(words)]
