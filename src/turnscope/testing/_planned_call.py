"""A conversation that can be held, and be held again: who answers, what the caller does, and a seed."""

import math
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

from turnscope._errors import ConfigError
from turnscope.core import CLOCK_HZ
from turnscope.session import Agent
from turnscope.sim import Call, HangUp, LikeSimulate, Media, Play, Step, simulate
from turnscope.testing._writing import Code, Shown, Unwritable, Written, called, layout, name_of, write

__all__ = ["PlannedCall"]

LONGEST_S = 15.0
"""A conversation is no longer, unless something else is said."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PlannedCall(Shown):
    """A conversation that is not held yet. Its repr is the code that makes it again.

    In that code an agent stands with all its parts if these were drawn by `turnscope.testing.strategies`, a function
    that makes agents with its name, and any other agent as ``agent``.

    Attributes:
        agent: Who answers; or a function that makes them, anew each time that the conversation is held.
        script: What the caller does.
        seed: For the order in which ready tasks run.
        media: The way from the caller to the agent; None for a perfect one.
        media_seed: For what is drawn on that way.
        longest_s: The caller hangs up after so many seconds at the latest.

    Raises:
        ConfigError: A value is of the wrong type or out of its range; the message names it.
    """

    agent: Agent | Callable[[], Agent]
    script: Sequence[Step]
    _: KW_ONLY
    seed: int = 0
    media: Media | None = None
    media_seed: int = 0
    longest_s: float = LONGEST_S

    def __post_init__(self) -> None:
        if not (isinstance(self.agent, Agent) or callable(self.agent)):
            raise ConfigError(f"agent must be an Agent or a function that makes one, got {type(self.agent).__name__}")
        steps: Sequence[object] = self.script
        wrong = next((step for step in steps if not isinstance(step, Play | HangUp)), None)
        if wrong is not None:
            raise ConfigError(f"script must be of Play and HangUp, got {type(wrong).__name__}")
        if not 0 < self.longest_s < math.inf:
            raise ConfigError(f"longest_s must be positive, and finite, got {self.longest_s:g}")
        object.__setattr__(self, "script", tuple(self.script))

    def hold(self, simulate: LikeSimulate = simulate, /, *, seed: int | None = None, **settings: Any) -> Call:
        """Hold it in virtual time: the same conversation gives the same call, to the sample.

        Args:
            simulate: What holds it. With the fixture ``simulate`` the call is checked, and shown if the test fails.
            seed: Instead of its own.
            settings: Whatever else `turnscope.sim.simulate` takes, such as ``drive``.

        Raises:
            ConfigError: The function that makes the agent has made something else.
        """
        __tracebackhide__ = True
        agent = self.agent if isinstance(self.agent, Agent) else self.agent()
        if not isinstance(agent, Agent):
            raise ConfigError(f"agent must be a function that makes an Agent; it has made a {type(agent).__name__}")
        arguments: dict[str, Any] = {
            "seed": self.seed if seed is None else seed,
            "media": self.media,
            "media_seed": self.media_seed,
            "max_s": self.longest_s,
            **settings,
        }
        return simulate(agent, list(self.script), **arguments)

    def __repr__(self) -> str:
        parts: list[tuple[str, Code]] = [("", self._agent_code())]
        parts.append(("", Written("[", tuple(("", _step_code(step)) for step in self.script), "]")))
        for name, default in (("seed", 0), ("media", None), ("media_seed", 0), ("longest_s", LONGEST_S)):
            value = getattr(self, name)
            if value != default:
                parts.append((f"{name}=", write(value)))
        return layout(called("PlannedCall", parts))

    def _agent_code(self) -> Code:
        try:
            return write(self.agent) if isinstance(self.agent, Agent) else name_of(self.agent)
        except Unwritable:
            return "agent"


def _step_code(step: Step) -> Code:
    try:
        return write(step)
    except Unwritable:
        if isinstance(step, HangUp):
            return repr(step)
        named = f" {step.name!r}" if step.name else ""
        return f"<{len(step.audio) / CLOCK_HZ:.2f} s of sound{named} at {step.moment!r}>"
