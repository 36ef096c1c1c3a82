"""Makes an `Agent` from the table `[agent]` of a scenario file, whose keys are the arguments of the classes it names.

A setting that a class gains can be written in a file at once. Every complaint names the key path that it is about.
"""

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

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
from turnscope.session import Agent, Tool, load_lexicon
from turnscope.sim._agent_import import load_agent
from turnscope.sim._fake_detector import FakeDetector
from turnscope.sim._fakes import FakeSTT, FakeTTS, FakeVAD
from turnscope.sim._scripted_tools import ToolTable, make_tool
from turnscope.sim._tables import at_key, convert

_SECRET = "a secret does not belong in a file; name an environment variable as api_key_env"
_CODE = "it can only be given in code"


@dataclass(frozen=True, slots=True)
class Choice:
    """Something that a table can name.

    Attributes:
        make: Its class; the table's other keys are its arguments.
        refused: Arguments that a file cannot give, and why.
        from_environment: Keys that name an environment variable, and the arguments that get its value.
    """

    make: type[object]
    refused: Mapping[str, str] = field(default_factory=dict)
    from_environment: Mapping[str, str] = field(default_factory=dict)


CHOICES: dict[type, tuple[str, dict[str, Choice]]] = {
    VAD: (
        "provider",
        {
            "silero": Choice(SileroVAD, refused={"weights": _CODE}),
            "energy": Choice(EnergyVAD),
            "fake": Choice(FakeVAD),
        },
    ),
    STT: ("provider", {"whisper": Choice(WhisperSTT), "fake": Choice(FakeSTT)}),
    LLM: (
        "provider",
        {
            "scripted": Choice(ScriptedLLM),
            "openai": Choice(
                OpenAIChatLLM,
                refused={"api_key": _SECRET, "client": _CODE},
                from_environment={"api_key_env": "api_key"},
            ),
        },
    ),
    TTS: ("provider", {"piper": Choice(PiperTTS), "fake": Choice(FakeTTS)}),
    InterruptionDetector: ("provider", {"whisper": Choice(WhisperDetector), "fake": Choice(FakeDetector)}),
    Filler: (
        "kind",
        {"words": Choice(Filler), "sound": Choice(ThinkingSound, refused={"samples": _CODE, "hz": _CODE})},
    ),
    InterruptionPolicy: (
        "kind",
        {
            "detector": Choice(DetectorPolicy),
            "words": Choice(WordsPolicy),
            "min_speech": Choice(MinSpeech),
            "min_words": Choice(MinWords),
            "min_confidence": Choice(MinConfidence),
            "score_veto": Choice(ScoreVeto),
            "score_thresholds": Choice(ScoreThresholds),
            "first_decides": Choice(FirstDecides),
            "all_confirm": Choice(AllConfirm),
            "any_confirms": Choice(AnyConfirms),
            "veto": Choice(Veto),
        },
    ),
}
"""For each protocol, or the first of several types: the key that chooses, and what it can choose."""

