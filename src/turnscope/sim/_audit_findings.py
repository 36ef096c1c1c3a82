"""What an audit finds: what somebody does when they are cancelled that they should not, and where."""

from dataclasses import dataclass
from typing import Literal

from turnscope.sim._audit_places import NOWHERE, Place

__all__ = ["Audit", "Finding", "Findings", "Offence"]

Offence = Literal[
    "shield", "overrun", "swallowed", "cleanup", "blocked", "task", "generator", "socket", "thread", "failure"
]
"""What can be found; `Finding` says what each means."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong.

    Attributes:
        fault: ``shield``: it shields itself from cancellation without a deadline. ``overrun``: it takes time to end.
            ``swallowed``: it goes on as if it had not been cancelled. ``cleanup``: it raises something else instead.
            ``blocked``: it keeps the event loop from running. ``task``, ``generator``, ``socket``, ``thread``: it
            leaves one behind. ``failure``: it fails although nobody has cancelled it.
        what: The same in words, with a number or a name.
        place: The guilty line.
        count: How often it was seen.
    """

    fault: Offence
    what: str
    place: Place
    count: int = 1

    def __str__(self) -> str:
        """One line, as compilers write them."""
        times = f" ({self.count} times)" if self.count > 1 else ""
        return f"{self.place}: {self.fault}: {self.what}{times}"


@dataclass(frozen=True, slots=True)
class Audit:
    """What was found about one provider or tool.

    Attributes:
        name: Whose name it is.
        kind: ``VAD``, ``STT``, ``LLM``, ``TTS``, ``detector``, ``stage`` or ``tool``.
        cancellations: How often it was cancelled, each time at another await.
        unwinding_s: The longest time that it took to end, on the clock of the audit.
        unwinding_wall_s: The same on the clock on the wall.
        slowest: Where it was when it took that long.
        findings: What is wrong, by places.
    """

    name: str
    kind: str
    cancellations: int
    unwinding_s: float
    unwinding_wall_s: float
    slowest: Place
    findings: tuple[Finding, ...]


class Findings:
    """Collects what is found, the same fault in the same place once."""

    def __init__(self) -> None:
        self._found: dict[tuple[Offence, Place], Finding] = {}
        self.cancellations: int = 0
        self.unwinding_s: float = 0.0
        self.unwinding_wall_s: float = 0.0
        self.slowest: Place = NOWHERE

    def add(self, fault: Offence, what: str, place: Place) -> None:
        """Something was found."""
        known = self._found.get((fault, place))
        self._found[fault, place] = Finding(
            fault, known.what if known else what, place, 1 + (known.count if known else 0)
        )

    @property
    def failed(self) -> bool:
        """They could not be used."""
        return any(found.fault == "failure" for found in self._found.values())

    def unwound(self, took_s: float, wall_s: float, place: Place) -> None:
        """It has ended, so long after it was cancelled at `place`."""
        self.cancellations += 1
        if (took_s, wall_s) > (self.unwinding_s, self.unwinding_wall_s):
            self.slowest = place
        self.unwinding_s = max(self.unwinding_s, took_s)
        self.unwinding_wall_s = max(self.unwinding_wall_s, wall_s)

    def report(self, name: str, kind: str) -> Audit:
        """All of it. What was seen to block only once may have been the machine's doing."""
        sure = [found for found in self._found.values() if found.fault != "blocked" or found.count > 1]
        findings = tuple(sorted(sure, key=lambda found: (found.place, found.fault)))
        return Audit(name, kind, self.cancellations, self.unwinding_s, self.unwinding_wall_s, self.slowest, findings)
