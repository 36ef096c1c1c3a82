"""What the caller's audio passes on its way in, and that nothing is lost when a part of it fails."""

from collections.abc import Callable

import numpy as np
import pytest

from tests.session.calls import agent, barge_in, of_kind, speech
from turnscope.core import CLOCK_HZ, Samples, StageFailed, TranscriptUpdated
from turnscope.providers import AudioStage, AudioStageStream
from turnscope.sim import Call, HangUp, Moment, Step, broken_promises, simulate

pytestmark = pytest.mark.feature(42)

Process = Callable[[Samples, Samples], Samples]


class Stage:
    """A stage that does what it is told, and writes down what it was given."""

    name = "told"

    def __init__(self, process: Process) -> None:
        self._process = process
        self.near: list[Samples] = []
        self.far: list[Samples] = []

    def open_stream(self) -> AudioStageStream:
        return self

    def process(self, near: Samples, far: Samples) -> Samples:
        self.near.append(near.copy())
        self.far.append(far.copy())
        return self._process(near, far)


def call(*stages: AudioStage, script: list[Step] | None = None, frame_s: float = 0.02) -> Call:
    steps = script or [speech("two lattes please.", 0.2), HangUp(Moment(2.0, "quiet"))]
    return simulate(agent(stages=stages), steps, frame_s=frame_s)


@pytest.mark.parametrize("frame_s", [0.02, 0.0126875])
def test_a_stage_is_given_all_audio_10_ms_at_a_time_and_what_was_played_at_that_time(frame_s: float) -> None:
    stage = Stage(lambda near, far: near)
    held = call(stage, frame_s=frame_s)
    assert {near.shape for near in stage.near} == {far.shape for far in stage.far} == {(160,)}
    heard, played = np.concatenate(stage.near), np.concatenate(stage.far)
    assert np.array_equal(heard, held.user[: len(heard)])
    assert len(held.user) - len(heard) < 160 + frame_s * CLOCK_HZ
    length = min(len(played), len(held.agent))
    assert np.array_equal(played[:length], held.agent[:length])


def test_a_stage_that_changes_nothing_changes_nothing() -> None:
    script = barge_in()
    assert call(Stage(lambda near, far: near), script=script).jsonl() == call(script=script).jsonl()


def test_what_a_stage_gives_is_what_is_heard() -> None:
    deaf = call(Stage(lambda near, far: np.zeros_like(near)))
    assert deaf.turns == []


def fail_at(second: float, how: Process) -> Stage:
    stage = Stage(lambda near, far: near)
    stage._process = lambda near, far: how(near, far) if len(stage.near) > second * 100 else near
    return stage


def broken(near: Samples, far: Samples) -> Samples:
    raise RuntimeError("out of memory")


@pytest.mark.parametrize(
    ("how", "complaint"),
    [
        (broken, "RuntimeError: out of memory"),
        (lambda near, far: near[:-1], "ValueError: gave samples of shape (159,)"),
        (lambda near, far: near * np.float32(np.nan), "ValueError: gave samples of shape (160,)"),
    ],
)
def test_a_stage_that_fails_in_the_middle_of_a_word_is_left_out_and_the_word_is_heard(
    how: Process, complaint: str
) -> None:
    other = Stage(lambda near, far: near)
    held = call(fail_at(0.31, how), other)
    (failed,) = of_kind(held, StageFailed)
    assert failed.stage == "told"
    assert failed.message.startswith(complaint)
    assert of_kind(held, TranscriptUpdated)[-1].text == "two lattes please"
    assert len(other.near) * 160 >= len(held.user) - 480
    assert [turn.outcome.kind for turn in held.turns if turn.outcome] == ["completed"]
    assert broken_promises(held) == []
