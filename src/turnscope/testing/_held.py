"""The calls that a test has held, remembered until the test has passed or has been reported."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from turnscope.session import Record
from turnscope.sim import Call, Failure

__all__ = ["CallsOfTest", "HeldCall"]

MOST_CALLS = 5
"""So many calls of a test are remembered, the newest."""


@dataclass(slots=True)
class HeldCall:
    """A call that a test holds or has held.

    Attributes:
        name: What it is called.
        seed: With which it is held; None in real time.
        wrong: The first thing that is known to be wrong with it.
    """

    name: str
    seed: int | None
    wrong: Failure | None = None
    _call: Call | None = None
    _records: list[Record] = field(default_factory=list)

    def watched(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """What to hold it with, so that what happens is known should an error end it."""
        return {**settings, "sinks": (*settings.get("sinks", ()), self._records.append)}

    def finish(self, call: Call) -> Call:
        """Take the call that has come to its end, and give it back."""
        self._call, self._records = call, []
        return call

    @property
    def complete(self) -> bool:
        """Whether it has come to its end."""
        return self._call is not None

    @property
    def call(self) -> Call:
        """The call. Of one that an error ended, all that had happened, and nothing of its sound: both are silent."""
        if self._call is not None:
            return self._call
        silence = np.zeros(max((record.sample for record in self._records), default=0), np.float32)
        return Call(tuple(self._records), silence, silence, (), (), 0)


@dataclass(slots=True)
class CallsOfTest:
    """The calls that a test has held.

    Attributes:
        name: The test's name.
        folder: Where its file is, which is what paths of scenario files are relative to.
        held: The newest of its calls.
        count: How many there were.
    """

    name: str
    folder: Path
    held: deque[HeldCall] = field(default_factory=lambda: deque(maxlen=MOST_CALLS))
    count: int = 0

    def begin(self, name: str, seed: int | None) -> HeldCall:
        """Another call begins. `seed` is None in real time."""
        held = HeldCall(name, seed)
        self.held.append(held)
        self.count += 1
        return held
