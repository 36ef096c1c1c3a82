"""Which words were heard, when so many samples were."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnscope.core import HeardText, SpokenText, WordTiming

HZ = 16_000


def timed(text: str, *places: tuple[int, int]) -> tuple[WordTiming, ...]:
    """The words of a text, with the samples from and to which each is spoken."""
    words: list[WordTiming] = []
    position = 0
    for token, (start, stop) in zip(text.split(), places, strict=True):
        position = text.index(token, position)
        bare = token.rstrip(".,?!")
        words.append(WordTiming(bare, position, position + len(bare), start, stop))
        position += len(token)
    return tuple(words)


def order() -> SpokenText:
    """One sentence in four words of 100 samples with gaps of 10, and a clause that is not spoken yet."""
    spoken = SpokenText(HZ)
    spoken.add_text("Your order is two. And a ")
    spoken.add_text("mocha.")
    spoken.begin_clause("Your order is two. ", 0)
    places = ((0, 100), (110, 210), (220, 320), (330, 430))
    spoken.add_speech(500, timed("Your order is two.", *places))
    spoken.end_clause()
    return spoken


@pytest.mark.parametrize(
    ("until", "heard", "unheard"),
    [
        (0, "", "Your order is two. And a mocha."),
        (99, "", "Your order is two. And a mocha."),
        (100, "Your", "order is two. And a mocha."),
        (209, "Your", "order is two. And a mocha."),
        (210, "Your order", "is two. And a mocha."),
        (329, "Your order is", "two. And a mocha."),
        (430, "Your order is two", ". And a mocha."),
        (500, "Your order is two", ". And a mocha."),
    ],
)
def test_only_words_that_were_wholly_heard_count(until: int, heard: str, unheard: str) -> None:
    result = order().heard(until)
    assert (result.heard, result.unheard) == (heard, unheard)
    assert result.words == tuple(heard.split())
    assert not result.estimated


def test_with_the_last_word_goes_the_mark_that_closes_the_reply() -> None:
    spoken = SpokenText(HZ)
    spoken.add_text("Sure, two.\n")
    spoken.begin_clause("Sure, two.", 0)
    spoken.add_speech(200, timed("Sure, two.", (0, 100), (100, 200)))
    assert spoken.heard(200) == HeardText("Sure, two.", "", ("Sure", "two"), estimated=False)
    assert spoken.heard(199) == HeardText("Sure", ", two.", ("Sure",), estimated=False)


@pytest.mark.parametrize(("at", "end"), [(0, 430), (250, 430), (429, 430), (430, 430), (470, 470), (500, 500)])
def test_a_sentence_ends_with_its_last_word_and_who_has_said_that_is_between_two(at: int, end: int) -> None:
    assert order().sentence_end(at) == end


def test_where_a_sentence_ends_is_not_known_before_its_last_word_is_spoken() -> None:
    spoken = SpokenText(HZ)
    assert spoken.sentence_end(0) is None
    spoken.add_text("Your order is two, and")
    spoken.begin_clause("Your order is two,", 0)
    spoken.add_speech(210, timed("Your order", (0, 100), (110, 210)))
    assert spoken.sentence_end(50) is None
    spoken.add_speech(290, timed("Your order is two,", (0, 0), (0, 0), (220, 320), (330, 430))[2:])
    spoken.end_clause()
    assert (spoken.sentence_end(50), spoken.sentence_end(500)) == (None, None), "it ends with a later clause"
    spoken.add_text(" that's all. Is it?")
    spoken.begin_clause(" and that's all. Is it?", 18)
    words = timed("and that's all. Is it?", (0, 100), (110, 210), (220, 320), (400, 500), (510, 600))
    words = tuple(replace(word, char_start=word.char_start + 1, char_stop=word.char_stop + 1) for word in words)
    spoken.add_speech(330, words[:3])
    assert spoken.sentence_end(50) is None, "more of the clause is to come"
    spoken.add_speech(270, words[3:])
    assert (spoken.sentence_end(50), spoken.sentence_end(850), spoken.sentence_end(950)) == (820, 850, 1100)


def test_nothing_generated_is_nothing_heard() -> None:
    assert SpokenText(HZ).heard(1000) == HeardText("", "", (), estimated=False)


def test_text_that_was_never_given_to_the_synthesizer_is_unheard() -> None:
    spoken = SpokenText(HZ)
    spoken.add_text("Hello there.")
    assert spoken.heard(10_000) == HeardText("", "Hello there.", (), estimated=False)
    assert spoken.text == "Hello there."


def test_words_of_later_clauses_lie_after_those_before() -> None:
    spoken = order()
    spoken.begin_clause("And a mocha.", 19)
    spoken.add_speech(300, timed("And a mocha.", (0, 100), (100, 150), (160, 300)))
    assert [(word.text, word.start, word.stop) for word in spoken.words()[4:]] == [
        ("And", 500, 600),
        ("a", 600, 650),
        ("mocha", 660, 800),
    ]
    assert spoken.heard(650).heard == "Your order is two. And a"
    assert spoken.heard(800).heard == "Your order is two. And a mocha."
    assert all(spoken.text[word.char_start : word.char_stop] == word.text for word in spoken.words())


def test_a_synthesizer_that_does_not_tell_has_its_words_spread_by_their_length() -> None:
    spoken = SpokenText(HZ)
    spoken.add_text("aa bbbb c")
    spoken.begin_clause("aa bbbb c", 0)
    spoken.add_speech(900)
    spoken.end_clause()
    assert [(word.text, word.start, word.stop, word.estimated) for word in spoken.words()] == [
        ("aa", 0, 200, True),
        ("bbbb", 300, 700, True),
        ("c", 800, 900, True),
    ]
    assert spoken.heard(700) == HeardText("aa bbbb", "c", ("aa", "bbbb"), estimated=True)


def test_a_clause_that_is_still_being_synthesized_is_taken_to_be_as_long_as_slow_people_speak() -> None:
    """8 characters are a second; a first chunk of 0.1 s does not hold them all."""
    spoken = SpokenText(HZ)
    spoken.add_text("abcdef ghijklm")
    spoken.begin_clause("abcdef ghijklm", 0)
    spoken.add_speech(1600)
    assert spoken.heard(1600).heard == ""
    assert [(word.start, word.stop) for word in spoken.words()] == [(0, 12_000), (14_000, 28_000)]


@pytest.mark.feature("X4")
def test_a_later_clause_is_taken_to_be_spoken_as_fast_as_those_before() -> None:
    """A voice slower than was assumed had more of an unfinished clause counted as heard than was played."""
    spoken = SpokenText(HZ)
    spoken.add_text("Well, abcd efgh")
    spoken.begin_clause("Well, ", 0)
    spoken.add_speech(6 * 4000)
    spoken.end_clause()
    spoken.begin_clause("abcd efgh", 6)
    spoken.add_speech(1600)
    assert [(word.start, word.stop) for word in spoken.words()][1:] == [(24_000, 40_000), (44_000, 60_000)]


def test_words_with_no_sound_are_not_heard_before_anything_is() -> None:
    """A clause for which no speech came counted as heard when nothing had been played."""
    spoken = SpokenText(HZ)
    spoken.add_text("Hello there. ")
    spoken.begin_clause("Hello there. ", 0)
    spoken.end_clause()
    assert spoken.heard(0) == HeardText("", "Hello there.", (), estimated=False)


def test_words_with_no_sound_at_the_end_are_not_heard() -> None:
    spoken = order()
    spoken.begin_clause("And a mocha.", 19)
    spoken.end_clause()
    assert spoken.heard(500).heard == "Your order is two"


def test_speech_goes_on_from_the_start_of_the_word_that_was_cut() -> None:
    spoken = order()
    assert spoken.word_start(0) == 0
    assert spoken.word_start(50) == 0
    assert spoken.word_start(110) == 110
    assert spoken.word_start(209) == 110
    assert spoken.word_start(250) == 220


def test_between_words_speech_goes_on_where_it_was() -> None:
    spoken = order()
    assert spoken.word_start(105) == 105
    assert spoken.word_start(100) == 100
    assert spoken.word_start(470) == 470
    assert SpokenText(HZ).word_start(12) == 12


def test_marks_are_no_words_and_brackets_do_not_belong_to_any() -> None:
    spoken = SpokenText(HZ)
    text = '(Hello) — “dear” "you"!'
    spoken.add_text(text)
    spoken.begin_clause(text, 0)
    spoken.add_speech(1600)
    spoken.end_clause()
    assert [word.text for word in spoken.words()] == ["Hello", "dear", "you"]
    assert spoken.heard(1600).heard == text


CLAUSES = st.lists(
    st.tuples(
        st.lists(st.sampled_from(["Hi,", "a", "wonderful", "U.S.", "don't", "—", "3.50"]), min_size=1, max_size=4),
        st.lists(st.integers(0, 300), min_size=8, max_size=8),
        st.booleans(),
    ),
    max_size=5,
)


def build(clauses: list[tuple[list[str], list[int], bool]], *, last_is_open: bool) -> SpokenText:
    """A reply of clauses: their words, gaps and lengths in samples, and whether the synthesizer tells them."""
    spoken = SpokenText(HZ)
    position = 0
    for number, (tokens, lengths, told) in enumerate(clauses):
        text = " ".join(tokens) + " "
        spoken.add_text(text)
        spoken.begin_clause(text, position)
        words: list[WordTiming] = []
        at = start = 0
        for index, token in enumerate(tokens):
            start = text.index(token, start)
            at += lengths[2 * index]
            words.append(WordTiming(token, start, start + len(token), at, at + lengths[2 * index + 1]))
            at += lengths[2 * index + 1]
            start += len(token)
        spoken.add_speech(at, tuple(words) if told else ())
        if number + 1 < len(clauses) or not last_is_open:
            spoken.end_clause()
        position += len(text)
    return spoken


@given(CLAUSES, st.booleans(), st.lists(st.integers(0, 8000), min_size=2, max_size=6))
@settings(max_examples=300)
def test_what_was_heard_is_a_beginning_of_the_text_and_only_grows(
    clauses: list[tuple[list[str], list[int], bool]], last_is_open: bool, untils: list[int]
) -> None:
    spoken = build(clauses, last_is_open=last_is_open)
    before = HeardText("", "", (), estimated=False)
    for until in sorted(untils):
        result = spoken.heard(until)
        assert spoken.text.startswith(result.heard)
        assert spoken.text.strip().endswith(result.unheard)
        assert (result.heard + result.unheard).replace(" ", "") == spoken.text.replace(" ", "")
        assert result.heard.startswith(before.heard)
        assert result.words[: len(before.words)] == before.words
        before = result
    assert spoken.heard(0).heard == ""


@given(CLAUSES, st.booleans(), st.integers(0, 5000))
@settings(max_examples=300)
def test_a_resumption_repeats_at_most_the_word_that_was_cut(
    clauses: list[tuple[list[str], list[int], bool]], last_is_open: bool, at: int
) -> None:
    spoken = build(clauses, last_is_open=last_is_open)
    start = spoken.word_start(at)
    assert start <= at
    heard = [word for word in spoken.words() if word.stop <= at and word.start < at]
    assert not heard or start >= heard[-1].stop, "no word is said twice"
