"""English words as phonemes, in the IPA that Piper's voices were trained on, from the data package `gruut-lang-en`.

Looks words up in its lexicon (made from the CMU Pronouncing Dictionary), and guesses the others: as two known words
joined, else with its letter-to-sound model. Never normalizes text; that is `read_aloud`'s work.
"""

import base64
import re
import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from turnscope._errors import ConfigError
from turnscope.providers._model_files import INSTALL_HINT

__all__ = ["Pronouncer", "load_pronouncer"]

_VOWELS = frozenset("aeiouæɑɐɔəɚɛɜɪʊʌ")
_STRESSES = "ˈˌ"

_WEAK = frozenset(
    "a an the of to and in for at on is was are as with that it or be but by from you your i we he she they have has "
    "had do can will would could should this his her our my me us them their if than been were am it's i'm i'll we'll "
    "you'll you're we're they're i've we've you've".split()
)
"""Words that carry no stress in a sentence."""

_OWN = {
    "a": "ɐ", "an": "ɐn", "for": "fɔːɹ", "with": "wɪð", "email": "ˈiːmeɪl", "emails": "ˈiːmeɪlz",
    "library": "lˈaɪbɹɛɹi", "because": "bɪkˈʌz", "hello": "həlˈoʊ", "ok": "oʊkˈeɪ", "okay": "oʊkˈeɪ", "app": "ˈæp",
    "apps": "ˈæps", "wifi": "wˈaɪfaɪ", "tv": "tˌiːvˈiː", "celsius": "sˈɛlsiəs", "hashtag": "hˈæʃtæɡ",
    "website": "wˈɛbsaɪt", "hm": "hˈəm", "hmm": "hˈəm", "mm": "ˈəm", "mmm": "ˈəm", "mhm": "əmhˈəm", "shh": "ʃː",
    "miz": "mˈɪz", "missus": "mˈɪsɪz", "et": "ɛt", "cetera": "sˈɛɾɚɹə", "em": "əm", "voicemail": "vˈɔɪsmeɪl",
}  # fmt: skip
"""Pronunciations that go before the lexicon's: words that it lacks, or says in a way that this voice was not taught."""

_SIMPLE = {"ɑ": "ɑː", "ɔ": "ɔː", "u": "uː", "t͡ʃ": "tʃ", "d͡ʒ": "dʒ"}
"""Phonemes of the lexicon that the voice knows by another spelling wherever they stand."""

_ROLES_AFTER = (
    ("have has had having i've you've we've they've was were been be is are".split(), ("VBD",)),
    (
        "to will would can could should must may might shall please let's don't didn't doesn't won't can't i you we "
        "they i'll you'll we'll they'll i'd you'd we'd they'd and".split(),
        ("VB",),
    ),
    ("a an the this that my your his her its our their of for with no some any every each new".split(), ("NN", "JJ")),
)
"""Words, and the part of speech that a word after them has, in the few cases where that decides how it is said."""


class _Tagger(Protocol):
    def tag(self, features: list[dict[str, str | bool | float]]) -> list[str]: ...


