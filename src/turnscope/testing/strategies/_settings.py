"""Settings of Hypothesis for tests that hold calls."""

from typing import Any

from hypothesis import Phase, settings

__all__ = ["call_settings"]

PHASES = tuple(phase for phase in Phase if phase is not Phase.explain)


def call_settings(**changes: Any) -> settings:
    """Settings for property tests that hold calls: a decorator, or something to register as a profile.

    There is no deadline, because how long a call takes says more about the machine than about the agent. And nothing is
    explained once a failure is found: for that Hypothesis would trace every line of every further call, which makes it
    several times slower to find the smallest one.

    Args:
        changes: Any other settings, as `hypothesis.settings` takes them, such as ``max_examples``; they also replace
            the two above.
    """
    return settings(**{"deadline": None, "phases": PHASES, **changes})
