import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnscope.providers._numerals import cardinal, decimal, digit_by_digit, ordinal, read_integer, year

UNITS = {
    word: value
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen".split()
    )
} | {word: 10 * value for value, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}
SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12, "quadrillion": 10**15}


def understood(words: list[str]) -> int:
    """What a listener takes the words of a cardinal for."""
    total = group = 0
    for word in words:
        if word == "hundred":
            group *= 100
        elif word in SCALES:
            total, group = total + group * SCALES[word], 0
        else:
            group += UNITS[word]
    return total + group


@given(st.integers(0, 10**18 - 1))
def test_a_listener_gets_the_number_back(number: int) -> None:
    assert understood(cardinal(number)) == number


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_two_numbers_are_never_said_alike(one: int, other: int) -> None:
    assert (cardinal(one) == cardinal(other)) == (one == other)
    assert (ordinal(one) == ordinal(other)) == (one == other)


def test_a_number_too_large_for_a_name_is_read_digit_by_digit() -> None:
    assert cardinal(10**18) == ["one", *["zero"] * 18]


def test_a_negative_number_is_refused() -> None:
    with pytest.raises(ValueError, match="minus"):
        cardinal(-1)


@pytest.mark.parametrize(
    ("number", "words"),
    [(1, "first"), (2, "second"), (3, "third"), (12, "twelfth"), (20, "twentieth"), (21, "twenty first"),
     (100, "one hundredth"), (0, "zeroth"), (5000, "five thousandth")],
)  # fmt: skip
def test_ranks(number: int, words: str) -> None:
    assert " ".join(ordinal(number)) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [(1905, "nineteen oh five"), (1999, "nineteen ninety nine"), (1900, "nineteen hundred"), (2000, "two thousand"),
     (2007, "two thousand seven"), (2024, "twenty twenty four"), (1066, "one thousand sixty six"),
     (2100, "two thousand one hundred")],
)  # fmt: skip
def test_years(number: int, words: str) -> None:
    assert " ".join(year(number)) == words


def test_leading_zeros_are_said() -> None:
    assert read_integer("007") == digit_by_digit("007") == ["zero", "zero", "seven"]
    assert read_integer("70") == ["seventy"]


def test_a_decimal_point_is_said_and_its_digits_one_by_one() -> None:
    assert decimal("3", "14") == ["three", "point", "one", "four"]
    assert decimal("", "5") == ["point", "five"]
    assert decimal("0", "") == ["zero"]
