"""Conversations with a planted fault: each shows in a few of many thousand conversations only.

They plant it while they are held, so that any process can hold them by their names.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import trio

from tests.session.calls import agent, speech
from turnscope.core import HeardText, InterruptionSettings, SpokenText
from turnscope.providers import Rule, ScriptedLLM
from turnscope.session._speaking import Speaking
from turnscope.session._voice import Voice
from turnscope.sim import LEVEL, Call, FakeSTT, FakeTTS, HangUp, LikeSimulate, Moment, Step

AGENT = agent(
    echo_guard=False,
    interruption=InterruptionSettings(reaction="continue"),
    stt=FakeSTT(0.03, 0.06),
    llm=ScriptedLLM([Rule(when="wait", reply="Fine.")], fallback="Your order is two lattes.", tokens_per_s=40),
    tts=FakeTTS(0.105, words_per_s=4),  # so that it speaks in step with the frames that are heard
)
SCRIPT: list[Step] = [
    speech("two lattes please", 0.1),
    speech("wait three", 0.6, "agent_starts"),
    speech("yes", 2.5, "previous"),
    HangUp(Moment(1.5, "quiet")),
]


def sound(simulate: LikeSimulate) -> Call:
    """Nothing is wrong with this one."""
    return simulate(AGENT, SCRIPT, seed=1, frame_s=0.04)


@contextmanager
def _instead(owner: type, name: str, make: Callable[[Any], Any]) -> Iterator[None]:
    right = getattr(owner, name)
    setattr(owner, name, make(right))
    try:
        yield
    finally:
        setattr(owner, name, right)


def a_sample_after_the_gate_shut(simulate: LikeSimulate) -> Call:
    """Whoever shuts the gate at the very instant at which a frame is due lets a sample of it through."""

    def make(right: Any) -> Any:
        def shut(self: Voice) -> tuple[int | None, int | None]:
            playout, playback = self._playout, self.playback
            too_late = playout._clock.position(playout.hz) == playout._sent and playback.playable
            times: tuple[int | None, int | None] = right(self)
            if too_late and playback._tail is not None:
                playback._tail = np.append(playback._tail, np.float32(LEVEL))
            return times

        return shut

    with _instead(Voice, "shut", make):
        return sound(simulate)


def a_word_too_many(simulate: LikeSimulate) -> Call:
    """A word of which up to 100 ms were not played counts as heard."""

    def make(right: Any) -> Any:
        def heard(self: SpokenText, until: int) -> HeardText:
            words: HeardText = right(self, until + 1600)
            return words

        return heard

    with _instead(SpokenText, "heard", make):
        return sound(simulate)


def a_task_left_behind(simulate: LikeSimulate) -> Call:
    """When synthesis is cancelled while it waits for the first audio, something goes on that nobody owns."""

    def make(right: Any) -> Any:
        async def run(self: Speaking, clauses: Any) -> None:
            try:
                await right(self, clauses)
            finally:
                if not self._spoken.words() and self._spoken.text:
                    trio.lowlevel.spawn_system_task(trio.sleep, 60)

        return run

    with _instead(Speaking, "run", make):
        return sound(simulate)
