"""Scenario files: a whole call in TOML, agent and caller, checked to the last key before anything is run."""

import math
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from turnscope._errors import AudioError, ConfigError
from turnscope.core import CLOCK_HZ, Samples
from turnscope.session import Agent, Sink
from turnscope.sim._agent_table import at_key, convert, make_agent
from turnscope.sim._caller import HangUp, Moment, Play, Step
from turnscope.sim._fakes import FakeSTT
from turnscope.sim._simulate import Call, simulate
from turnscope.sim._wordcode import encode_words
from turnscope.transports import read_audio

__all__ = ["Scenario", "load_scenario"]

VERSION = 1
"""Of the format of scenario files."""

_ANCHORS = {
    "at_s": "call",
    "after_agent_starts_s": "agent_starts",
    "after_agent_stops_s": "agent_stops",
    "after_previous_s": "previous",
    "after_quiet_s": "quiet",
}
"""Keys that say when a step is, and the anchor of a `Moment` that each stands for."""


@dataclass(frozen=True, slots=True, eq=False)
class Scenario:
    """A call that can be held again and again. Made by `load_scenario`.

    Attributes:
        name: What it is called in reports.
        agent: Who answers.
        script: What the caller does; it ends with a `HangUp`.
        seed: For the order in which ready tasks run in virtual time.
        frame_s: Length of the audio frames that the session is given.
        max_s: The caller hangs up after so long at the latest.
        servers: Key paths of providers that are programs outside, so that the call cannot be held in virtual time.
        path: The file that it was read from.
    """

    name: str
    agent: Agent
    script: tuple[Step, ...]
    seed: int = 0
    frame_s: float = 0.02
    max_s: float = 600.0
    servers: tuple[str, ...] = ()
    path: Path | None = None

    def run(
        self,
        agent: Agent | None = None,
        *,
        realtime: bool = False,
        seed: int | None = None,
        sinks: tuple[Sink, ...] = (),
    ) -> Call:
        """Hold the call.

        Args:
            agent: Who answers, instead of the agent that the file describes.
            realtime: On the wall clock, with worker threads, as a live session would.
            seed: Instead of the scenario's own.
            sinks: See `turnscope.session.open_session`.

        Raises:
            ConfigError: It cannot be held in virtual time, or a model is not installed.
        """
        if agent is None and self.servers and not realtime:
            raise ConfigError(
                f"{self.path or self.name}: {self.servers[0]}: a server knows no virtual time; "
                "run it in real time (--realtime)"
            )
        return simulate(
            self.agent if agent is None else agent,
            self.script,
            seed=self.seed if seed is None else seed,
            realtime=realtime,
            frame_s=self.frame_s,
            max_s=self.max_s,
            sinks=sinks,
        )


def load_scenario(path: str | os.PathLike[str]) -> Scenario:
    """Read a scenario file. Its format is described in ``docs/scenarios.md``.

    Raises:
        ConfigError: The file cannot be read, or something in it is wrong. The message is one line that names the file
            and, as a path like ``caller[2].at_s``, the key; lists are counted from 0.
        AudioError: A recording that it names is missing or broken; the message is alike.
    """
    path = Path(path)
    try:
        table = _toml(path)
        if table.get("version") != VERSION:
            raise ConfigError(f"version: must be {VERSION}, which is the format that this Turnscope reads")
        return _made(convert(table, _File, ""), path)
    except (ConfigError, AudioError) as error:
        raise type(error)(f"{path}: {error}") from error.__cause__


def _toml(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError("there is no such file") from None
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"not valid TOML: {error}") from error


class _Step(msgspec.Struct, forbid_unknown_fields=True):
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


class _File(msgspec.Struct, forbid_unknown_fields=True):
    """The whole file."""

    version: int
    agent: dict[str, Any]
    caller: list[Any]
    name: str | None = None
    seed: int = 0
    frame_ms: float = 20.0
    max_s: float = 600.0
    hang_up_after_s: float = 3.0


