"""Where in somebody's code something happens: a file and a line, found from what is on the stack."""

import contextlib
import inspect
import os
import sys
import sysconfig
import threading
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType

import trio

__all__ = ["NOWHERE", "Home", "Place"]

_HERE = Path(__file__).parent
_TRIO = str(Path(trio.__file__).parent) + os.sep
_PARTS = (
    _TRIO,
    str(Path(trio.__file__).parent.parent / "outcome") + os.sep,  # carries Trio's results and errors
    *(str(path) for path in _HERE.glob("_audit*.py")),
    str(_HERE / "_virtual.py"),
    str(_HERE / "_work_memory.py"),
)
_LIBRARY = sysconfig.get_paths()["stdlib"] + os.sep


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A line of code.

    Attributes:
        file: Its file; empty if it is not known.
        line: Counted from 1; 0 if it is not known.
    """

    file: str
    line: int

    def __str__(self) -> str:
        """As editors read it."""
        return f"{_short(self.file)}:{self.line}" if self.file else "an unknown place"


NOWHERE = Place("", 0)


class Home:
    """The code that somebody is answerable for: the package, or the file, that their class stands in.

    Args:
        somebody: A provider or a tool's function.
    """

    def __init__(self, somebody: object) -> None:
        self._root = ""
        with contextlib.suppress(TypeError, OSError):
            code = somebody if inspect.isroutine(somebody) else type(somebody)
            self._root = _root(inspect.getsourcefile(code) or "")

    def place(self, frames: Iterable[tuple[FrameType, int]]) -> Place:
        """The innermost line of theirs, else of anybody's but the standard library's, Trio's and the audit's.

        Args:
            frames: From the outermost to the innermost.
        """
        known = [Place(frame.f_code.co_filename, line) for frame, line in frames]
        theirs = [place for place in known if self._root and place.file.startswith(self._root) and not _is_ours(place)]
        others = [place for place in known if not _is_ours(place) and not _is_library(place)]
        return next(iter([*reversed(theirs), *reversed(others)]), NOWHERE)

    def of_task(self, task: trio.lowlevel.Task) -> Place:
        """Where a task waits."""
        return self.place(task.iter_await_frames())

    def of_error(self, error: BaseException) -> Place:
        """Where an exception was raised."""
        return self.of_traceback(error.__traceback__)

    def of_traceback(self, found: TracebackType | None) -> Place:
        """The line of a traceback that is theirs."""
        return self.place(traceback.walk_tb(found))

    def of_thread(self, thread: threading.Thread) -> Place:
        """Where a thread is now."""
        frame = sys._current_frames().get(thread.ident or 0)
        return self.of_stack(frame)

    def of_stack(self, frame: FrameType | None) -> Place:
        """The line of theirs that has called what runs in `frame`."""
        return self.place(reversed(list(traceback.walk_stack(frame)))) if frame is not None else NOWHERE


def _root(file: str) -> str:
    """The folder of the outermost package that a file belongs to; the file itself if it is in none."""
    path = Path(file)
    root = path
    while (root.parent / "__init__.py").exists():
        root = root.parent
    return str(root) if root == path else str(root) + os.sep


def _is_ours(place: Place) -> bool:
    return place.file.startswith(_PARTS)


def _is_library(place: Place) -> bool:
    return (place.file.startswith(_LIBRARY) and "site-packages" not in place.file) or place.file.startswith("<")


def _short(file: str) -> str:
    """As seen from the working folder, if it lies in it."""
    with contextlib.suppress(ValueError):
        return str(Path(file).relative_to(Path.cwd()))
    return file
