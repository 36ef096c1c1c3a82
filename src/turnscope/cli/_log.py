"""What the command line shows of the log: one line for what goes wrong in a call that goes on, such as a provider."""

import logging
import sys
from collections.abc import Generator
from contextlib import contextmanager

__all__ = ["log_shown"]


class LogLines(logging.Handler):
    """Writes a warning as one line on standard error, once, and an error, which nobody planned, with its traceback.

    It can be pickled, and so works in the processes of a command, too.

    Args:
        debug: Whether warnings have their tracebacks, too.
    """

    def __init__(self, debug: bool) -> None:
        super().__init__(logging.WARNING)
        self._debug = debug
        self._shown: set[str] = set()

    def __reduce__(self) -> tuple[type["LogLines"], tuple[bool]]:
        return type(self), (self._debug,)

    def emit(self, record: logging.LogRecord) -> None:
        """Show a record, unless the same one was shown before."""
        text = f"turnscope: {record.levelname.lower()}: {' '.join(record.getMessage().split())}"
        if record.exc_info and (self._debug or record.levelno >= logging.ERROR):
            text = f"{text}\n{logging.Formatter().formatException(record.exc_info)}"
        if text not in self._shown:
            self._shown.add(text)
            print(text, file=sys.stderr)


@contextmanager
def log_shown(*, debug: bool) -> Generator[None]:
    """Show the log while the block runs."""
    logger, lines = logging.getLogger("turnscope"), LogLines(debug)
    logger.addHandler(lines)
    try:
        yield
    finally:
        logger.removeHandler(lines)
