"""What a scenario file may expect of its call: the tables of ``[[expect]]``, each of which checks itself."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Literal

import msgspec

from turnscope.core import CLOCK_HZ, Message, Role, SessionEnded
from turnscope.sim._expectations_of_turns import OverlapExpectation, ToolExpectation, TurnExpectation
from turnscope.sim._expecting import Expectation, Failure, counted, differs_number, differs_text, failure
from turnscope.sim._happenings import Happening
from turnscope.sim._matching import Number, NumberRange, Text, check_text, matches_number, matches_text, told
from turnscope.sim._seen import Seen

__all__ = [
    "EXPECTATIONS",
    "CallExpectation",
    "HappensExpectation",
    "NeverExpectation",
    "SaidMessage",
    "expectation_kind",
]

StateName = Literal["listening", "processing", "speaking", "away", "ended"]


class CallExpectation(Expectation, frozen=True):
    """About the call as a whole; for each key see ``docs/scenarios.md``."""

    TEXTS: ClassVar[tuple[str, ...]] = ("heard", "ended")

    states: list[StateName] | None = None
    reaches: list[StateName] | None = None
    turns: Number | None = None
    overlaps: Number | None = None
    interruptions: Number | None = None
    false_interruptions: Number | None = None
    backchannels: Number | None = None
    duration_s: Number | None = None
    heard: Text | None = None
    ended: Text | None = None
    history: list["SaidMessage"] | None = None

    def read(self, key: str) -> None:
        """See `Expectation.read`."""
        super().read(key)
        for index, message in enumerate(self.history or ()):
            check_text(message.text, f"{key}.history[{index}].text")
            check_text(message.unheard, f"{key}.history[{index}].unheard")

    def check(self, seen: Seen, key: str) -> Iterator[Failure]:
        """See `Expectation.check`."""
        counts, states = seen.call.conversation.counts, [span.state for span in seen.states]
        found = {
            "turns": len(seen.turns),
            "overlaps": len(seen.overlaps),
            "interruptions": counts.interruptions,
            "false_interruptions": counts.false_interruptions,
            "backchannels": counts.backchannels,
            "duration_s": len(seen.call.user) / CLOCK_HZ,
        }
        for name, number in found.items():
            yield from differs_number(f"{key}.{name}", getattr(self, name), number, None)
        yield from differs_text(f"{key}.heard", self.heard, seen.heard, None)
        ended = next((event for event in seen.events if isinstance(event, SessionEnded)), None)
        yield from differs_text(f"{key}.ended", self.ended, getattr(ended, "reason", ""), getattr(ended, "sample", 0))
        if self.states is not None and self.states != states:
            yield Failure(f"{key}.states", f"expected {told(self.states)}, found {told(states)}", _departs(self, seen))
        yield from self._reached(seen, f"{key}.reaches")
        if self.history is not None:
            yield from _differs_history(f"{key}.history", self.history, seen.call.history)

    def _reached(self, seen: Seen, key: str) -> Iterator[Failure]:
        spans = iter(seen.states)
        for state in self.reaches or ():
            if not any(span.state == state for span in spans):
                found = told([span.state for span in seen.states])
                yield Failure(key, f"expected {told(self.reaches)} in this order, found {found}", None)
                return


class SaidMessage(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What is known of a message of the history."""

    role: Role | None = None
    text: Text | None = None
    interrupted: bool | None = None
    unheard: Text | None = None

    def is_like(self, message: Message) -> bool:
        """Whether `message` is such a one."""
        return (
            self.role in (None, message.role)
            and self.interrupted in (None, message.interrupted)
            and (self.text is None or matches_text(self.text, message.text))
            and (self.unheard is None or matches_text(self.unheard, message.unheard))
        )


class HappensExpectation(Expectation, frozen=True):
    """About how often something happens."""

    happens: Happening
    times: Number = NumberRange(at_least=1)
    from_s: float = 0.0
    until_s: float | None = None

    def read(self, key: str) -> None:
        """See `Expectation.read`."""
        self.happens.read(f"{key}.happens")

    def check(self, seen: Seen, key: str) -> Iterator[Failure]:
        """See `Expectation.check`."""
        found = list(self.happens.found(seen, self.from_s, self.until_s))
        if not matches_number(self.times, len(found)):
            times = ", ".join(told(sample / CLOCK_HZ) for sample in found)
            problem = f"expected {self.happens.name} {told(self.times)} times, found {len(found)}"
            yield Failure(f"{key}.happens", problem + (f", at {times} s" if found else ""), None)


class NeverExpectation(Expectation, frozen=True):
    """About what must not happen."""

    never: Happening
    from_s: float = 0.0
    until_s: float | None = None

    def read(self, key: str) -> None:
        """See `Expectation.read`."""
        self.never.read(f"{key}.never")

    def check(self, seen: Seen, key: str) -> Iterator[Failure]:
        """See `Expectation.check`."""
        for sample in self.never.found(seen, self.from_s, self.until_s):
            yield failure(f"{key}.never", f"expected never {self.never.name}, found it", sample)
            return


EXPECTATIONS: dict[str, type[Expectation]] = {
    "turn": TurnExpectation,
    "tool": ToolExpectation,
    "overlap": OverlapExpectation,
    "happens": HappensExpectation,
    "never": NeverExpectation,
    "": CallExpectation,
}
"""Kinds of tables, by the key that only they have to have; one without any is about the call."""


def expectation_kind(table: Any) -> type[Expectation]:
    """What kind of table it is."""
    keys = [key for key in EXPECTATIONS if isinstance(table, dict) and key in table]
    if "tool" in keys:  # a tool's call may have a turn
        return ToolExpectation
    return EXPECTATIONS[keys[0] if keys else ""]


def _differs_history(key: str, wanted: Sequence[SaidMessage], found: Sequence[Message]) -> Iterator[Failure]:
    for index, (one, other) in enumerate(zip(wanted, found, strict=False)):
        if not one.is_like(other):
            said = {name: getattr(other, name) for name in ("role", "text", "interrupted", "unheard")}
            expected = {name: getattr(one, name) for name in said if getattr(one, name) is not None}
            different = {name: said[name] for name in expected}
            yield Failure(f"{key}[{index}]", f"expected {_table(expected)}, found {_table(different)}", None)
    if len(wanted) != len(found):
        rest = [f"{message.role}: {message.text!r}" for message in found[len(wanted) :]]
        more = f", the last of them {', '.join(rest)}" if rest else ""
        yield Failure(key, f"expected {counted(len(wanted), 'message')}, found {len(found)}{more}", None)


def _table(values: dict[str, Any]) -> str:
    return "{ " + ", ".join(f"{name} = {told(value)}" for name, value in values.items()) + " }"


def _departs(expectation: CallExpectation, seen: Seen) -> float | None:
    """When the states were no longer as expected."""
    for index, span in enumerate(seen.states):
        if (expectation.states or [])[index : index + 1] != [span.state]:
            return span.start / CLOCK_HZ
    return None
