"""Numbers as English words, American style: `cardinal(1234)` is "one thousand two hundred thirty four".

Pure functions of integers and digit strings; never guesses what a number means.
"""

__all__ = ["cardinal", "decimal", "digit_by_digit", "ordinal", "read_integer", "year"]

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
).split()
_TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()
_SCALES = (
    (10**15, "quadrillion"),
    (10**12, "trillion"),
    (10**9, "billion"),
    (10**6, "million"),
    (1000, "thousand"),
    (100, "hundred"),
)
_LARGEST = 10**18
_IRREGULAR_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}


def cardinal(number: int) -> list[str]:
    """The words of a whole number, from nought up; from 10¹⁸ on it is read digit by digit.

    Raises:
        ValueError: The number is negative.
    """
    if number < 0:
        raise ValueError("say 'minus' first, then the number")
    if number >= _LARGEST:
        return digit_by_digit(str(number))
    if number < 20:
        return [_SMALL[number]]
    if number < 100:
        tens, ones = divmod(number, 10)
        return [_TENS[tens], *([_SMALL[ones]] if ones else [])]
    value, name = next((value, name) for value, name in _SCALES if number >= value)
    count, rest = divmod(number, value)
    return [*cardinal(count), name, *(cardinal(rest) if rest else [])]


def ordinal(number: int) -> list[str]:
    """The words of a rank: `ordinal(21)` is "twenty first".

    Raises:
        ValueError: The number is negative.
    """
    *head, last = cardinal(number)
    if last in _IRREGULAR_ORDINALS:
        last = _IRREGULAR_ORDINALS[last]
    elif last.endswith("y"):
        last = last[:-1] + "ieth"
    else:
        last += "th"
    return [*head, last]


def year(number: int) -> list[str]:
    """A year as it is said: "nineteen oh five", "two thousand seven", "twenty twenty four".

    Years that are not usually said in two halves (before 1100, 2000 to 2009, after 2099) are read as numbers.
    """
    century, rest = divmod(number, 100)
    if not 11 <= century <= 20 or (century == 20 and rest < 10):
        return cardinal(number)
    if rest == 0:
        return [*cardinal(century), "hundred"]
    return [*cardinal(century), *(["oh"] if rest < 10 else []), *cardinal(rest)]


def digit_by_digit(digits: str) -> list[str]:
    """Each digit of a string of ASCII digits by its name: `"007"` is "zero zero seven"."""
    return [_SMALL[int(digit)] for digit in digits]


def decimal(whole: str, fraction: str) -> list[str]:
    """A decimal number from the digits before and after its point; either may be empty."""
    words = read_integer(whole) if whole else []
    return [*words, "point", *digit_by_digit(fraction)] if fraction else words


def read_integer(digits: str) -> list[str]:
    """A string of ASCII digits as a number, or digit by digit if it starts with a zero that a number would lose."""
    if len(digits) > 1 and digits.startswith("0"):
        return digit_by_digit(digits)
    return cardinal(int(digits))
