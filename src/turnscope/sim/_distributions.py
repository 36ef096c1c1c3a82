"""How long something takes: always the same, or drawn anew each time from a generator with a seed."""

import math
import random
from dataclasses import dataclass
from typing import Annotated

import msgspec

from turnscope._errors import ConfigError

__all__ = ["Distribution", "DistributionTable", "LogNormal", "Normal", "Uniform", "draw_s", "read_distribution"]


@dataclass(frozen=True, slots=True)
class Uniform:
    """Anything between two durations, each as likely as the other.

    Raises:
        ConfigError: It ends before it begins, or may be negative.
    """

    least_s: float
    most_s: float

    def __post_init__(self) -> None:
        if not 0 <= self.least_s <= self.most_s < math.inf:
            raise ConfigError(f"uniform must go from 0 or more upwards, got {self.least_s:g} to {self.most_s:g}")


@dataclass(frozen=True, slots=True)
class Normal:
    """A normal distribution; what would be less than 0 is 0.

    Raises:
        ConfigError: The mean or the standard deviation is negative.
    """

    mean_s: float
    deviation_s: float

    def __post_init__(self) -> None:
        if not (0 <= self.mean_s < math.inf and 0 <= self.deviation_s < math.inf):
            raise ConfigError(f"normal must have no negative numbers, got {self.mean_s:g} and {self.deviation_s:g}")


@dataclass(frozen=True, slots=True)
class LogNormal:
    """Half the time less than the median, and now and then much more: as networks and models are.

    Attributes:
        median_s: The median.
        sigma: Standard deviation of the natural logarithm: with 0.5, one in 40 is more than 2.7 times the median.

    Raises:
        ConfigError: The median is not positive, or sigma is negative.
    """

    median_s: float
    sigma: float

    def __post_init__(self) -> None:
        if not (0 < self.median_s < math.inf and 0 <= self.sigma < math.inf):
            raise ConfigError(f"lognormal needs a median above 0, and no negative sigma, got {self.median_s:g}")


Distribution = float | Uniform | Normal | LogNormal
"""A duration in seconds, or how it is distributed."""


def draw_s(distribution: Distribution, generator: random.Random) -> float:
    """The next duration, in seconds."""
    match distribution:
        case Uniform(least_s, most_s):
            return generator.uniform(least_s, most_s)
        case Normal(mean_s, deviation_s):
            return max(generator.gauss(mean_s, deviation_s), 0.0)
        case LogNormal(median_s, sigma):
            return median_s * math.exp(generator.gauss(0.0, sigma))
    return distribution


Two = Annotated[list[float], msgspec.Meta(min_length=2, max_length=2)]


class DistributionTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A distribution in a file: exactly one of these, with two numbers each.

    Attributes:
        uniform: The least and the most.
        normal: The mean and the standard deviation.
        lognormal: The median and sigma.
    """

    uniform: Two | None = None
    normal: Two | None = None
    lognormal: Two | None = None


_KINDS: dict[str, type[Uniform | Normal | LogNormal]] = {"uniform": Uniform, "normal": Normal, "lognormal": LogNormal}


def read_distribution(value: float | DistributionTable, key: str) -> Distribution:
    """The distribution that stands at the key path `key` of a file.

    Raises:
        ConfigError: It is none.
    """
    if not isinstance(value, DistributionTable):
        if not 0 <= value < math.inf:
            raise ConfigError(f"{key}: must be 0 or more, and finite, got {value:g}")
        return value
    kinds: dict[str, type[Uniform | Normal | LogNormal]] = {
        "uniform": Uniform,
        "normal": Normal,
        "lognormal": LogNormal,
    }
    given = [name for name in kinds if getattr(value, name) is not None]
    if len(given) != 1:
        raise ConfigError(f"{key}: must have exactly one of {', '.join(kinds)}, got {' and '.join(given) or 'none'}")
    try:
        return _KINDS[given[0]](*getattr(value, given[0]))
    except ConfigError as error:
        raise ConfigError(f"{key}.{error}") from error
