"""Silero VAD v6 as a few products of matrices: the default ear, with its weights, and nothing to install but numpy.

Only runs the network; what its probabilities mean for a conversation is decided by `turnscope.core`.
"""

import functools
import io
import math
import os
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

from turnscope._errors import AudioError, ConfigError
from turnscope.core import Samples

__all__ = ["SileroVAD"]

INPUT_HZ = 16_000
WINDOW = 512
CONTEXT = 64
"""Samples of the previous window that the network sees before each window."""

MIRROR = 64
"""Samples at the window's end that are mirrored behind it."""

FFT, HOP = 256, 128
BINS = FFT // 2 + 1
FRAMES = (CONTEXT + WINDOW + MIRROR - FFT) // HOP + 1
HIDDEN = 128
GATES = 4 * HIDDEN

GATE_BLOCK = 32
"""Rows of the LSTM's matrix that are multiplied at once.

BLAS libraries share a large product out among threads and then may sum in another order. Every product here stays
below the size at which they begin to, so that the same audio gives the same bytes whatever the number of threads.
"""

LOUDEST = 1e6
"""Samples beyond it are no audio, and far enough beyond it their squares are infinite."""

SHAPES: dict[str, tuple[int, ...]] = {
    "stft": (2 * BINS, 1, FFT),
    "conv0_weight": (128, BINS, 3),
    "conv0_bias": (128,),
    "conv1_weight": (64, 128, 3),
    "conv1_bias": (64,),
    "conv2_weight": (64, 64, 3),
    "conv2_bias": (64,),
    "conv3_weight": (HIDDEN, 64, 3),
    "conv3_bias": (HIDDEN,),
    "lstm_weight_ih": (GATES, HIDDEN),
    "lstm_weight_hh": (GATES, HIDDEN),
    "lstm_bias_ih": (GATES,),
    "lstm_bias_hh": (GATES,),
    "head_weight": (1, HIDDEN, 1),
    "head_bias": (1,),
}
"""What the weights file holds, all float32, convolutions as (output channels, input channels, taps)."""

PACKAGED_WEIGHTS = Path(__file__).parent / "_weights" / "silero_vad_16k.npz"

REPAIR = "to repair the installation: pip install --force-reinstall --no-deps turnscope"

Array = npt.NDArray[np.float32]


class SileroVAD:
    """Silero VAD v6.2.3 for 16 kHz by the Silero Team (MIT), see ``_weights/NOTICE.md``.

    The same network as the authors' ``silero_vad_16k_op15.onnx``, equal to it within 5e-5. It takes windows of
    512 samples (32 ms) and sees 64 samples before each, which the stream keeps. One object can serve any number of
    streams; they share the weights.

    Args:
        weights: Another file of the same network's weights; None for the one that comes with the package.

    Raises:
        ConfigError: The weights are missing, damaged, or of another network; the message names the file.
    """

    def __init__(self, weights: str | os.PathLike[str] | None = None) -> None:
        self._network = _packaged_network() if weights is None else _load(Path(weights))

    @property
    def name(self) -> str:
        """``"silero"``."""
        return "silero"

    @property
    def input_hz(self) -> int:
        """16,000."""
        return INPUT_HZ

    @property
    def window_samples(self) -> int:
        """512, which is 32 ms."""
        return WINDOW

    def open_stream(self) -> "SileroStream":
        """A detector that has heard nothing yet."""
        return SileroStream(self._network)


@dataclass(frozen=True, slots=True, eq=False)
class _Network:
    """The weights, turned around so that each layer is one product ``input @ matrix``, taps outermost.

    Attributes:
        cosine: The STFT's real part, shape ``(256, 129)``.
        sine: Its imaginary part, alike.
        conv0: Shape ``(3 * 129, 128)``, with its bias of shape ``(128,)`` beside it. So are the next three.
        conv1: Shape ``(3 * 128, 64)``.
        conv2: Shape ``(2 * 64, 64)``: its first tap only ever meets padding.
        conv3: Shape ``(64, 128)``: its first and last tap only ever meet padding.
        gates: The LSTM's two matrices side by side, shape ``(512 / GATE_BLOCK, GATE_BLOCK, 256)``. The rows are
            those of the input, forget, output and cell gates; the first three are halved, because
            sigmoid(x) = (1 + tanh(x / 2)) / 2 lets one tanh serve all four. Halving is exact in floating point.
        gates_bias: Shape ``(512,)``, ordered and halved alike.
        head: Shape ``(128,)``.
        head_bias: A number.
    """

    cosine: Array
    sine: Array
    conv0: Array
    conv0_bias: Array
    conv1: Array
    conv1_bias: Array
    conv2: Array
    conv2_bias: Array
    conv3: Array
    conv3_bias: Array
    gates: Array
    gates_bias: Array
    head: Array
    head_bias: float


