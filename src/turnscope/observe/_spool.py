"""Writes files in a thread of its own, so that nobody waits for a disk. Knows nothing of what it writes."""

import logging
import struct
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

__all__ = ["Spool", "SpoolFile", "wav_header"]

_logger = logging.getLogger("turnscope")

GATHER_S = 0.05
"""What comes within so long is written together."""

UNKNOWN = 0x7FFF_F000
"""Stands for a size in the header of a WAV file that is not finished: programs that read it read to its end."""

HEADER_BYTES = 44


def wav_header(hz: int, kind: str, data_bytes: int = UNKNOWN) -> bytes:
    """The header of a mono WAV file.

    Layout: "Multimedia Programming Interface and Data Specifications 1.0" (IBM and Microsoft, 1991); format 3 is IEEE
    float.

    Args:
        hz: Its rate.
        kind: ``"pcm16"`` or ``"float32"``.
        data_bytes: How much audio follows.
    """
    code, width = {"pcm16": (1, 2), "float32": (3, 4)}[kind]
    return struct.pack(
        "<4sL4s4sLHHLLHH4sL",
        *(b"RIFF", data_bytes + HEADER_BYTES - 8, b"WAVE"),
        *(b"fmt ", 16, code, 1, hz, hz * width, width, 8 * width),
        *(b"data", data_bytes),
    )


@dataclass(frozen=True, slots=True)
class SpoolFile:
    """A file to write. With a header it is a WAV file, whose sizes are filled in at the end.

    Attributes:
        name: In the folder.
        hz: Rate of the audio; 0 for a file without a header.
        kind: See `wav_header`.
    """

    name: str
    hz: int = 0
    kind: str = ""

    @property
    def header(self) -> bytes:
        """What it begins with."""
        return wav_header(self.hz, self.kind) if self.hz else b""


@dataclass(frozen=True, slots=True)
class _Job:
    name: str
    data: bytes
    at: int | None
    """Where in the file, header not counted; None for its end."""
    cut: bool = False
    """Nothing stays in the file from there on."""


class Spool:
    """Takes what is to be written, and writes it in order.

    Args:
        folder: Where the files go. It exists.
        most_bytes: More than this does not wait: what would exceed it is refused.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self.failure: OSError | None = None
        """Why nothing is written any more, if so."""
        self._folder = folder
        self._most = most_bytes
        self._waiting: deque[_Job | SpoolFile] = deque()
        self._bytes = 0
        self._lock = threading.Lock()
        self._work = threading.Event()
        self._closing = threading.Event()
        self._files: dict[str, BinaryIO] = {}
        self._kinds: dict[str, SpoolFile] = {}
        self._thread = threading.Thread(target=self._run, name="turnscope recorder", daemon=True)

    def start(self, files: Sequence[SpoolFile]) -> None:
        """Begin, with these files."""
        self._waiting.extend(files)
        self._thread.start()
        self._work.set()

    def put(self, name: str, data: bytes, at: int | None = None, *, cut: bool = False, needed: bool = False) -> bool:
        """Have `data` written to a file. Returns whether there was room for it.

        Args:
            name: Of the file.
            data: What.
            at: To which byte of it, the header not counted; None for its end.
            cut: Nothing of the file stays from there on.
            needed: There is always room for it.
        """
        with self._lock:
            if self.failure is not None or (self._bytes + len(data) > self._most and not needed):
                return False
            self._bytes += len(data)
            self._waiting.append(_Job(name, data, at, cut))
        if not self._work.is_set():
            self._work.set()
        return True

    def close(self) -> None:
        """Wait until everything has been written, and close the files."""
        self._closing.set()
        self._work.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                self._work.wait()
                self._closing.wait(GATHER_S)
                self._work.clear()
                self._write_all()
            self._write_all()
            self._fill_in_sizes()
        except OSError as error:
            self.failure = error
            _logger.error("%s: cannot be written (%s)", self._folder, error.strerror)
        finally:
            for file in self._files.values():
                file.close()

    def _write_all(self) -> None:
        with self._lock:
            jobs, self._waiting, self._bytes = self._waiting, deque(), 0
        ends: dict[str, list[bytes]] = {}
        for job in jobs:
            if isinstance(job, SpoolFile):
                self._kinds[job.name] = job
                self._files[job.name] = file = (self._folder / job.name).open("xb", buffering=0)
                _write(file, job.header)
            elif job.at is None:
                ends.setdefault(job.name, []).append(job.data)
            else:
                self._write_at(job, job.at)
        for name, pieces in ends.items():
            _write(self._files[name], b"".join(pieces))

    def _write_at(self, job: _Job, at: int) -> None:
        file, position = self._files[job.name], at + len(self._kinds[job.name].header)
        if job.cut:
            file.truncate(position)
        file.seek(position)
        _write(file, job.data)

    def _fill_in_sizes(self) -> None:
        for name, kind in self._kinds.items():
            if kind.hz:
                file = self._files[name]
                size = file.seek(0, 2) - HEADER_BYTES
                file.seek(0)
                _write(file, wav_header(kind.hz, kind.kind, min(size, UNKNOWN)))


def _write(file: BinaryIO, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]
