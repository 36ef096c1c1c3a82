"""The hooks of the pytest plugin that are needed once a test has held a call. Loaded by `pytest_turnscope` only."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from pytest_turnscope import CURRENT_TEST, seed_given, terminal
from turnscope._errors import TurnscopeError
from turnscope.testing._artifacts import Artifacts
from turnscope.testing._held import CallsOfTest
from turnscope.testing._scenario_items import ScenarioItem
from turnscope.testing._section import section
from turnscope.testing._simulate import Simulate
from turnscope.testing._virtual_time import with_clock, without_clock

__all__ = ["Plugin", "loaded"]

NAME = "turnscope.testing"
CALLS: pytest.StashKey[CallsOfTest] = pytest.StashKey()
PROPERTY = "turnscope_artifacts"
CLOCKLESS, CLOCKED = "_turnscope_clockless", "_turnscope_clocked"
"""Attributes of an async property test that can be given a clock, and of what gives it one."""


def loaded(config: pytest.Config) -> "Plugin":
    """The plugin of this run of pytest, which begins to work with the first call of this function."""
    plugin: Plugin | None = config.pluginmanager.get_plugin(NAME)
    if plugin is None:
        plugin = Plugin(config)
        config.pluginmanager.register(plugin, NAME)
    return plugin


class Plugin:
    """Remembers the calls of the test that runs, and tells of them if it fails.

    Attributes:
        simulate: What the fixture gives.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._seed = seed_given(config)
        self._artifacts = _artifacts(config)
        self._latest: dict[Path, CallsOfTest] = {}
        self.simulate = Simulate(self._calls, seed=self._seed, check=config.getini("turnscope_check"))
        self._property_tests: set[str] = set()

    def _calls(self) -> CallsOfTest:
        """The calls of the test that runs."""
        item = self._config.stash[CURRENT_TEST]
        calls = item.stash.setdefault(CALLS, CallsOfTest(item.name, item.path.parent))
        self._latest[item.path] = calls
        return calls

    def give_clock(self, item: pytest.Function) -> None:
        """Have an async property test run in virtual time."""
        self._property_tests.add(item.nodeid)
        handle = item.obj.hypothesis
        if not hasattr(handle.inner_test, CLOCKLESS):  # tests that differ in parameters only share it
            handle.inner_test = without_clock(handle.inner_test)
            setattr(handle.inner_test, CLOCKLESS, True)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Forget the calls of an earlier try at this test, and give a scenario its seed."""
        if CALLS in item.stash:
            del item.stash[CALLS]
        if isinstance(item, ScenarioItem):
            item.seed = self._seed
            item.calls = item.stash[CALLS] = CallsOfTest(item.name, item.path.parent)

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None]:
        """Give an async property test its clock, when pytest-trio has wrapped it."""
        if item.nodeid in self._property_tests and isinstance(item, pytest.Function):
            handle = item.obj.hypothesis
            if not hasattr(handle.inner_test, CLOCKED):
                handle.inner_test = with_clock(handle.inner_test)
                setattr(handle.inner_test, CLOCKED, True)
        yield

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, Any]:
        """Tell of the calls of a test that failed, and keep them."""
        outcome = yield
        report: pytest.TestReport = outcome.get_result()
        calls = item.stash.get(CALLS, None)
        if calls is None and "simulate" in getattr(item, "fixturenames", ()):
            calls = self._latest.get(item.path)  # held by a fixture that several tests share
        if calls is None or not calls.held:
            return
        if not report.failed:
            if report.when == "call" and self._artifacts is not None:
                self._artifacts.forget(item.nodeid)
            return
        width, ascii_only = terminal(self._config)
        text = section(calls.held[-1], number=calls.count, count=calls.count, width=width, ascii_only=ascii_only)
        report.sections.append(("turnscope: timeline", f"{text}\n{self._kept(item, calls)}"))

    def _kept(self, item: pytest.Item, calls: CallsOfTest) -> str:
        """Keep the calls, and say where."""
        if self._artifacts is None:
            return "not kept: give a folder with --turnscope-artifacts"
        try:
            folder = self._artifacts.keep(item.nodeid, calls.held)
        except (TurnscopeError, OSError) as error:
            return f"not kept: {error}"
        item.user_properties[:] = [(name, value) for name, value in item.user_properties if name != PROPERTY]
        item.user_properties.append((PROPERTY, str(folder)))
        here = self._config.invocation_params.dir
        return f"kept in {folder.relative_to(here) if folder.is_relative_to(here) else folder}"


def _artifacts(config: pytest.Config) -> Artifacts | None:
    """Where calls are kept: as given, else in pytest's cache, if there is one."""
    text = str(config.getini("turnscope_artifacts_mb"))
    if not text.isdecimal():
        raise pytest.UsageError(f"turnscope_artifacts_mb: must be a whole number, got {text!r}")
    given, configured = config.getoption("turnscope_artifacts"), config.getini("turnscope_artifacts")
    if given:
        folder = config.invocation_params.dir / given
    elif configured:
        folder = config.rootpath / configured
    elif (cache := getattr(config, "cache", None)) is not None:
        folder = Path(cache.mkdir("turnscope"))
    else:
        return None
    return Artifacts(folder, int(text) * 1_000_000)
