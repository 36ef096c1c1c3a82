"""Scenario files: a whole call in TOML, agent and caller, checked to the last key before anything is run."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from turnscope._errors import AudioError, ConfigError
from turnscope.core import CLOCK_HZ, Failed, Samples
from turnscope.session import Agent, Sink, Tap
from turnscope.sim._agent_table import ListedAgent, make_agent
from turnscope.sim._background import Background
from turnscope.sim._bad_days import LatencyTable, with_bad_days
from turnscope.sim._caller import Step
from turnscope.sim._expectations import expectation_kind
from turnscope.sim._expectations_of_turns import TurnExpectation
from turnscope.sim._expecting import Expectation, Failure
from turnscope.sim._fakes import FakeSTT
from turnscope.sim._faulty import Faulty
from turnscope.sim._media import Media
from turnscope.sim._media_table import MediaTable, read_echo, read_media
from turnscope.sim._parameters import ParameterSet, parameter_sets, with_parameters
from turnscope.sim._promises import broken_promises
from turnscope.sim._scenario_moments import check_seconds
from turnscope.sim._scenario_steps import CallerSettings, read_backgrounds, read_script
from turnscope.sim._seen import Seen
from turnscope.sim._simulate import Call, simulate
from turnscope.sim._tables import convert, read_toml

__all__ = ["SCENARIO_SUFFIX", "Scenario", "load_scenario", "load_scenarios"]

VERSION = 1
"""Of the format of scenario files."""

SCENARIO_SUFFIX = ".scenario.toml"
"""How the names of scenario files end, so that they are found among other files."""


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
        background: What goes on around the caller.
        media: The way from the caller to the session; None for a perfect one.
        echo: What the caller's microphone hears of the agent: an impulse response at 16 kHz.
        servers: Key paths of providers that are programs outside, so that the call cannot be held in virtual time.
        path: The file that it was read from.
        variant: What tells it from the other runs of its file; empty when the file has one.
        parameters: The values that it has for that.
        expectations: What its call has to be like; see `check`.
        promises: Whether `check` looks at what every call has to keep, too.
        new_agent: Makes the agent anew for each call, where code of the user's makes it; None where it is a mere value.
    """

    name: str
    agent: Agent
    script: tuple[Step, ...]
    seed: int = 0
    frame_s: float = 0.02
    max_s: float = 600.0
    background: tuple[Background, ...] = ()
    media: Media | None = None
    echo: Samples | None = None
    servers: tuple[str, ...] = ()
    path: Path | None = None
    variant: str = ""
    parameters: Mapping[str, object] = field(default_factory=dict)
    expectations: tuple[Expectation, ...] = ()
    promises: bool = True
    new_agent: Callable[[], Agent] | None = None

    @property
    def source(self) -> str:
        """The file that it was read from, and which of its runs it is: for messages."""
        return f"{self.path or self.name}{f' [{self.variant}]' if self.variant else ''}"

    def run(
        self,
        agent: Agent | None = None,
        *,
        realtime: bool = False,
        seed: int | None = None,
        sinks: tuple[Sink, ...] = (),
        recorder: Tap | None = None,
        hold: Callable[..., Call] = simulate,
    ) -> Call:
        """Hold the call.

        Args:
            agent: Who answers, instead of the agent that the file describes.
            realtime: On the wall clock, with worker threads, as a live session would.
            seed: Instead of the scenario's own.
            sinks: See `turnscope.session.open_session`.
            recorder: See there, too.
            hold: Holds it, instead of `turnscope.sim.simulate`.

        Raises:
            ConfigError: It cannot be held in virtual time, or a model is not installed.
        """
        if agent is None and self.servers and not realtime:
            raise ConfigError(
                f"{self.path or self.name}: {self.servers[0]}: a server knows no virtual time; "
                "run it in real time (--realtime)"
            )
        return hold(
            self._answering() if agent is None else agent,
            self.script,
            seed=self.seed if seed is None else seed,
            realtime=realtime,
            frame_s=self.frame_s,
            max_s=self.max_s,
            background=self.background,
            media=self.media,
            media_seed=self.seed,
            echo=self.echo,
            sinks=sinks,
            recorder=recorder,
        )

    def _answering(self) -> Agent:
        return self.agent if self.new_agent is None else self.new_agent()

    def check(self, call: Call) -> tuple[Failure, ...]:
        """What of `call` is not as it should be, in the order of the file; nothing if all is well.

        First come the promises that every call has to keep, then turns that failed although no expectation is about
        their outcome, then the expectations.
        """
        seen = Seen(call)
        found = [Failure("promises", promise, None) for promise in broken_promises(call)] if self.promises else []
        found += self._failed_turns(seen)
        for index, expectation in enumerate(self.expectations):
            found += expectation.check(seen, f"expect[{index}]")
        return tuple(replace(failure, source=self.source) for failure in found)

    def _failed_turns(self, seen: Seen) -> list[Failure]:
        expected = [each.turn for each in self.expectations if isinstance(each, TurnExpectation) and each.outcome]
        known = {number - 1 if number > 0 else len(seen.turns) + number for number in expected}
        return [
            Failure(
                f"turn {index + 1}",
                f"failed: {turn.outcome.provider}: {turn.outcome.message}",
                None if turn.ended is None else turn.ended / CLOCK_HZ,
            )
            for index, turn in enumerate(seen.turns)
            if isinstance(turn.outcome, Failed) and index not in known
        ]


