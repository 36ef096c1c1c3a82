"""What can happen in a call, and be expected or forbidden: an event, a state, words that are heard."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import msgspec

import turnscope.core
from turnscope._errors import ConfigError
from turnscope.core import CLOCK_HZ, Event, HeardWord
from turnscope.sim._matching import is_like, told, wanted_value
from turnscope.sim._phrases import Phrase, check_phrase, words_until
from turnscope.sim._seen import Seen

__all__ = ["EVENT_KINDS", "Happening"]

EVENT_KINDS: dict[str, type[Event]] = {
    name: kind
    for name in turnscope.core.__all__
    if isinstance(kind := getattr(turnscope.core, name), type) and issubclass(kind, Event) and kind is not Event
}
"""Every kind of event, by its name."""


class Happening(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Exactly one of an event, a state and words.

    Attributes:
        event: The name of a class of events.
        where: What its fields hold; those that are not named may hold anything.
        state: The session is in this state.
        heard: The agent is heard to say this.
    """

    event: str | None = None
    where: dict[str, Any] | None = None
    state: str | None = None
    heard: Phrase | None = None

    @property
    def name(self) -> str:
        """What is meant, in words."""
        if self.event is not None:
            where = ", ".join(f"{name} = {told(value)}" for name, value in (self.where or {}).items())
            return self.event + (f" with {where}" if where else "")
        return f"the state {self.state}" if self.state is not None else f"to hear {told(self.heard)}"

    def read(self, key: str) -> None:
        """See whether it makes sense. `key` is its key path.

        Raises:
            ConfigError: It does not.
        """
        given = [name for name in ("event", "state", "heard") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ConfigError(f"{key}: must have exactly one of event, state and heard")
        if self.heard is not None:
            check_phrase(self.heard, f"{key}.heard")
        if self.event is not None and self.event not in EVENT_KINDS:
            raise ConfigError(f"{key}.event: unknown event {self.event!r}; they are listed in docs/events.md")
        if self.where is not None and self.event is None:
            raise ConfigError(f"{key}.where: only means something beside event")
        known = [each.name for each in fields(EVENT_KINDS[self.event])] if self.event is not None else []
        for name, value in (self.where or {}).items():
            if name not in known:
                raise ConfigError(f"{key}.where.{name}: unknown key; known here: {', '.join(known)}")
            wanted_value(value, f"{key}.where.{name}")

    def found(self, seen: Seen, from_s: float, until_s: float | None) -> Iterator[int]:
        """When it happens, from `from_s` to `until_s`, as samples."""
        start, stop = round(from_s * CLOCK_HZ), float("inf") if until_s is None else round(until_s * CLOCK_HZ)
        if self.event is not None:
            yield from (
                event.sample
                for event in seen.events
                if type(event).__name__ == self.event and start <= event.sample <= stop and self._fits(event)
            )
        elif self.state is not None:
            for span in seen.states:
                if span.state == self.state and span.start <= stop and (span.stop is None or span.stop > start):
                    yield max(span.start, start)
        elif self.heard is not None:
            for words in seen.words.values():
                yield from _said(self.heard, [word for word in words if start <= word.stop <= stop])

    def _fits(self, event: Event) -> bool:
        return all(
            is_like(wanted_value(value, name), getattr(event, name)) for name, value in (self.where or {}).items()
        )


def _said(phrase: Phrase, words: list[HeardWord]) -> Iterator[int]:
    """The samples after which `phrase` has been said."""
    while (count := words_until(phrase, [word.text for word in words])) is not None:
        yield words[count - 1].stop
        words = words[count:]
