"""`PiperTTS`: with a voice made of numbers where the model does not matter, and with the real one where it does."""

import hashlib
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pytest
import trio
import trio.testing

from turnscope._errors import ConfigError, ProviderError
from turnscope.core import WordTiming
from turnscope.providers import TTS, Resources, SpeechChunk, VoiceOptions
from turnscope.providers._phonemes import Pronouncer
from turnscope.providers._piper import PiperTTS
from turnscope.providers._piper_voice import PiperVoice

T = TypeVar("T")

FRAMES_EACH = 4
HZ = 22_050


class InlineCompute:
    """Runs work at once and lets its cost pass on the clock."""

    def __init__(self) -> None:
        self.costs_s: list[float] = []

    async def run(self, work: Callable[[], T], *, cost_s: float, name: str) -> T:
        assert name == "piper"
        self.costs_s.append(cost_s)
        await trio.sleep(cost_s)
        return work()


class EvenModel:
    """A model in which every phoneme lasts four frames at the voice's pace, and every sample is 0.5."""

    def __init__(self, *, failing: bool = False, lying: bool = False) -> None:
        self.failing = failing
        self.lying = lying

    def run(self, output_names: None, inputs: dict[str, npt.NDArray[Any]]) -> list[npt.NDArray[Any]]:
        if self.failing:
            raise RuntimeError("no such tensor")
        noise, length_scale, duration_noise = inputs["scales"]
        assert noise == duration_noise == 0
        frames = np.full((1, 1, inputs["input"].shape[1]), np.ceil(FRAMES_EACH * length_scale), np.float32)
        audio = np.full((1, 1, 1, int(frames.sum()) * 256 + self.lying), 0.5, np.float32)
        return [audio, frames]


class LetterSounds:
    """Says every letter by itself."""

    def tag(self, features: list[dict[str, str | bool | float]]) -> list[str]:
        return [str(feature["grapheme"]) for feature in features]


def even_resources(voice_path: Path, model: EvenModel | None = None) -> Resources:
    """Resources in which a voice at `voice_path` is loaded already."""
    ids = {symbol: [i] for i, symbol in enumerate("_^$ ,.!?;:ˈabcdefghijklmnopqrstuvwxyz")}
    return Resources(
        InlineCompute(),
        {
            f"piper voice {voice_path.resolve()}": PiperVoice("even", HZ, ids, model or EvenModel()),
            "piper pronunciations": Pronouncer({"a": (("", "a"),)}, LetterSounds()),
        },
    )


async def speak(resources: Resources, text: str, voice_path: Path | None, **options: Any) -> list[SpeechChunk]:
    async with (
        PiperTTS(voice_path).connect(resources) as connection,
        connection.open_stream(text, VoiceOptions(**options)) as chunks,
    ):
        return [chunk async for chunk in chunks]


def joined(chunks: list[SpeechChunk]) -> tuple[npt.NDArray[np.float32], tuple[WordTiming, ...]]:
    return np.concatenate([chunk.samples for chunk in chunks]), tuple(word for chunk in chunks for word in chunk.words)


VOICE = Path("even.onnx")


def test_it_is_a_tts() -> None:
    tts: TTS = PiperTTS()
    assert isinstance(tts, TTS)
    assert tts.name == "piper"


async def test_each_clause_is_one_chunk_and_its_words_lie_in_it() -> None:
    chunks = await speak(even_resources(VOICE), "ba na. na ba!", VOICE)
    assert [[word.text for word in chunk.words] for chunk in chunks] == [["ba", "na"], ["na", "ba"]]
    first = len(chunks[0].samples)
    assert chunks[0].words[-1].stop < first < chunks[1].words[0].start
    _, words = joined(chunks)
    assert [(word.char_start, word.char_stop) for word in words] == [(0, 2), (3, 5), (7, 9), (10, 12)]


async def test_the_first_clause_comes_before_the_second_is_made() -> None:
    resources = even_resources(VOICE)
    assert isinstance(resources.compute, InlineCompute)
    async with (
        PiperTTS(VOICE).connect(resources) as connection,
        connection.open_stream("ba. na. ba.", VoiceOptions()) as chunks,
    ):
        await anext(aiter(chunks))
        assert len(resources.compute.costs_s) == 1


