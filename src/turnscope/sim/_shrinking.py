"""Looks for the smallest case in which something is wrong: fewest steps, then the earliest, then the lowest seed."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from turnscope.sim._caller import HangUp, Step
from turnscope.sim._cases import Case

__all__ = ["shrink"]

MOST_TRIES = 300
"""Conversations that may be held to make one case smaller."""


def shrink(failing: Sequence[Case], script: Sequence[Step], stride: int, fails: Callable[[Case], bool]) -> Case:
    """The smallest case that could be found.

    Args:
        failing: Cases that fail.
        script: The caller's.
        stride: Conversations were cut off at every so many-th await only.
        fails: Holds a case, and says whether it fails, too.
    """
    first = smallest = min(failing, key=_size)
    tries = _Tries(fails)
    for index, step in enumerate(script):
        if isinstance(step, HangUp) or index in (smallest.move, smallest.add):
            continue
        without = replace(smallest, drop=(*smallest.drop, index))
        # With a step less, what was one await may be another one.
        few = _cut_off_at(without, range(1, without.awaits, max(1, without.awaits // 20)))
        smallest = tries.first([without, *few]) or smallest
    unknown = range(max(1, smallest.awaits - stride + 1) if smallest.awaits == first.awaits else 1, smallest.awaits)
    return tries.first(_cut_off_at(smallest, unknown)) or smallest


def _size(case: Case) -> tuple[object, ...]:
    """What is changed least comes first."""
    changes = (case.at is not None) + bool(case.awaits)
    return changes, -len(case.drop), case.at or 0, case.awaits, case.seed, case.way


def _cut_off_at(case: Case, awaits: range) -> list[Case]:
    return [replace(case, awaits=number) for number in awaits]


class _Tries:
    def __init__(self, fails: Callable[[Case], bool]) -> None:
        self._fails = fails
        self._left = MOST_TRIES

    def first(self, cases: Sequence[Case]) -> Case | None:
        """The first that fails, too."""
        for case in cases[: self._left]:
            self._left -= 1
            if self._fails(case):
                return case
        return None
