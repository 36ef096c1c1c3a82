"""Keeps the calls of failed tests: their recordings and everything that happened, in a folder that stays small."""

import hashlib
import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from turnscope.sim import report_call, write_call
from turnscope.testing._held import HeldCall

__all__ = ["Artifacts"]

SUFFIX = ".calls"
"""Of the folders of tests, so that nothing else is ever removed."""

LONGEST_NAME = 120


class Artifacts:
    """A folder with a folder for each test that failed.

    Args:
        folder: It is made when there is something to keep.
        most_bytes: Of all tests; the oldest are removed, but never the newest.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder
        self._most_bytes = most_bytes

    def folder_of(self, nodeid: str) -> Path:
        """Where the calls of a test are kept."""
        plain = nodeid.replace("::", ".").replace("/", ".")
        name = re.sub(r"[^\w.,=+\[\]-]", "_", plain)
        if name != plain or len(name) > LONGEST_NAME:
            name = f"{name[:LONGEST_NAME]}-{hashlib.sha256(nodeid.encode()).hexdigest()[:8]}"
        return self._folder / f"{name}{SUFFIX}"

    def forget(self, nodeid: str) -> None:
        """Remove what is kept of a test, if anything is."""
        shutil.rmtree(self.folder_of(nodeid), ignore_errors=True)

    def keep(self, nodeid: str, calls: Sequence[HeldCall]) -> Path:
        """Write down the calls of a test, instead of those of an earlier run of it.

        Returns:
            The folder. It has a folder for each call, unless there is only one. Of a call that an error has ended,
            only the event log is written.

        Raises:
            TurnscopeError, OSError: They cannot be written.
        """
        self.forget(nodeid)
        folder = self.folder_of(nodeid)
        for number, held in enumerate(calls, 1):
            where = folder if len(calls) == 1 else folder / f"call-{number}"
            _write(where, held)
        self._remove_oldest(folder)
        return folder

    def _remove_oldest(self, newest: Path) -> None:
        """Another process may do the same at the same time."""
        room = self._most_bytes - _bytes_in(newest)
        others = [folder for folder in self._folder.glob(f"*{SUFFIX}") if folder != newest]
        for folder in sorted(others, key=_changed, reverse=True):
            room -= _bytes_in(folder)
            if room < 0:
                shutil.rmtree(folder, ignore_errors=True)


def _write(folder: Path, held: HeldCall) -> None:
    if held.complete:
        folder.parent.mkdir(parents=True, exist_ok=True)
        write_call(folder, held.call, report_call(held.call, held.name, held.seed), title=held.name)
    else:
        folder.mkdir(parents=True)
        (folder / "events.jsonl").write_text(held.call.jsonl(), encoding="utf-8", newline="\n")


def _changed(folder: Path) -> float:
    with suppress(OSError):
        return folder.stat().st_mtime
    return 0.0


def _bytes_in(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.stat().st_size
    return total
