"""Silero VAD: equal to its authors' model, sure of its input, and honest about its weights."""

import io
import json
import shutil
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt
import pytest

from turnscope._errors import AudioError, ConfigError
from turnscope.core import Samples
from turnscope.providers import _silero
from turnscope.providers._protocols import VAD
from turnscope.providers._silero import PACKAGED_WEIGHTS, SHAPES, SileroVAD

REFERENCE = Path(__file__).parent / "data" / "silero_reference.json"
"""What onnxruntime says of `make_signals`, window by window; `tools/export_silero.py reference` writes it."""

TOLERANCE = 5e-5
WINDOW = 512
VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480))
"""Formants in Hz of "ah", "ee", "oo", "eh" (Peterson and Barney 1952, men)."""


def make_noise(n: int, seed: int) -> npt.NDArray[np.float64]:
    """White noise in ±1. The standard library's generator gives the same numbers for ever; numpy's need not."""
    random = Random(seed)
    return np.array([random.random() * 2 - 1 for _ in range(n)])


def make_voice(n: int, seed: int, pitch_hz: float) -> npt.NDArray[np.float64]:
    """Something like babbling: harmonics of a gliding pitch below the formants of changing vowels, with pauses."""
    random = Random(seed)
    time_s = np.arange(n) / 16000
    pitch = pitch_hz * (1 + 0.15 * np.sin(2 * np.pi * 0.7 * time_s) + 0.02 * np.sin(2 * np.pi * 5 * time_s))
    phase = 2 * np.pi * np.cumsum(pitch) / 16000
    syllable = np.floor(time_s / 0.18).astype(int)
    vowels = [random.choice(VOWELS) for _ in range(syllable[-1] + 1)]
    spoken = np.array([random.random() < 0.75 for _ in vowels])
    formants = np.array(vowels)[syllable]
    voice = np.zeros(n)
    for harmonic in range(1, 36):
        frequency = harmonic * pitch
        gain = sum(np.exp(-(((frequency - formants[:, i]) / 150.0) ** 2)) / (i + 1) for i in range(3))
        voice += gain * np.sin(harmonic * phase)
    envelope = spoken[syllable] * np.sin(np.pi * (time_s / 0.18 % 1)) ** 0.5
    babble: npt.NDArray[np.float64] = voice * envelope
    return babble


def make_signals() -> dict[str, Samples]:
    """Signals that take the network through its whole range, the same on every machine."""
    n = 90 * WINDOW
    time_s = np.arange(n) / 16000
    deep, high = make_voice(n, 1, 115), make_voice(n, 2, 210)
    click = np.where((np.arange(n) % 8000) < 320, make_noise(n, 3), 0.0)
    sweep = np.sin(2 * np.pi * (100 * time_s + 600 * time_s**2))
    signals = {
        "deep voice": 0.2 * deep + 0.003 * make_noise(n, 4),
        "high voice in noise": 0.1 * high + 0.03 * make_noise(n, 5),
        "faint voice": 0.004 * deep,
        "clipped voices": np.clip(0.9 * (deep + high), -1, 1),
        "clicks": 0.5 * click,
        "sweep": 0.3 * sweep,
        "fan": 0.2 * np.convolve(make_noise(n, 6), np.ones(24) / 24, mode="same"),
        "silence": np.zeros(n),
    }
    return {name: signal.astype(np.float32) for name, signal in signals.items()}


def hear(samples: Samples, vad: SileroVAD | None = None) -> list[float]:
    stream = (vad or SileroVAD()).open_stream()
    return [stream.process(samples[start : start + WINDOW]) for start in range(0, len(samples) - WINDOW + 1, WINDOW)]


@pytest.fixture(scope="module")
def signals() -> dict[str, Samples]:
    return make_signals()


@pytest.fixture(scope="module")
def reference() -> dict[str, list[float]]:
    loaded: dict[str, list[float]] = json.loads(REFERENCE.read_text(encoding="utf-8"))
    return loaded


def test_it_is_a_vad() -> None:
    vad = SileroVAD()
    assert isinstance(vad, VAD)
    assert (vad.name, vad.input_hz, vad.window_samples) == ("silero", 16000, 512)


def test_every_window_equals_the_authors_model(signals: dict[str, Samples], reference: dict[str, list[float]]) -> None:
    assert signals.keys() == reference.keys()
    for name, samples in signals.items():
        difference = np.abs(np.array(hear(samples)) - np.array(reference[name]))
        assert difference.max() <= TOLERANCE, f"{name}: window {difference.argmax()}"


def test_the_reference_covers_speech_and_its_absence(reference: dict[str, list[float]]) -> None:
    probabilities = np.concatenate(list(reference.values()))
    counts, _ = np.histogram(probabilities, bins=np.linspace(0, 1, 11))
    assert (counts > 0).all()
    assert probabilities.min() < 0.001
    assert probabilities.max() > 0.99


def test_the_same_audio_gives_the_same_bytes_however_streams_are_interleaved(signals: dict[str, Samples]) -> None:
    vad = SileroVAD()
    names = list(signals)
    streams = {name: vad.open_stream() for name in names}
    interleaved: dict[str, list[float]] = {name: [] for name in names}
    random = Random(9)
    todo = [name for name in names for _ in range(90)]
    random.shuffle(todo)
    for name in todo:
        start = len(interleaved[name]) * WINDOW
        interleaved[name].append(streams[name].process(signals[name][start : start + WINDOW]))
    assert interleaved == {name: hear(signals[name]) for name in names}


