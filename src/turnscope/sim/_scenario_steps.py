"""The caller's script of a scenario file: reads ``[[caller]]``, table by table, into steps."""

import math
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from turnscope._errors import AudioError, ConfigError
from turnscope.core import CLOCK_HZ, Samples
from turnscope.sim._agent_table import at_key, convert
from turnscope.sim._caller import HangUp, Moment, Play, Step
from turnscope.sim._wordcode import encode_words
from turnscope.transports import read_audio

__all__ = ["StepTable", "check_seconds", "read_script"]

_ANCHORS = {
    "at_s": "call",
    "after_agent_starts_s": "agent_starts",
    "after_agent_stops_s": "agent_stops",
    "after_previous_s": "previous",
    "after_quiet_s": "quiet",
}
"""Keys that say when a step is, and the anchor of a `Moment` that each stands for."""


class StepTable(msgspec.Struct, forbid_unknown_fields=True):
    """One table of ``[[caller]]``."""

    audio: str | None = None
    words: str | None = None
    hang_up: bool = False
    at_s: float | None = None
    after_agent_starts_s: float | None = None
    after_agent_stops_s: float | None = None
    after_previous_s: float | None = None
    after_quiet_s: float | None = None
    reply: int | None = None
    speech: bool = True
    speech_starts_s: float | None = None
    gain_db: float = 0.0


def read_script(
    tables: list[Any], folder: Path, *, max_s: float, hang_up_after_s: float, word_coded: bool
) -> tuple[Step, ...]:
    """The script that the tables of ``[[caller]]`` describe; it ends with a `HangUp`.

    Args:
        tables: As TOML gives them.
        folder: What the paths of recordings are relative to.
        max_s: How long the call may last.
        hang_up_after_s: Without a step that says when: they hang up when both have been quiet for so long.
        word_coded: Whether anybody understands word code.

    Raises:
        ConfigError: Something in the tables is wrong. The message begins with the key path.
        AudioError: A recording is missing or broken; the message is alike.
    """
    if not tables:
        raise ConfigError("caller: must have at least one step")
    script: list[Step] = []
    for index, table in enumerate(tables):
        key = f"caller[{index}]"
        step: StepTable = convert(table, StepTable, key)
        if script and isinstance(script[-1], HangUp):
            raise ConfigError(f"{key}: the caller has hung up before it")
        if step.words is not None and not word_coded:
            raise ConfigError(f'{key}.words: only stt "fake" understands them; give audio instead')
        if step.at_s is not None and step.at_s > max_s:
            raise ConfigError(f"{key}.at_s: must not be after max_s ({max_s:g}), got {step.at_s:g}")
        script.append(_step(step, key, folder))
    if not isinstance(script[-1], HangUp):
        script.append(HangUp(Moment(hang_up_after_s, "quiet")))
    return tuple(script)


def _step(step: StepTable, key: str, folder: Path) -> Step:
    given = [name for name in ("audio", "words") if getattr(step, name) is not None] + ["hang_up"] * step.hang_up
    if len(given) != 1:
        raise ConfigError(f"{key}: must have exactly one of audio, words and hang_up = true, got {_listed(given)}")
    moment = _moment(step, key)
    if not step.hang_up:
        return _play(step, key, folder, moment)
    for name, default in (("speech", True), ("speech_starts_s", None), ("gain_db", 0.0)):
        if getattr(step, name) != default:
            raise ConfigError(f"{key}.{name}: means nothing for hang_up")
    return HangUp(moment)


def _moment(step: StepTable, key: str) -> Moment:
    given = [name for name in _ANCHORS if getattr(step, name) is not None]
    if len(given) != 1:
        raise ConfigError(f"{key}: must have exactly one of {', '.join(_ANCHORS)}, got {_listed(given)}")
    name = given[0]
    after_s = getattr(step, name)
    check_seconds(f"{key}.{name}", after_s)
    if step.reply is not None and not name.startswith("after_agent"):
        raise ConfigError(f"{key}.reply: only means something beside after_agent_starts_s or after_agent_stops_s")
    try:
        return Moment(after_s, _ANCHORS[name], step.reply)
    except ConfigError as error:
        raise ConfigError(at_key(key, str(error), {"reply": None})) from error


def _play(step: StepTable, key: str, folder: Path, moment: Moment) -> Play:
    if step.audio is not None:
        name = step.audio
        try:
            audio = read_audio(folder / step.audio, CLOCK_HZ)
        except AudioError as error:
            raise AudioError(f"{key}.audio: {error}") from error
        if not len(audio):
            raise AudioError(f"{key}.audio: {folder / step.audio}: holds no audio")
    else:
        name = step.words or ""
        audio, _ = encode_words(name)
        if not len(audio):
            raise ConfigError(f"{key}.words: must hold a word")
    return Play(_louder(audio, step.gain_db, key), moment, _label(step, key, len(audio)), name)


def _label(step: StepTable, key: str, length: int) -> int | None:
    """Where the speech begins in the sound; None for a noise."""
    if not step.speech:
        if step.speech_starts_s is not None:
            raise ConfigError(f"{key}.speech_starts_s: means nothing beside speech = false")
        return None
    starts_s = step.speech_starts_s or 0.0
    check_seconds(f"{key}.speech_starts_s", starts_s)
    if starts_s >= length / CLOCK_HZ:
        raise ConfigError(f"{key}.speech_starts_s: must lie inside the sound, which lasts {length / CLOCK_HZ:g} s")
    return round(starts_s * CLOCK_HZ)


def _louder(audio: Samples, gain_db: float, key: str) -> Samples:
    if not -100 <= gain_db <= 60:
        raise ConfigError(f"{key}.gain_db: must be from -100 to 60, got {gain_db:g}")
    louder: Samples = audio * np.float32(10 ** (gain_db / 20))
    return louder


def check_seconds(key: str, value: float) -> None:
    """See that `value` is a time that can be waited for.

    Raises:
        ConfigError: It is negative, or none.
    """
    if value < 0:
        raise ConfigError(f"{key}: must not be negative, got {value:g}")
    if not math.isfinite(value):
        raise ConfigError(f"{key}: must be a finite number of seconds, got {value}")


def _listed(names: list[str]) -> str:
    return " and ".join(names) or "none"