def _turned(weight: Array, first_tap: int = 0, last_tap: int = 2) -> Array:
    """A convolution's weight as a matrix for rows that hold the input's channels tap after tap."""
    taps = weight[:, :, first_tap : last_tap + 1].transpose(2, 1, 0)
    return np.ascontiguousarray(taps.reshape(-1, weight.shape[0]))


def _gate_rows(values: Array) -> Array:
    """Rows in the order input, forget, cell, output → input, forget, output, cell, the first three halved."""
    enter, forget, cell, leave = np.split(values, 4)
    half = np.float32(0.5)
    return np.concatenate([enter * half, forget * half, leave * half, cell])


def _network_from(tensors: dict[str, Array]) -> _Network:
    basis = tensors["stft"][:, 0]
    gates = _gate_rows(np.concatenate([tensors["lstm_weight_ih"], tensors["lstm_weight_hh"]], axis=1))
    return _Network(
        cosine=np.ascontiguousarray(basis[:BINS].T),
        sine=np.ascontiguousarray(basis[BINS:].T),
        conv0=_turned(tensors["conv0_weight"]),
        conv0_bias=tensors["conv0_bias"],
        conv1=_turned(tensors["conv1_weight"]),
        conv1_bias=tensors["conv1_bias"],
        conv2=_turned(tensors["conv2_weight"], first_tap=1),
        conv2_bias=tensors["conv2_bias"],
        conv3=_turned(tensors["conv3_weight"], first_tap=1, last_tap=1),
        conv3_bias=tensors["conv3_bias"],
        gates=np.ascontiguousarray(gates.reshape(-1, GATE_BLOCK, 2 * HIDDEN)),
        gates_bias=_gate_rows(tensors["lstm_bias_ih"] + tensors["lstm_bias_hh"]),
        head=np.ascontiguousarray(tensors["head_weight"].reshape(HIDDEN)),
        head_bias=float(tensors["head_bias"][0]),
    )


