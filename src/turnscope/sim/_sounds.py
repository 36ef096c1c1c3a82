"""What a step of a scenario file, or its background, sounds like: recordings, word code, noises, and their levels."""

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from turnscope._errors import AudioError, ConfigError
from turnscope.core import CLOCK_HZ, Samples, db_to_gain
from turnscope.sim._corpus_noise import NOISES, noise
from turnscope.sim._corpus_rooms import level_db
from turnscope.sim._wordcode import encode_words
from turnscope.transports import read_audio

__all__ = ["SoundTable", "at_level", "looped", "make_sound", "sounding_level_db", "under_speech"]

_FRAME = CLOCK_HZ // 100
_QUIET_DB = 30.0
"""What is so much softer than the loudest 10 ms of a sound is a pause in it."""

_SEAM = CLOCK_HZ // 50
"""Where a background begins anew, its end fades into its beginning for so long."""

NOISE_S = 1.0
"""How long a noise lasts unless something else is said."""


class SoundTable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The keys that say what something sounds like."""

    audio: str | None = None
    words: str | None = None
    noise: str | None = None
    duration_s: float | None = None
    noise_seed: int | None = None
    gain_db: float | None = None
    level_dbfs: float | None = None


def make_sound(table: SoundTable, key: str, folder: Path) -> tuple[Samples, str]:
    """The sound that `table`, at the key path `key`, describes, and a name for it.

    Raises:
        ConfigError: Something in it is wrong. The message begins with the key path.
        AudioError: The recording is missing or broken; the message is alike.
    """
    if table.noise is None:
        for name in ("duration_s", "noise_seed"):
            if getattr(table, name) is not None:
                raise ConfigError(f"{key}.{name}: only means something beside noise")
    if table.audio is not None:
        sound, name = _recorded(folder / table.audio, f"{key}.audio"), table.audio
    elif table.noise is not None:
        sound, name = _noise(table, table.noise, key), table.noise
    else:
        sound, name = encode_words(table.words or "")[0], table.words or ""
        if not len(sound):
            raise ConfigError(f"{key}.words: must hold a word")
    if table.gain_db is not None and table.level_dbfs is not None:
        raise ConfigError(f"{key}.level_dbfs: means nothing beside gain_db")
    if table.level_dbfs is not None:
        _check_db(f"{key}.level_dbfs", table.level_dbfs, -100, 0)
        return at_level(sound, table.level_dbfs), name
    gain_db = table.gain_db or 0.0
    _check_db(f"{key}.gain_db", gain_db, -100, 60)
    return _louder(sound, gain_db), name


def sounding_level_db(samples: Samples) -> float:
    """The mean power of what sounds in `samples`, its pauses left out, in dB below full scale.

    A pause is what is 30 dB softer than the loudest 10 ms. ITU-T P.56 measures the level of speech with more care.
    """
    whole = samples[: max(len(samples) // _FRAME, 1) * _FRAME]
    frames = whole.reshape(-1, _FRAME) if len(whole) >= _FRAME else whole.reshape(1, -1)
    powers = np.square(frames, dtype=np.float64).mean(axis=1)
    loud = frames[powers >= powers.max() * 10 ** (-_QUIET_DB / 10)]
    return level_db(loud.astype(np.float32))


def at_level(samples: Samples, level_dbfs: float) -> Samples:
    """`samples` as loud as `level_dbfs`, measured by `sounding_level_db`."""
    return _louder(samples, level_dbfs - sounding_level_db(samples))


def looped(samples: Samples) -> Samples:
    """`samples` so that they can begin anew where they end: their end fades into their beginning."""
    seam = min(_SEAM, len(samples) // 2)
    ramp = np.linspace(0, 1, seam, dtype=np.float32)
    body = samples[: len(samples) - seam].copy()
    body[:seam] = body[:seam] * ramp + samples[len(samples) - seam :] * (1 - ramp)
    return body


def under_speech(sound: Samples, snr_db: float, speech: Sequence[Samples]) -> Samples:
    """`sound` so loud that `speech` is `snr_db` louder, all of it taken together."""
    return at_level(sound, sounding_level_db(np.concatenate(list(speech))) - snr_db)


def _recorded(path: str | os.PathLike[str], key: str) -> Samples:
    try:
        sound = read_audio(path, CLOCK_HZ)
    except AudioError as error:
        raise AudioError(f"{key}: {error}") from error
    if not len(sound):
        raise AudioError(f"{key}: {path}: holds no audio")
    return sound


def _noise(table: SoundTable, kind: str, key: str) -> Samples:
    if kind not in NOISES:
        raise ConfigError(f"{key}.noise: unknown noise {kind!r}; one of {', '.join(NOISES)}")
    duration_s = NOISE_S if table.duration_s is None else table.duration_s
    if not 0.01 <= duration_s <= 600:
        raise ConfigError(f"{key}.duration_s: must be from 0.01 to 600, got {duration_s:g}")
    seed = table.noise_seed or 0
    if seed < 0:
        raise ConfigError(f"{key}.noise_seed: must not be negative, got {seed}")
    return noise(kind, np.random.default_rng([seed, *kind.encode()]), duration_s)


def _louder(samples: Samples, gain_db: float) -> Samples:
    louder: Samples = samples * np.float32(db_to_gain(gain_db))
    return louder


def _check_db(key: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise ConfigError(f"{key}: must be from {least:g} to {most:g}, got {value:g}")
