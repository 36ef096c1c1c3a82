import re
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from turnscope.providers._spoken_text import Mark, SpokenWord, read_aloud

LEXICON = frozenset("nasa stop it us now hello am ai is ok".split())

FRAGMENTS = st.sampled_from(
    "£5 $1.5 million Dr. St. U.S. p.m. 3:30 & % # — … -- - ( ) \" ' * 1/2 5-10 2024-05-01 555-123-4567 a@b.co".split()
    + "http://x.y/z NASA FBI's iPhone 21st 1980s '90s 72°F ½ café 日本 🙂 rock'n'roll No. 7 May 5, 99:99".split()
    + ["1,234.5", "+1", "<3", "~5", "@me", "#5", "\n", "\n\n"]
)
TEXTS = st.one_of(
    st.text(max_size=80),
    st.lists(st.one_of(FRAGMENTS, st.text(max_size=6)), max_size=12).map(" ".join),
    st.lists(FRAGMENTS, max_size=8).map("".join),
)


def aloud(text: str) -> str:
    """What is said, with its marks."""
    said = [
        item.mark if isinstance(item, Mark) else " ".join(item.spoken)
        for item in read_aloud(text, LEXICON.__contains__)
    ]
    return re.sub(r" ([,;:.!?])", r"\1", " ".join(said))


def words(text: str) -> list[SpokenWord]:
    return [item for item in read_aloud(text, LEXICON.__contains__) if isinstance(item, SpokenWord)]


@given(TEXTS)
@example("$" * 40 + "a")
@example("(555) 123-4567.")
@example("-.5-$5%")
def test_every_word_lies_where_it_says_and_they_are_in_order(text: str) -> None:
    stop = 0
    for word in words(text):
        assert text[word.char_start : word.char_stop] == word.text
        assert stop <= word.char_start < word.char_stop
        stop = word.char_stop


@given(TEXTS)
@example("x" * 100)
@example("aGVsbG8/d29ybGQ" * 9)
def test_every_latin_letter_and_digit_belongs_to_a_word(text: str) -> None:
    covered = {i for word in words(text) for i in range(word.char_start, word.char_stop)}
    assert [i for i, c in enumerate(text) if c.isascii() and c.isalnum() and i not in covered] == []


@given(TEXTS)
def test_what_is_said_can_be_pronounced(text: str) -> None:
    for word in words(text):
        assert word.spoken
        assert all(re.fullmatch(r"[a-z]+(?:'[a-z]+)*|[A-Z](?:'s)?|,", part) for part in word.spoken)
        assert any(part != "," for part in word.spoken)


