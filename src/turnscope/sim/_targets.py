"""What is to be explored, named so that another process can find it, too."""

import functools
import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from turnscope._errors import ConfigError
from turnscope.sim._agent_import import load_function, name_of
from turnscope.sim._rehearsal import Hold, LikeSimulate
from turnscope.sim._scenario import Scenario, load_scenario, load_scenarios
from turnscope.sim._simulate import Call

__all__ = ["Target", "load_conversation", "make_target"]


@dataclass(frozen=True, slots=True)
class Target:
    """A conversation by its name.

    Attributes:
        name: What the command line calls it.
        load: Gives the function that holds it; called once in each process.
    """

    name: str
    load: Callable[[], Hold]

    def check_can_travel(self) -> None:
        """See that another process can be told of it.

        Raises:
            ConfigError: It cannot.
        """
        try:
            pickle.dumps(self)
        except Exception as error:
            raise ConfigError(
                f"jobs: {self.name} cannot be given to other processes ({error}); "
                "name a scenario file, or a function of a module"
            ) from error


def make_target(conversation: Scenario | Hold | str | os.PathLike[str]) -> Target:
    """A conversation that is given as a scenario or its file, or as a function or its name.

    Args:
        conversation: A scenario; the path of one, with ``[variant]`` behind it where the file holds several; a
            function; or ``"module:function"``.

    Raises:
        ConfigError: There is no such file or function, or it is wrong.
    """
    if isinstance(conversation, Scenario):
        if conversation.path is None:
            return Target(conversation.name, functools.partial(_of_scenario, conversation))
        variant = f"[{conversation.variant}]" if conversation.variant else ""
        return make_target(f"{conversation.path}{variant}")
    if isinstance(conversation, str) and ":" in conversation and not Path(conversation).exists():
        return Target(conversation, functools.partial(load_function, conversation))
    if isinstance(conversation, str | os.PathLike):
        return Target(str(conversation), functools.partial(_of_file, str(conversation)))
    return Target(name_of(conversation), functools.partial(_same, conversation))


def load_conversation(conversation: Scenario | Hold | str | os.PathLike[str]) -> Hold:
    """The function that holds a conversation, however it is given. See `turnscope.sim.explore`.

    Raises:
        ConfigError: There is no such file or function, or it is wrong.
    """
    return make_target(conversation).load()


def _of_file(name: str) -> Hold:
    path, bracket, variant = name.rpartition("[")
    if not bracket or not variant.endswith("]") or Path(name).exists():
        return _of_scenario(load_scenario(name))
    found = {scenario.variant: scenario for scenario in load_scenarios(path)}
    if variant[:-1] not in found:
        raise ConfigError(f"{path}: there is no run {variant[:-1]!r}; it holds {', '.join(map(repr, found))}")
    return _of_scenario(found[variant[:-1]])


def _of_scenario(scenario: Scenario) -> Hold:
    def hold(simulate: LikeSimulate) -> Call:
        return scenario.run(hold=simulate)

    return hold


def _same(hold: Hold) -> Hold:
    return hold