def _load(path: Path) -> _Network:
    tensors: dict[str, Array] = {}
    try:
        # From memory, because np.load leaves a file open that turns out to be none of its kind.
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
            for name, shape in SHAPES.items():
                tensor = archive[name]
                if tensor.shape != shape or tensor.dtype != np.float32 or not np.isfinite(tensor).all():
                    raise ValueError(f"{name} must be finite float32 of shape {shape}")
                tensors[name] = tensor
    except FileNotFoundError:
        raise ConfigError(f"silero: the weights file {path} is missing; {REPAIR}") from None
    # np.load gives a bare array, which is no context manager, for a .npy file: TypeError or AttributeError.
    except (
        OSError,
        ValueError,
        KeyError,
        EOFError,
        TypeError,
        AttributeError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise ConfigError(
            f"silero: the weights file {path} is damaged or of another model ({error}); {REPAIR}"
        ) from error
    return _network_from(tensors)


@functools.cache
def _packaged_network() -> _Network:
    return _load(PACKAGED_WEIGHTS)


def _zeros(*shape: int) -> Array:
    return np.zeros(shape, np.float32)


def _rows(padded: Array, rows: int, step: int) -> Array:
    """A view of `padded`, ``(frames, channels)``: each row holds three frames, `step` frames after the row before."""
    frame, item = padded.strides
    return as_strided(padded, (rows, 3 * padded.shape[1]), (step * frame, item), writeable=False)


class SileroStream:
    """One continuous stream of audio, and what the network remembers of it.

    Made by `SileroVAD.open_stream`. All arrays are made once and written over for each window; rows that overlap
    in memory are copied apart first, because BLAS cannot multiply them in place.
    """

    __slots__ = (
        "_cell",
        "_conv0_in",
        "_conv0_out",
        "_conv0_rows",
        "_conv1_in",
        "_conv1_out",
        "_conv1_rows",
        "_conv2_out",
        "_frames",
        "_frames_in",
        "_gates",
        "_heard",
        "_imaginary",
        "_magnitudes",
        "_network",
        "_real",
        "_recurrent",
        "_scratch",
    )

    def __init__(self, network: _Network) -> None:
        self._network = network
        self._heard = _zeros(CONTEXT + WINDOW + MIRROR)
        item = self._heard.itemsize
        self._frames = as_strided(self._heard, (FRAMES, FFT), (HOP * item, item), writeable=False)
        self._frames_in = _zeros(FRAMES, FFT)
        self._real = _zeros(FRAMES, BINS)
        self._imaginary = _zeros(FRAMES, BINS)
        # The first and last frame of these two are the convolutions' padding and stay zero.
        self._magnitudes = _zeros(FRAMES + 2, BINS)
        self._conv0_out = _zeros(FRAMES + 2, 128)
        self._conv0_rows = _rows(self._magnitudes, FRAMES, 1)
        self._conv0_in = _zeros(FRAMES, 3 * BINS)
        self._conv1_rows = _rows(self._conv0_out, FRAMES // 2, 2)
        self._conv1_in = _zeros(FRAMES // 2, 3 * 128)
        self._conv1_out = _zeros(FRAMES // 2, 64)
        self._conv2_out = _zeros(64)
        self._recurrent = _zeros(2 * HIDDEN)  # the LSTM's input, and behind it its previous output
        self._gates = _zeros(GATES)
        self._cell = _zeros(HIDDEN)
        self._scratch = _zeros(HIDDEN)

    def process(self, window: Samples) -> float:
        """The probability that somebody speaks in the next 512 samples.

        Args:
            window: ``float32``, shape ``(512,)``, full scale ±1.0, following the previous window without a gap.

        Returns:
            0.0 to 1.0.

        Raises:
            AudioError: `window` has another shape or type, or holds NaN or infinity. It was not heard then: the
                stream is as it was before.
        """
        if window.shape != (WINDOW,) or window.dtype != np.float32:
            raise AudioError(f"silero takes float32 of shape ({WINDOW},), got {window.dtype} of shape {window.shape}")
        # One NaN would stay in the network's memory for the rest of the call. It fails both comparisons.
        if not (window.max() <= LOUDEST and window.min() >= -LOUDEST):
            raise AudioError("the window holds NaN, infinity or samples a million times beyond full scale")
        self._spectrum(window)
        self._encode()
        self._remember()
        np.maximum(self._recurrent[HIDDEN:], 0.0, out=self._scratch)
        logit = float(np.dot(self._scratch, self._network.head)) + self._network.head_bias
        return 1.0 / (1.0 + math.exp(-logit))

    def _spectrum(self, window: Samples) -> None:
        """Magnitudes of four overlapping frames of 256 samples."""
        heard, network = self._heard, self._network
        heard[:CONTEXT] = heard[WINDOW : WINDOW + CONTEXT]
        heard[CONTEXT : CONTEXT + WINDOW] = window
        heard[-MIRROR:] = heard[-MIRROR - 2 : -2 * MIRROR - 2 : -1]
        np.copyto(self._frames_in, self._frames)
        real, imaginary = self._real, self._imaginary
        np.matmul(self._frames_in, network.cosine, out=real)
        np.matmul(self._frames_in, network.sine, out=imaginary)
        np.multiply(real, real, out=real)
        np.multiply(imaginary, imaginary, out=imaginary)
        np.add(real, imaginary, out=real)
        np.sqrt(real, out=self._magnitudes[1:-1])

    def _encode(self) -> None:
        """Four convolutions over time, after which one frame of 128 channels is left: the LSTM's input."""
        network = self._network
        np.copyto(self._conv0_in, self._conv0_rows)
        frames = self._conv0_out[1:-1]
        np.matmul(self._conv0_in, network.conv0, out=frames)
        np.add(frames, network.conv0_bias, out=frames)
        np.maximum(frames, 0.0, out=frames)

        np.copyto(self._conv1_in, self._conv1_rows)
        frames = self._conv1_out
        np.matmul(self._conv1_in, network.conv1, out=frames)
        np.add(frames, network.conv1_bias, out=frames)
        np.maximum(frames, 0.0, out=frames)

        frame = self._conv2_out
        np.matmul(self._conv1_out.reshape(-1), network.conv2, out=frame)
        np.add(frame, network.conv2_bias, out=frame)
        np.maximum(frame, 0.0, out=frame)

        frame = self._recurrent[:HIDDEN]
        np.matmul(self._conv2_out, network.conv3, out=frame)
        np.add(frame, network.conv3_bias, out=frame)
        np.maximum(frame, 0.0, out=frame)

    def _remember(self) -> None:
        """One step of the LSTM."""
        network, gates, cell = self._network, self._gates, self._cell
        np.matmul(network.gates, self._recurrent, out=gates.reshape(-1, GATE_BLOCK))
        np.add(gates, network.gates_bias, out=gates)
        np.tanh(gates, out=gates)
        sigmoids = gates[: 3 * HIDDEN]
        np.multiply(sigmoids, 0.5, out=sigmoids)
        np.add(sigmoids, 0.5, out=sigmoids)
        enter, forget = gates[:HIDDEN], gates[HIDDEN : 2 * HIDDEN]
        leave, candidate = gates[2 * HIDDEN : 3 * HIDDEN], gates[3 * HIDDEN :]
        np.multiply(enter, candidate, out=candidate)
        np.multiply(forget, cell, out=cell)
        np.add(cell, candidate, out=cell)
        np.tanh(cell, out=self._scratch)
        np.multiply(leave, self._scratch, out=self._recurrent[HIDDEN:])
