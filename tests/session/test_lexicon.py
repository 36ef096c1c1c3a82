"""Backchannels of other languages, from a file."""

from pathlib import Path

import pytest

from turnscope._errors import ConfigError
from turnscope.core import content_words
from turnscope.session import load_lexicon

GERMAN = """\
# Was man sagt, wenn der andere weiterreden soll
ja
genau
ach so      # zwei Wörter
mm-hm
Alles klar
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "german.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_lexicon_has_a_word_or_a_phrase_a_line(tmp_path: Path) -> None:
    lexicon = load_lexicon(written(tmp_path, GERMAN))
    assert lexicon == {"ja", "genau", "ach so", "mm-hm", "alles klar"}
    assert content_words("Ach so, ja. Alles klar!", lexicon) == []
    assert content_words("ach nein, alles", lexicon) == ["ach", "nein", "alles"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("ja\n\ngenau, ja\n", "german.txt, line 3: expected a word or a phrase without other marks, got 'genau, ja'"),
        ("ja\n" + "na " * 9, "german.txt, line 2: a phrase has at most 8 words, got 9"),
        ("# nichts\n", "german.txt: lists no words"),
    ],
)
def test_a_line_that_no_transcript_can_hold_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_lexicon(written(tmp_path, text))
    assert str(caught.value).endswith(complaint)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.txt: cannot be read as a lexicon"):
        load_lexicon(tmp_path / "none.txt")
    (tmp_path / "latin.txt").write_bytes("für".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"latin\.txt: cannot be read as a lexicon"):
        load_lexicon(tmp_path / "latin.txt")
