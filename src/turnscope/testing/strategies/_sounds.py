"""Strategies of what can be heard from a caller's side: words, nods, noises."""

from collections.abc import Sequence
from functools import partial

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from turnscope._errors import ConfigError
from turnscope.testing._sounds import NOISE_KINDS, PAUSE, Noise, Utterance
from turnscope.testing.strategies._arguments import check_counts, check_known, check_seconds, listed, maybe, seconds

__all__ = ["NODS", "WORDS", "backchannels", "coughs", "noises", "utterances"]

WORDS = ("two", "lattes", "please", "wait", "stop", "no", "three", "mocha", "and", "with", "milk", "thanks")
"""Words that are drawn unless others are given; none of them is a backchannel."""

NODS = ("mm-hm", "yeah", "okay", "uh-huh", "right", "i see")
"""Backchannels that are drawn unless others are given; all of them are in `turnscope.core.BACKCHANNELS`."""

PAUSES_S = (0.2, 0.5, 0.9)
"""Pauses between words that are drawn unless others are given: shorter and longer than what ends a turn."""

PACES = (3.0, 5.0, 2.0)
"""Words a second."""


def utterances(
    words: Sequence[str] = WORDS,
    *,
    min_words: int = 1,
    max_words: int = 4,
    pauses_s: Sequence[float] = PAUSES_S,
    words_per_s: Sequence[float] = PACES,
) -> SearchStrategy[Utterance]:
    """Things said in word code, now and then with a pause inside. The simplest is the first of `words`.

    Args:
        words: What is said is made of these.
        min_words: An utterance has so many words at least, 1 or more,
        max_words: and so many at most.
        pauses_s: How long pauses between words can be, in seconds; empty for utterances without pauses.
        words_per_s: The paces at which they can be said; the first is the simplest.

    Raises:
        ConfigError: An argument is wrong; the message names it.
    """
    vocabulary = listed("words", words)
    check_counts(min_words, max_words, 1, of="words")
    for word in vocabulary:
        _check_word(word)
    for pause_s in pauses_s:
        check_seconds("pauses_s", pause_s)
    paces = listed("words_per_s", words_per_s)
    for pace in paces:
        Utterance(vocabulary[0], words_per_s=pace)  # which says what is wrong with it
    before = ["", "", "", *(f"({pause_s:g}) " for pause_s in pauses_s)]
    pieces = [f"{pause}{word}" for pause in before for word in vocabulary]
    texts = st.tuples(*(maybe(pieces) for _ in range(max_words))).map(partial(_joined, min_words, vocabulary[0]))
    return st.builds(Utterance, texts, words_per_s=st.sampled_from(paces))


def _check_word(word: object) -> None:
    if not isinstance(word, str) or not word.split() or PAUSE.search(word):
        raise ConfigError(f"words must be texts without pauses, got {word!r}")


def _joined(least: int, simplest: str, drawn: tuple[str | None, ...]) -> str:
    """What was drawn as a text, with simple words at its end if it is too short."""
    pieces = [piece for piece in drawn if piece is not None]
    pieces += [simplest] * (least - len(pieces))
    return " ".join([PAUSE.sub("", pieces[0]).strip(), *pieces[1:]])


def backchannels(words: Sequence[str] = NODS) -> SearchStrategy[Utterance]:
    """Things said to show that one listens, in word code. The simplest is the first of `words`.

    Args:
        words: What can be said.

    Raises:
        ConfigError: There is none, or one has no word in it.
    """
    return st.sampled_from([Utterance(text) for text in listed("words", words)])


def noises(kinds: Sequence[str] = NOISE_KINDS, *, min_s: float = 0.05, max_s: float = 1.0) -> SearchStrategy[Noise]:
    """Sounds without words. The simplest is the shortest of the first kind.

    Args:
        kinds: ``burst``, and what `turnscope.sim.NOISES` has.
        min_s: How long they are at least, in seconds, 0.01 or more,
        max_s: and at most.

    Raises:
        ConfigError: An argument is wrong; the message names it.
    """
    check_known("kinds", kinds, NOISE_KINDS)
    check_seconds("min_s", min_s, least=0.01)
    check_seconds("max_s", max_s, least=min_s)
    return st.builds(Noise, seconds(min_s, max_s), kind=st.sampled_from(list(kinds)), seed=st.integers(0, 7))


def coughs(*, min_s: float = 0.05, max_s: float = 0.4) -> SearchStrategy[Noise]:
    """Short noises that people make and do not mean: bursts, coughs, a throat that is cleared.

    Args:
        min_s: How long they are at least, in seconds, 0.01 or more,
        max_s: and at most.

    Raises:
        ConfigError: An argument is wrong; the message names it.
    """
    return noises(("burst", "cough", "throat"), min_s=min_s, max_s=max_s)
