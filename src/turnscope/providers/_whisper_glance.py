"""A glance at the first second of speech: by what Whisper's encoder makes of it, and by how its first word would begin.

Synchronous, and made to run in a worker thread: knows nothing of streams, turns or Trio.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from turnscope._errors import ConfigError
from turnscope.core import CLOCK_HZ, Samples
from turnscope.providers._whisper_decode import SILENCE_DBFS, TARGET_DBFS, WhisperDecoder, peak_level_dbfs
from turnscope.providers._whisper_features import log_mel

__all__ = ["CLASSES", "Glance", "Glancer", "glance_cost_s", "together"]

CLASSES = ("interruption", "backchannel", "noise")
"""What a sound can be, in the order of the network's outputs."""

PADDING_S = 1.5
"""Silence after the sound. Whisper wants to know that it is over; to look at it, no more than this is needed."""

SAMPLES_PER_VECTOR = 320
"""How much sound one vector of the encoder stands for."""

TAIL_VECTORS = 8
"""The newest vectors, which are looked at by themselves, too."""

NODS = (
    "Yeah Yep Yes Yup Yah Okay OK Right Sure Mm Mmm Mhm Mm-hmm Mhmm Hmm Hm Uh Uh-huh Um Oh Ooh Ah Aha Huh Alright "
    "Great Good Cool"
).split()
HUMS = "Mm Mmm Mhm Mm-hmm Hmm Hm Uh Uh-huh Huh Um Ah".split()
"""Words whose beginnings are looked for among the first tokens: nods, and those of them that are not really words."""

WEIGHTS = Path(__file__).parent / "_weights" / "interruption_detector.npz"

Array = npt.NDArray[np.float32]


def glance_cost_s(duration_s: float) -> float:
    """How long a glance at so much sound takes on the reference machine (tiny.en, int8, one thread)."""
    return 0.012 + 0.005 * duration_s


@dataclass(frozen=True, slots=True)
class Glance:
    """What a sound may be. The three add up to 1."""

    interruption: float
    backchannel: float
    noise: float

    def scores(self) -> Iterator[tuple[str, float]]:
        """Names and values."""
        yield from ((name, getattr(self, name)) for name in CLASSES)


def together(glances: Sequence[Glance]) -> Glance:
    """The geometric mean of several, made to add up to 1: what all of them find likely."""
    shares = np.array([[value for _, value in glance.scores()] for glance in glances])
    joint = np.exp(np.log(np.maximum(shares, 1e-12)).mean(axis=0))
    return Glance(*(float(value) for value in joint / joint.sum()))


class Glancer:
    """A loaded model. Stateless between calls; may be shared between threads.

    Args:
        decoder: Whisper tiny.en, as `turnscope.providers.WhisperSTT` loads it.
        weights: The network's, as `tools/train_detector.py` writes them; None where only `features` is used.

    Raises:
        ConfigError: The weights are missing or not of this network.
    """

    def __init__(self, decoder: WhisperDecoder, weights: Path | None = WEIGHTS) -> None:
        self._decoder = decoder
        self._nods = self._first_tokens(NODS)
        self._hums = self._first_tokens(HUMS)
        self._w = {} if weights is None else _load(weights)

    def _first_tokens(self, words: list[str]) -> npt.NDArray[np.int64]:
        """The tokens that the words can begin with, however they are written."""
        cases = {case for word in words for case in (word, word.lower(), word.upper())}
        spellings = {space + case for case in cases for space in ("", " ")}
        return np.array(sorted({self._decoder.tokens(spelling)[0] for spelling in spellings}), np.int64)

    def look(self, samples: Samples, spoken_s: float) -> Glance:
        """Say what `samples` are, of which the last `spoken_s` seconds are speech, or what was taken for it."""
        features = self.features(samples, spoken_s)
        if features is None:
            return Glance(0.0, 0.0, 1.0)
        w = self._w
        seen = np.clip((features - w["mean"]) * w["scale"], -6, 6)
        hidden = np.maximum(np.einsum("i,ih->h", seen, w["w1"]) + w["b1"], 0)
        raw = (np.einsum("h,hk->k", hidden, w["w2"]) + w["b2"]).astype(np.float64)
        shares = np.exp(raw - raw.max())
        return Glance(*(float(share) for share in shares / shares.sum()))

    def features(self, samples: Samples, spoken_s: float) -> Array | None:
        """What the network is given, shape ``(774,)``; None for silence.

        The mean vector of the encoder, the mean of its newest ones, and six numbers: how long somebody has spoken, the
        model's log-odds that nobody speaks, the logarithms of the probabilities that the first word is a nod or a hum,
        and the greatest probability and the entropy of the first token.
        """
        level_dbfs = peak_level_dbfs(samples)
        if level_dbfs < SILENCE_DBFS:
            return None
        loud = samples * np.float32(10 ** ((TARGET_DBFS - level_dbfs) / 20))
        window = np.concatenate([loud, np.zeros(round(PADDING_S * CLOCK_HZ), np.float32)])
        mel = log_mel(window)
        vectors, no_speech, first = self._decoder.encode_and_begin(mel[:, : mel.shape[1] // 2 * 2])
        vectors = vectors[: max(1, len(samples) // SAMPLES_PER_VECTOR)]
        probabilities = np.exp(first - first.max(), dtype=np.float64)
        probabilities /= probabilities.sum()
        likely = probabilities[probabilities > 1e-9]
        numbers = [
            spoken_s,
            np.log((no_speech + 1e-3) / (1 - no_speech + 1e-3)),
            np.log(probabilities[self._nods].sum() + 1e-3),
            np.log(probabilities[self._hums].sum() + 1e-3),
            np.log(likely.max()),
            -float((likely * np.log(likely)).sum()),
        ]
        return np.concatenate([vectors.mean(axis=0), vectors[-TAIL_VECTORS:].mean(axis=0), numbers]).astype(np.float32)


def _load(path: Path) -> dict[str, Array]:
    try:
        with np.load(path) as file:
            return {name: file[name].astype(np.float32) for name in ("mean", "scale", "w1", "b1", "w2", "b2")}
    except (OSError, KeyError, ValueError) as error:
        raise ConfigError(f"{path}: not the weights of the interruption detector ({error})") from error
