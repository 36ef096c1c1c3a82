"""What the fixture `simulate` is: `turnscope.sim.simulate` that knows scenario files, checks, and remembers."""

import os
from collections.abc import Callable, Sequence
from typing import Any

from turnscope._errors import ConfigError
from turnscope.session import Agent
from turnscope.sim import (
    Call,
    Failure,
    Scenario,
    Step,
    broken_promises,
    load_scenario,
    simulate,
    simulate_async,
)
from turnscope.testing._held import CallsOfTest, HeldCall
from turnscope.testing._virtual_time import current_compute

__all__ = ["Simulate", "told"]

MOST_FAILURES = 20
"""So many are told of one call."""


class Simulate:
    """Holds calls for tests, checks them, and remembers them for the report of a failure: the fixture ``simulate``.

    Args:
        current: Gives the calls of the test that is running.
        seed: For calls that say nothing else.
        check: Whether calls are checked that say nothing else.
    """

    def __init__(self, current: Callable[[], CallsOfTest], *, seed: int | None = None, check: bool = True) -> None:
        self._current = current
        self._seed = seed
        self._check = check

    def __repr__(self) -> str:
        return "<simulate>"

    def __call__(
        self,
        agent: Agent | None,
        script: Sequence[Step] | str | os.PathLike[str] | Scenario,
        *,
        seed: int | None = None,
        check: bool | None = None,
        **settings: Any,
    ) -> Call:
        """Hold a call.

        Args:
            agent: Who answers; None for the agent of a scenario.
            script: What the caller does: steps, a scenario, or the path of a scenario file, relative to the file of
                the test.
            seed: By default ``--turnscope-seed``, else the scenario's, else 0.
            check: Whether to check that it keeps the promises of every call, and what a scenario expects. By default
                it is, unless ``turnscope_check = false`` is configured.
            settings: Everything else that `turnscope.sim.simulate` takes, or for a scenario `Scenario.run`.

        Raises:
            AssertionError: The call is not as it should be.
            ConfigError: The scenario cannot be read, or there is no agent.
        """
        __tracebackhide__ = True
        calls = self._current()
        given = self._seed if seed is None else seed
        if isinstance(script, str | os.PathLike):
            script = load_scenario(calls.folder / script)
        realtime = settings.get("realtime", False)
        if isinstance(script, Scenario):
            used = script.seed if given is None else given
            held = calls.begin(script.name, None if realtime else used)
            held.finish(script.run(agent, seed=used, **held.watched(settings)))
            return self._judged(held, check, script)
        if agent is None:
            raise ConfigError("there is no agent: steps do not say who answers")
        held = calls.begin(calls.name, None if realtime else given or 0)
        held.finish(simulate(agent, script, seed=given or 0, **held.watched(settings)))
        return self._judged(held, check if settings.get("keep_records", True) else False)

    async def in_trio(
        self, agent: Agent, script: Sequence[Step], *, check: bool | None = None, **settings: Any
    ) -> Call:
        """Hold a call inside an async test, on its clock.

        Args:
            agent: Who answers.
            script: What the caller does.
            check: As for a call of this object.
            settings: Everything else that `turnscope.sim.simulate_async` takes.

        Raises:
            AssertionError: The call is not as it should be.
        """
        __tracebackhide__ = True
        calls = self._current()
        compute = current_compute()
        settings = {"compute": compute, **settings}
        held = calls.begin(calls.name, None if settings["compute"] is None else self._seed or 0)
        held.finish(await simulate_async(agent, script, **held.watched(settings)))
        return self._judged(held, check if settings.get("keep_records", True) else False)

    def _judged(self, held: HeldCall, check: bool | None, scenario: Scenario | None = None) -> Call:
        """Give back the call if it is as it should be."""
        __tracebackhide__ = True
        call = held.call
        if not (self._check if check is None else check):
            return call
        if scenario is not None:
            failures = scenario.check(call)
        else:
            failures = tuple(Failure("promises", broken, None, held.name) for broken in broken_promises(call))
        if failures:
            held.wrong = failures[0]
            raise AssertionError(told([failure.message for failure in failures]))
        return call


def told(failures: Sequence[str]) -> str:
    """What is wrong with a call: the first of these lines, and how many there are more."""
    more = len(failures) - MOST_FAILURES
    return "\n".join([*failures[:MOST_FAILURES], *([f"and {more} more"] if more > 0 else [])])
