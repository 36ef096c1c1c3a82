"""Cutting a reply for the synthesizer: where, where not, and never depending on how the text came."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnscope._errors import ConfigError
from turnscope.core import Clause, ClauseSegmenter, ClauseSettings

SENTENCES = ClauseSettings(min_chars=1, first_min_chars=1, first_break_chars=None)
"""Every sentence by itself: shows where sentences are seen to end."""

PIECES = st.sampled_from(
    "Hi. |Yes|No. |5|3.14|e.g. |Dr. |U.S. |J. |...|… |?!|! |\n|\n\n|\r\n| |  |, |; |: |—| - |10:30|1. |7. |etc. |. |"
    "\"|)|'|。|！|」|https://x.com/a?b=1|word |Well |and |antidisestablishmentarianism|é|e\u0301|🙂|ок. "
    "|-----".split("|")
)
TEXTS = st.one_of(st.lists(PIECES, max_size=60).map("".join), st.text(max_size=300))
SETTINGS = st.builds(
    ClauseSettings,
    min_chars=st.integers(1, 30),
    max_chars=st.integers(30, 80),
    first_min_chars=st.integers(1, 20),
    first_break_chars=st.none() | st.integers(1, 30),
    ordinal_dots=st.booleans(),
)


def cut(text: str, settings: ClauseSettings | None = None, tokens: list[str] | None = None) -> list[Clause]:
    """The clauses of a text that comes in the given tokens, by default character by character."""
    segmenter = ClauseSegmenter(settings)
    clauses = [clause for token in (tokens if tokens is not None else text) for clause in segmenter.push(token)]
    return clauses + segmenter.flush()


def texts(text: str, settings: ClauseSettings = SENTENCES) -> list[str]:
    return [clause.text for clause in cut(text, settings)]


@given(TEXTS, SETTINGS, st.data())
@settings(max_examples=300)
def test_clauses_do_not_depend_on_how_the_text_comes_in_tokens(
    text: str, clause_settings: ClauseSettings, data: st.DataObject
) -> None:
    places = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=30)))
    tokens = [text[start:stop] for start, stop in zip([0, *places], [*places, len(text)], strict=True)]
    by_tokens = cut(text, clause_settings, tokens)
    assert by_tokens == cut(text, clause_settings, [text])
    assert by_tokens == cut(text, clause_settings)


@given(TEXTS, SETTINGS)
@settings(max_examples=300)
def test_clauses_put_together_are_the_reply(text: str, clause_settings: ClauseSettings) -> None:
    clauses = cut(text, clause_settings)
    assert "".join(clause.text for clause in clauses) == text
    for clause, position in zip(clauses, [0, *(clause.stop for clause in clauses)], strict=False):
        assert clause.start == position
        assert clause.text == text[clause.start : clause.stop] != ""


def test_a_row_of_full_stops_at_the_end_does_not_make_a_clause_too_long() -> None:
    text = '......… …  ""word ----------...'
    assert texts(text, ClauseSettings(min_chars=1, max_chars=30, first_break_chars=None)) == [text[:18], text[18:]]


@given(TEXTS, SETTINGS)
@settings(max_examples=300)
def test_no_clause_is_longer_than_the_longest(text: str, clause_settings: ClauseSettings) -> None:
    assert all(len(clause.text) <= clause_settings.max_chars for clause in cut(text, clause_settings))


@given(TEXTS, SETTINGS)
@settings(max_examples=300)
def test_only_the_end_of_the_reply_makes_a_clause_shorter_than_the_shortest(
    text: str, clause_settings: ClauseSettings
) -> None:
    clauses = cut(text[: clause_settings.max_chars], clause_settings)  # nothing in it is too long
    for clause in clauses[1:-1]:
        assert clause.speakable
        assert len(clause.text.strip()) >= clause_settings.min_chars


@pytest.mark.parametrize(
    "sentence",
    [
        "Dr. Smith met Mrs. Jones and Prof. Lee.",
        "Bring fruit, e.g. apples, i.e. what you like.",
        "The U.S. Army and the U.K. fleet.",
        "J. R. R. Tolkien wrote it.",
        "Pi is 3.14 or so, and it costs $4.50 each.",
        "At 5 p.m. on Main St. near No. 12.",
        "It is 10:30 or 10.30 by now.",
        "Look at https://example.com/a?b=1&c=2.html and www.example.org for it.",
        "Well... maybe… or not.",
        "Paper, pens, etc. are there.",
        "He came 3. in the race.",
        "Version 2.0.1 is out!",
        "Is it so?!",
    ],
)
def test_a_dot_inside_a_sentence_does_not_end_it(sentence: str) -> None:
    assert texts(f"{sentence} Then more.") == [f"{sentence} ", "Then more."]
    assert texts(sentence) == [sentence]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello. How are you? Fine! Good.", ["Hello. ", "How are you? ", "Fine! ", "Good."]),
        ("It is 3. Then 14.", ["It is 3. ", "Then 14."]),
        ("No. Thank you.", ["No. ", "Thank you."]),
        ("Wait... What? Oh… Now.", ["Wait... ", "What? ", "Oh… ", "Now."]),
        ("Apples, etc. They are red.", ["Apples, etc. ", "They are red."]),
        ('He said "Hi." Then (so.) he left.', ['He said "Hi." ', "Then (so.) ", "he left."]),
        ("**Done.** Next.", ["**Done.** ", "Next."]),
        ("你好。我很好！「是的。」他说。", ["你好。", "我很好！", "「是的。」", "他说。"]),
        ("One\nTwo\n\nThree", ["One\n", "Two\n", "\nThree"]),
        ("So do I. You too.", ["So do I. ", "You too."]),
        ("1. Milk\n2. Eggs\n", ["1. Milk\n", "2. Eggs\n"]),
        ("  Hi.  There.", ["  Hi. ", " There."]),
    ],
)
def test_sentences_end_where_a_reader_would_end_them(text: str, expected: list[str]) -> None:
    assert texts(text) == expected


def test_a_first_short_sentence_goes_out_as_soon_as_it_is_known_to_have_ended() -> None:
    segmenter = ClauseSegmenter()
    assert segmenter.push("Hi") == []
    assert segmenter.push(".") == []
    assert segmenter.push(" ") == [Clause("Hi. ", 0, 4)]


def test_a_later_short_sentence_is_spoken_with_the_next_one() -> None:
    settings = ClauseSettings(min_chars=20)
    assert texts("Hello there. Yes. It is open until five today. Bye.", settings) == [
        "Hello there. ",
        "Yes. It is open until five today. ",
        "Bye.",
    ]


def test_a_short_sentence_is_not_held_back_when_the_reply_ends() -> None:
    segmenter = ClauseSegmenter(ClauseSettings(first_min_chars=20))
    assert segmenter.push("Hi. ") == []
    assert segmenter.flush() == [Clause("Hi. ", 0, 4)]
    assert segmenter.flush() == []


def test_after_a_pause_positions_go_on_counting() -> None:
    segmenter = ClauseSegmenter(SENTENCES)
    assert segmenter.push("Let me look.") + segmenter.flush() == [Clause("Let me look.", 0, 12)]
    assert segmenter.push(" Found. ") == [Clause(" Found. ", 12, 20)]


def test_a_decimal_point_at_the_end_of_a_token_waits_for_the_next_one() -> None:
    segmenter = ClauseSegmenter(SENTENCES)
    assert segmenter.push("Pi is 3.") == []
    assert segmenter.push("14") == []
    assert segmenter.push(". ") == [Clause("Pi is 3.14. ", 0, 12)]


def test_a_long_first_sentence_starts_with_its_first_part() -> None:
    reply = "Your order is two large pizzas with cheese, one with ham, and a bottle of water. Anything else?"
    assert texts(reply, ClauseSettings())[0] == "Your order is two large pizzas with cheese, "
    assert texts(reply, ClauseSettings(first_break_chars=None))[0] == reply[: reply.index("Anything")]
    assert texts(reply, ClauseSettings(first_break_chars=50))[0] == reply[: reply.index("and a")]


@pytest.mark.parametrize("sign", [", ", "; ", ": ", "—", " – ", " - "])
def test_a_sentence_that_is_too_long_is_cut_at_its_last_break(sign: str) -> None:
    head, tail = "word " * 12 + "end", "more " * 12
    settings = ClauseSettings(min_chars=20, max_chars=100, first_break_chars=None)
    assert texts(head + sign + tail, settings)[0] == head + sign


def test_without_a_break_it_is_cut_at_a_space_and_without_a_space_anywhere() -> None:
    settings = ClauseSettings(min_chars=20, max_chars=52, first_break_chars=None)
    assert texts("word " * 15, settings) == ["word " * 10, "word " * 5]
    assert texts("x" * 120, settings) == ["x" * 52, "x" * 52, "x" * 16]
    accented = "e\u0301" * 40
    assert [
        len(part) for part in texts(accented, ClauseSettings(min_chars=1, max_chars=51, first_break_chars=None))
    ] == [
        50,
        30,
    ]


@pytest.mark.parametrize("end", [".", "...", ".)", "!!!!", "。", ","])
@pytest.mark.parametrize("length", range(26, 33))
def test_an_end_at_the_longest_length_does_not_make_the_clause_longer(length: int, end: str) -> None:
    settings = ClauseSettings(min_chars=5, max_chars=30, first_min_chars=5, first_break_chars=10)
    text = "word " * 2 + "x" * (length - 10) + end + " and so on it goes"
    assert all(len(part) <= 30 for part in texts(text, settings))


def test_languages_with_ordinal_dots_can_say_so() -> None:
    german = "Wir sehen uns am 3. Mai. Bis dann."
    assert texts(german)[0] == "Wir sehen uns am 3. "
    settings = ClauseSettings(min_chars=1, first_break_chars=None, ordinal_dots=True)
    assert texts(german, settings) == ["Wir sehen uns am 3. Mai. ", "Bis dann."]


def test_abbreviations_can_be_changed() -> None:
    settings = ClauseSettings(min_chars=1, first_break_chars=None, abbreviations=frozenset({"bzw"}))
    assert texts("Rot bzw. Blau. Gut.", settings) == ["Rot bzw. Blau. ", "Gut."]


def test_what_cannot_be_spoken_says_so() -> None:
    clauses = cut("Bye. 🙂", SENTENCES)
    assert [(clause.text, clause.speakable) for clause in clauses] == [("Bye. ", True), ("🙂", False)]


def test_an_endless_row_of_signs_or_spaces_is_not_kept_for_ever() -> None:
    segmenter = ClauseSegmenter()
    sent = sum(len(clause.text) for _ in range(50) for clause in segmenter.push("..." * 10 + " " * 10))
    assert 50 * 40 - sent <= ClauseSettings().max_chars + 1


@pytest.mark.parametrize(
    ("name", "value"),
    [("min_chars", 0), ("min_chars", 201), ("first_min_chars", 0), ("first_break_chars", 0), ("max_chars", 0)],
)
def test_impossible_settings_are_refused_by_name(name: str, value: int) -> None:
    with pytest.raises(ConfigError, match=name):
        ClauseSettings(**{name: value})  # type: ignore[arg-type]


# Lengths, and pauses of the model


@pytest.mark.feature(17)
def test_by_default_a_clause_has_fifty_to_two_hundred_characters() -> None:
    assert (ClauseSettings().min_chars, ClauseSettings().max_chars) == (50, 200)


def sentence(length: int) -> str:
    """A sentence of so many characters, its full stop counted."""
    return "x" * (length - 1) + "."


@pytest.mark.feature(17)
@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        ((49, 30), [80]),
        ((50, 30), [51, 30]),
        ((51, 30), [52, 30]),
        ((20, 28, 30), [80]),
        ((20, 29, 30), [51, 30]),
        ((199, 30), [200, 30]),
        ((200, 30), [200, 31]),
        ((48, 48, 48), [98, 48]),
    ],
)
def test_boundaries_are_exact_to_the_character(lengths: tuple[int, ...], expected: list[int]) -> None:
    text = " ".join(sentence(length) for length in lengths)
    settings = ClauseSettings(first_min_chars=50, first_break_chars=None)
    assert [len(clause.text) for clause in cut(text, settings)] == expected


@pytest.mark.feature(17)
@pytest.mark.parametrize(
    ("written", "settled", "left"),
    [
        ("Hi.", ["Hi."], ""),
        ("Hi. ", ["Hi. "], ""),
        ("Hi. I am", ["Hi. "], "I am"),
        ("Oh! Yes? Well", ["Oh! Yes? "], "Well"),
        ("I would like to", [], "I would like to"),
        ("It costs 3.", [], "It costs 3."),
        ("It costs 3. ", ["It costs 3. "], ""),
        ("Dr.", [], "Dr."),
        ("One line\nand", ["One line\n"], "and"),
        ("...", [], "..."),
        ("“Stop!” she", ["“Stop!” "], "she"),
        ("", [], ""),
    ],
)
def test_in_a_pause_complete_sentences_go_out_however_short(written: str, settled: list[str], left: str) -> None:
    segmenter = ClauseSegmenter(ClauseSettings(first_min_chars=50, first_break_chars=None))
    assert segmenter.push(written) == []
    assert [clause.text for clause in segmenter.settle()] == settled
    assert [clause.text for clause in segmenter.settle()] == [], "once is enough"
    assert [clause.text for clause in segmenter.flush()] == ([left] if left else [])


@given(TEXTS, SETTINGS, st.data())
def test_pauses_lose_nothing_and_repeat_nothing(
    text: str, clause_settings: ClauseSettings, data: st.DataObject
) -> None:
    segmenter = ClauseSegmenter(clause_settings)
    clauses: list[Clause] = []
    for char in text:
        clauses += segmenter.push(char)
        if data.draw(st.integers(0, 9)) == 0:
            clauses += segmenter.settle()
    clauses += segmenter.flush()
    assert "".join(clause.text for clause in clauses) == text
    assert [clause.start for clause in clauses] == [0, *(clause.stop for clause in clauses)][: len(clauses)]
    assert all(len(clause.text) <= clause_settings.max_chars for clause in clauses)


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("inf"), float("nan")])
def test_a_wait_that_makes_no_sense_is_refused(wrong: float) -> None:
    with pytest.raises(ConfigError, match="max_wait_s"):
        ClauseSettings(max_wait_s=wrong)
