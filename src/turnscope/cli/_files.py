"""What commands write, besides the files of a call."""

from pathlib import Path

from turnscope._errors import TurnscopeError

__all__ = ["write_file"]


def write_file(path: Path, text: str) -> None:
    """Write a text file, in UTF-8 and with the same line ends everywhere.

    Raises:
        TurnscopeError: It cannot be written; the message names it.
    """
    try:
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise TurnscopeError(f"{path}: cannot be written ({error.strerror})") from error
