"""Speech for fakes: audio that says its words exactly, so that what was heard can be read from the samples.

A word is a square wave of constant level that ends in its own spelling, one bit a sample, in the sign. Whoever
hears a word to its end can read it; whoever hears less cannot. Level changes do no harm, resampling does. The wave's
pitch changes with every syllable of 20 ms, differently in each text, so that two voices do not sound like one.
"""

from collections.abc import Iterator
from functools import lru_cache
from zlib import crc32

import numpy as np

from turnscope.core import CLOCK_HZ, Samples, WordTiming

__all__ = ["LEVEL", "encode_words", "encoded_words", "read_words", "unread_from", "word_ends"]

LEVEL = 0.25
"""Absolute value of every sample of a word."""

_SYLLABLE = 320
_HALF_PERIODS = np.array([5, 7, 9, 12, 16, 22, 30])
"""Of the wave, in samples. No run of signs in the `_SYNC` below is as long, so a wave holds no words."""

_SYNC = np.array([1, 1, 1, 0, 1, 0, 0, 1, 0, 1, 1, 0, 0, 0, 1, 0, 1, 1, 0, 1, 0, 1, 0, 0], dtype=np.uint8)
_SYNC_BYTES = _SYNC.tobytes()


def _spelled(word: str) -> Samples:
    data = word.encode()[:255]
    bits = np.unpackbits(np.frombuffer(bytes([len(data)]) + data, dtype=np.uint8))
    signs = np.concatenate([_SYNC, bits]).astype(np.float32) * 2 - 1
    samples: Samples = (signs * np.float32(LEVEL)).astype(np.float32)
    return samples


def _carrier(length: int, seed: int) -> Samples:
    drawn = np.random.default_rng(seed).choice(_HALF_PERIODS, -(-length // _SYLLABLE))
    half_periods = np.repeat(drawn, _SYLLABLE)[:length]
    return np.where(np.arange(length) % _SYLLABLE // half_periods % 2, -LEVEL, LEVEL).astype(np.float32)


def encode_words(text: str, *, words_per_s: float = 3.0, gap_s: float = 0.05) -> tuple[Samples, tuple[WordTiming, ...]]:
    """`text` as audio at 16 kHz, its words at an even pace with short gaps of silence between them.

    Args:
        text: Words separated by white space. Punctuation at a word's end is not spoken.
        words_per_s: The pace, gaps included.
        gap_s: Silence after each word.

    Returns:
        The audio, and where each word lies in it.
    """
    period = round(CLOCK_HZ / words_per_s)
    gap = round(gap_s * CLOCK_HZ)
    pieces: list[Samples] = []
    words: list[WordTiming] = []
    position = at = 0
    for token in text.split():
        char_start = text.index(token, position)
        position = char_start + len(token)
        bare = token.rstrip(".,;:!?…—") or token
        spelled = _spelled(bare)
        length = max(period - gap, len(spelled))
        carrier = _carrier(length - len(spelled), crc32(f"{text}/{len(words)}".encode()))
        pieces += [carrier, spelled, np.zeros(gap, dtype=np.float32)]
        words.append(WordTiming(bare, char_start, char_start + len(bare), at, at + length))
        at += length + gap
    audio: Samples = np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.float32)
    return audio, tuple(words)


@lru_cache(1000)
def encoded_words(text: str, words_per_s: float) -> tuple[Samples, tuple[WordTiming, ...]]:
    """The same as `encode_words` for what is said again and again; the audio cannot be changed."""
    audio, words = encode_words(text, words_per_s=words_per_s)
    audio.flags.writeable = False
    return audio, words


def read_words(samples: Samples, start: int = 0) -> list[tuple[str, int]]:
    """The words that `samples` hold to their end, each with the sample after its last, in order.

    Args:
        samples: Audio at 16 kHz, in which `encode_words` may be mixed with silence but not with other sound.
        start: Where to begin.
    """
    heard = samples[start:]
    signs = (heard > 0).view(np.uint8)
    raw = signs.tobytes()
    words: list[tuple[str, int]] = []
    position = 0
    while (found := raw.find(_SYNC_BYTES, position)) >= 0:
        position = found + 1
        body = found + len(_SYNC)
        length = _byte(signs, body)
        stop = body + 8 + 8 * (length or 0)
        if length is None or stop > len(signs) or not (np.abs(heard[found:stop]) > 1e-4).all():
            continue
        data = np.packbits(signs[body + 8 : stop]).tobytes()
        words.append((data.decode(errors="replace"), start + stop))
        position = stop
    return words


def word_ends(samples: Samples) -> list[int]:
    """The samples after which a word could be read of `samples`, or of any beginning of them."""
    return [stop for _, stop in _candidates(samples) if stop is not None and stop <= len(samples)]


def unread_from(samples: Samples) -> int:
    """Where that begins of which a word might still be read when more comes behind `samples`."""
    begun = (start for start, stop in _candidates(samples) if stop is None or stop > len(samples))
    return next(begun, max(len(samples) - len(_SYNC) + 1, 0))


def _candidates(samples: Samples) -> Iterator[tuple[int, int | None]]:
    """Where words might begin, and the sample after each, if so much is there that this is known."""
    signs = (samples > 0).view(np.uint8)
    raw = signs.tobytes()
    found = -1
    while (found := raw.find(_SYNC_BYTES, found + 1)) >= 0:
        body = found + len(_SYNC)
        length = _byte(signs, body)
        yield found, None if length is None else body + 8 + 8 * length


def _byte(signs: "np.typing.NDArray[np.uint8]", at: int) -> int | None:
    return int(np.packbits(signs[at : at + 8])[0]) if at + 8 <= len(signs) else None
