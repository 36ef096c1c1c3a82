"""What is said for one written number: quantities, ranks, years, dates, times, money, measures, telephone numbers.

Pure functions of the word and its neighbours.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from turnscope.providers._numerals import cardinal, decimal, digit_by_digit, ordinal, read_integer, year

__all__ = [
    "AMOUNT",
    "CURRENCIES",
    "LARGE",
    "MONTHS_IN_SHORT",
    "UNITS",
    "Neighbours",
    "counted",
    "month_name",
    "say_number",
]


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The plain words around a word; empty at the ends of the text, and after a mark."""

    before: str = ""
    two_before: str = ""
    after: str = ""


_MONTHS = (
    "january february march april may june july august september october november december".split()
)  # fmt: skip
MONTHS_IN_SHORT = {name[:3]: name for name in _MONTHS} | {"sept": "september"}
"""Names of months by their abbreviations."""

UNITS = {
    "km": "kilometer", "m": "meter", "cm": "centimeter", "mm": "millimeter", "mi": "mile", "ft": "foot",
    "kg": "kilogram", "g": "gram", "mg": "milligram", "lb": "pound", "lbs": "pound", "oz": "ounce", "l": "liter",
    "ml": "milliliter",
    "ms": "millisecond", "s": "second", "sec": "second", "min": "minute", "h": "hour", "hr": "hour", "hrs": "hour",
    "khz": "kilohertz", "hz": "hertz", "mhz": "megahertz", "ghz": "gigahertz", "kb": "kilobyte", "mb": "megabyte",
    "gb": "gigabyte", "tb": "terabyte", "kw": "kilowatt", "mph": "mile per hour", "kmh": "kilometer per hour",
    "km/h": "kilometer per hour", "°": "degree", "°c": "degree celsius", "°f": "degree fahrenheit",
}  # fmt: skip
"""What is said for the unit after a number, in the singular."""

_PLURALS = {"foot": "feet"} | {name: name for name in ("hertz", "kilohertz", "megahertz", "gigahertz")}

CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
    "¥": ("yen", "yen", "sen", "sen"),
}
"""What is said for a currency's sign: one and many of it, one and many of its hundredths."""

_MULTIPLES = {
    "k": "thousand", "m": "million", "mm": "million", "mn": "million", "b": "billion", "bn": "billion", "t": "trillion",
    "tn": "trillion",
}  # fmt: skip
LARGE = frozenset("hundred thousand million billion trillion".split())
"""Words that come between an amount of money and the name of the money: "$5 million"."""

_NUMBER = r"\d{1,3}(?:,\d{3})+|\d+"
_FRACTION_NAMES = {2: "half", 3: "third", 4: "quarter", 5: "fifth", 6: "sixth", 8: "eighth", 10: "tenth"}


def say_number(word: str, around: Neighbours) -> list[str] | None:
    """What is said for a word that is one number in some dress, or None if it is not."""
    for pattern, read in _NUMBER_FORMS:
        match = pattern.fullmatch(word)
        if match:
            spoken = read(match, around)
            if spoken is not None:
                return spoken
    return None


def _integer(match: re.Match[str], around: Neighbours) -> list[str] | None:
    digits = match[0].replace(",", "")
    number = int(digits) if len(digits) <= 18 else -1
    if "," not in match[0]:
        if month_name(around.before) and 1 <= number <= 31:
            return ordinal(number)
        if month_name(around.after) and 1 <= number <= 31 and around.before.lower() != "the":
            return ["the", *ordinal(number), "of"]
        if len(digits) == 4 and 1100 <= number <= 2099 and not digits.startswith("0"):
            return year(number)
        if len(digits) > 7:
            return digit_by_digit(digits)
    return read_integer(digits)


def _decimal(match: re.Match[str], around: Neighbours) -> list[str]:
    return decimal(match[1].replace(",", ""), match[2])


def _ordinal(match: re.Match[str], around: Neighbours) -> list[str]:
    return ordinal(int(match[1].replace(",", "")))


def _decade(match: re.Match[str], around: Neighbours) -> list[str] | None:
    if match[0][0] != "'" and len(match[1]) == 2 and around.before.lower() not in ("the", "early", "late", "mid"):
        return None  # "30s" is thirty seconds
    *head, last = year(int(match[1])) if len(match[1]) == 4 else cardinal(int(match[1]))
    return [*head, last[:-1] + "ies" if last.endswith("y") else last + "s"]


def _percent(match: re.Match[str], around: Neighbours) -> list[str]:
    return [*_amount(match[1]), "percent"]


def _money(match: re.Match[str], around: Neighbours) -> list[str] | None:
    sign, amount, multiple = (match[1], match[2], match[3]) if match[1] else (match[5], match[4], "")
    one, many, cent, cents = CURRENCIES[sign]
    if multiple:
        return [*_amount(amount), _MULTIPLES[multiple.lower()], many]
    if around.after.lower() in LARGE:
        return _amount(amount)  # "$5 million": the name of the money follows the next word
    whole, _, fraction = amount.replace(",", "").partition(".")
    if len(fraction) != 2:
        return [*_amount(amount), one if amount == "1" else many]
    units, parts = int(whole or "0"), int(fraction)
    spoken = [*cardinal(units), one if units == 1 else many] if units or not parts else []
    if parts:
        spoken += [*(["and"] if spoken else []), *cardinal(parts), cent if parts == 1 else cents]
    return spoken