async def test_the_cost_is_known_before_and_grows_with_the_text_and_shrinks_with_the_speed() -> None:
    costs = []
    for text, speed in (("ba", 1.0), ("banana banana", 1.0), ("banana banana", 2.0)):
        resources = even_resources(VOICE)
        assert isinstance(resources.compute, InlineCompute)
        started = trio.current_time()
        await speak(resources, text, VOICE, speed=speed)
        assert trio.current_time() - started == pytest.approx(resources.compute.costs_s[0])
        costs += resources.compute.costs_s
    assert costs[0] < costs[2] < costs[1]


async def test_the_pause_after_a_clause_is_silent_and_as_long_as_its_mark_says() -> None:
    ((stop,), (comma,)) = [await speak(even_resources(VOICE), text, VOICE) for text in ("ba.", "ba,")]
    assert len(stop.samples) - stop.words[-1].stop == round(0.25 * HZ)
    assert len(comma.samples) - comma.words[-1].stop == round(0.12 * HZ)
    assert not stop.samples[-100:].any()


async def test_speed_shortens_and_volume_scales_and_never_clips_over() -> None:
    resources = even_resources(VOICE)
    plain, words = joined(await speak(resources, "ba", VOICE))
    fast, fast_words = joined(await speak(resources, "ba", VOICE, speed=2.0))
    quiet, _ = joined(await speak(resources, "ba", VOICE, volume=0.5))
    loud, loud_words = joined(await speak(resources, "ba", VOICE, volume=10.0))
    assert 2 * (fast_words[0].stop - fast_words[0].start) == words[0].stop - words[0].start
    assert len(fast) < len(plain)
    assert quiet.max() == 0.25
    assert loud.max() == 1.0
    assert loud_words == words
    assert {samples.dtype for samples in (plain, fast, quiet, loud)} == {np.dtype(np.float32)}


@pytest.mark.parametrize("text", ["", " \n", "...", "🙂", "日本語"])
async def test_what_cannot_be_said_makes_no_audio_and_no_error(text: str) -> None:
    assert await speak(even_resources(VOICE), text, VOICE) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [({"voice": "joe"}, "voice.*'joe'.*'even'"), ({"speed": 0.0}, "speed"), ({"speed": 9.0}, "speed"),
     ({"speed": math.nan}, "speed"), ({"volume": -1.0}, "volume"), ({"volume": math.inf}, "volume")],
)  # fmt: skip
async def test_an_option_that_is_out_of_range_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        await speak(even_resources(VOICE), "ba", VOICE, **options)


async def test_the_voice_may_be_named() -> None:
    assert await speak(even_resources(VOICE), "ba", VOICE, voice="even")


@pytest.mark.parametrize(
    ("model", "message"), [(EvenModel(failing=True), "no such tensor"), (EvenModel(lying=True), "durations")]
)
async def test_a_model_that_fails_or_lies_is_an_error_of_the_provider(model: EvenModel, message: str) -> None:
    with pytest.raises(ProviderError, match=message) as caught:
        await speak(even_resources(VOICE, model), "ba", VOICE)
    assert caught.value.provider == "piper"


async def test_an_error_of_the_caller_comes_out_as_it_is() -> None:
    async def stumble() -> None:
        async with (
            PiperTTS(VOICE).connect(even_resources(VOICE)) as connection,
            connection.open_stream("ba", VoiceOptions()) as chunks,
        ):
            async for _ in chunks:
                raise KeyError("mine")

    with pytest.raises(KeyError):
        await stumble()


async def test_leaving_a_stream_costs_no_time_and_makes_nothing_more() -> None:
    resources = even_resources(VOICE)
    assert isinstance(resources.compute, InlineCompute)
    async with PiperTTS(VOICE).connect(resources) as connection:
        async with connection.open_stream("ba. na. ba. na.", VoiceOptions()) as chunks:
            await anext(aiter(chunks))
            left = trio.current_time()
        assert trio.current_time() == left
        await trio.sleep(10)
    assert len(resources.compute.costs_s) == 1


async def test_being_cancelled_in_the_middle_costs_no_time() -> None:
    resources = even_resources(VOICE)
    with trio.move_on_after(0.001) as scope:
        await speak(resources, "banana " * 20, VOICE)
    assert scope.cancelled_caught
    assert trio.current_time() == pytest.approx(scope.deadline)


