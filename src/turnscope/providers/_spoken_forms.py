"""What is said for one written word: abbreviations, symbols, capitals and letters; numbers by `_spoken_numbers`.

Pure functions of the word and its neighbours; never guesses beyond the words next to it.
"""

import re
from collections.abc import Callable

from turnscope.providers._numerals import cardinal, digit_by_digit, read_integer
from turnscope.providers._spoken_numbers import (
    AMOUNT,
    CURRENCIES,
    LARGE,
    MONTHS_IN_SHORT,
    UNITS,
    Neighbours,
    counted,
    say_number,
)

__all__ = ["ends_sentence", "keeps_full_stop", "say"]

_DAY_NAMES = {
    "mon": "monday", "tue": "tuesday", "tues": "tuesday", "wed": "wednesday", "thu": "thursday", "thur": "thursday",
    "thurs": "thursday", "fri": "friday", "sat": "saturday", "sun": "sunday",
}  # fmt: skip

_ABBREVIATIONS = {
    "mr": "mister", "mrs": "missus", "ms": "miz", "prof": "professor", "jr": "junior", "sr": "senior", "vs": "versus",
    "etc": "et cetera", "approx": "approximately", "dept": "department", "apt": "apartment", "ave": "avenue",
    "blvd": "boulevard", "rd": "road", "inc": "incorporated", "ltd": "limited", "corp": "corporation", "mt": "mount",
    "gov": "governor", "sgt": "sergeant", "capt": "captain", "lt": "lieutenant", "sen": "senator", "rev": "reverend",
    "tel": "telephone", "ext": "extension", "hr": "hour", "hrs": "hours", "vol": "volume", "est": "established",
    "e.g": "for example", "eg": "for example", "i.e": "that is", "ie": "that is", "ph.d": "P H D", "phd": "P H D",
}  # fmt: skip
_WITHOUT_FULL_STOP = frozenset("mr mrs ms vs etc dept blvd approx dr prof ltd phd".split())
"""Abbreviations that are no words of their own, so that they need no full stop to be known."""

_NEEDING_A_NUMBER = {"no": "number", "nos": "numbers", "fig": "figure", "ch": "chapter", "pp": "pages"}

_STOPPED_BEFORE_NUMBERS = frozenset([*_NEEDING_A_NUMBER, *MONTHS_IN_SHORT, *_DAY_NAMES, "vol", "ext", "tel"])
"""Abbreviations that are also words, or end a sentence, unless a number or the name of a month follows."""

_ENDING_SENTENCES = frozenset("etc jr sr inc ltd corp apt am pm ave blvd rd".split())
"""Abbreviations after which a capital letter begins a sentence, rather than going on with a name."""

_NUMBER_FOLLOWS = re.compile(r"[,;]?\s+(?:\d|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)")

_UNITS_ON_THEIR_OWN = frozenset("km cm mm ft kg mg lb lbs oz ml khz hz mhz ghz mph ms °c °f".split())
"""Units that are known after a number and a space; the others could be words."""

_SYMBOLS = {
    "&": "and", "@": "at", "+": "plus", "=": "equals", "%": "percent", "#": "number", "/": "slash", "<": "less than",
    ">": "greater than", "°": "degrees", "×": "times", "÷": "divided by", "±": "plus or minus", "~": "about",
    "≈": "about", "≤": "at most", "≥": "at least", "$": "dollars", "£": "pounds", "€": "euros", "¥": "yen",
    "→": "to", "½": "one half", "¼": "one quarter", "¾": "three quarters", "©": "copyright", "™": "trademark",
}  # fmt: skip
_INNER_SYMBOLS = {
    "&": "and", "@": "at", ".": "dot", "+": "plus", "=": "equals", "%": "percent", "#": "sharp", "°": "degrees",
}  # fmt: skip
_LEADING = {
    "-": "minus", "+": "plus", "~": "about", "≈": "about", "#": "number", "<": "less than", ">": "greater than",
    "±": "plus or minus",
}  # fmt: skip

_SPELLED = frozenset("US IT AM PM ID AI PA TV IP PC UN EU HR QA UI".split())
"""Capitals that are said letter by letter although the same letters in lower case are a word."""

_ROMAN = {"II": 2, "III": 3, "IV": 4, "VI": 6, "VII": 7, "VIII": 8, "IX": 9}


def keeps_full_stop(word: str, following: str) -> bool:
    """Whether the full stop after `word` belongs to it, as in "Dr." and "U.S.", given the text that comes after it."""
    key = word.lower()
    if key in _STOPPED_BEFORE_NUMBERS:
        return _NUMBER_FOLLOWS.match(following) is not None
    return key in _ABBREVIATIONS or key in ("dr", "st") or re.fullmatch(r"(?:[^\W\d_]\.)+[^\W\d_]", word) is not None


def ends_sentence(word: str, following: str) -> bool:
    """Whether the full stop that belongs to `word` also ends the sentence, given the text that comes after it."""
    key = word.lower().replace(".", "")
    return not following or (following[0].isupper() and key in _ENDING_SENTENCES)


