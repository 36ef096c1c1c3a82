"""The caller's script of a scenario file: reads ``[[caller]]`` and ``[[background]]``, table by table."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from turnscope._errors import ConfigError
from turnscope.core import CLOCK_HZ, Samples
from turnscope.sim._background import Background
from turnscope.sim._caller import HangUp, Moment, Play, Step
from turnscope.sim._scenario_moments import MomentTable, check_seconds, read_moment
from turnscope.sim._sounds import SoundTable, looped, make_sound, under_speech
from turnscope.sim._tables import convert

__all__ = ["BackgroundTable", "CallerSettings", "RepeatTable", "StepTable", "read_backgrounds", "read_script"]

MOST_REPEATS = 10_000

_LOOP_S = 20.0
"""How much of a noise in the background is made before it begins anew."""


class StepTable(MomentTable, forbid_unknown_fields=True, kw_only=True):
    """One table of ``[[caller]]``."""

    hang_up: bool = False
    speech: bool | None = None
    speech_starts_s: float | None = None
    speaker: str = ""
    repeat: int = 1


class RepeatTable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A table of ``[[caller]]`` that repeats several steps."""

    repeat: int
    steps: list[StepTable]


class BackgroundTable(SoundTable, forbid_unknown_fields=True, kw_only=True):
    """One table of ``[[background]]``."""

    snr_db: float | None = None
    from_s: float = 0.0
    until_s: float | None = None


@dataclass(frozen=True, slots=True)
class CallerSettings:
    """What of the rest of a file concerns its caller.

    Attributes:
        folder: What the paths of recordings are relative to.
        max_s: How long the call may last.
        hang_up_after_s: Without a step that says when: they hang up when both have been quiet for so long.
        word_coded: Whether anybody understands word code.
    """

    folder: Path
    max_s: float
    hang_up_after_s: float
    word_coded: bool


def read_script(tables: Sequence[Any], settings: CallerSettings) -> tuple[Step, ...]:
    """The script that the tables of ``[[caller]]`` describe; it ends with a `HangUp`.

    Raises:
        ConfigError: Something in the tables is wrong. The message begins with the key path.
        AudioError: A recording is missing or broken; the message is alike.
    """
    if not tables:
        raise ConfigError("caller: must have at least one step")
    script: list[Step] = []
    for index, table in enumerate(tables):
        script += _steps(table, f"caller[{index}]", settings, over=bool(script) and isinstance(script[-1], HangUp))
    if not isinstance(script[-1], HangUp):
        script.append(HangUp(Moment(settings.hang_up_after_s, "quiet")))
    return tuple(script)


def read_backgrounds(tables: Sequence[Any], script: Sequence[Step], folder: Path) -> tuple[Background, ...]:
    """What the tables of ``[[background]]`` describe; `script` is what a signal-to-noise ratio is measured against.

    Raises:
        ConfigError, AudioError: As for `read_script`.
    """
    return tuple(_background(table, f"background[{index}]", script, folder) for index, table in enumerate(tables))


def _steps(table: Any, key: str, settings: CallerSettings, *, over: bool) -> Iterator[Step]:
    """The steps of one table, as often as it repeats them."""
    if over:
        raise ConfigError(f"{key}: the caller has hung up before it")
    if isinstance(table, dict) and "steps" in table:
        group = convert(table, RepeatTable, key)
        keyed = [(step, f"{key}.steps[{index}]") for index, step in enumerate(group.steps)]
        if not keyed:
            raise ConfigError(f"{key}.steps: must have at least one step")
        times = group.repeat
    else:
        keyed = [(convert(table, StepTable, key), key)]
        times = keyed[0][0].repeat
    if not 1 <= times <= MOST_REPEATS:
        raise ConfigError(f"{key}.repeat: must be from 1 to {MOST_REPEATS}, got {times}")
    made: list[Step] = []
    for step, at in keyed:
        if "steps" in table and step.repeat != 1:
            raise ConfigError(f"{at}.repeat: means nothing inside of what is repeated")
        if times > 1 and step.at_s is not None:
            raise ConfigError(f"{at}.at_s: happens once, and cannot be repeated")
        if (made and isinstance(made[-1], HangUp)) or (times > 1 and step.hang_up):
            raise ConfigError(f"{at}: the caller has hung up before it" if made else f"{at}.hang_up: happens once")
        made.append(_step(step, at, settings))
    for _ in range(times):
        yield from made


