"""Puts labels at lines that stand close together, so that no label covers another label or another line's stem."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from turnscope.observe._picture import Mark


@dataclass(frozen=True, slots=True)
class Flag:
    """A mark with a place for its label.

    Attributes:
        mark: The mark.
        x: Where its line is.
        row: Row of the label, counted from the top. The line runs from there down.
        flipped: The label is to the left of the line.
        left: Where the label and its line begin.
        right: Where they end.
    """

    mark: Mark
    x: float
    row: int
    flipped: bool
    left: float
    right: float


def place_flags(
    groups: Sequence[Sequence[Mark]],
    x_of: Callable[[int], float],
    width_of: Callable[[str], float],
    limits: tuple[float, float],
    max_rows: int,
) -> tuple[list[Flag], list[Mark]]:
    """Place each group as a staircase that goes down, away from the lines of its own.

    A label stands right of its line, and every line further right begins below it. Where the right edge is too near,
    the last ones stand left of their lines, above the others. Groups whose staircases would touch go below one another.

    Args:
        groups: Marks that belong together, in order.
        x_of: Where a sample is drawn.
        width_of: How wide a label is, its distance from the line included.
        limits: Left and right edge.
        max_rows: How many rows there may be.

    Returns:
        The flags, and the marks that found no room for a label.
    """
    flags: list[Flag] = []
    left_over: list[Mark] = []
    for group in groups:
        steps = _staircase(group, x_of, width_of, limits)
        if steps is None:
            left_over += group
            continue
        left, right = min(flag.left for flag in steps), max(flag.right for flag in steps)
        below = 0
        for other in flags:
            if other.left < right and left < other.right:
                below = max(below, other.row + 1)
        if below + len(steps) > max_rows:
            left_over += group
        else:
            flags += [_lowered(flag, below) for flag in steps]
    return flags, left_over


def _staircase(
    group: Sequence[Mark],
    x_of: Callable[[int], float],
    width_of: Callable[[str], float],
    limits: tuple[float, float],
) -> list[Flag] | None:
    for kept in range(len(group), -1, -1):
        ordered = [(mark, True) for mark in reversed(group[kept:])] + [(mark, False) for mark in group[:kept]]
        flags = []
        for row, (mark, flipped) in enumerate(ordered):
            x, width = x_of(mark.sample), width_of(mark.label)
            flags.append(Flag(mark, x, row, flipped, x - width if flipped else x, x if flipped else x + width))
        first_flipped = min((flag.x for flag in flags if flag.flipped), default=limits[1])
        rightmost = max((flag.right for flag in flags if not flag.flipped), default=limits[0])
        if limits[0] <= min(flag.left for flag in flags) and rightmost <= first_flipped:
            return flags
    return None


def _lowered(flag: Flag, rows: int) -> Flag:
    return Flag(flag.mark, flag.x, flag.row + rows, flag.flipped, flag.left, flag.right)
