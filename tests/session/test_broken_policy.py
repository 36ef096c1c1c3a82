"""A policy is the application's code: what it raises harms neither the caller nor a provider's good name."""

import pytest

from tests.session.calls import agent, barge_in, of_kind
from turnscope.core import Evidence, Interrupted, InterruptionSettings, PolicyFailed, ProviderFailed, Ruling
from turnscope.sim import simulate


class Broken:
    def judge(self, evidence: Evidence) -> Ruling:
        raise ZeroDivisionError("division by zero")


def test_a_policy_that_raises_is_told_once_and_the_caller_can_still_interrupt(
    caplog: pytest.LogCaptureFixture,
) -> None:
    call = simulate(agent(interruption=InterruptionSettings(policy=Broken())), barge_in())
    told = of_kind(call, PolicyFailed)
    assert [event.policy for event in told] == ["Broken"]
    assert of_kind(call, ProviderFailed) == []
    assert isinstance(call.turns[0].outcome, Interrupted)
    assert call.turns[0].outcome.cause.reason == "user_speaking"
    assert [record.getMessage() for record in caplog.records] == [
        f"the interruption policy Broken failed: {told[0].message}"
    ]