@given(TEXTS)
def test_marks_stand_between_words_and_never_two_together(text: str) -> None:
    items = read_aloud(text, LEXICON.__contains__)
    assert not items or isinstance(items[0], SpokenWord)
    assert not any(isinstance(a, Mark) and isinstance(b, Mark) for a, b in pairwise(items))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "It costs £5 & $47.30, or $0.99!",
            "it costs five pounds and forty seven dollars and thirty cents, or ninety nine cents!",
        ),
        (
            "$5 million, $5M, $1.5bn. 5€",
            "five million dollars, five million dollars, one point five billion dollars. five euros",
        ),
        ("$1 and £1.01", "one dollar and one pound and one penny"),
        ("Dr. Lee lives at 12 Main St. Apt 4.", "doctor lee lives at twelve main street apt four."),
        ("St. John rode along Hill Dr. yesterday", "saint john rode along hill drive yesterday"),
        ("On May 5, 2024 or 6 June 1999", "on may fifth, twenty twenty four or the sixth of june nineteen ninety nine"),
        ("12/25/2024 or 2024-05-01", "december twenty fifth, twenty twenty four or may first, twenty twenty four"),
        ("at 3:30 p.m. or 3:05, 3:00", "at three thirty P M or three oh five, three o'clock"),
        ("3:00 pm, 14:00, 9am", "three pm, fourteen hundred, nine A M"),
        ("The U.S. won. We left the US", "the U S won. we left the U S"),
        ("21st, 1980s, the 90s, wait 30s", "twenty first, nineteen eighties, the nineties, wait thirty seconds"),
        ("50%, 50 %, 1,234.5", "fifty percent, fifty percent, one thousand two hundred thirty four point five"),
        ("Bond, 007", "bond, zero zero seven"),
        ("-5, ~5, #5, +5, .5", "minus five, about five, number five, plus five, point five"),
        ("1/2 cup, 3/4, 2/3, 24/7, ½", "one half cup, three quarters, two thirds, twenty four seven, one half"),
        ("5-10 or $5-$10 or 5–10%", "five to ten or five dollars to ten dollars or five to ten percent"),
        ("(555) 123-4567", "five five five, one two three, four five six seven"),
        ("72°F, 22 °C", "seventy two degrees fahrenheit, twenty two degrees celsius"),
        ("5km, 1 kg, 3 ft, 60 mph", "five kilometers, one kilogram, three feet, sixty miles per hour"),
        ("No. 5? No. Yes", "number five? no. yes"),
        ("He sat. Sun, etc. Then Mon. 5 Jan.", "he sat. sun, et cetera. then monday the fifth of january."),
        ("NASA, FBI's, IDs, TVs, STOP IT NOW", "nasa, F B I's, I D's, T V's, stop it now"),
        ("CONTACT US", "contact us"),
        ("MP3, COVID-19, iPhone, v2.1", "M P three, covid nineteen, i phone, version two point one"),
        ("me@example.com https://example.com/a", "me at example dot com example dot com A"),
        ("AT&T, Q&A, C++, C#, R2-D2", "A T and T, Q and A, C plus plus, C sharp, R two D two"),
        ("Plan A. A man, vitamin A", "plan A. a man, vitamin A"),
        ("once-in-a-lifetime well-known", "once in a lifetime well known"),
        ("World War II, Henry VIII", "world war two, henry eight"),
        ("café naïve Łódź Ⅷ ５", "cafe naive lodz eight five"),
        ("#hello @bob", "hashtag hello at bob"),
        ("don’t ‘quote’ “me” (please) **now** _x_", "don't quote me, please, now X"),
    ],
)
def test_how_things_are_said(text: str, said: str) -> None:
    assert aloud(text) == said


@pytest.mark.parametrize(
    ("text", "marks"),
    [("yes—no", "yes, no"), ("wait... what", "wait. what"), ("a - b", "a, B"), ("one\n\ntwo", "one. two"),
     ("buy:\n- milk\n- eggs", "buy: milk. eggs"), ("soft\nwrap", "soft wrap"), ("really?!", "really?"),
     ("5 -- 6", "five, six")],
)  # fmt: skip
def test_what_is_heard_as_a_pause(text: str, marks: str) -> None:
    assert aloud(text) == marks


@pytest.mark.parametrize("text", ["", " \n ", "...", "🙂 👍", "日本語", "—", "***", "“”", "\u0301"])
def test_what_cannot_be_said_says_nothing(text: str) -> None:
    assert words(text) == []


def test_a_word_of_the_text_may_be_said_in_many_words() -> None:
    assert words("Pay £5, now") == [
        SpokenWord("Pay", 0, 3, ("pay",)),
        SpokenWord("£5", 4, 6, ("five", "pounds")),
        SpokenWord("now", 8, 11, ("now",)),
    ]


def test_punctuation_belongs_to_a_word_only_if_it_is_part_of_it() -> None:
    assert [word.text for word in words("“U.S. dogs’ don't (Mr. 5%).”")] == ["U.S.", "dogs", "don't", "Mr.", "5%"]


def test_a_very_long_run_of_characters_is_cut_into_words() -> None:
    assert max(len(word.text) for word in words("x" * 1000)) <= 16
