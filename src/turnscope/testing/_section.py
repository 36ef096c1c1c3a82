"""What the report of a failed test says of a call that the test has held: which, a strip of its timeline, and where."""

import io

from rich.console import Console

from turnscope.core import CLOCK_HZ
from turnscope.observe import render_strip
from turnscope.testing._held import HeldCall

__all__ = ["section"]


def section(held: HeldCall, *, number: int, count: int, width: int, ascii_only: bool) -> str:
    """The text, of 25 lines at most.

    Args:
        held: The call.
        number: Which of the test's calls it is, counted from 1.
        count: How many the test has held.
        width: In columns.
        ascii_only: Use nothing but ASCII.
    """
    call = held.call
    written = _File("ascii" if ascii_only else "utf-8")
    console = Console(file=written, width=width, color_system=None, legacy_windows=False)
    which = f"call {number} of {count}: " if count > 1 else ""
    how = "in real time" if held.seed is None else f"seed {held.seed}"
    end = "" if held.complete else "; an error ended it, so nothing of its sound is known"
    console.print(f"{which}{held.name}, {how}: {call!r}{end}", markup=False, highlight=False, soft_wrap=True)
    label = "" if held.wrong is None else held.wrong.key
    strip = render_strip(call.events, call.user, call.agent, around_s=_moment(held), label=label, width=width)
    console.print(strip)
    return "\n".join(line.rstrip() for line in written.getvalue().rstrip().split("\n"))


def _moment(held: HeldCall) -> float | None:
    """What to show; None for what is most worth seeing."""
    if not held.complete:
        return len(held.call.user) / CLOCK_HZ
    return None if held.wrong is None else held.wrong.at_s


class _File(io.StringIO):
    """Text that says in which encoding it will be shown."""

    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding
