"""Makes an `Agent` from the table `[agent]` of a scenario file, whose keys are the arguments of the classes it names.

A setting that a class gains can be written in a file at once. Every complaint names the key path that it is about.
"""

import inspect
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args, get_origin, get_type_hints

import msgspec

from turnscope._errors import ConfigError
from turnscope.core import (
    AllConfirm,
    AnyConfirms,
    DetectorPolicy,
    Filler,
    FirstDecides,
    InterruptionPolicy,
    MinConfidence,
    MinSpeech,
    MinWords,
    ScoreThresholds,
    ScoreVeto,
    ThinkingSound,
    Veto,
    WordsPolicy,
)
from turnscope.providers import (
    LLM,
    STT,
    TTS,
    VAD,
    EnergyVAD,
    InterruptionDetector,
    OpenAIChatLLM,
    PiperTTS,
    ScriptedLLM,
    SileroVAD,
    WhisperDetector,
    WhisperSTT,
)
from turnscope.session import Agent, load_lexicon
from turnscope.sim._fake_detector import FakeDetector
from turnscope.sim._fakes import FakeSTT, FakeTTS, FakeVAD

_SECRET = "a secret does not belong in a file; name an environment variable as api_key_env"
_CODE = "it can only be given in code"


@dataclass(frozen=True, slots=True)
class _Choice:
    """Something that a table can name.

    Attributes:
        make: Its class; the table's other keys are its arguments.
        refused: Arguments that a file cannot give, and why.
        from_environment: Keys that name an environment variable, and the arguments that get its value.
        is_server: It talks to a program outside, for which virtual time does not hold.
    """

    make: type[object]
    refused: Mapping[str, str] = field(default_factory=dict)
    from_environment: Mapping[str, str] = field(default_factory=dict)
    is_server: bool = False


_CHOICES: dict[type, tuple[str, dict[str, _Choice]]] = {
    VAD: (
        "provider",
        {
            "silero": _Choice(SileroVAD, refused={"weights": _CODE}),
            "energy": _Choice(EnergyVAD),
            "fake": _Choice(FakeVAD),
        },
    ),
    STT: ("provider", {"whisper": _Choice(WhisperSTT), "fake": _Choice(FakeSTT)}),
    LLM: (
        "provider",
        {
            "scripted": _Choice(ScriptedLLM),
            "openai": _Choice(
                OpenAIChatLLM,
                refused={"api_key": _SECRET, "client": _CODE},
                from_environment={"api_key_env": "api_key"},
                is_server=True,
            ),
        },
    ),
    TTS: ("provider", {"piper": _Choice(PiperTTS), "fake": _Choice(FakeTTS)}),
    InterruptionDetector: ("provider", {"whisper": _Choice(WhisperDetector), "fake": _Choice(FakeDetector)}),
    Filler: (
        "kind",
        {"words": _Choice(Filler), "sound": _Choice(ThinkingSound, refused={"samples": _CODE, "hz": _CODE})},
    ),
    InterruptionPolicy: (
        "kind",
        {
            "detector": _Choice(DetectorPolicy),
            "words": _Choice(WordsPolicy),
            "min_speech": _Choice(MinSpeech),
            "min_words": _Choice(MinWords),
            "min_confidence": _Choice(MinConfidence),
            "score_veto": _Choice(ScoreVeto),
            "score_thresholds": _Choice(ScoreThresholds),
            "first_decides": _Choice(FirstDecides),
            "all_confirm": _Choice(AllConfirm),
            "any_confirms": _Choice(AnyConfirms),
            "veto": _Choice(Veto),
        },
    ),
}
"""For each protocol, or the first of several types: the key that chooses, and what it can choose."""

_DEFAULTS: dict[str, dict[str, object]] = {
    "vad": {"provider": "silero"},
    "stt": {"provider": "whisper"},
    "tts": {"provider": "piper"},
}
"""What an agent is made of when its table does not say."""


@dataclass(frozen=True, slots=True)
class ListedAgent:
    """An agent from a file.

    Attributes:
        agent: The agent.
        servers: Key paths of the providers that are programs outside, for which virtual time does not hold.
    """

    agent: Agent
    servers: tuple[str, ...]


def make_agent(table: Mapping[str, object], folder: Path, path: str = "agent") -> ListedAgent:
    """The agent that `table` describes.

    Args:
        table: As TOML gives it.
        folder: What relative paths in it are relative to.
        path: The key path of the table, for complaints.

    Raises:
        ConfigError: A key is unknown, missing or wrong, or a provider is unknown. The message begins with the key path.
    """
    maker = _Maker(folder)
    agent = cast(Agent, maker.build(_Choice(Agent, refused={"tools": _CODE}), {**_DEFAULTS, **table}, path))
    return ListedAgent(agent, tuple(maker.servers))


