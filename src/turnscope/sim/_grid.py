"""A grid of settings: every combination of the values that a file lists for some keys of an agent."""

import functools
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from turnscope._errors import ConfigError
from turnscope.sim._evaluating import MakeAgent
from turnscope.sim._evaluation_agent import agent_from_json, agent_table
from turnscope.sim._tables import read_toml

__all__ = ["Grid", "Setting", "load_grid", "put"]

MOST = 10_000
"""More settings than this are a slip of the pen."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One combination.

    Attributes:
        values: Its value of each of the grid's keys, as JSON text.
        table: The whole table ``agent`` that follows, as JSON text.
        folder: What relative paths in it are relative to.
    """

    values: tuple[str, ...]
    table: str
    folder: str

    @property
    def make_agent(self) -> MakeAgent:
        """Makes the agent, in any process."""
        return functools.partial(agent_from_json, self.table, self.folder)


@dataclass(frozen=True, slots=True)
class Grid:
    """All combinations.

    Attributes:
        keys: The dotted keys of the agent that vary, in the order of the file.
        settings: The combinations; the last key's values change fastest.
    """

    keys: tuple[str, ...]
    settings: tuple[Setting, ...]


def load_grid(path: Path, agent: Path | None = None) -> Grid:
    """Read a grid from a TOML file.

    Its table ``[grid]`` has lists of values for keys of the agent, with the names and dots of a scenario's table
    ``[agent]``: ``interruption.policy.confirm_at = [0.7, 0.8]``. What does not vary stands in a table ``[agent]`` of
    the same file, or of another one.

    Args:
        path: The file.
        agent: A file with a table ``[agent]``, if this one has none.

    Raises:
        ConfigError: The file cannot be read, or a key or value is wrong, or makes no agent. The message names the
            file, and the key or the combination.
    """
    try:
        document = read_toml(path)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    unknown = sorted(document.keys() - {"agent", "grid"})
    if unknown:
        raise ConfigError(f"{path}: {unknown[0]}: unknown table; known are agent, grid")
    if "agent" in document and agent is not None:
        raise ConfigError(f"{path}: agent: is given twice, here and in {agent}")
    base = document.get("agent", {}) if agent is None else agent_table(agent)
    if not isinstance(base, dict):
        raise ConfigError(f"{path}: agent: must be a table, got {base!r}")
    varied = dict(_lists(document.get("grid", {}), f"{path}: grid"))
    if not varied:
        raise ConfigError(f"{path}: grid: is missing, or lists nothing")
    folder = str((path if agent is None else agent).absolute().parent)
    return Grid(tuple(varied), tuple(_settings(varied, base, folder, path)))


def _lists(table: object, where: str, prefix: str = "") -> Iterator[tuple[str, Sequence[object]]]:
    """Every list in a tree of tables, by its dotted key."""
    if not isinstance(table, dict):
        raise ConfigError(f"{where}: must be a table, got {table!r}")
    for key, value in table.items():
        dotted = f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _lists(value, where, f"{dotted}.")
        elif isinstance(value, list) and value:
            yield dotted, value
        else:
            raise ConfigError(f"{where}.{dotted}: must be a list of values, got {value!r}")


def _settings(
    varied: Mapping[str, Sequence[object]], base: Mapping[str, object], folder: str, path: Path
) -> Iterator[Setting]:
    count = 1
    for values in varied.values():
        count *= len(values)
    if count > MOST:
        raise ConfigError(f"{path}: grid: has {count} combinations; at most {MOST} are sensible")
    for combination in itertools.product(*varied.values()):
        named = ", ".join(f"{key} = {value!r}" for key, value in zip(varied, combination, strict=True))
        try:
            table: dict[str, object] = json.loads(json.dumps(base))
            for key, value in zip(varied, combination, strict=True):
                put(table, key, value)
            setting = Setting(tuple(json.dumps(value) for value in combination), json.dumps(table), folder)
            setting.make_agent()
        except (ConfigError, TypeError) as error:  # TypeError: TOML knows dates, JSON does not
            raise ConfigError(f"{path}: grid: with {named}: {error}") from error
        yield setting


def put(table: dict[str, object], dotted: str, value: object) -> None:
    """Give a key of an agent's table, such as ``interruption.policy.kind``, a value.

    Raises:
        ConfigError: What it lies in is no table.
    """
    *tables, last = dotted.split(".")
    for depth, name in enumerate(tables, 1):
        inner = table.setdefault(name, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"agent.{'.'.join(tables[:depth])}: is no table, but {inner!r}")
        table = inner
    table[last] = value
