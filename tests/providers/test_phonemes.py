import importlib.util
import re
from importlib.machinery import ModuleSpec

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnscope import _errors
from turnscope.providers._phonemes import Pronouncer, load_pronouncer

VOICE_PHONEMES = frozenset("abdefhijklmnoprstuvwzæðŋɐɑɔəɚɛɜɡɪɹɾʃʊʌʒθˈˌː")
"""What the lexicon and the letter-to-sound model may make of a word; all of it is in the alphabet of Piper's voices."""


class SilentTagger:
    """Knows no letter's sound."""

    def tag(self, features: list[dict[str, str | bool | float]]) -> list[str]:
        return ["Xw=="] * len(features)  # "_" for each letter


SMALL = Pronouncer(
    {
        "a": (("DT", "ə"), ("letter", "ˈeɪ")),
        "b": (("", "b ˈi"),),
        "f": (("", "ˈɛ f"),),
        "the": (("DT", "ð ə"), ("DT", "ð ˈi")),
        "record": (("NN", "ɹ ˈɛ k ɚ d"), ("VB", "ɹ ɪ k ˈɔ ɹ d")),
        "read": (("VB", "ɹ ˈi d"), ("VBD", "ɹ ˈɛ d")),
        "apple": (("", "ˈæ p ə l"),),
        "water": (("", "w ˈɔ t ɚ"),),
        "attend": (("", "ə t ˈɛ n d"),),
        "arrive": (("", "ɚ ˈaɪ v"),),
        "bird": (("", "b ˈɚ d"),),
        "new": (("", "n j ˈu"),),
        "few": (("", "f j ˈu"),),
        "dog": (("", "d ˈɔ ɡ"),),
        "cat": (("", "k ˈæ t"),),
        "church": (("", "t͡ʃ ˈɚ t͡ʃ"),),
        "we": (("", "w ˈi"),),
        "to": (("", "t ə"),),
        "have": (("", "h ˈæ v"),),
    },
    SilentTagger(),
)


@pytest.fixture(scope="module")
def english() -> Pronouncer:
    return load_pronouncer()


def said(*words: str) -> list[str]:
    return SMALL.pronounce(words)


def test_the_lexicons_phonemes_are_respelled_for_the_voice() -> None:
    assert said("church", "bird", "dog") == ["tʃˈɜːtʃ", "bˈɜːd", "dˈɔːɡ"]


def test_t_is_a_flap_only_before_an_unstressed_vowel() -> None:
    assert said("water", "attend") == ["wˈɔːɾɚ", "ətˈɛnd"]


def test_r_is_heard_between_two_vowels() -> None:
    assert said("arrive") == ["ɚɹˈaɪv"]


def test_new_is_said_the_american_way_and_few_keeps_its_j() -> None:
    assert said("new", "few") == ["nˈuː", "fjˈuː"]


def test_small_words_carry_no_stress() -> None:
    assert said("we") == ["wi"]


def test_the_is_said_otherwise_before_a_vowel() -> None:
    assert said("the", "apple", "the", "dog") == ["ði", "ˈæpəl", "ðə", "dˈɔːɡ"]


def test_a_letter_is_named_and_the_article_is_not() -> None:
    assert said("A", "a", "B", "F's") == ["ˈeɪ", "ɐ", "bˈiː", "ˈɛfs"]


def test_the_word_before_decides_between_a_noun_and_a_verb() -> None:
    assert said("to", "record", "the", "record")[1::2] == ["ɹɪkˈɔːɹd", "ɹˈɛkɚd"]
    assert said("have", "read", "we", "read")[1::2] == ["ɹˈɛd", "ɹˈiːd"]


def test_a_possessive_is_made_from_its_word() -> None:
    assert said("dog's", "cat's", "church's") == ["dˈɔːɡz", "kˈæts", "tʃˈɜːtʃɪz"]


def test_an_unknown_word_may_be_two_known_ones() -> None:
    assert said("dogwater", "birdcat's") == ["dˈɔːɡwˌɔːɾɚ", "bˈɜːdkˌæts"]


def test_a_word_without_any_sound_is_spelled() -> None:
    assert said("bf") == ["bˈiːˈɛf"]


def test_marks_stay_as_they_are() -> None:
    assert said("dog", ",", "cat", ".") == ["dˈɔːɡ", ",", "kˈæt", "."]


def test_what_is_missing_is_said_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec

    def hide(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name == "gruut_lang_en" else find_spec(name, package)

    monkeypatch.setattr("turnscope.providers._phonemes.find_spec", hide)
    with pytest.raises(_errors.ConfigError, match=re.escape('pip install "turnscope[local]"')):
        load_pronouncer()


@pytest.mark.models
@given(word=st.from_regex(r"[a-z]+(?:'[a-z]+)*|[A-Z](?:'s)?", fullmatch=True))
def test_every_word_has_a_pronunciation_that_the_voice_can_say(english: Pronouncer, word: str) -> None:
    phonemes = english.pronounce([word])[0]
    assert phonemes
    assert set(phonemes) <= VOICE_PHONEMES
    assert english.pronounce([word]) == [phonemes]


@pytest.mark.models
@pytest.mark.parametrize(
    ("word", "phonemes"),
    [("hello", "həlˈoʊ"), ("chatbot", "tʃˈætbˌɔːt"), ("turnscope's", "tˈɜːnskˌoʊps"), ("covid", "kˈoʊvɪd"),
     ("schedule", "skˈɛdʒuːl"), ("thursday", "θˈɜːzdˌeɪ"), ("W", "dˈʌbəljˌuː")],
)  # fmt: skip
def test_real_words(english: Pronouncer, word: str, phonemes: str) -> None:
    assert english.pronounce([word]) == [phonemes]