def test_streams_in_two_threads_do_not_disturb_each_other(signals: dict[str, Samples]) -> None:
    vad = SileroVAD()
    names = ["deep voice", "clipped voices"]
    heard: dict[str, list[float]] = {}

    def work(name: str) -> None:
        heard[name] = hear(signals[name], vad)

    threads = [threading.Thread(target=work, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == {name: hear(signals[name]) for name in names}


def test_a_window_is_neither_kept_nor_changed(signals: dict[str, Samples]) -> None:
    samples = signals["deep voice"]
    stream = SileroVAD().open_stream()
    buffer = np.zeros(WINDOW, np.float32)
    probabilities = []
    for start in range(0, len(samples), WINDOW):
        buffer[:] = samples[start : start + WINDOW]
        probabilities.append(stream.process(buffer))
        assert np.array_equal(buffer, samples[start : start + WINDOW])
        buffer[:] = 0.5  # as a ring buffer would write over it
    assert probabilities == hear(samples)


def test_a_window_may_be_a_view_with_gaps(signals: dict[str, Samples]) -> None:
    samples = signals["deep voice"]
    stereo = np.stack([samples, np.ones_like(samples)], axis=1)
    assert hear(stereo[:, 0]) == hear(samples)


@pytest.mark.parametrize(
    "window",
    [
        np.zeros(511, np.float32),
        np.zeros((512, 1), np.float32),
        np.zeros(512, np.float64),
        np.zeros(512, np.int16),
    ],
    ids=["short", "two axes", "float64", "int16"],
)
def test_a_window_of_another_kind_is_refused(window: Samples) -> None:
    with pytest.raises(AudioError, match="silero takes float32 of shape"):
        SileroVAD().open_stream().process(window)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
def test_one_bad_sample_is_refused_and_forgotten(value: float, signals: dict[str, Samples]) -> None:
    samples = signals["deep voice"]
    bad = samples[:WINDOW].copy()
    bad[17] = value
    stream = SileroVAD().open_stream()
    probabilities = []
    for start in range(0, len(samples), WINDOW):
        with pytest.raises(AudioError, match="NaN"):
            stream.process(bad)
        probabilities.append(stream.process(samples[start : start + WINDOW]))
    assert probabilities == hear(samples)


def test_full_scale_noise_stays_a_probability() -> None:
    loud = np.sign(make_noise(20 * WINDOW, 7)).astype(np.float32) * 8
    assert all(0.0 <= probability <= 1.0 for probability in hear(loud))


def test_other_weights_can_be_given(tmp_path: Path, signals: dict[str, Samples]) -> None:
    copy = tmp_path / "copy.npz"
    shutil.copy(PACKAGED_WEIGHTS, copy)
    samples = signals["deep voice"]
    assert hear(samples, SileroVAD(str(copy))) == hear(samples)


@pytest.mark.feature(39)
def test_missing_weights_are_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"silero: .*nowhere\.npz is missing; .*pip install"):
        SileroVAD(tmp_path / "nowhere.npz")


@pytest.mark.feature(39)
def test_missing_packaged_weights_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_silero, "PACKAGED_WEIGHTS", tmp_path / "gone.npz")
    _silero._packaged_network.cache_clear()
    with pytest.raises(ConfigError, match=r"silero: .*gone\.npz is missing"):
        SileroVAD()


def truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def with_a_flipped_bit(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def rewritten(change: Callable[[dict[str, npt.NDArray[np.generic]]], object]) -> Callable[[bytes], bytes]:
    def damage(content: bytes) -> bytes:
        with np.load(io.BytesIO(content)) as archive:
            tensors: dict[str, npt.NDArray[np.generic]] = dict(archive)
        change(tensors)
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as target:
            for name, tensor in tensors.items():
                member = io.BytesIO()
                np.lib.format.write_array(member, tensor)
                target.writestr(f"{name}.npy", member.getvalue())
        return out.getvalue()

    return damage


def a_single_array(content: bytes) -> bytes:
    out = io.BytesIO()
    np.save(out, np.zeros(3))
    return out.getvalue()


@pytest.mark.parametrize(
    "damage",
    [
        truncated,
        with_a_flipped_bit,
        a_single_array,
        lambda content: b"",
        lambda content: b"version https://git-lfs.github.com/spec/v1\n",
        rewritten(lambda tensors: tensors.pop("conv2_bias")),
        rewritten(lambda tensors: tensors.update(head_bias=np.zeros(2, np.float32))),
        rewritten(lambda tensors: tensors.update(head_bias=np.zeros(1, np.float64))),
        rewritten(lambda tensors: tensors.update(head_bias=np.full(1, np.nan, np.float32))),
    ],
    ids="truncated bit-flip one-array empty pointer no-tensor shape type nan".split(),
)
def test_damaged_weights_are_named(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "weights.npz"
    path.write_bytes(damage(PACKAGED_WEIGHTS.read_bytes()))
    with pytest.raises(ConfigError, match=r"silero: the weights file .*weights\.npz is damaged"):
        SileroVAD(path)


def test_the_notice_and_nothing_unknown_comes_with_the_weights() -> None:
    assert {path.name for path in PACKAGED_WEIGHTS.parent.iterdir()} >= {PACKAGED_WEIGHTS.name, "NOTICE.md"}
    with np.load(PACKAGED_WEIGHTS) as archive:
        assert {name: archive[name].shape for name in archive} == SHAPES
