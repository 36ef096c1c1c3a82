"""Written English as the words that are said, each tied to its place in the text: "£5" is said "five pounds".

Pure functions of the text; never looks a pronunciation up, and never changes or moves a character of the text.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from turnscope.providers._spoken_forms import ends_sentence, keeps_full_stop, say
from turnscope.providers._spoken_numbers import Neighbours

__all__ = ["Mark", "SpokenWord", "read_aloud"]


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word of the text, and what is said for it.

    Attributes:
        text: The word as it stands in the text, without the punctuation around it.
        char_start: Index of its first character in the text.
        char_stop: Index after its last character.
        spoken: What is said, never empty: lower-case words to pronounce, single upper-case letters that are said by
            their names, and "," for a short pause within it.
    """

    text: str
    char_start: int
    char_stop: int
    spoken: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """Punctuation that is heard as a pause or a melody: one of ``, ; : . ! ?``."""

    mark: str


_DASHES = re.compile(r"[—―]|(?<!\d)–|–(?!\d)|--+|\.{2,}|…")
"""What separates words although no space is there. An en dash between digits is a range."""

_CLOSING_MARKS = "?!.;:,"
"""From the one that is heard most to the one that is heard least."""

_PREFIXES = re.compile(r"[$£€¥#@+\-−~≈<>±.'°]")
"""Characters before a word that may belong to it; `_belongs_before` decides."""

_PHONE_AREA = re.compile(r"\(\d{3}\) ?\d{3}[ .-]\d{4}")

_LONGEST_WORD = 32
"""Longer ones (addresses, keys) are cut into pieces that are words of their own, to bound the work for one of them."""

_PIECE = re.compile(r"[^\W_]{1,16}[\W_]*")

_LETTERS_WITHOUT_BASE = {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th"}
_SPELLINGS = str.maketrans(
    _LETTERS_WITHOUT_BASE | {k.upper(): v.title() for k, v in _LETTERS_WITHOUT_BASE.items() if k != "ß"}
)

_QUOTES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "`": "'", "−": "-", "–": "-", "‐": "-", "‑": "-", "⁄": "/"})

_RUN = re.compile(r"(?<!\S)(?:\+?\d{1,3}[ .-])?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?!\w)|\S+")
"""A telephone number with its spaces, or whatever stands between spaces."""


def read_aloud(text: str, is_word: Callable[[str], bool]) -> list[SpokenWord | Mark]:
    """What is said for `text`, in order: words, and the marks between them that are heard.

    Every run of characters between spaces that holds a letter or a digit of the Latin script becomes one word, or
    several where a dash joins words. Symbols that are said ("&") are words too; what cannot be said (emoji, other
    scripts, markup) is left out.

    Args:
        text: What is to be said.
        is_word: Whether a lower-case word is in the dictionary; decides whether "NASA" is said as a word.
    """
    pieces = list(_pieces(text))
    items: list[SpokenWord | Mark] = []
    for i, piece in enumerate(pieces):
        if piece.breaks_before and items and not isinstance(items[-1], Mark):
            items.append(Mark(piece.breaks_before))
        around = Neighbours(
            before=pieces[i - 1].plain if i else "",
            two_before=pieces[i - 2].plain if i > 1 else "",
            after=pieces[i + 1].plain if i + 1 < len(pieces) and not piece.mark_after else "",
        )
        spoken = tuple(say(piece.plain, around, is_word)) if piece.plain else ()
        if spoken:
            items.append(SpokenWord(text[piece.start : piece.stop], piece.start, piece.stop, spoken))
        if piece.mark_after and items and not isinstance(items[-1], Mark):
            items.append(Mark(piece.mark_after))
    return items


@dataclass(frozen=True, slots=True)
class _Piece:
    """One word as written: its place, its plain spelling in ASCII, and the marks around it."""

    start: int
    stop: int
    plain: str
    breaks_before: str
    mark_after: str


