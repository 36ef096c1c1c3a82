"""Audio in, words out: one greedy pass of Whisper over one window, and the doubts about what it says.

Synchronous, and made to run in a worker thread: knows nothing of streams, turns or Trio.

Whisper was trained on 30 s windows. Shorter ones cost far less (50 ms instead of 260 ms for a word)
but below about 12 s it tends to say the same thing again and again; and where nobody speaks it
makes something up. Both show, and are dealt with here.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from turnscope._errors import ConfigError
from turnscope.core import CLOCK_HZ, Samples
from turnscope.providers._model_files import INSTALL_HINT, WHISPER_DIGESTS, check_digests, find_whisper_model
from turnscope.providers._whisper_features import MEL_BANDS, log_mel

__all__ = [
    "NOTHING_HEARD",
    "Heard",
    "WhisperDecoder",
    "decoding_cost_s",
    "is_nothing",
    "load_whisper",
    "peak_level_dbfs",
    "repeating_tail",
]

MIN_WINDOW_S = 12.0
PADDING_S = 2.0
SECOND_OPINION_S = 8.0
MAX_WINDOW_S = 30.0
"""Audio is padded with silence to `MIN_WINDOW_S`, or by `PADDING_S` if it is longer than that, and by
`SECOND_OPINION_S` more when the first pass loops. Of 78 clips of speech, 31 loop when padded by 2 s
only; of 124, two loop at 10 s, one at 12 s, none at 16 s."""

SILENCE_DBFS = -60.0
TARGET_DBFS = -15.0
"""Levels of the loudest tenth of a second: a window below the first is silent, any other is brought to
the second. Whisper hears quiet speech badly: 20 dB down, 49 of 311 words were wrong, 33 as recorded,
and 31 with this at either level."""

_LEVEL_SAMPLES = CLOCK_HZ // 10

_SURE_NOTHING = 0.9
_DOUBTFUL = ((0.6, -0.9), (0.4, -1.5))
_LOOP_NO_SPEECH = 0.5
_STOCK_NO_SPEECH = 0.4
_STOCK_PHRASES = frozenset({"you", "thank you", "thanks for watching", "thank you for watching"})
"""What tiny.en falls back to on noise, as its training set was subtitles."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What one pass over one window gave.

    Attributes:
        text: The words; empty when there were none or when they are not to be believed.
        no_speech_probability: The model's own, 0 to 1; None when the window was silent and the model not asked.
        mean_log_probability: Mean over the tokens of the words; None when there were none.
    """

    text: str
    no_speech_probability: float | None = None
    mean_log_probability: float | None = None


NOTHING_HEARD = Heard("")


@dataclass(frozen=True, slots=True)
class _Pass:
    tokens: list[int]
    cut_off: bool
    no_speech: float
    log_probability: float


def decoding_cost_s(duration_s: float) -> float:
    """How long one pass over `duration_s` of speech takes on the reference machine (tiny.en, int8, one thread).

    A fit to medians measured from 0.3 to 25 s, good to a tenth up to 20 s. A second opinion is not charged: it is rare.
    """
    longer_s = max(0.0, duration_s - (MIN_WINDOW_S - PADDING_S))
    return 0.048 + 0.0055 * duration_s + 0.0009 * longer_s**2


def load_whisper(model_path: Path | None, language: str) -> "WhisperDecoder":
    """Find, check and load a model. Takes most of a second: for a worker thread.

    Args:
        model_path: A folder in CTranslate2's format; None for the packaged tiny.en, whose digests are checked.
        language: Whisper's code of the language spoken; an English-only model takes only ``"en"``.

    Raises:
        ConfigError: A package or a file is missing, or the model cannot be used here.
    """
    try:
        import ctranslate2
        import tokenizers
    except ImportError as error:
        raise ConfigError(f"Whisper needs packages that are not installed ({error}): {INSTALL_HINT}") from error
    folder = find_whisper_model(model_path)
    if model_path is None:
        check_digests(folder, WHISPER_DIGESTS)
    # One thread each way: sums must not depend on how work is split, and the runtime counts its threads itself.
    model = ctranslate2.models.Whisper(str(folder), device="cpu", compute_type="int8", intra_threads=1, inter_threads=1)
    if model.n_mels != MEL_BANDS:
        raise ConfigError(
            f"model_path: {folder} wants {model.n_mels} mel bands; only models with {MEL_BANDS} can be used"
        )
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    prompt = _prompt(tokenizer, language, multilingual=model.is_multilingual)
    return WhisperDecoder(model, tokenizer, prompt, ctranslate2.StorageView.from_array)


def _prompt(tokenizer: Any, language: str, *, multilingual: bool) -> list[int]:
    if not multilingual and language != "en":
        raise ConfigError(f"language: this model knows English only, not {language!r}")
    names = ["<|startoftranscript|>"]
    if multilingual:
        names += [f"<|{language}|>", "<|transcribe|>"]
    prompt = [tokenizer.token_to_id(name) for name in (*names, "<|notimestamps|>")]
    if None in prompt:
        raise ConfigError(f"language: this model does not know {language!r}")
    return prompt


class WhisperDecoder:
    """A loaded model. Stateless between calls, so that equal windows give equal bits; may be shared between threads."""

    def __init__(self, model: Any, tokenizer: Any, prompt: list[int], as_storage: Any) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._prompt = prompt
        self._as_storage = as_storage

    def decode(self, samples: Samples) -> Heard:
        """What is said in `samples` (16 kHz, at most 28 s)."""
        level_dbfs = peak_level_dbfs(samples)
        if level_dbfs < SILENCE_DBFS:
            return NOTHING_HEARD
        samples = samples * np.float32(10 ** ((TARGET_DBFS - level_dbfs) / 20))
        duration_s = len(samples) / CLOCK_HZ
        window_s = max(MIN_WINDOW_S, duration_s + PADDING_S)
        result = self._run(samples, window_s)
        looping = result.cut_off
        # Where nobody seems to speak, a loop is noise; a second opinion would only take longer to say so.
        hopeless = looping and result.no_speech > _LOOP_NO_SPEECH
        if not hopeless and (looping or repeating_tail(result.tokens) is not None):
            result = self._run(samples, min(MAX_WINDOW_S, window_s + SECOND_OPINION_S))
            looping = result.cut_off
        tokens = _without_loop(result.tokens) if looping else result.tokens
        text = self._tokenizer.decode(tokens, skip_special_tokens=True).strip()
        if is_nothing(text, result.no_speech, result.log_probability, looping=looping):
            text = ""
        return Heard(text, result.no_speech, result.log_probability if tokens else None)

    def tokens(self, text: str) -> list[int]:
        """The tokens of `text`, with none around them."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def encode_and_begin(
        self, mel: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.float32], float, npt.NDArray[np.float32]]:
        """What the encoder makes of a spectrogram, and how a transcript of it would begin.

        Args:
            mel: Shape ``(80, frames)``, an even number of frames.

        Returns:
            The encoder's vectors, shape ``(frames / 2, size)``; the probability that nobody speaks; and the logits of
            the first token, shape ``(tokens,)``.
        """
        encoded = self._model.encode(self._as_storage(np.ascontiguousarray(mel[np.newaxis])), to_cpu=True)
        result = self._model.generate(
            encoded,
            [self._prompt],
            beam_size=1,
            sampling_temperature=0,
            max_length=2,  # CTranslate2 leaves half of it to the prompt
            return_logits_vocab=True,
            return_no_speech_prob=True,
        )[0]
        vectors = np.array(encoded, np.float32)[0]
        return vectors, float(result.no_speech_prob), np.array(result.logits[0][0], np.float32)

    def _run(self, samples: Samples, window_s: float) -> _Pass:
        window = np.zeros(round(window_s * CLOCK_HZ), np.float32)
        window[: len(samples)] = samples
        features = log_mel(window)
        # The encoder halves the frames; an odd one at the end would only be silence.
        even = np.ascontiguousarray(features[np.newaxis, :, : features.shape[1] // 2 * 2])
        # Nobody says more than this; whoever seems to, loops.
        allowed = 6 + int(8 * len(samples) / CLOCK_HZ)
        result = self._model.generate(
            self._as_storage(even),
            [self._prompt],
            beam_size=1,
            sampling_temperature=0,
            max_length=2 * allowed,  # CTranslate2 leaves half of it to the prompt
            return_scores=True,
            return_no_speech_prob=True,
        )[0]
        tokens: list[int] = result.sequences_ids[0]
        # The score is the mean over the tokens; the end token counts as one more, as in the reference implementation.
        log_probability = float(result.scores[0]) * len(tokens) / (len(tokens) + 1)
        return _Pass(tokens, len(tokens) >= allowed, float(result.no_speech_prob), log_probability)


def is_nothing(text: str, no_speech: float, log_probability: float, *, looping: bool) -> bool:
    """Should `text` be taken for noise that the model made words of?

    Tuned on 499 windows of noise (0.3 to 8 s) and 580 of speech, clean, quiet, and in street noise at 10 dB.

    Args:
        text: What the model said.
        no_speech: Its probability that nobody spoke.
        log_probability: Mean log-probability of the tokens.
        looping: It went on saying the same until it was cut off, in both passes; `log_probability` then says nothing.
    """
    words = re.sub(r"[^\w ]", "", text).strip().lower()
    return (
        not words
        or no_speech > _SURE_NOTHING
        or (looping and no_speech > _LOOP_NO_SPEECH)
        or (words in _STOCK_PHRASES and no_speech > _STOCK_NO_SPEECH)
        or any(no_speech > above and log_probability < below for above, below in _DOUBTFUL)
    )


def repeating_tail(tokens: Sequence[int], *, max_period: int = 24, min_times: int = 4) -> tuple[int, int] | None:
    """Find a phrase that is repeated up to the end.

    Returns:
        Where the first time starts and how many tokens it has, for the longest tail that repeats at least
        `min_times` times (the last may be incomplete); None if there is none.
    """
    best: tuple[int, int] | None = None
    for period in range(1, min(max_period, len(tokens) // 2) + 1):
        start = len(tokens) - period
        while start > 0 and tokens[start - 1] == tokens[start - 1 + period]:
            start -= 1
        if len(tokens) - start > (min_times - 1) * period and (best is None or start < best[0]):
            best = (start, period)
    return best


def _without_loop(tokens: list[int]) -> list[int]:
    tail = repeating_tail(tokens, min_times=2)
    return tokens if tail is None else tokens[: tail[0] + tail[1]]


def peak_level_dbfs(samples: Samples) -> float:
    """The level of the loudest tenth of a second, so that one word in a long pause counts."""
    if len(samples) == 0:
        return -np.inf
    power = np.square(samples, dtype=np.float64)
    if len(power) > _LEVEL_SAMPLES:
        whole = len(power) // _LEVEL_SAMPLES * _LEVEL_SAMPLES
        power = power[:whole].reshape(-1, _LEVEL_SAMPLES)
        loudest = float(power.mean(axis=1).max())
    else:
        loudest = float(power.mean())
    return float(10 * np.log10(loudest)) if loudest > 0 else -np.inf
