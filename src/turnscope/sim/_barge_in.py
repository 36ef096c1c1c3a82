"""Which words of a caller's script cut in, and from when to when they can."""

from dataclasses import dataclass

import numpy as np

from turnscope.core import CLOCK_HZ
from turnscope.sim._caller import Play
from turnscope.sim._cases import Case
from turnscope.sim._rehearsal import Rehearsal, Take, changed

__all__ = ["BargeIn", "find_barge_in"]

GAP_SAMPLES = CLOCK_HZ // 4
"""An agent that is not heard for so long has stopped speaking."""


@dataclass(frozen=True, slots=True)
class BargeIn:
    """Words that cut in.

    Attributes:
        step: The caller's step that holds them, counted from 0.
        moved: The step is moved; else its words are given once more.
        start: First sample of the call at which they may begin.
        stop: Sample after the last one.
    """

    step: int
    moved: bool
    start: int
    stop: int

    def at(self, sample: int, seed: int) -> Case:
        """The case in which they begin at `sample`."""
        if self.moved:
            return Case(seed=seed, at=sample, move=self.step)
        return Case(seed=seed, at=sample, add=self.step)


def find_barge_in(rehearsal: Rehearsal, move: int | None = None, add: int | None = None) -> BargeIn | None:
    """Which words cut in, and where they can: from the end of the sound before them to the agent's last sample.

    They are those of `move` or `add`, or else of the first step that begins while the agent is heard. If there is none
    such, the caller's last sound is given once more. The agent's last sample is that of a conversation in which nobody
    cuts in.

    Returns:
        None if the caller makes no sound, or the agent says nothing after it.

    Raises:
        ConfigError: `move` or `add` is no sound of the script.
    """
    plain = rehearsal.plain
    changed(plain.script, Case(seed=0, move=move, add=add, at=None if move is None and add is None else 0))
    sounds = [index for index, step in enumerate(plain.script) if isinstance(step, Play)]
    if move is None and add is None:
        move = _first_over_the_agent(plain)
        add = sounds[-1] if sounds and move is None else None
    step = add if move is None else move
    if step is None:
        return None
    undisturbed = plain if move is None else rehearsal.hold(Case(seed=rehearsal.seed, drop=(step,)))
    if undisturbed.call is None:
        return None
    before = [sound for sound in sounds if sound < step or sound == add]
    start = max((_end(undisturbed, sound) for sound in before), default=0)
    audible = np.flatnonzero(undisturbed.call.agent)
    stop = int(audible[-1]) + 1 if len(audible) else 0
    return BargeIn(step, move is not None, start, stop) if start < stop else None


def _first_over_the_agent(take: Take) -> int | None:
    """The first sound that begins while the agent is heard."""
    if take.call is None:
        return None
    audible = np.flatnonzero(take.call.agent)
    for placed in take.call.placed:
        if isinstance(placed.step, Play):
            after = int(np.searchsorted(audible, placed.start))
            if 0 < after < len(audible) and audible[after] - audible[after - 1] < GAP_SAMPLES:
                return next(index for index, step in enumerate(take.script) if step is placed.step)
    return None


def _end(take: Take, index: int) -> int:
    assert take.call is not None
    return next((placed.stop for placed in take.call.placed if placed.step is take.script[index]), 0)
