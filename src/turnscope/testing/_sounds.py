"""What a caller can be heard to say or to do, as values that tests can print: they become steps of a script by `at`."""

import math
import re
from dataclasses import KW_ONLY, dataclass, field
from functools import lru_cache
from typing import TypeAlias

import numpy as np

from turnscope._errors import ConfigError
from turnscope.core import CLOCK_HZ, Samples, to_samples
from turnscope.sim import LEVEL, NOISES, Moment, Play, encode_words, noise
from turnscope.testing._writing import Code, Shown, Unwritable, called, layout, write
from turnscope.transports import read_audio

__all__ = ["NOISE_KINDS", "PAUSE", "Noise", "Recording", "Sound", "Utterance"]

PAUSE = re.compile(r"\((\d+(?:\.\d+)?)\)")
"""A pause in a text, as in ``(0.4)``."""

NOISE_KINDS = ("burst", *sorted(NOISES))
"""What a `Noise` can be."""

LONGEST_SOUND_S = 600.0


@dataclass(frozen=True, slots=True)
class Utterance:
    """Something said in word code, which fakes understand; real recognizers do not.

    Attributes:
        text: Words, and pauses between them in seconds, in parentheses: ``two lattes (0.4) please``. That is how
            transcripts of conversation analysis have them (G. Jefferson, "Glossary of transcript symbols", 2004).
        words_per_s: The pace of the words. By default, even one word is long enough to be a turn.

    Raises:
        ConfigError: There is no word, or a number is out of range.
    """

    text: str
    _: KW_ONLY
    words_per_s: float = 3.0

    def __post_init__(self) -> None:
        words = [part for part in self.text.split() if not PAUSE.fullmatch(part)]
        if not words:
            raise ConfigError(f"text must have a word, got {self.text!r}")
        if not 0 < self.words_per_s < math.inf:
            raise ConfigError(f"words_per_s must be positive, and finite, got {self.words_per_s:g}")

    @property
    def audio(self) -> Samples:
        """It as audio at 16 kHz, shape ``(n,)``, which must not be written to."""
        return _spoken(self.text, self.words_per_s)

    def at(self, moment: Moment, *, speaker: str = "") -> Play:
        """The step in which it is said.

        Args:
            moment: When its first sample is.
            speaker: Who says it, where several people are on the caller's side.
        """
        return SoundStep(self.audio, moment, 0, self.text, speaker, self)


@dataclass(frozen=True, slots=True)
class Noise:
    """A sound without words.

    Attributes:
        length_s: How long it is, in seconds.
        kind: ``burst``, noise of one level, which every detector of sound hears from its first sample to its last; or
            any of `turnscope.sim.NOISES`, as ``cough``, which is louder and softer, and may begin with silence.
        seed: Which one of its kind.

    Raises:
        ConfigError: There is no such kind, or the length is out of range.
    """

    length_s: float = 0.2
    _: KW_ONLY
    kind: str = "burst"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in NOISE_KINDS:
            raise ConfigError(f"kind must be one of {', '.join(NOISE_KINDS)}, got {self.kind!r}")
        if not 0 < self.length_s <= LONGEST_SOUND_S:
            raise ConfigError(f"length_s must be more than 0 and at most {LONGEST_SOUND_S:g}, got {self.length_s:g}")
        if self.seed < 0:
            raise ConfigError(f"seed must not be negative, got {self.seed}")

    @property
    def audio(self) -> Samples:
        """It as audio at 16 kHz, shape ``(n,)``, which must not be written to."""
        return _noise(self.kind, self.length_s, self.seed)

    def at(self, moment: Moment, *, speaker: str = "") -> Play:
        """The step in which it is heard.

        Args:
            moment: When its first sample is.
            speaker: Whose side it is on.
        """
        return SoundStep(self.audio, moment, None, self.kind, speaker, self)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Recording(Shown):
    """Recorded speech, for agents whose models are real.

    Attributes:
        source: The path of an audio file, or audio at 16 kHz, shape ``(n,)``. Only a path can be written down as code.
        name: For reports; by default the path.

    Raises:
        ConfigError: There is no audio in it.
        AudioError: The file cannot be read.
    """

    source: str | Samples
    name: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.source, str) and (self.source.ndim != 1 or not len(self.source)):
            raise ConfigError(f"source must be samples of shape (n,), got shape {self.source.shape}")

    def __repr__(self) -> str:
        try:
            return str(write(self))
        except Unwritable:
            return f"<Recording of {len(self.audio) / CLOCK_HZ:.2f} s{f' {self.name!r}' if self.name else ''}>"

    @property
    def audio(self) -> Samples:
        """It as audio at 16 kHz, shape ``(n,)``, which must not be written to."""
        return _read(self.source) if isinstance(self.source, str) else self.source

    def at(self, moment: Moment, *, speaker: str = "") -> Play:
        """The step in which it is played.

        Args:
            moment: When its first sample is.
            speaker: Who is heard in it.
        """
        name = self.name or (self.source if isinstance(self.source, str) else "recording")
        return SoundStep(self.audio, moment, 0, name, speaker, self)


Sound: TypeAlias = Utterance | Noise | Recording
"""What a caller's side can give."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SoundStep(Play, Shown):
    """A step that knows how it was made."""

    of: Sound = field(default_factory=Noise)

    def __repr__(self) -> str:
        try:
            return layout(self.__code_that_makes_it__(), width=10_000)
        except Unwritable:
            return f"{self.of!r}.at({self.moment!r})"

    def __code_that_makes_it__(self) -> Code:
        """See `turnscope.testing._writing.write`."""
        speaker = [("speaker=", repr(self.speaker))] if self.speaker else []
        return called(f"{write(self.of)}.at", [("", write(self.moment)), *speaker])


@lru_cache(maxsize=512)
def _spoken(text: str, words_per_s: float) -> Samples:
    pieces: list[Samples] = []
    words: list[str] = []
    for part in [*text.split(), "(0)"]:
        pause = PAUSE.fullmatch(part)
        if pause is None:
            words.append(part)
            continue
        audio, _ = encode_words(" ".join(words), words_per_s=words_per_s)
        pieces += [audio, np.zeros(to_samples(float(pause[1])), np.float32)]
        words = []
    return _constant(np.concatenate(pieces))


@lru_cache(maxsize=512)
def _noise(kind: str, length_s: float, seed: int) -> Samples:
    generator = np.random.default_rng(seed)
    if kind == "burst":
        return _constant(generator.uniform(LEVEL / 5, LEVEL, to_samples(length_s)).astype(np.float32))
    return _constant(noise(kind, generator, length_s))


@lru_cache(maxsize=64)
def _read(path: str) -> Samples:
    return _constant(read_audio(path, CLOCK_HZ))


def _constant(audio: Samples) -> Samples:
    audio.setflags(write=False)
    return audio