async def test_several_streams_of_one_connection_do_not_mix() -> None:
    resources = even_resources(VOICE)
    alone = [joined(await speak(resources, text, VOICE)) for text in ("ba na. ba.", "na, na na na. banana.")]
    together: dict[int, list[SpeechChunk]] = {}

    async def one(i: int, text: str) -> None:
        together[i] = await speak(resources, text, VOICE)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(one, 0, "ba na. ba.")
        nursery.start_soon(one, 1, "na, na na na. banana.")
    for i, (samples, words) in enumerate(alone):
        assert joined(together[i])[1] == words
        assert joined(together[i])[0].tobytes() == samples.tobytes()


async def test_a_missing_voice_is_named(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    with pytest.raises(ConfigError, match=r"nobody\.onnx"):
        await speak(Resources(InlineCompute()), "ba", tmp_path / "nobody.onnx")


# From here on: the real voice.

SENTENCES = (
    "Sure.",
    "Your order is £5, please.",
    "Dr. Lee is here at 3:30 p.m., isn't she?",
    "On May 5, 2024, 50% of U.S. users said “no” to kubernetes!",
)


@pytest.fixture(scope="module")
def real() -> Resources:
    return Resources(InlineCompute())


def digest(resources: Resources, sentences: tuple[str, ...]) -> dict[str, str]:
    """A hash of the audio and the words of each sentence."""

    async def main() -> dict[str, str]:
        found = {}
        for text in sentences:
            samples, words = joined(await speak(resources, text, None))
            found[text] = hashlib.sha256(samples.tobytes() + repr(words).encode()).hexdigest()
        return found

    return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


@pytest.mark.models
async def test_joe_speaks_with_exact_words(real: Resources) -> None:
    text = SENTENCES[1]
    samples, words = joined(await speak(real, text, None, voice="joe"))
    assert [word.text for word in words] == ["Your", "order", "is", "£5", "please"]
    assert all(text[word.char_start : word.char_stop] == word.text and not word.estimated for word in words)
    assert len(samples) > words[-1].stop
    level = [float(np.sqrt(np.mean(samples[word.start : word.stop] ** 2))) for word in words]
    assert min(level) > 0.02
    pause = samples[words[3].stop : words[4].start]
    assert float(np.sqrt(np.mean(pause**2))) < 0.1 * min(level)


@pytest.mark.models
async def test_the_weights_are_loaded_once_for_connections_that_open_together() -> None:
    resources = Resources(InlineCompute())
    assert isinstance(resources.compute, InlineCompute)
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(speak, resources, "", None)
    assert len(resources.compute.costs_s) == 2


@pytest.mark.models
def test_the_same_text_gives_the_same_bytes_in_any_order(real: Resources) -> None:
    assert digest(real, SENTENCES) == digest(real, SENTENCES[::-1])


@pytest.mark.models
@pytest.mark.realtime
def test_the_same_text_gives_the_same_bytes_in_another_process(real: Resources) -> None:
    script = (
        "from tests.providers import test_piper as t\n"
        "print(sorted(t.digest(t.Resources(t.InlineCompute()), t.SENTENCES[1:]).items()))"
    )
    root = Path(__file__).parents[2]
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=root,
        env=os.environ | {"PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join([str(root), *sys.path])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == str(sorted(digest(real, SENTENCES[1:]).items()))


@pytest.mark.models
def test_the_same_text_gives_the_same_bytes_in_threads_after_one_another_was_abandoned(real: Resources) -> None:
    class ThreadCompute:
        async def run(self, work: Callable[[], T], *, cost_s: float, name: str) -> T:
            return await trio.to_thread.run_sync(work, abandon_on_cancel=True)

    threaded = Resources(ThreadCompute(), real.cache)

    async def main() -> npt.NDArray[np.float32]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(speak, threaded, SENTENCES[3], None)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        return joined(await speak(threaded, SENTENCES[2], None))[0]

    async def quietly() -> npt.NDArray[np.float32]:
        return joined(await speak(real, SENTENCES[2], None))[0]

    clock = trio.testing.MockClock(autojump_threshold=0)
    assert trio.run(main).tobytes() == trio.run(quietly, clock=clock).tobytes()
