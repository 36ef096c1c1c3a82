"""What came of the cases of a sweep, kept on disk as they are done, so that a sweep that was killed goes on.

A case is known by a hash of everything that it depends on: whatever has changed since is done again.
"""

import hashlib
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

import msgspec

from turnscope._errors import TurnscopeError
from turnscope._version import __version__
from turnscope.sim._clip_result import ClipResult
from turnscope.sim._corpus import Clip
from turnscope.sim._grid import Setting

__all__ = ["KeptCases", "case_key"]

FORMAT = 1
"""Counts changes after which what was kept is worth nothing."""


def case_key(setting: Setting, clip: Clip, recording: str) -> str:
    """By what a case is known.

    Args:
        setting: The agent.
        clip: What the manifest says of the clip.
        recording: `digest` of its recording.
    """
    facts = [FORMAT, __version__, setting.table, setting.folder, asdict(clip), recording]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def digest(path: Path) -> str:
    """A hash of a file's bytes; empty if it cannot be read, which is found out again when it is played."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


class _Line(msgspec.Struct):
    """One line of the file."""

    case: str
    result: ClipResult


class KeptCases:
    """A file of results, one JSON object a line, which only grows.

    A line is written at once and brought to the disk before the next case counts as done. What a killed process left
    half written is no line, and is cut off.

    Args:
        path: The file.

    Raises:
        TurnscopeError: It cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.results: dict[str, ClipResult] = {}
        try:
            self._file: BinaryIO = path.open("a+b", buffering=0)
            self._file.seek(0)
            self._read(self._file.read())
        except OSError as error:
            raise self._unusable(error) from error

    def _read(self, data: bytes) -> None:
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            self._file.truncate(len(whole))
        for line in whole.splitlines():
            try:
                kept = msgspec.json.decode(line, type=_Line)
            except (msgspec.DecodeError, TurnscopeError):
                continue  # of another version, or damaged: it is done again
            self.results[kept.case] = kept.result

    def keep(self, case: str, result: ClipResult) -> None:
        """Keep what came of a case.

        Raises:
            TurnscopeError: It cannot be written.
        """
        line = json.dumps({"case": case, "result": asdict(result)}, ensure_ascii=False, separators=(",", ":"))
        try:
            self._file.write(line.encode() + b"\n")
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self._unusable(error) from error
        self.results[case] = result

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _unusable(self, error: OSError) -> TurnscopeError:
        return TurnscopeError(f"{self._path}: cannot be used ({error.strerror})")