def load_scenario(path: str | os.PathLike[str]) -> Scenario:
    """Read a scenario file that holds one run. Its format is described in ``docs/scenarios.md``.

    Raises:
        ConfigError: The file cannot be read, holds several runs, or something in it is wrong. The message is one line
            that names the file and, as a path like ``caller[2].at_s``, the key; lists are counted from 0.
        AudioError: A recording that it names is missing or broken; the message is alike.
    """
    scenarios = load_scenarios(path)
    if len(scenarios) > 1:
        raise ConfigError(f"{path}: holds {len(scenarios)} runs, where one is wanted")
    return scenarios[0]


def load_scenarios(path: str | os.PathLike[str]) -> list[Scenario]:
    """Read a scenario file: one scenario for each set of its parameters, or one if it has none.

    Raises:
        ConfigError, AudioError: As for `load_scenario`.
    """
    path = Path(path)
    run = ParameterSet("", {})
    try:
        table = read_toml(path)
        if table.get("version") != VERSION:
            raise ConfigError(f"version: must be {VERSION}, which is the format that this Turnscope reads")
        scenarios = []
        for run in _runs(table):
            filled = with_parameters(table, run.values)
            made = _made(convert(filled, ScenarioTable, ""), path)
            name = f"{made.name}[{run.name}]" if run.name else made.name
            scenarios.append(replace(made, name=name, variant=run.name, parameters=run.values))
        return scenarios
    except (ConfigError, AudioError) as error:
        which = f" [{run.name}]" if run.name else ""
        raise type(error)(f"{path}{which}: {error}") from error.__cause__


def _runs(table: dict[str, object]) -> list[ParameterSet]:
    """Take the parameters out of `table`."""
    rows: list[dict[str, object]] = convert(table.pop("parameters", []), list[dict[str, Any]], "parameters")
    matrix: dict[str, object] = convert(table.pop("matrix", {}), dict[str, Any], "matrix")
    return parameter_sets(rows, {name: convert(value, list[Any], f"matrix.{name}") for name, value in matrix.items()})


class ScenarioTable(msgspec.Struct, forbid_unknown_fields=True):
    """The whole file, apart from its parameters."""

    version: int
    agent: dict[str, Any] | str
    caller: list[Any]
    background: list[Any] = []
    media: MediaTable | None = None
    latency: LatencyTable = msgspec.field(default_factory=LatencyTable)
    faults: list[Any] = []
    expect: list[Any] = []
    promises: bool = True
    name: str | None = None
    seed: int = 0
    frame_ms: float = 20.0
    max_s: float = 600.0
    hang_up_after_s: float = 3.0


def _made(file: ScenarioTable, path: Path) -> Scenario:
    if not 1 <= file.frame_ms <= 1000 or not (file.frame_ms * CLOCK_HZ / 1000).is_integer():
        raise ConfigError(f"frame_ms: must be from 1 to 1000 and a whole number of samples, got {file.frame_ms:g}")
    check_seconds("max_s", file.max_s)
    if not file.max_s:
        raise ConfigError("max_s: must be positive, got 0")
    check_seconds("hang_up_after_s", file.hang_up_after_s)
    listed = _agent(file, path)
    word_coded = isinstance(_innermost(listed.agent.stt), FakeSTT)
    script = read_script(file.caller, CallerSettings(path.parent, file.max_s, file.hang_up_after_s, word_coded))
    return Scenario(
        name=_default_name(path) if file.name is None else file.name,
        agent=listed.agent,
        script=script,
        background=read_backgrounds(file.background, script, path.parent),
        media=read_media(file.media, word_coded=word_coded),
        echo=None if file.media is None else read_echo(file.media.echo, path.parent),
        seed=file.seed,
        frame_s=file.frame_ms / 1000,
        max_s=file.max_s,
        servers=listed.servers,
        path=path,
        expectations=tuple(_expectation(table, f"expect[{index}]") for index, table in enumerate(file.expect)),
        promises=file.promises,
        new_agent=(lambda: _agent(file, path).agent) if listed.factory else None,
    )


def _agent(file: ScenarioTable, path: Path) -> ListedAgent:
    listed = make_agent(file.agent, path.parent)
    return replace(listed, agent=with_bad_days(listed.agent, file.latency, file.faults, file.seed))


def _innermost(provider: object) -> object:
    """The provider itself, whatever is around it."""
    while isinstance(provider, Faulty):
        provider = provider.inner
    return provider


def _default_name(path: Path) -> str:
    return path.name.removesuffix(SCENARIO_SUFFIX).removesuffix(".toml")


def _expectation(table: Any, key: str) -> Expectation:
    expectation: Expectation = convert(table, expectation_kind(table), key)
    expectation.read(key)
    if set(table) <= {"turn", "overlap"}:
        raise ConfigError(f"{key}: expects nothing; known here: {', '.join(expectation.__struct_fields__)}")
    return expectation