class _Maker:
    """Builds values of a type from what TOML gives, from the outside in."""

    def __init__(self, folder: Path) -> None:
        self.servers: list[str] = []
        self._folder = folder

    def build(self, choice: _Choice, table: object, path: str, default: object = None) -> object:
        """What is chosen, made with the keys of `table` as arguments; other fields are those of `default`, if given."""
        hints = get_type_hints(choice.make.__init__)
        parameters = inspect.signature(choice.make).parameters
        known = [*(name for name in parameters if name not in choice.refused), *choice.from_environment]
        arguments: dict[str, object] = {}
        for key, value in convert(table, dict[str, Any], path).items():
            at = f"{path}.{key}"
            if key in choice.refused:
                raise ConfigError(f"{at}: {choice.refused[key]}")
            if key not in known:
                raise ConfigError(f"{at}: unknown key; known here: {', '.join(known)}")
            if key in choice.from_environment:
                arguments[choice.from_environment[key]] = _environment(convert(value, str, at), at)
            else:
                arguments[key] = self.value(hints[key], value, at, parameters[key].default)
        for name in known:
            if name in parameters and parameters[name].default is inspect.Parameter.empty and name not in arguments:
                raise ConfigError(f"{path}.{name}: is missing")
        if is_dataclass(default):
            arguments = {name: getattr(default, name) for name in parameters} | arguments
        try:
            return choice.make(**arguments)
        except ConfigError as error:
            raise ConfigError(at_key(path, str(error), parameters)) from error

    def value(self, hint: Any, value: object, path: str, default: object = None) -> object:
        """`value` as the type `hint`."""
        if type(None) in get_args(hint):  # what may be None is something else when a table says what it is
            hint = next((part for part in get_args(hint) if part in _CHOICES), hint)
        if hint in _CHOICES:
            return self._chosen(*_CHOICES[hint], value, path)
        if InterruptionDetector in get_args(hint):
            words: dict[object, object] = {"auto": "auto", "none": None}
            if isinstance(value, str) and value in words:
                return words[value]
            return self._chosen(*_CHOICES[InterruptionDetector], value, path)
        if isinstance(hint, type) and is_dataclass(hint):
            return self.build(_Choice(hint), value, path, default if isinstance(default, hint) else None)
        if get_origin(hint) is Sequence and ((item := get_args(hint)[0]) in _CHOICES or is_dataclass(item)):
            listed = convert(value, list[Any], path)
            return [self.value(item, part, f"{path}[{index}]", None) for index, part in enumerate(listed)]
        if hint == frozenset[str] and isinstance(value, str):
            return self._lexicon(value, path)
        if get_origin(hint) is Callable:
            raise ConfigError(f"{path}: {_CODE}")
        if Path in (hint, *get_args(hint)):
            return self._folder / convert(value, str, path)
        return convert(value, hint, path)

    def _lexicon(self, name: str, path: str) -> frozenset[str]:
        try:
            return load_lexicon(self._folder / name)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from error

    def _chosen(self, key: str, choices: Mapping[str, _Choice], value: object, path: str) -> object:
        table = dict(convert(value, dict[str, Any], path))
        if key not in table:
            raise ConfigError(f"{path}.{key}: is missing; one of {', '.join(choices)}")
        name = convert(table.pop(key), str, f"{path}.{key}")
        if name not in choices:
            raise ConfigError(f"{path}.{key}: unknown {key} {name!r}; one of {', '.join(choices)}")
        if choices[name].is_server:
            self.servers.append(path)
        return self.build(choices[name], table, path)


def _environment(variable: str, path: str) -> str:
    value = os.environ.get(variable)
    if not value:
        raise ConfigError(f"{path}: the environment variable {variable} is not set")
    return value


# Complaints


def at_key(path: str, message: str, known: Mapping[str, object]) -> str:
    """A complaint ``key must be ...`` about the table at `path`, as ``path.key: must be ...`` if the key is `known`."""
    found = re.match(r"(\w+)((?:\[\d+\])?(?:\.\w+)*):? +(.*)", message, re.DOTALL)
    if found is None or found[1] not in known:
        return f"{path}: {message}"
    return f"{path}.{found[1]}{found[2]}: {found[3]}"


def convert(value: object, wanted: Any, path: str) -> Any:
    """`value`, as TOML gives it, checked to be of the type `wanted`.

    Raises:
        ConfigError: It is not; the message begins with `path`, or with the key in it that is wrong.
    """
    may_be = [wanted, *get_args(wanted)] if type(None) in get_args(wanted) else [wanted]
    for choice in may_be:
        if get_origin(choice) is Literal and value not in get_args(choice):
            raise ConfigError(f"{path}: must be one of {', '.join(map(repr, get_args(choice)))}, got {value!r}")
    try:
        return msgspec.convert(value, wanted)
    except msgspec.ValidationError as error:
        raise ConfigError(_plain(str(error), path, wanted)) from error


_KINDS = {
    "float": "a number",
    "int": "a whole number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
}


def _plain(message: str, path: str, wanted: Any) -> str:
    """What msgspec says, in the words of TOML."""
    message, _, where = message.partition(" - at `$")
    where = where.rstrip("`").replace("[...]", "")
    path = (path + where).lstrip(".")
    if found := re.fullmatch(r"Object contains unknown field `(.*)`", message):
        known = _keys_at(wanted, re.findall(r"\w+", re.sub(r"\[\d+\]", "", where)))
        return f"{path}.{found[1]}: unknown key; known here: {', '.join(known)}".lstrip(".")
    if found := re.fullmatch(r"Object missing required field `(.*)`", message):
        return f"{path}.{found[1]}: is missing".lstrip(".")
    if found := re.fullmatch(r"Expected `(.*)`, got `(.*)`", message):
        wanted = [_KINDS.get(kind, kind) for kind in found[1].split(" | ") if kind != "null"]
        return f"{path}: must be {' or '.join(wanted)}, got {_KINDS.get(found[2], found[2])}"
    return f"{path}: {message}"


def _keys_at(kind: Any, path: Sequence[str]) -> Sequence[str]:
    """The keys of the struct that lies at `path` in a type; none if there is no such struct."""
    if get_args(kind):
        return next((keys for part in get_args(kind) if (keys := _keys_at(part, path))), ())
    known: Sequence[str] = getattr(kind, "__struct_fields__", ())
    if not path or path[0] not in known:
        return () if path else known
    return _keys_at(get_type_hints(kind)[path[0]], path[1:])