class Pronouncer:
    """Says words in phonemes. Load it with `load_pronouncer`; not for use by several threads at once.

    Args:
        lexicon: For each lower-case word its pronunciations, the usual one first, as pairs of the part of speech that
            they belong to ("VB", "NN", … or "") and phonemes with spaces between them.
        tagger: The letter-to-sound model: a CRF that labels each letter with its phonemes.
    """

    def __init__(self, lexicon: dict[str, tuple[tuple[str, str], ...]], tagger: _Tagger) -> None:
        self._lexicon = lexicon
        self._tagger = tagger
        self._guess = lru_cache(maxsize=4096)(self._guess_uncached)

    def is_word(self, word: str) -> bool:
        """Whether the lexicon has a lower-case word."""
        return word in self._lexicon or word in _OWN

    def pronounce(self, words: Sequence[str]) -> list[str]:
        """The phonemes of each of `words`, said one after the other in one phrase.

        Args:
            words: As in `SpokenWord.spoken`: lower-case words, upper-case letters that are named (perhaps with "'s"),
                and marks, which stay as they are.

        Returns:
            One string of IPA for each word, with its stress marks; never empty for a word with an ASCII letter.
        """
        phonemes: list[str] = []
        for i, word in enumerate(words):
            before = words[i - 1] if i else ""
            phonemes.append(self._one(word, before))
        for i, word in enumerate(words[:-1]):
            if word == "the" and phonemes[i + 1].lstrip(_STRESSES)[:1] in _VOWELS:
                phonemes[i] = "ði"
        return phonemes

    def _one(self, word: str, before: str) -> str:
        if not any(c.isalpha() for c in word):
            return word
        if word[0].isupper():
            return self._letter_name(word)
        known = self._known(word, before)
        return known if known is not None else self._guess(word)

    def _letter_name(self, word: str) -> str:
        letter, ending = word[0].lower(), word[1:]
        *_, (_, phonemes) = self._lexicon[letter]  # the name of "a" comes after the article
        name = _for_the_voice(phonemes.split())
        return name + (_plural_of(name) if ending else "")

    def _known(self, word: str, before: str = "") -> str | None:
        """The pronunciation of a word of the lexicon, or of one with an "'s" added to it; None if there is none."""
        if word in _OWN:
            return _OWN[word]
        entries = self._lexicon.get(word)
        if entries is None:
            known = self._known(word[:-2]) if word.endswith("'s") else None
            return known + _plural_of(known) if known else None
        return _for_the_voice(_as_used(entries, before).split(), stressed=word not in _WEAK)

    def _guess_uncached(self, word: str) -> str:
        """A pronunciation for a word that the lexicon lacks."""
        if word.endswith("'s"):
            guess = self._guess(word[:-2]) if len(word) > 2 else "ˈɛ"
            return guess + _plural_of(guess)
        word = word.replace("'", "")
        return self._known(word) or self._joined(word) or self._by_letters(word)

    def _joined(self, word: str) -> str | None:
        """The word as two words of the lexicon, cut where the shorter one is longest, at three letters or more."""
        for shorter in range(len(word) // 2, 2, -1):
            for cut in (shorter, len(word) - shorter):
                first, second = self._known(word[:cut]), self._known(word[cut:])
                if first and second:
                    return first + second.replace("ˈ", "ˌ")
        return None

    def _by_letters(self, word: str) -> str:
        labels = self._tagger.tag([_letter_features(word, i) for i in range(len(word))])
        phonemes = [p for label in labels for p in base64.b64decode(label).decode().split("|") if p != "_"]
        if not any(_is_vowel(p) for p in phonemes):
            return "".join(self._letter_name(c.upper()) for c in word)
        return _with_one_stress(_for_the_voice(phonemes))


def load_pronouncer() -> Pronouncer:
    """Load the lexicon and the letter-to-sound model of the installed package `gruut-lang-en`. Takes about 0.3 s.

    Raises:
        ConfigError: `gruut-lang-en` or `python-crfsuite` is not installed, or its data cannot be read.
    """
    spec = find_spec("gruut_lang_en")
    if spec is None or spec.origin is None or find_spec("pycrfsuite") is None:
        raise ConfigError(f'the local voice needs the packages "gruut-lang-en" and "python-crfsuite": {INSTALL_HINT}')
    folder = Path(spec.origin).parent
    try:
        tagger = import_module("pycrfsuite").Tagger()
        tagger.open(str(folder / "g2p" / "model.crf"))
        return Pronouncer(_read_lexicon(folder / "lexicon.db"), tagger)
    except (OSError, ValueError, sqlite3.Error) as error:
        raise ConfigError(f"the pronunciations in {folder} cannot be read: {error}") from error


def _read_lexicon(path: Path) -> dict[str, tuple[tuple[str, str], ...]]:
    """The table of pronunciations of a gruut lexicon, whole: it has no index, so that one look-up costs 10 ms."""
    lexicon: dict[str, tuple[tuple[str, str], ...]] = {}
    database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    try:
        rows = database.execute("SELECT word, role, phonemes FROM word_phonemes ORDER BY word, pron_order")
        for word, role, phonemes in rows:
            entry = (role.removeprefix("gruut:"), phonemes)
            lexicon[word] = (*lexicon[word], entry) if word in lexicon else (entry,)
    finally:
        database.close()
    return lexicon


def _as_used(entries: tuple[tuple[str, str], ...], before: str) -> str:
    """The pronunciation that fits the word before: "to record" is not said like "a record"."""
    if len(entries) > 1 and any(role for role, _ in entries):
        for words_before, roles in _ROLES_AFTER:
            if before in words_before:
                return next((phonemes for role, phonemes in entries if role in roles), entries[0][1])
    return entries[0][1]


def _for_the_voice(phonemes: Sequence[str], *, stressed: bool = True) -> str:
    """Phonemes of the lexicon (American, after CMUdict) as eSpeak's American voice writes them.

    The voice was trained on eSpeak's: long vowels carry ``ː``, a stressed ``ɚ`` is ``ɜː``, ``ɹ`` is repeated before a
    vowel, ``t`` between vowels is a flap before an unstressed one, and there is no ``j`` in "new".
    """
    split = [(p[0], p[1:]) if p[0] in _STRESSES else ("", p) for p in phonemes]
    said = ""
    for i, (stress, phoneme) in enumerate(split):
        before = split[i - 1][1] if i else ""
        next_stress, after = split[i + 1] if i + 1 < len(split) else ("", "")
        if phoneme == "j" and before in ("t", "d", "n", "s", "z") and after == "u" and next_stress:
            continue
        if phoneme == "t" and (_is_vowel(before) or before == "ɹ") and _is_vowel(after) and not next_stress:
            phoneme = "ɾ"
        elif phoneme == "ɚ":
            phoneme = ("ɜː" if stress and stressed else "ɚ") + ("ɹ" if _is_vowel(after) else "")
        elif phoneme == "i" and stress and stressed:
            phoneme = "iː"
        said += (stress if stressed else "") + _SIMPLE.get(phoneme, phoneme)
    return said


def _with_one_stress(phonemes: str) -> str:
    """A guessed pronunciation with exactly one main stress: the last that was guessed, else on the first vowel."""
    *head, tail = phonemes.split("ˈ")
    if head:
        return "ˌ".join(head) + "ˈ" + tail
    first = next(i for i, c in enumerate(phonemes) if c in _VOWELS)
    return phonemes[:first] + "ˈ" + phonemes[first:].replace("ˌ", "", 1)


def _is_vowel(phoneme: str) -> bool:
    return phoneme.lstrip(_STRESSES)[:1] in _VOWELS


def _plural_of(phonemes: str) -> str:
    """The sound of an "s" after a word."""
    if re.search("[szʃʒ]$", phonemes):
        return "ɪz"
    return "s" if phonemes[-1] in "ptkfθ" else "z"


def _letter_features(word: str, at: int) -> dict[str, str | bool | float]:
    """What gruut's letter-to-sound model was trained on: a letter, three on either side, and the ends of the word."""
    features: dict[str, str | bool | float] = {"bias": 1.0, "grapheme": _encoded(word[at])}
    if at == 0:
        features["begin"] = True
    for distance in (1, 2, 3):
        if at >= distance:
            features[f"grapheme-{distance}"] = _encoded(word[at - distance])
        if at + distance < len(word):
            features[f"grapheme+{distance}"] = _encoded(word[at + distance])
    if at == len(word) - 1:
        features["end"] = True
    return features


def _encoded(letter: str) -> str:
    return base64.b64encode(letter.encode()).decode("ascii")