SHORT_POLICIES: dict[str, str] = {
    "min_speech_s": "min_speech",
    "min_words": "min_words",
    "min_confidence": "min_confidence",
}
"""Keys beside a ``policy`` that stand for it: a policy of this kind, which goes by the one number."""

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
        factory: What of the user's code has made it, if any has.
    """

    agent: Agent
    servers: tuple[str, ...]
    factory: str | None


def make_agent(table: Mapping[str, object] | str, folder: Path, path: str = "agent") -> ListedAgent:
    """The agent that `table` describes.

    Args:
        table: As TOML gives it: what the agent is made of; or with a key ``factory``, what is different from the agent
            that `load_agent` finds. Just a text is the factory.
        folder: What relative paths in it are relative to.
        path: The key path of the table, for complaints.

    Raises:
        ConfigError: A key is unknown, missing or wrong, or a provider is unknown. The message begins with the key path.
    """
    given = {"factory": table} if isinstance(table, str) else dict(convert(table, dict[str, Any], path))
    factory = given.pop("factory", None)
    maker = _Maker(folder)
    if factory is None:
        agent = cast(Agent, maker.build(Choice(Agent), {**_DEFAULTS, **given}, path))
    else:
        key = path if isinstance(table, str) else f"{path}.factory"
        agent = _imported(convert(factory, str, key), folder, key)
        agent = cast(Agent, maker.build(Choice(Agent), given, path, agent))
    servers = (name for name in ("stt", "llm", "tts") if isinstance(getattr(agent, name), OpenAIChatLLM))
    return ListedAgent(agent, tuple(f"{path}.{name}" for name in servers), factory)


def _imported(factory: str, folder: Path, key: str) -> Agent:
    try:
        return load_agent(factory, folder)
    except ConfigError as error:
        raise ConfigError(f"{key}: {error}") from error.__cause__


S = TypeVar("S")


def changed(settings: S, table: Mapping[str, object], folder: Path, path: str = "agent") -> S:
    """`settings`, a dataclass, with what `table` says, as `make_agent` would read it, and the rest as it was.

    Raises:
        ConfigError: As for `make_agent`.
    """
    return cast(S, _Maker(folder).build(Choice(type(settings)), table, path, settings))


def short_policies(hints: Mapping[str, Any]) -> dict[str, Choice]:
    """The keys that may stand for the policy of a class whose arguments have these types, and what each makes."""
    hint = hints.get("policy")
    if InterruptionPolicy not in (hint, *get_args(hint)):
        return {}
    _, kinds = CHOICES[InterruptionPolicy]
    return {key: kinds[kind] for key, kind in SHORT_POLICIES.items()}


class _Maker:
    """Builds values of a type from what TOML gives, from the outside in."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def build(self, choice: Choice, table: object, path: str, default: object = None) -> object:
        """What is chosen, made with the keys of `table` as arguments; other fields are those of `default`, if given."""
        hints = get_type_hints(choice.make.__init__)
        parameters = inspect.signature(choice.make).parameters
        short = short_policies(hints)
        known = [*(name for name in parameters if name not in choice.refused), *choice.from_environment, *short]
        given = convert(table, dict[str, Any], path)
        policies = [f"{path}.{key}" for key in given if key in ("policy", *short)]
        if short and len(policies) > 1:
            raise ConfigError(f"{policies[1]}: is a policy, and so is {policies[0]}; only one can be given")
        arguments: dict[str, object] = {}
        for key, value in given.items():
            at = f"{path}.{key}"
            if key in choice.refused:
                raise ConfigError(f"{at}: {choice.refused[key]}")
            if key not in known:
                raise ConfigError(f"{at}: unknown key; known here: {', '.join(known)}")
            if key in choice.from_environment:
                arguments[choice.from_environment[key]] = _environment(convert(value, str, at), at)
            elif key in short:
                arguments["policy"] = self.build(short[key], {key: value}, path)
            else:
                usual = parameters[key].default if default is None else getattr(default, key)
                arguments[key] = self.value(hints[key], value, at, usual)
        for name in known if default is None else ():
            if name in parameters and parameters[name].default is inspect.Parameter.empty and name not in arguments:
                raise ConfigError(f"{path}.{name}: is missing")
        if default is not None:
            arguments = {name: getattr(default, name) for name in parameters} | arguments
        try:
            return choice.make(**arguments)
        except ConfigError as error:
            raise ConfigError(at_key(path, str(error), parameters)) from error

    def value(self, hint: Any, value: object, path: str, default: object = None) -> object:
        """`value` as the type `hint`."""
        if InterruptionDetector in get_args(hint) and value in ("auto", "none"):
            return None if value == "none" else value
        if type(None) in get_args(hint):  # what may be None is something else when a table says what it is
            hint = next((part for part in get_args(hint) if part in CHOICES or is_dataclass(part)), hint)
        if hint in CHOICES:
            return self._chosen(*CHOICES[hint], value, path, default)
        if isinstance(hint, type) and is_dataclass(hint):
            return self.build(Choice(hint), value, path, default if isinstance(default, hint) else None)
        if hint == Sequence[Tool]:
            return self._tools(value, path, default)
        if get_origin(hint) is Sequence and ((item := get_args(hint)[0]) in CHOICES or is_dataclass(item)):
            listed = convert(value, list[Any], path)
            return [self.value(item, part, f"{path}[{index}]", None) for index, part in enumerate(listed)]
        if hint == frozenset[str] and isinstance(value, str):
            return self._lexicon(value, path)
        if get_origin(hint) is Callable:
            raise ConfigError(f"{path}: {_CODE}")
        if Path in (hint, *get_args(hint)):
            return self._folder / convert(value, str, path)
        return convert(value, hint, path)

    def _tools(self, value: object, path: str, default: object) -> tuple[Tool, ...]:
        """The tools of a list of tables, and those of `default` that none of them takes the place of."""
        tables = convert(value, list[Any], path)
        made = [
            make_tool(convert(table, ToolTable, f"{path}[{index}]"), f"{path}[{index}]")
            for index, table in enumerate(tables)
        ]
        names = [tool.name for tool in made]
        kept = [tool for tool in cast(Sequence[Tool], default or ()) if tool.name not in names]
        return (*kept, *made)

    def _lexicon(self, name: str, path: str) -> frozenset[str]:
        try:
            return load_lexicon(self._folder / name)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from error

    def _chosen(
        self, key: str, choices: Mapping[str, Choice], value: object, path: str, default: object = None
    ) -> object:
        table = dict(convert(value, dict[str, Any], path))
        same = next((choice for choice in choices.values() if choice.make is type(default)), None)
        if key not in table and same is not None and is_dataclass(default):
            return self.build(same, table, path, default)
        if key not in table:
            raise ConfigError(f"{path}.{key}: is missing; one of {', '.join(choices)}")
        name = convert(table.pop(key), str, f"{path}.{key}")
        if name not in choices:
            raise ConfigError(f"{path}.{key}: unknown {key} {name!r}; one of {', '.join(choices)}")
        return self.build(choices[name], table, path)


def _environment(variable: str, path: str) -> str:
    value = os.environ.get(variable)
    if not value:
        raise ConfigError(f"{path}: the environment variable {variable} is not set")
    return value