def _time(match: re.Match[str], around: Neighbours) -> list[str] | None:
    hour, minute, second, half = int(match[1]), int(match[2]), match[3], match[4]
    if hour > 24 or minute > 59:
        return None
    spoken = cardinal(hour)
    halves = [letter.upper() for letter in half if letter.isalpha()] if half else []
    if minute:
        spoken += [*(["oh"] if minute < 10 else []), *cardinal(minute)]
    elif hour > 12 or hour == 0:
        spoken += ["hundred"]
    elif not halves and around.after.lower().replace(".", "") not in ("am", "pm"):
        spoken += ["o'clock"]
    if second:
        spoken += ["and", *cardinal(int(second)), "seconds"]
    return spoken + halves


def _hour(match: re.Match[str], around: Neighbours) -> list[str]:
    return [*cardinal(int(match[1])), match[2].upper(), "M"]


def _iso_date(match: re.Match[str], around: Neighbours) -> list[str] | None:
    return _date(int(match[1]), int(match[2]), int(match[3]))


def _american_date(match: re.Match[str], around: Neighbours) -> list[str] | None:
    full_year = int(match[3]) if len(match[3]) == 4 else 2000 + int(match[3])
    return _date(full_year, int(match[1]), int(match[2]))


def _date(year_number: int, month: int, day: int) -> list[str] | None:
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    return [_MONTHS[month - 1], *ordinal(day), ",", *year(year_number)]


def _fraction(match: re.Match[str], around: Neighbours) -> list[str] | None:
    above, below = int(match[1]), int(match[2])
    if below not in _FRACTION_NAMES or not 0 < above < below:
        return [*cardinal(above), *cardinal(below)]
    name = _FRACTION_NAMES[below]
    return [*cardinal(above), name if above == 1 else {"half": "halves"}.get(name, name + "s")]


def _phone(match: re.Match[str], around: Neighbours) -> list[str]:
    spoken: list[str] = []
    for group in re.findall(r"\d+", match[0]):
        spoken += [*([","] if spoken else []), *digit_by_digit(group)]
    return spoken


def _range(match: re.Match[str], around: Neighbours) -> list[str]:
    return [*_side(match[1], around), "to", *_side(match[2], around)]


def _side(word: str, around: Neighbours) -> list[str]:
    return say_number(word, Neighbours(after=around.after)) or digit_by_digit("".join(c for c in word if c.isdigit()))


def _measure(match: re.Match[str], around: Neighbours) -> list[str] | None:
    unit = UNITS.get(match[2].lower())
    return [*_amount(match[1]), *counted(unit, match[1])] if unit else None


def counted(unit: str, amount: str) -> list[str]:
    """The words of a unit, in the plural unless there is one of it."""
    name, *rest = unit.split()
    return [name if amount == "1" else _PLURALS.get(name, name + "s"), *rest]


def _amount(amount: str) -> list[str]:
    whole, _, fraction = amount.replace(",", "").partition(".")
    return decimal(whole, fraction)


def _version(match: re.Match[str], around: Neighbours) -> list[str]:
    first, *others = match[2].split(".")
    return [
        *(["version"] if match[1] else []),
        *read_integer(first),
        *(word for part in others for word in ("point", *read_integer(part))),
    ]


_Reader = Callable[[re.Match[str], Neighbours], "list[str] | None"]
AMOUNT = rf"(?:{_NUMBER})(?:\.\d+)?|\.\d+"
"""Pattern of a number with or without a decimal point."""

_NUMBER_FORMS: tuple[tuple[re.Pattern[str], _Reader], ...] = tuple(
    (re.compile(pattern), read)
    for pattern, read in (
        (_NUMBER, _integer),
        (rf"({_NUMBER}|)\.(\d+)", _decimal),
        (rf"({_NUMBER})(?:st|nd|rd|th|ST|ND|RD|TH)", _ordinal),
        (r"'?(\d0|\d\d\d0)'?s", _decade),
        (rf"({AMOUNT})%", _percent),
        (rf"([$£€¥])({AMOUNT})([kKmMbBtT][nNmM]?|)|({AMOUNT})([$£€¥])", _money),
        (r"(\d{1,2}):(\d\d)(?::(\d\d))?([aApP]\.?[mM]\.?)?", _time),
        (r"(\d{1,2})([aApP])\.?[mM]\.?", _hour),
        (r"(\d{4})-(\d\d)-(\d\d)", _iso_date),
        (r"(\d{1,2})/(\d{1,2})/(\d{4}|\d\d)", _american_date),
        (r"(\d{1,4})/(\d{1,4})", _fraction),
        (r"(?:\+?\d{1,3}[ .-])?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}|\d{3}-\d{4}", _phone),
        (r"([$£€¥]?[\d,.:]+(?:%|[ap]m)?)-([$£€¥]?[\d,.:]*\d(?:%|[ap]m)?)", _range),
        (rf"({AMOUNT})([a-zA-Z°/]+)", _measure),
        (r"([vV]?)(\d+(?:\.\d+)*)", _version),
    )
)


def month_name(word: str) -> str | None:
    """The name of the month that a word means, if it is one."""
    name = word.lower().rstrip(".")
    return name if name in _MONTHS else MONTHS_IN_SHORT.get(name) if word[:1].isupper() else None
