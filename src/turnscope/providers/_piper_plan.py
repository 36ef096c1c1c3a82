"""What a Piper voice is given, and what its answer means: clauses as phonemes, frames as the places of words.

Pure functions; never loads a model and never waits.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from turnscope.core import WordTiming
from turnscope.providers._spoken_text import Mark, SpokenWord

__all__ = ["Clause", "PhonemeSequence", "pause_after_s", "phoneme_sequence", "place_words", "split_clauses"]

_CLAUSE_ENDS = ".!?;:"

_FIRST_CLAUSE_WORDS = 4
"""A comma ends the first clause once it has so many spoken words: the first audio should come soon."""

_NEXT_CLAUSE_WORDS = 12
"""A comma ends a later clause once it has so many: its melody is better, and it is made while others are played."""

_MOST_WORDS = 24
"""No clause has more spoken words than this, unless a single word has; some 10 s of speech bound the work for one."""

_PAUSES_S = {".": 0.25, "!": 0.25, "?": 0.25, ";": 0.20, ":": 0.20, ",": 0.12, "": 0.06}
"""Silence after a clause, by the mark at its end. A voice begins with some 0.05 s of its own, which comes on top."""


@dataclass(frozen=True, slots=True)
class Clause:
    """Words that are synthesized together.

    Attributes:
        items: Words, and the marks between them; it begins with a word.
        mark: The mark at its end, or "" if it was cut between two words.
    """

    items: tuple[SpokenWord | Mark, ...]
    mark: str


def split_clauses(items: Sequence[SpokenWord | Mark]) -> list[Clause]:
    """Cut what is to be said into clauses, short at first so that the first audio comes early."""
    clauses: list[Clause] = []
    pending: list[SpokenWord | Mark] = []
    spoken = 0
    for item in items:
        if isinstance(item, Mark):
            enough = _NEXT_CLAUSE_WORDS if clauses else _FIRST_CLAUSE_WORDS
            if pending and (item.mark in _CLAUSE_ENDS or spoken >= enough):
                clauses.append(Clause(tuple(pending), item.mark))
                pending, spoken = [], 0
            elif pending:
                pending.append(item)
        else:
            if spoken + len(item.spoken) > _MOST_WORDS and pending:
                clauses.append(_cut(pending))
                pending, spoken = [], 0
            pending.append(item)
            spoken += len(item.spoken)
    if pending:
        clauses.append(_cut(pending))
    return clauses


def _cut(pending: list[SpokenWord | Mark]) -> Clause:
    last = pending[-1]
    return Clause(tuple(pending[:-1]), last.mark) if isinstance(last, Mark) else Clause(tuple(pending), "")


@dataclass(frozen=True, slots=True)
class PhonemeSequence:
    """A clause as the input of a voice.

    Attributes:
        ids: The input: phonemes with a pad between each two.
        owners: For each id the index of the word that its sound belongs to, or −1 for a pause; never decreasing but for
            the pauses.
        words: The words that have a sound, in order.
        mark: The mark at its end.
    """

    ids: tuple[int, ...]
    owners: tuple[int, ...]
    words: tuple[SpokenWord, ...]
    mark: str


def phoneme_sequence(
    clause: Clause, pronounce: Callable[[Sequence[str]], list[str]], ids: Mapping[str, Sequence[int]]
) -> PhonemeSequence:
    """Spell a clause in the phonemes of a voice.

    The input of a Piper voice is ``^ _ p _ p _ … $``: beginning, phonemes with a pad after each, end. A pad belongs to
    the phoneme before it, with two exceptions that listening to words cut out of speech has shown: before the space
    between two words it belongs to neither, and after that space to the second, whose first sound begins in it.

    Args:
        clause: What is to be said.
        pronounce: Phonemes for a phrase of spoken words (`Pronouncer.pronounce`).
        ids: The voice's ``phoneme_id_map``; phonemes that it lacks are left out.
    """
    words: list[SpokenWord] = []
    symbols: list[tuple[str, int]] = []
    for phonemes, word in _phrase(clause, pronounce):
        known = [p for p in phonemes if p in ids]
        if word is None:
            symbols += [(p, -1) for p in known if symbols]
        elif known:
            if not words or words[-1] is not word:
                words.append(word)
            owner = len(words) - 1
            if symbols and known[0] not in ",":
                symbols.append((" ", owner if symbols[-1][1] == owner else -1))
            symbols += [(p, owner) for p in known]
    symbols += [(p, -1) for p in clause.mark if p in ids and words]
    return PhonemeSequence(*_padded(symbols, ids), tuple(words), clause.mark)


def _phrase(clause: Clause, pronounce: Callable[[Sequence[str]], list[str]]) -> Iterator[tuple[str, SpokenWord | None]]:
    """The phonemes of each spoken word of a clause with the word of the text that it is said for, None for marks."""
    spoken = [
        (part, item if isinstance(item, SpokenWord) else None)
        for item in clause.items
        for part in (item.spoken if isinstance(item, SpokenWord) else (item.mark,))
    ]
    for phonemes, (_, word) in zip(pronounce([part for part, _ in spoken]), spoken, strict=True):
        yield phonemes, word


def _padded(
    symbols: Sequence[tuple[str, int]], ids: Mapping[str, Sequence[int]]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Ids and their owners, with pads between and the signs for beginning and end around them."""
    pad = ids["_"][0]
    sequence = [(ids["^"][0], -1), (pad, symbols[0][1] if symbols else -1)]
    for (symbol, owner), (following, next_owner) in zip(symbols, [*symbols, ("", -1)][1:], strict=True):
        between = following == " " and next_owner < 0
        sequence += [(ids[symbol][0], owner), (pad, next_owner if symbol == " " else -1 if between else owner)]
    sequence.append((ids["$"][0], -1))
    return tuple(i for i, _ in sequence), tuple(owner for _, owner in sequence)


def place_words(
    sequence: PhonemeSequence, frames: npt.NDArray[np.int64], frame_samples: int, offset: int
) -> tuple[WordTiming, ...]:
    """Where each word of a clause lies in the audio that the voice made for it.

    Args:
        sequence: The voice's input.
        frames: For each of its ids, the number of frames of audio, shape ``(len(ids),)``.
        frame_samples: Samples in a frame.
        offset: Sample of the whole speech at which this clause begins.
    """
    stops = np.cumsum(frames) * frame_samples + offset
    starts = stops - frames * frame_samples
    owners = np.asarray(sequence.owners)
    timings = []
    for index, word in enumerate(sequence.words):
        own = np.flatnonzero(owners == index)
        timings.append(WordTiming(word.text, word.char_start, word.char_stop, int(starts[own[0]]), int(stops[own[-1]])))
    return tuple(timings)


def pause_after_s(mark: str) -> float:
    """Silence after a clause that ends with `mark`, in seconds."""
    return _PAUSES_S[mark]
