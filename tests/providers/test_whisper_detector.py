"""The detector around Whisper: what is looked at when, without the model; and what it says of real sounds, with it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
import trio
import trio.testing

from turnscope._errors import ConfigError, ProviderError
from turnscope.core import CLOCK_HZ, Samples
from turnscope.providers import DetectorStream, Resources, Score, WhisperDetector
from turnscope.providers._whisper_decode import load_whisper
from turnscope.providers._whisper_detector import WhisperDetectorConnection, WhisperDetectorStream
from turnscope.providers._whisper_glance import CLASSES, Glance, Glancer, together
from turnscope.sim import Speaker, VirtualCompute, find_speakers, noise
from turnscope.transports import read_audio

T = TypeVar("T")
FRAME = CLOCK_HZ // 50
ORDER = Path(__file__).parent.parent / "data" / "order_two_lattes.flac"


class Compute:
    """Runs work at once and charges a cost of its own to the clock."""

    def __init__(self, cost_s: float) -> None:
        self.cost_s = cost_s

    async def run(self, work: Callable[[], T], *, cost_s: float, name: str) -> T:
        await trio.sleep(self.cost_s)
        return work()


class Eye:
    """Says of each look how much it saw, in milliseconds: of the window and of the speech in it."""

    def __init__(self) -> None:
        self.looks: list[tuple[int, int]] = []
        self.failures = 0

    def __call__(self, samples: Samples, spoken_s: float) -> Glance:
        if self.failures:
            self.failures -= 1
            raise RuntimeError("no memory")
        self.looks.append((round(1000 * len(samples) / CLOCK_HZ), round(1000 * spoken_s)))
        return Glance(0.5, 0.25, 0.25)


@asynccontextmanager
async def being_read(
    eye: Eye, onset: int, cost_s: float = 0.01
) -> AsyncIterator[tuple[WhisperDetectorStream, list[Score]]]:
    given: list[Score] = []

    async def read(stream: WhisperDetectorStream) -> None:
        async for score in stream:
            given.append(score)

    connection = WhisperDetectorConnection(eye, Compute(cost_s))
    async with connection.open_stream(onset) as stream, trio.open_nursery() as nursery:
        nursery.start_soon(read, stream)
        yield stream, given
        nursery.cancel_scope.cancel()


async def talk(stream: WhisperDetectorStream, seconds: float) -> None:
    for _ in range(round(seconds * CLOCK_HZ / FRAME)):
        await trio.sleep(0.02)
        await stream.send_audio(np.zeros(FRAME, np.float32))


async def test_the_beginning_of_the_speech_is_looked_at_again_and_again() -> None:
    eye = Eye()
    async with being_read(eye, onset=4_800) as (stream, given):
        await talk(stream, 0.3 + 0.42)
        await trio.sleep(1)
    # The first look has 0.2 s of what precedes the speech and 0.2 s of speech, as frames of 20 ms come.
    assert eye.looks == [(400, 200), (480, 280), (560, 360)]
    assert [score.name for score in given] == [*CLASSES]  # three looks speak together
    assert {score.stop for score in given} == {4_800 + 360 * 16}


async def test_a_look_that_would_come_too_late_is_left_out() -> None:
    eye = Eye()
    async with being_read(eye, onset=4_800, cost_s=0.145) as (stream, _):
        await talk(stream, 0.3 + 0.6)
        await trio.sleep(1)
    assert [spoken for _, spoken in eye.looks] == [200, 340, 480, 600]


async def test_nobody_is_looked_at_for_ever() -> None:
    eye = Eye()
    async with being_read(eye, onset=0) as (stream, _):
        await talk(stream, 5)
    assert max(spoken for _, spoken in eye.looks) <= 1_600
    assert max(window for window, _ in eye.looks) <= 1_600  # there is nothing before the first sample


async def test_a_stream_that_was_closed_takes_and_gives_nothing() -> None:
    async with being_read(Eye(), onset=0) as (stream, given):
        await talk(stream, 0.1)
    assert given == []
    with pytest.raises(ProviderError, match="the stream is closed"):
        await stream.send_audio(np.zeros(FRAME, np.float32))


async def test_a_look_that_fails_is_the_provider_s_failure() -> None:
    eye = Eye()
    eye.failures = 1
    stream = WhisperDetectorStream(eye, Compute(0.01), 0)
    await stream.send_audio(np.zeros(CLOCK_HZ, np.float32))
    with pytest.raises(ProviderError, match="looking at the sound failed: no memory"):
        await anext(stream)


async def test_only_one_task_may_iterate() -> None:
    async with being_read(Eye(), onset=0) as (stream, _):
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await anext(stream)


def test_an_onset_before_the_first_sample_is_refused() -> None:
    with pytest.raises(ConfigError, match="onset: must not be negative"):
        WhisperDetectorStream(Eye(), Compute(0.01), -1)


def test_looks_speak_together_by_what_all_find_likely() -> None:
    one = together([Glance(0.8, 0.1, 0.1), Glance(0.2, 0.4, 0.4)])
    assert one.interruption == pytest.approx(0.5)
    assert sum(value for _, value in one.scores()) == pytest.approx(1.0)
    assert together([Glance(1.0, 0.0, 0.0), Glance(0.0, 0.0, 1.0)]).interruption == pytest.approx(0.5, abs=1e-3)


# With the model


@pytest.fixture(scope="module")
def glancer() -> Glancer:
    return Glancer(load_whisper(None, "en"))


@pytest.fixture(scope="module")
def joe() -> Speaker:
    return find_speakers(["piper"])[4]


@pytest.mark.models
@pytest.mark.parametrize(("text", "expected"), [("No.", 0), ("Stop.", 0), ("Wait.", 0), ("Yeah.", 1), ("Okay.", 1)])
def test_short_words_are_told_apart(glancer: Glancer, joe: Speaker, text: str, expected: int) -> None:
    voice = joe.say(text, 1.0)
    shares = list(glancer.look(np.concatenate([np.zeros(3_200, np.float32), voice]), len(voice) / CLOCK_HZ).scores())
    assert max(range(3), key=lambda k: shares[k][1]) == expected


@pytest.mark.models
@pytest.mark.feature("X9")
@pytest.mark.parametrize("kind", ["cough", "bark", "keys", "siren"])
def test_what_is_no_voice_is_noise(glancer: Glancer, kind: str) -> None:
    looks = [glancer.look(noise(kind, np.random.default_rng(seed), 0.8), 0.6) for seed in range(5)]
    assert sum(look.noise > look.interruption for look in looks) >= 4


@pytest.mark.models
def test_silence_is_noise(glancer: Glancer) -> None:
    assert glancer.look(np.zeros(8_000, np.float32), 0.5) == Glance(0.0, 0.0, 1.0)


@pytest.mark.models
@pytest.mark.feature("X9")
async def test_a_recording_is_recognized_as_an_interruption_while_it_is_young() -> None:
    samples = read_audio(ORDER, CLOCK_HZ)
    onset = int(np.flatnonzero(np.abs(samples) > 0.1 * np.abs(samples).max())[0])
    samples = np.concatenate([np.zeros(max(0, 3_200 - onset), np.float32), samples])
    given: list[tuple[float, Score]] = []

    async def read(stream: DetectorStream) -> None:
        async for score in stream:
            given.append((trio.current_time(), score))

    async with (
        WhisperDetector().connect(Resources(VirtualCompute())) as connection,
        connection.open_stream(3_200) as stream,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(read, stream)
        begun = trio.current_time()
        for start in range(0, 3_200 + CLOCK_HZ, FRAME):
            await trio.sleep(0.02)
            await stream.send_audio(samples[start : start + FRAME])
        nursery.cancel_scope.cancel()
    sure = next(at for at, score in given if score.name == "interruption" and score.value >= 0.8)
    assert sure - begun - 0.2 < 0.5


@pytest.mark.models
async def test_the_weights_are_whisper_s_own() -> None:
    resources = Resources(VirtualCompute())
    async with WhisperDetector().connect(resources):
        pass
    assert sum("whisper:tiny.en" in key for key in resources.cache) == 1


def test_weights_that_are_none_are_refused(tmp_path: Path) -> None:
    class Decoder:
        def tokens(self, text: str) -> list[int]:
            return [len(text)]

    with pytest.raises(ConfigError, match="not the weights of the interruption detector"):
        Glancer(Decoder(), tmp_path / "none.npz")  # type: ignore[arg-type]
