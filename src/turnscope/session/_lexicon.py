"""Lexicons from files. What their words mean for a conversation is decided elsewhere."""

import os
from pathlib import Path

from turnscope._errors import ConfigError
from turnscope.core import parse_lexicon

__all__ = ["load_lexicon"]


def load_lexicon(path: str | os.PathLike[str]) -> frozenset[str]:
    """Backchannels from a file in UTF-8, for example of another language; see `turnscope.core.parse_lexicon`.

    Raises:
        ConfigError: The file cannot be read, or a line of it is no word or phrase; the message names file and line.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{os.fspath(path)}: cannot be read as a lexicon: {error}") from error
    return parse_lexicon(text, os.fspath(path))
