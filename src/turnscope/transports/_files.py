"""Recordings on disk: read any that libsndfile reads, as mono at one rate; write PCM16 WAV, whole or not at all."""

import contextlib
import os
import struct
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import numpy as np
import numpy.typing as npt
import soundfile

from turnscope._errors import AudioError
from turnscope.core import Resampler, Samples, to_pcm16

__all__ = ["read_audio", "read_channels", "write_wav"]

BLOCK_FRAMES = 1 << 16
"""How much is read at once, so that a long recording is never held at its own rate and width."""

Block = npt.NDArray[np.float32]
"""Some frames of a recording, shape ``(frames, channels)``."""

WAV_HEADER_BYTES = 44
WAV_MAX_BYTES = (1 << 32) - 1
WAV_UNKNOWN_BYTES = 0x7FFF_0000
"""Programs that write into a pipe put a size from here on, as they cannot go back and fill in the true one."""


def read_audio(path: str | os.PathLike[str], hz: int) -> Samples:
    """A recording as mono samples at `hz`, whatever its own rate and number of channels.

    Channels are mixed to their mean. The rate is converted by `turnscope.core.Resampler`: sample ``n`` is the recording
    at time ``n / hz``.

    Args:
        path: A file in a format that libsndfile reads, such as WAV, FLAC, Ogg or MP3.
        hz: The rate wanted.

    Returns:
        Shape ``(round(frames * hz / rate),)``; empty if the recording is.

    Raises:
        AudioError: The file is missing, is not audio, is damaged, or holds NaN or infinity. The message names it.
    """
    (mono,) = _read(Path(path), hz, _mixed)
    return mono


def read_channels(path: str | os.PathLike[str], hz: int) -> tuple[Samples, ...]:
    """A recording at `hz`, each of its channels for itself: as `read_audio`, but nothing is mixed.

    Args:
        path: A file as for `read_audio`.
        hz: The rate wanted.

    Returns:
        As many arrays of the same length as the recording has channels.

    Raises:
        AudioError: As for `read_audio`.
    """
    return _read(Path(path), hz, _apart)


def _read(path: Path, hz: int, tracks_of: Callable[[Block], list[Samples]]) -> tuple[Samples, ...]:
    try:
        with _opened(path) as recording:
            count = len(tracks_of(np.zeros((1, recording.channels), np.float32)))
            resamplers = [Resampler(recording.samplerate, hz) for _ in range(count)]
            pieces: list[list[Samples]] = [[] for _ in range(count)]
            for block in _blocks(recording):
                for piece, resampler, track in zip(pieces, resamplers, tracks_of(block), strict=True):
                    piece.append(resampler.process(track))
            return tuple(
                np.concatenate([*piece, resampler.flush()]) for piece, resampler in zip(pieces, resamplers, strict=True)
            )
    except AudioError as error:
        raise AudioError(f"{path}: {error}") from error.__cause__


def _mixed(block: Block) -> list[Samples]:
    return [block[:, 0].copy() if block.shape[1] == 1 else block.mean(axis=1, dtype=np.float32)]


def _apart(block: Block) -> list[Samples]:
    return [block[:, channel].copy() for channel in range(block.shape[1])]


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[soundfile.SoundFile]:
    """The file, opened; whatever goes wrong inside is an `AudioError`."""
    if not path.exists():
        raise AudioError("there is no such file")
    if not path.is_file():
        raise AudioError("not a file")
    if path.stat().st_size == 0:
        raise AudioError("the file is empty")
    try:
        with soundfile.SoundFile(path) as recording:
            if recording.format in ("WAV", "WAVEX"):
                _check_wav_length(path)
            elif not recording.frames:
                raise AudioError("damaged, or without any audio")
            yield recording
    except soundfile.LibsndfileError as error:
        raise AudioError(f"not readable as audio ({error.error_string.rstrip('.')})") from error
    except (OSError, TypeError, ValueError) as error:  # TypeError: headerless formats, known by the file's name
        raise AudioError(f"not readable as audio ({_one_line(error)})") from error


def _check_wav_length(path: Path) -> None:
    """Refuse a WAV file that was cut short: libsndfile reads what there is and says nothing.

    Layout: "Multimedia Programming Interface and Data Specifications 1.0" (IBM and Microsoft, 1991).

    Raises:
        AudioError: Less audio follows than the header says. (A size that was never filled in says nothing.)
    """
    with path.open("rb") as file:
        order = "<" if file.read(12).startswith(b"RIFF") else ">"
        while len(header := file.read(8)) == 8:
            name, size = struct.unpack(f"{order}4sL", header)
            if name == b"data":
                present = path.stat().st_size - file.tell()
                if present < size < WAV_UNKNOWN_BYTES:
                    raise AudioError(f"damaged: it holds {present} of {size} bytes of audio")
                return
            file.seek(size + size % 2, os.SEEK_CUR)


def _blocks(recording: soundfile.SoundFile) -> Iterator[Block]:
    expected = recording.frames
    read = 0
    while True:
        block: Block = recording.read(BLOCK_FRAMES, dtype="float32", always_2d=True)
        if not block.size:
            break
        if not np.isfinite(block).all():
            raise AudioError("holds NaN or infinity")
        read += len(block)
        yield block
    if read < expected:
        raise AudioError(f"damaged: it ends after {read} of {expected} samples")


def write_wav(path: str | os.PathLike[str], samples: npt.NDArray[np.floating], hz: int) -> None:
    """Write 16-bit PCM WAV. The same samples give the same bytes, and readers see the old file or the whole new one.

    Args:
        path: Where to. Its folder must exist.
        samples: Shape ``(n,)``, or ``(n, channels)``; full scale ±1.0, clipped beyond.
        hz: Their rate.

    Raises:
        AudioError: The samples have another shape, are not finite or too many for a WAV file, or the file cannot be
            written. The message names the file.
    """
    path = Path(path)
    if samples.ndim not in (1, 2) or samples.dtype.kind != "f" or (samples.ndim == 2 and not samples.shape[1]):
        raise AudioError(
            f"{path}: samples must be floating point, of shape (n,) or (n, channels); "
            f"got {samples.dtype} of shape {samples.shape}"
        )
    if not np.isfinite(samples).all():
        raise AudioError(f"{path}: the samples hold NaN or infinity")
    if samples.size * 2 + WAV_HEADER_BYTES > WAV_MAX_BYTES:
        raise AudioError(f"{path}: {samples.size} samples are too many for a WAV file")
    beside = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    try:
        with beside.open("xb") as file, wave.open(file, "wb") as recording:
            recording.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
            recording.setsampwidth(2)
            recording.setframerate(hz)
            recording.setnframes(len(samples))
            recording.writeframes(to_pcm16(samples.astype(np.float32, copy=False)).astype("<i2", copy=False).tobytes())
        beside.replace(path)
    except (OSError, ValueError, wave.Error) as error:
        raise AudioError(f"{path}: cannot be written ({_one_line(error)})") from error
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def _one_line(error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(reason.split()) or type(error).__name__