def _made(file: _File, path: Path) -> Scenario:
    if not 1 <= file.frame_ms <= 1000 or not (file.frame_ms * CLOCK_HZ / 1000).is_integer():
        raise ConfigError(f"frame_ms: must be from 1 to 1000 and a whole number of samples, got {file.frame_ms:g}")
    _check_seconds("max_s", file.max_s)
    if not file.max_s:
        raise ConfigError("max_s: must be positive, got 0")
    _check_seconds("hang_up_after_s", file.hang_up_after_s)
    listed = make_agent(file.agent, path.parent)
    return Scenario(
        name=path.stem if file.name is None else file.name,
        agent=listed.agent,
        script=_script(file, path.parent, word_coded=isinstance(listed.agent.stt, FakeSTT)),
        seed=file.seed,
        frame_s=file.frame_ms / 1000,
        max_s=file.max_s,
        servers=listed.servers,
        path=path,
    )


# The caller's script


def _script(file: _File, folder: Path, *, word_coded: bool) -> tuple[Step, ...]:
    if not file.caller:
        raise ConfigError("caller: must have at least one step")
    script: list[Step] = []
    for index, table in enumerate(file.caller):
        key = f"caller[{index}]"
        step: _Step = convert(table, _Step, key)
        if script and isinstance(script[-1], HangUp):
            raise ConfigError(f"{key}: the caller has hung up before it")
        if step.words is not None and not word_coded:
            raise ConfigError(f'{key}.words: only stt "fake" understands them; give audio instead')
        if step.at_s is not None and step.at_s > file.max_s:
            raise ConfigError(f"{key}.at_s: must not be after max_s ({file.max_s:g}), got {step.at_s:g}")
        script.append(_step(step, key, folder))
    if not isinstance(script[-1], HangUp):
        script.append(HangUp(Moment(file.hang_up_after_s, "quiet")))
    return tuple(script)


def _step(step: _Step, key: str, folder: Path) -> Step:
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


def _moment(step: _Step, key: str) -> Moment:
    given = [name for name in _ANCHORS if getattr(step, name) is not None]
    if len(given) != 1:
        raise ConfigError(f"{key}: must have exactly one of {', '.join(_ANCHORS)}, got {_listed(given)}")
    name = given[0]
    after_s = getattr(step, name)
    _check_seconds(f"{key}.{name}", after_s)
    if step.reply is not None and not name.startswith("after_agent"):
        raise ConfigError(f"{key}.reply: only means something beside after_agent_starts_s or after_agent_stops_s")
    try:
        return Moment(after_s, _ANCHORS[name], step.reply)
    except ConfigError as error:
        raise ConfigError(at_key(key, str(error), {"reply": None})) from error


def _play(step: _Step, key: str, folder: Path, moment: Moment) -> Play:
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


def _label(step: _Step, key: str, length: int) -> int | None:
    """Where the speech begins in the sound; None for a noise."""
    if not step.speech:
        if step.speech_starts_s is not None:
            raise ConfigError(f"{key}.speech_starts_s: means nothing beside speech = false")
        return None
    starts_s = step.speech_starts_s or 0.0
    _check_seconds(f"{key}.speech_starts_s", starts_s)
    if starts_s >= length / CLOCK_HZ:
        raise ConfigError(f"{key}.speech_starts_s: must lie inside the sound, which lasts {length / CLOCK_HZ:g} s")
    return round(starts_s * CLOCK_HZ)


def _louder(audio: Samples, gain_db: float, key: str) -> Samples:
    if not -100 <= gain_db <= 60:
        raise ConfigError(f"{key}.gain_db: must be from -100 to 60, got {gain_db:g}")
    louder: Samples = audio * np.float32(10 ** (gain_db / 20))
    return louder


def _check_seconds(key: str, value: float) -> None:
    if value < 0:
        raise ConfigError(f"{key}: must not be negative, got {value:g}")
    if not math.isfinite(value):
        raise ConfigError(f"{key}: must be a finite number of seconds, got {value}")


def _listed(names: list[str]) -> str:
    return " and ".join(names) or "none"
