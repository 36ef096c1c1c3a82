"""Checks what strategies are given, at once and not when the first example is drawn, and draws times."""

import math
from collections.abc import Collection, Iterable, Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from turnscope._errors import ConfigError

__all__ = ["check_counts", "check_known", "check_seconds", "check_strategy", "listed", "maybe", "seconds"]

T = TypeVar("T")

STEP_S = 0.01
"""Times lie on this grid, so that simultaneous things are not rare."""


def check_counts(least: int, most: int, smallest: int, *, of: str) -> None:
    """Raise unless ``smallest <= least <= most``, which are arguments named ``min_<of>`` and ``max_<of>``."""
    if not most >= smallest:
        raise ConfigError(f"max_{of} must be at least {smallest}, got {most!r}")
    if not smallest <= least <= most:
        raise ConfigError(f"min_{of} must be from {smallest} to max_{of} ({most}), got {least!r}")


def check_seconds(name: str, value: float, *, least: float = 0.0) -> None:
    """Raise unless a duration is finite, and not less than `least`."""
    if not least <= value < math.inf:
        raise ConfigError(f"{name} must be at least {least:g}, and finite, got {value:g}")


def check_known(name: str, given: Sequence[str], known: Collection[str]) -> None:
    """Raise unless there is something in `given`, and all of it is known."""
    if isinstance(given, str) or not given:
        raise ConfigError(f"{name} must be a list of one or more, got {given!r}")
    unknown = next((item for item in given if item not in known), None)
    if unknown is not None:
        raise ConfigError(f"{name} must be of {', '.join(known)}; got {unknown!r}")


def check_strategy(name: str, given: object) -> None:
    """Raise unless this is a strategy."""
    if not isinstance(given, SearchStrategy):
        hint = f": st.sampled_from({name})" if isinstance(given, list | tuple) else ""
        raise ConfigError(f"{name} must be a strategy of Hypothesis, got {type(given).__name__}{hint}")


def listed(name: str, given: Iterable[T]) -> list[T]:
    """`given` as a list with something in it."""
    items = [] if isinstance(given, str) else list(given)
    if not items:
        raise ConfigError(f"{name} must be a list of one or more, got {given!r}")
    return items


def maybe(items: Sequence[T]) -> "SearchStrategy[T | None]":
    """Half the time nothing, which is the simplest, else one of these.

    A fixed number of these shrinks better than a list does: Hypothesis can leave out any of them by one step, but only
    elements of lists that are made of few choices.
    """
    return st.sampled_from([*([None] * len(items)), *items])


def seconds(least_s: float, most_s: float) -> "SearchStrategy[float]":
    """Times on a grid of 10 ms; the least is the simplest."""
    steps = st.integers(math.ceil(round(least_s / STEP_S, 6)), math.floor(round(most_s / STEP_S, 6)))
    return steps.map(_on_grid)


def _on_grid(step: Any) -> float:
    return round(float(step) * STEP_S, 2)
