"""Shares, latencies and rates by the minute, with the intervals that hold for few of them. Pure arithmetic.

Shares carry the interval of E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference",
JASA 22 (1927): it holds for few cases and for shares of 0 and 1, too.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["Latency", "PerMinute", "Rate", "latency_of"]

Z95 = 1.959964
"""Of the normal distribution: the interval holds the truth in 95 cases of 100."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many of so many.

    Attributes:
        count: How many.
        of: Of how many.
    """

    count: int
    of: int

    @property
    def value(self) -> float:
        """The share, 0 to 1; NaN of nothing."""
        return self.count / self.of if self.of else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval; 0 to 1 of nothing."""
        if not self.of:
            return 0.0, 1.0
        share, spread = self.value, Z95**2 / self.of
        centre = (share + spread / 2) / (1 + spread)
        half = Z95 / (1 + spread) * math.sqrt(share * (1 - share) / self.of + spread / (4 * self.of))
        low = 0.0 if self.count == 0 else max(0.0, centre - half)
        return low, 1.0 if self.count == self.of else min(1.0, centre + half)


@dataclass(frozen=True, slots=True)
class Latency:
    """How long something took, in seconds, where it happened.

    Attributes:
        n: How often it happened.
        p50: The median; NaN if it never did.
        p95: The 95th percentile: of 100 times, the 95th.
        mean: The mean; NaN if it never did.
    """

    n: int
    p50: float
    p95: float
    mean: float


@dataclass(frozen=True, slots=True)
class PerMinute:
    """Events in some minutes.

    Attributes:
        count: How many.
        minutes: In how many.
    """

    count: int
    minutes: float

    @property
    def value(self) -> float:
        """How many a minute; NaN in no time."""
        return self.count / self.minutes if self.minutes else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of a Poisson rate, by Byar's approximation (Breslow and Day, 1987, volume II, 2.13)."""
        if not self.minutes:
            return 0.0, math.inf
        below, above = self.count, self.count + 1
        low = 0.0 if not below else below * (1 - 1 / (9 * below) - Z95 / (3 * math.sqrt(below))) ** 3
        high = above * (1 - 1 / (9 * above) + Z95 / (3 * math.sqrt(above))) ** 3
        return low / self.minutes, high / self.minutes


def latency_of(values: Iterable[float | None]) -> Latency:
    """The latency of what happened; None is what did not."""
    known = sorted(value for value in values if value is not None)
    mean = math.fsum(known) / len(known) if known else math.nan
    return Latency(len(known), _quantile(known, 0.5), _quantile(known, 0.95), mean)


def _quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that `share` of all do not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan
