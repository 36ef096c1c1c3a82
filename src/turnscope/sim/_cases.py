"""One of the many conversations of a sweep: what is different in it, written so that a person can pass it on."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from turnscope._errors import ConfigError
from turnscope.core import CLOCK_HZ, to_samples

__all__ = ["Case"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is different in one of the conversations of a sweep. ``str`` writes it, `parse` reads it.

    Steps of the caller's script are counted from 0, as in the errors about a scenario file.

    Attributes:
        seed: For the order in which ready tasks run.
        move: The step whose words begin at another time.
        add: The step whose words are given once more.
        at: When they begin, as a sample of the call. Goes with `move` or `add`.
        awaits: How many steps the tasks of turns and tools have taken when the conversation is cut off, counting the
            one that is about to be taken; 0 for never.
        way: How it is cut off. Goes with `awaits`.
        drop: Steps that are left out.
    """

    seed: int
    move: int | None = None
    add: int | None = None
    at: int | None = None
    awaits: int = 0
    way: str = ""
    drop: tuple[int, ...] = ()

    def __str__(self) -> str:
        """As in ``at=3.21,move=1,seed=4``."""
        parts = []
        if self.at is not None:
            parts.append(f"at={self.at / CLOCK_HZ:.7f}".rstrip("0").rstrip("."))
        parts += [f"{name}={getattr(self, name)}" for name in ("move", "add") if getattr(self, name) is not None]
        if self.awaits:
            parts += [f"await={self.awaits}", f"way={self.way}"]
        if self.drop:
            parts.append(f"drop={'+'.join(map(str, self.drop))}")
        return ",".join([*parts, f"seed={self.seed}"])

    @classmethod
    def parse(cls, text: str) -> "Case":
        """Read what ``str`` has written.

        Raises:
            ConfigError: It is something else.
        """
        given: dict[str, str] = {}
        for part in text.split(","):
            key, equals, value = part.strip().partition("=")
            if not equals or key not in _READ or key in given:
                raise ConfigError(f"{part.strip()!r}: must be one of {', '.join(f'{name}=…' for name in _READ)}, once")
            given[key] = value
        if "seed" not in given:
            raise ConfigError("seed=… is missing")
        try:
            case = cls(**{_ATTRIBUTE.get(key, key): _READ[key](value) for key, value in given.items()})
        except ValueError as error:
            raise ConfigError(f"{text!r}: {error}") from error
        case.check()
        return case

    def check(self) -> None:
        """See that what goes together is together.

        Raises:
            ConfigError: It is not.
        """
        if (self.at is not None) != (len([step for step in (self.move, self.add) if step is not None]) == 1):
            raise ConfigError("at=… goes with one of move=… and add=…")
        if bool(self.awaits) != bool(self.way):
            raise ConfigError("await=… goes with way=…")
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int) and value < 0:
                raise ConfigError(f"{field.name}: must not be negative, got {value}")


def _read_steps(text: str) -> tuple[int, ...]:
    return tuple(int(step) for step in text.split("+"))


_ATTRIBUTE = {"await": "awaits"}

_READ: dict[str, Callable[[str], Any]] = {
    "at": lambda text: to_samples(float(text)),
    "move": int,
    "add": int,
    "await": int,
    "way": str,
    "drop": _read_steps,
    "seed": int,
}
