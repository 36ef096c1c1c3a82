"""What all expectations have in common: how they are read, and how a call fails them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeVar

import msgspec

from turnscope.core import CLOCK_HZ
from turnscope.sim._matching import Number, Text, check_text, matches_number, matches_text, told
from turnscope.sim._seen import Seen

__all__ = ["Expectation", "Failure", "counted", "differs_number", "differs_text", "failure", "nth"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Failure:
    """A call was not as its scenario expects it.

    Attributes:
        key: The expectation, as a key path in the file: ``expect[0].heard``.
        problem: What was expected, and what was found instead.
        at_s: Where in the call to look, in seconds; None for nowhere in particular.
        source: The file, or the name of the scenario.
    """

    key: str
    problem: str
    at_s: float | None
    source: str = ""

    @property
    def message(self) -> str:
        """All of it in one line."""
        where = "" if self.at_s is None else f" (at {told(self.at_s)} s)"
        return f"{self.source}: {self.key}: {' '.join(self.problem.split())}{where}"


class Expectation(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One table of ``[[expect]]``."""

    TEXTS: ClassVar[tuple[str, ...]] = ()
    """Its keys that hold a text or what is known of it."""

    def read(self, key: str) -> None:
        """See whether it makes sense. `key` is its key path.

        Raises:
            ConfigError: It does not.
        """
        for name in self.TEXTS:
            check_text(getattr(self, name), f"{key}.{name}")

    def check(self, seen: Seen, key: str) -> Iterator[Failure]:
        """Where the call is not as it should be."""
        raise NotImplementedError


def failure(key: str, problem: str, sample: int | None) -> Failure:
    """A failure at a sample of the call."""
    return Failure(key, problem, None if sample is None else sample / CLOCK_HZ)


def differs_text(key: str, wanted: Text | None, found: str, sample: int | None) -> Iterator[Failure]:
    """The failure that `found` is, if it is one."""
    if wanted is not None and not matches_text(wanted, found):
        yield failure(key, f"expected {told(wanted)}, found {found!r}", sample)


def differs_number(key: str, wanted: Number | None, found: float | None, sample: int | None) -> Iterator[Failure]:
    """The failure that `found` is, if it is one."""
    if wanted is not None and (found is None or not matches_number(wanted, found)):
        yield failure(key, f"expected {told(wanted)}, found {told(found)}", sample)


def nth(items: Sequence[T], number: int) -> T | None:
    """Item `number`, from 1 on, or from -1 on backwards; None if there is none."""
    index = number - 1 if number > 0 else len(items) + number
    return items[index] if 0 <= index < len(items) else None


def counted(number: int, noun: str) -> str:
    """So many of something, in words."""
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