def _step(step: StepTable, key: str, settings: CallerSettings) -> Step:
    if step.words is not None and not settings.word_coded:
        raise ConfigError(f'{key}.words: only stt "fake" understands them; give audio instead')
    if step.at_s is not None and step.at_s > settings.max_s:
        raise ConfigError(f"{key}.at_s: must not be after max_s ({settings.max_s:g}), got {step.at_s:g}")
    given = [name for name in ("audio", "words", "noise") if getattr(step, name) is not None]
    given += ["hang_up"] * step.hang_up
    if len(given) != 1:
        listed = " and ".join(given) or "none"
        raise ConfigError(f"{key}: must have exactly one of audio, words, noise and hang_up = true, got {listed}")
    moment = read_moment(step, key)
    if step.hang_up:
        for name in ("speech", "speech_starts_s", "gain_db", "level_dbfs", "duration_s", "noise_seed"):
            if getattr(step, name) is not None:
                raise ConfigError(f"{key}.{name}: means nothing for hang_up")
        return HangUp(moment, step.speaker)
    sound, name = make_sound(step, key, settings.folder)
    return Play(sound, moment, _label(step, key, len(sound)), name, step.speaker)


def _label(step: StepTable, key: str, length: int) -> int | None:
    """Where the speech begins in the sound; None for a noise."""
    is_speech = step.noise is None if step.speech is None else step.speech
    if not is_speech:
        if step.speech_starts_s is not None:
            beside = "noise" if step.speech is None else "speech = false"
            raise ConfigError(f"{key}.speech_starts_s: means nothing beside {beside}")
        return None
    starts_s = step.speech_starts_s or 0.0
    check_seconds(f"{key}.speech_starts_s", starts_s)
    if starts_s >= length / CLOCK_HZ:
        raise ConfigError(f"{key}.speech_starts_s: must lie inside the sound, which lasts {length / CLOCK_HZ:g} s")
    return round(starts_s * CLOCK_HZ)


def _background(table: Any, key: str, script: Sequence[Step], folder: Path) -> Background:
    given: BackgroundTable = convert(table, BackgroundTable, key)
    kinds = [name for name in ("audio", "noise") if getattr(given, name) is not None]
    if len(kinds) != 1 or given.words is not None:
        raise ConfigError(f"{key}: must have exactly one of audio and noise, got {' and '.join(kinds) or 'none'}")
    if given.noise is not None and given.duration_s is None:
        given.duration_s = _LOOP_S
    sound, _ = make_sound(given, key, folder)
    if given.snr_db is not None:
        sound = _at_ratio(sound, given, key, script)
    check_seconds(f"{key}.from_s", given.from_s)
    if given.until_s is not None and given.until_s <= given.from_s:
        raise ConfigError(f"{key}.until_s: must be after from_s ({given.from_s:g}), got {given.until_s:g}")
    stop = None if given.until_s is None else round(given.until_s * CLOCK_HZ)
    return Background(looped(sound), round(given.from_s * CLOCK_HZ), stop)


def _at_ratio(sound: Samples, given: BackgroundTable, key: str, script: Sequence[Step]) -> Samples:
    for name in ("gain_db", "level_dbfs"):
        if getattr(given, name) is not None:
            raise ConfigError(f"{key}.{name}: means nothing beside snr_db")
    speech = [step.audio for step in script if isinstance(step, Play) and step.speech_start is not None]
    if not speech:
        raise ConfigError(f"{key}.snr_db: the caller never speaks; give level_dbfs instead")
    if not -60 <= (given.snr_db or 0.0) <= 100:
        raise ConfigError(f"{key}.snr_db: must be from -60 to 100, got {given.snr_db:g}")
    return under_speech(sound, given.snr_db or 0.0, speech)
