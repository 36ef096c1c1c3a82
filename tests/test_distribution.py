from importlib.metadata import PackageNotFoundError, distribution, entry_points
from pathlib import Path

import pytest

from turnscope._version import __version__

SOURCE = Path(__file__).parent.parent / "src"

try:
    DISTRIBUTION = distribution("turnscope")
except PackageNotFoundError:
    pytest.skip("turnscope is on the path but not installed", allow_module_level=True)


def test_the_installed_version_is_the_one_in_the_source() -> None:
    assert DISTRIBUTION.version == __version__


def test_everything_in_the_package_is_installed() -> None:
    if any(file.suffix == ".pth" for file in DISTRIBUTION.files or ()):
        pytest.skip("an editable install copies nothing")
    installed = {file.as_posix() for file in DISTRIBUTION.files or ()}
    here = {
        path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*") if path.is_file() and path.suffix != ".pyc"
    }
    assert "turnscope/py.typed" in here
    assert here - installed == set()


def test_the_command_is_installed() -> None:
    (command,) = entry_points(group="console_scripts", name="turnscope")
    assert command.value == "turnscope.cli:main"


def test_the_plugin_is_installed_under_its_own_name() -> None:
    (plugin,) = entry_points(group="pytest11", name="pytest_turnscope")
    assert plugin.value == plugin.name
