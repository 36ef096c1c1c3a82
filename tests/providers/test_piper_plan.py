from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from turnscope.providers._piper_plan import (
    Clause,
    PhonemeSequence,
    pause_after_s,
    phoneme_sequence,
    place_words,
    split_clauses,
)
from turnscope.providers._spoken_text import Mark, SpokenWord, read_aloud

IDS = {symbol: [i] for i, symbol in enumerate("_^$ ,.!?;:'abcdefghijklmnopqrstuvwxyz")}
SYMBOLS = list(IDS)


def spell(words: Sequence[str]) -> list[str]:
    """A language in which every letter is its own phoneme, and digits and capitals cannot be said."""
    return list(words)


def items(text: str) -> list[SpokenWord | Mark]:
    return read_aloud(text, lambda word: True)


def clauses(text: str) -> list[str]:
    return [
        " ".join(item.mark if isinstance(item, Mark) else item.text for item in clause.items) + clause.mark
        for clause in split_clauses(items(text))
    ]


def sequence(text: str) -> PhonemeSequence:
    (clause,) = split_clauses(items(text))
    return phoneme_sequence(clause, spell, IDS)


def symbols(sequence: PhonemeSequence) -> str:
    return "".join(SYMBOLS[i] for i in sequence.ids)


def test_sentences_are_clauses() -> None:
    assert clauses("Yes. No! Why? Well; then: go") == ["Yes.", "No!", "Why?", "Well;", "then:", "go"]


def test_a_comma_ends_the_first_clause_early_and_later_ones_late() -> None:
    text = "one two three, four five, " + "six seven eight nine ten, " * 3
    assert clauses(text) == [
        "one two three , four five,",
        "six seven eight nine ten , six seven eight nine ten , six seven eight nine ten,",
    ]


def test_a_clause_without_any_mark_is_cut_before_it_gets_too_long() -> None:
    parts = clauses("word " * 100)
    assert sum(part.count("word") for part in parts) == 100
    assert max(part.count("word") for part in parts) <= 24


@given(st.lists(st.sampled_from(["word", "£1,234,567.89", ",", ".", "—", "\n\n", "&"]), max_size=60).map(" ".join))
def test_no_word_is_lost_in_cutting(text: str) -> None:
    read = items(text)
    cut = split_clauses(read)
    assert [i for clause in cut for i in clause.items if isinstance(i, SpokenWord)] == [
        i for i in read if isinstance(i, SpokenWord)
    ]
    assert all(isinstance(clause.items[0], SpokenWord) for clause in cut)


def test_phonemes_have_a_pad_after_each_and_stand_between_the_signs_for_beginning_and_end() -> None:
    assert symbols(sequence("Go, on.")) == "^_g_o_,_ _o_n_._$"


def test_each_sound_belongs_to_its_word() -> None:
    #                                        ^ _ a _   _ b _ . _ $
    assert sequence("ax by.").owners == (-1, 0, 0, 0, 0, -1, -1, 1, 1, 1, 1, 1, -1, -1, -1)


def test_a_pause_inside_a_word_belongs_to_it() -> None:
    planned = sequence("ax 555-1234")
    inner = symbols(planned).index(",")
    assert planned.owners[inner] == planned.owners[inner + 2] == 1


def test_a_word_without_a_sound_has_no_place() -> None:
    clause = Clause((SpokenWord("B", 0, 1, ("B",)), SpokenWord("go", 2, 4, ("go",))), ".")
    planned = phoneme_sequence(clause, spell, IDS)
    assert [word.text for word in planned.words] == ["go"]
    assert symbols(planned) == "^_g_o_._$"


def test_a_clause_without_a_sound_is_empty() -> None:
    planned = phoneme_sequence(Clause((SpokenWord("B", 0, 1, ("B",)),), "."), spell, IDS)
    assert planned.words == ()


def test_frames_say_where_a_word_is() -> None:
    planned = sequence("ax by.")
    frames = np.arange(1, len(planned.ids) + 1)
    first, second = place_words(planned, frames, 256, 1000)
    assert (first.text, first.char_start, first.char_stop) == ("ax", 0, 2)
    assert (first.start, first.stop) == (1000 + 256 * 1, 1000 + 256 * (1 + 2 + 3 + 4 + 5))
    assert (second.start, second.stop) == (1000 + 256 * sum(range(1, 8)), 1000 + 256 * sum(range(1, 13)))
    assert not first.estimated


@given(
    st.lists(st.sampled_from(["word", "£5", "by,", "3:30", "U.S.", "555-1234", "&"]), min_size=1, max_size=12).map(
        " ".join
    ),
    st.data(),
)
def test_words_are_in_order_and_inside_the_audio(text: str, data: st.DataObject) -> None:
    for clause in split_clauses(items(text)):
        planned = phoneme_sequence(clause, lambda words: [w.lower() for w in words], IDS)
        frames = np.array(data.draw(st.lists(st.integers(1, 9), min_size=len(planned.ids), max_size=len(planned.ids))))
        stop = 0
        for word in place_words(planned, frames, 256, 0):
            assert stop <= word.start < word.stop
            stop = word.stop
        assert stop <= frames.sum() * 256
        assert len(planned.words) == sum(isinstance(item, SpokenWord) for item in clause.items)


def test_pauses_grow_with_the_mark() -> None:
    assert pause_after_s("") < pause_after_s(",") < pause_after_s(";") < pause_after_s(".")