def say(word: str, around: Neighbours, is_word: Callable[[str], bool]) -> list[str]:
    """What is said for `word`: lower-case words, upper-case letters to be named, and "," for a short pause.

    Args:
        word: One word in plain ASCII, without the punctuation around it; or one symbol.
        around: The words next to it.
        is_word: Whether a lower-case word is in the dictionary.

    Returns:
        Nothing if it cannot be said; never nothing if it holds an ASCII letter or digit.
    """
    if word in _SYMBOLS:
        return _SYMBOLS[word].split()
    if word[:1] in _LEADING and re.match(r"[$£€¥]?\.?\d", word[1:]):
        return [*_LEADING[word[0]].split(), *say(word[1:], around, is_word)]
    if word[:1] in "#@" and word[1:2].isalpha():
        return ["hashtag" if word[0] == "#" else "at", *say(word[1:], Neighbours(), is_word)]
    if any(c.isdigit() for c in word):
        spoken = say_number(word, around)
        if spoken is not None:
            return spoken
    spoken = _abbreviation(word, around)
    if spoken is not None:
        return spoken
    if re.fullmatch(r"[A-Za-z]+(?:'[A-Za-z]+)*", word):
        return _letters(word, around, is_word)
    return _in_parts(word, is_word)


def _abbreviation(word: str, around: Neighbours) -> list[str] | None:
    """What is said for an abbreviation, or None if the word is not one."""
    key, stopped = word.lower().rstrip("."), word.endswith(".")
    number_after = around.after[:1].isdigit()
    if key in _UNITS_ON_THEIR_OWN and re.fullmatch(AMOUNT, around.before):
        return counted(UNITS[key], around.before)
    if key in ("dr", "st") and (stopped or (key == "dr" and word[0].isupper())):
        return [_title_or_street(key, around)]
    if key in _NEEDING_A_NUMBER and stopped:
        return [_NEEDING_A_NUMBER[key]]
    if key in _ABBREVIATIONS and (stopped or key in _WITHOUT_FULL_STOP):
        return _ABBREVIATIONS[key].split()
    if key in MONTHS_IN_SHORT and word[0].isupper() and (number_after or stopped or around.before[:1].isdigit()):
        return [MONTHS_IN_SHORT[key]]
    if key in _DAY_NAMES and stopped:
        return [_DAY_NAMES[key]]
    if key in LARGE and around.before[:1] in CURRENCIES:
        return [key, CURRENCIES[around.before[0]][1]]
    if re.fullmatch(r"(?:[a-z]\.)+[a-z]?", word.lower()):
        return [letter.upper() for letter in word if letter.isalpha()]
    if word in _ROMAN and around.before[:1].isupper():
        return cardinal(_ROMAN[word])
    return None


def _title_or_street(key: str, around: Neighbours) -> str:
    """What "Dr." and "St." mean: titles in "Dr. Lee" and "St. John", streets in "Hill Dr." and "12 Main St. Apt 4"."""
    follows_name = around.before[:1].isupper()
    street = follows_name and (not around.after[:1].isupper() or around.two_before[:1].isdigit())
    return {("dr", False): "doctor", ("dr", True): "drive", ("st", False): "saint", ("st", True): "street"}[key, street]


def _letters(word: str, around: Neighbours, is_word: Callable[[str], bool]) -> list[str]:
    """What is said for a word of letters and apostrophes."""
    if len(word) == 1:
        is_article = word == "a" or (word == "A" and around.after[:1].isalpha())
        return [word.lower()] if is_article or word in "iI" else [word.upper()]
    match = re.fullmatch(r"([A-Z]{2,})('?s)?", word)  # "FBI", "FBI's", "IDs"
    if match and _is_spelled(match[1], around, is_word):
        return [*match[1][:-1], match[1][-1] + ("'s" if match[2] else "")]
    humps = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", word)
    if len(humps) > 1 and "'" not in word and not is_word(word.lower()):  # "iPhone", "OpenAI"
        return [spoken for hump in humps for spoken in _letters(hump, Neighbours(), is_word)]
    return [word.lower()]


def _is_spelled(capitals: str, around: Neighbours, is_word: Callable[[str], bool]) -> bool:
    """Whether a word in capitals is said letter by letter: "FBI" is, "NASA" and "STOP" are not."""
    if capitals in _SPELLED:
        return not (around.before.isupper() and len(around.before) > 2)  # "CONTACT US" is only loud
    if is_word(capitals.lower()):
        return False
    return len(capitals) < 5 or not re.search("[AEIOUY]", capitals)


def _in_parts(word: str, is_word: Callable[[str], bool]) -> list[str]:
    """What is said for anything else, part by part: "COVID-19", "me@example.com", "MP3", "and/or"."""
    spoken: list[str] = []
    word = re.sub(r"^[a-z]+://", "", word)
    parts = re.findall(r"[A-Za-z]+(?:'[A-Za-z]+)*|\d+|[^A-Za-z\d]", word)
    for i, part in enumerate(parts):
        if part.isascii() and part.isdigit():
            spoken += read_integer(part) if len(part) <= 4 else digit_by_digit(part)
        elif part[0].isascii() and part[0].isalpha():
            article = part == "a" and parts[i - 1 : i] == ["-"]  # "once-in-a-lifetime", but "Q&A" and "a/b"
            spoken += ["A"] if part == "a" and not article else _letters(part, Neighbours(), is_word)
        elif part in _INNER_SYMBOLS:
            spoken.append(_INNER_SYMBOLS[part])
    return spoken
