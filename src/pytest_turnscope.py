"""Turnscope's pytest plugin, as far as pytest loads it at every start: options, and hooks that look for work.

It lies beside the package, because importing anything from `turnscope` imports all of it. The work is done in
`turnscope.testing`, which is loaded when a test asks for `simulate`, a scenario file is found, or an async test runs.
"""

import inspect
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from turnscope.testing import Simulate

SCENARIO_SUFFIX = ".scenario.toml"
CURRENT_TEST: pytest.StashKey[pytest.Item] = pytest.StashKey()
OTHER_LOOPS = ("anyio", "asyncio", "curio", "tornasync", "twisted")
"""Marks of async tests that are not Trio's."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Known to `pytest --help`, and described in ``docs/pytest.md``."""
    group = parser.getgroup("turnscope", "turnscope: calls with voice agents")
    group.addoption(
        "--turnscope-seed",
        type=int,
        metavar="N",
        help="the order of simultaneous things in calls and async tests that say nothing else (default: 0)",
    )
    group.addoption(
        "--turnscope-artifacts",
        metavar="DIR",
        help="where the calls of failed tests are kept (default: pytest's cache)",
    )
    parser.addini("turnscope_seed", "like --turnscope-seed", default="")
    parser.addini("turnscope_artifacts", "like --turnscope-artifacts, relative to the root folder", default="")
    parser.addini("turnscope_artifacts_mb", "so much of it is kept, the newest first", default="256")
    parser.addini("turnscope_check", "whether `simulate` checks each call", type="bool", default=True)
    parser.addini("turnscope_scenarios", f"whether *{SCENARIO_SUFFIX} are tests", type="bool", default=True)
    parser.addini(
        "turnscope_virtual_time",
        "true: all async tests run in virtual time; false: none; not given: those that use `simulate`",
        type="bool",
        default=None,
    )


def pytest_configure(config: pytest.Config) -> None:
    """Name the marks."""
    config.addinivalue_line("markers", "realtime: an async test that runs on the wall clock (turnscope)")
    config.addinivalue_line("markers", "virtual_time: an async test that runs in virtual time (turnscope)")


def pytest_report_header(config: pytest.Config) -> str | None:
    """Tell the seed, if one was given."""
    seed = seed_given(config)
    return None if seed is None else f"turnscope: seed {seed}"


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist what only the process at the terminal knows."""
    node.workerinput["turnscope_terminal"] = terminal(node.config)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> None:
    """Remember whose calls are held next."""
    item.config.stash[CURRENT_TEST] = item


@pytest.fixture(scope="session")
def simulate(request: pytest.FixtureRequest) -> "Simulate":
    """Hold a call with an agent in virtual time, and check that it keeps its promises; see turnscope.testing.Simulate.

    Its scope is the session, so that fixtures of any scope and property tests can use it.
    """
    from turnscope.testing import _plugin

    return _plugin.loaded(request.config).simulate


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Take scenario files for tests."""
    if not file_path.name.endswith(SCENARIO_SUFFIX) or not parent.config.getini("turnscope_scenarios"):
        return None
    from turnscope.testing import _plugin, _scenario_items

    _plugin.loaded(parent.config)
    file: pytest.Collector = _scenario_items.ScenarioFile.from_parent(parent, path=file_path)
    return file


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Have pytest-trio run async tests in virtual time.

    It sees a fixture `autojump_clock` only if the test itself takes it as an argument, so the runner is replaced.
    """
    if not config.pluginmanager.hasplugin("trio"):
        return
    setting = config.getini("turnscope_virtual_time")
    for item in items:
        if not isinstance(item, pytest.Function) or not _is_virtual(item, setting):
            continue
        item.add_marker(pytest.mark.trio(run=partial(_run_in_virtual_time, seed=seed_given(config) or 0)), append=False)
        if hasattr(item.obj, "hypothesis"):
            from turnscope.testing import _plugin

            _plugin.loaded(config).give_clock(item)


def _is_virtual(item: pytest.Function, setting: object) -> bool:
    test = item.obj.hypothesis.inner_test if hasattr(item.obj, "hypothesis") else item.obj
    if not inspect.iscoroutinefunction(test) or item.get_closest_marker("realtime") is not None:
        return False
    if any(item.get_closest_marker(name) is not None for name in OTHER_LOOPS):
        return False
    if item.get_closest_marker("virtual_time") is not None:
        return True
    if isinstance(setting, bool):
        return setting
    definitions = item._fixtureinfo.name2fixturedefs.get("simulate", ())  # the last of them is what it is given
    return any(definition.func.__module__ == __name__ for definition in definitions[-1:])


def _run_in_virtual_time(async_fn: Any, *, seed: int, clock: Any = None, instruments: Any = ()) -> Any:
    from turnscope.testing import _virtual_time

    return _virtual_time.run(async_fn, seed=seed, clock=clock, instruments=instruments)


def seed_given(config: pytest.Config) -> int | None:
    """The seed from the command line, else from the configuration, if there is one."""
    given: int | None = config.getoption("turnscope_seed", None)
    if given is None and str(config.getini("turnscope_seed")).strip():
        text = str(config.getini("turnscope_seed")).strip()
        if not text.removeprefix("-").isdecimal():
            raise pytest.UsageError(f"turnscope_seed: must be a whole number, got {text!r}")
        given = int(text)
    return given


def terminal(config: pytest.Config) -> tuple[int, bool]:
    """How many columns the terminal has, and whether it has only ASCII."""
    told: tuple[int, bool] | None = getattr(config, "workerinput", {}).get("turnscope_terminal")
    if told is not None:
        return told
    reporter = config.pluginmanager.getplugin("terminalreporter")
    encoding = getattr(sys.__stdout__, "encoding", None) or "utf-8"
    return (80 if reporter is None else reporter._tw.fullwidth), not encoding.lower().startswith("utf")
