"""Scenario files as files of tests: each run of a file is a test. Loaded by pytest only."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from turnscope._errors import AudioError, ConfigError, TurnscopeError
from turnscope.sim import Failure, Scenario, load_scenarios
from turnscope.testing._held import CallsOfTest
from turnscope.testing._simulate import told

__all__ = ["ScenarioFile", "ScenarioItem"]

_EXPECTATION = re.compile(r"expect\[(\d+)\]")
_TABLE = re.compile(r"^\s*\[\[\s*expect\s*\]\]", re.MULTILINE)


class ScenarioFile(pytest.File):
    """A file ``*.scenario.toml``."""

    def collect(self) -> Iterable[pytest.Item]:
        """A test for each of its runs."""
        try:
            scenarios = load_scenarios(self.path)
        except (ConfigError, AudioError) as error:
            raise self.CollectError(str(error)) from None
        for scenario in scenarios:
            yield ScenarioItem.from_parent(self, name=scenario.name, scenario=scenario)


class ScenarioItem(pytest.Item):
    """One run of a scenario file.

    Attributes:
        calls: The call that it holds.
        seed: Instead of the scenario's own.
    """

    obj = None  # pytest-trio looks at this attribute of every item

    def __init__(self, name: str, parent: ScenarioFile, scenario: Scenario) -> None:
        super().__init__(name, parent)
        self._scenario = scenario
        self.seed: int | None = None
        self.calls = CallsOfTest(name, self.path.parent)

    def runtest(self) -> None:
        """Hold the call, and compare it with what its file expects."""
        scenario = self._scenario
        if scenario.servers:
            pytest.skip(f"{scenario.servers[0]}: a server knows no virtual time; see turnscope simulate --realtime")
        seed = scenario.seed if self.seed is None else self.seed
        held = self.calls.begin(scenario.name, seed)
        try:
            call = held.finish(scenario.run(seed=seed, **held.watched({})))
        except TurnscopeError as error:
            pytest.fail(str(error), pytrace=False)
        failures = scenario.check(call)
        if failures:
            held.wrong = failures[0]
            pytest.fail(told(self._placed(failures)), pytrace=False)

    def reportinfo(self) -> tuple[os.PathLike[str], int | None, str]:
        """Where it is, and its name."""
        return self.path, None, self.name

    def _placed(self, failures: Iterable[Failure]) -> list[str]:
        """What is wrong, a line each that begins with the place in the file."""
        text = self.path.read_text(encoding="utf-8")
        lines = [text.count("\n", 0, table.end()) + 1 for table in _TABLE.finditer(text)]
        path = _relative(self.path, self.config.rootpath)
        placed = []
        for failure in failures:
            expectation = _EXPECTATION.match(failure.key)
            index = int(expectation[1]) if expectation else len(lines)
            place = f"{path}:{lines[index]}" if index < len(lines) else path
            placed.append(f"{place}: {failure.message.removeprefix(f'{failure.source}: ')}")
        return placed


def _relative(path: Path, root: Path) -> str:
    return str(path.relative_to(root) if path.is_relative_to(root) else path)