def _pieces(text: str) -> Iterator[_Piece]:
    previous_stop = 0
    for run in _RUN.finditer(text):
        line_break = _line_break(text[previous_stop : run.start()], run[0])
        previous_stop = run.end()
        start = run.start()
        for dash in [*_DASHES.finditer(text, run.start(), run.end()), None]:
            stop = dash.start() if dash else run.end()
            joint = ("." if dash[0][0] in ".…" and stop > start else ",") if dash else ""
            yield from _trimmed(text, start, stop, line_break, joint)
            line_break = ""
            start = dash.end() if dash else stop


def _line_break(space: str, following: str) -> str:
    """The mark that a gap between two runs stands for: a paragraph or a list item is a sentence of its own."""
    if "\n" not in space:
        return ""
    is_item = following in ("-", "*", "•", "–") or re.fullmatch(r"\d{1,2}[.)]", following) is not None
    return "." if is_item or space.count("\n") > 1 else ""


def _trimmed(text: str, start: int, stop: int, line_break: str, joint: str) -> Iterator[_Piece]:
    """Take the punctuation around one word off, and say which marks it stands for."""
    first, last = start, stop
    while first < last and not _begins_word(text, first, last):
        first += 1
    while last > first and not _ends_word(text, first, last):
        last -= 1
    opening, closing = text[start:first], text[last:stop]
    symbol = text[start:stop].strip("\"'()[]{}*_,.;:!?") if first == last else ""
    if first == last:
        opening, _, closing = text[start:stop].partition(symbol) if symbol else ("", "", text[start:stop])
    before = line_break or ("," if any(c in "([{" for c in opening) else "")
    after = next((mark for mark in _CLOSING_MARKS if mark in closing), "")
    after = after or joint or ("," if any(c in ")]}" for c in closing) else "")
    if first == last:
        at = start + len(opening)
        if len(symbol) != 1 or symbol in "-–":
            yield _Piece(at, at, "", before, after or ("," if symbol in ("-", "–") else ""))
        else:
            yield _Piece(at, at + 1, symbol, before, after)
    elif last - first > _LONGEST_WORD:
        for piece in _PIECE.finditer(text, first, last):
            body = piece[0].rstrip("/\\-_.,:;=&?#+~%@")
            yield _Piece(piece.start(), piece.start() + len(body), _plain(body), before, "")
            before = ""
        yield _Piece(last, last, "", "", after)
    else:
        plain = _plain(text[first:last])
        if plain.endswith(".") and ends_sentence(plain, text[stop:].lstrip()):
            after = after or "."  # the full stop of an abbreviation ends the sentence as well
        yield _Piece(first, last, plain, before, after)


def _begins_word(text: str, at: int, stop: int) -> bool:
    character = text[at]
    if character == "(":
        return _PHONE_AREA.match(text, at) is not None
    return character.isalnum() or _belongs_before(text, at, stop)


def _belongs_before(text: str, at: int, stop: int) -> bool:
    if not _PREFIXES.match(text, at):
        return False
    rest = text[at + 1 : stop]
    if text[at] in "#@":
        return rest[:1].isalnum()
    if text[at] == "°":
        return rest[:1] in ("C", "F")
    return re.match(r"[$£€¥\-−+]?\.?\d", rest) is not None


def _ends_word(text: str, first: int, stop: int) -> bool:
    """Whether the character before `stop` belongs to the word that begins at `first`."""
    character = text[stop - 1]
    if character.isalnum():
        return True
    head = text[first : stop - 1]
    if character in "%°$£€¥":
        return head[-1:].isdigit()
    if character in "+#":
        return head[-1:].isalpha() or head[-1:] == "+"
    if character == ".":
        return keeps_full_stop(head, text[stop:])
    return False


def _plain(word: str) -> str:
    """The word in ASCII: accents off, straight quotes, wide and raised digits as plain ones."""
    folded = unicodedata.normalize("NFKC", word).translate(_QUOTES).translate(_SPELLINGS)
    return "".join(_ascii_digit(c) for c in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(c))


def _ascii_digit(character: str) -> str:
    return str(unicodedata.digit(character)) if character.isdigit() else character
