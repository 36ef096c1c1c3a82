"""The report and the timeline show which tools were called, and what became of the calls."""

import io
from functools import cache
from typing import Any

from rich.console import Console

from tests.session.calls import speech
from tests.session.tooling import clerk, slow
from turnscope.observe import make_report, render_timeline
from turnscope.sim import Call, HangUp, Moment, Step, simulate


@cache
def ordered() -> Call:
    """One call, which returns."""
    return simulate(clerk(slow(1.0)), [speech("two lattes", 0.2), HangUp(Moment(6.0))], seed=1)


@cache
def gone_on() -> Call:
    """Two calls, one place, and the caller goes on: the first call is cancelled, the other never starts."""
    order, price = slow(5.0), slow(1.0)
    agent = clerk(order, type(price)(price.function, name="price"), max_concurrent_tools=1)
    script: list[Step] = [speech("both please", 0.2), speech("wait three.", 3.5), HangUp(Moment(9.0))]
    return simulate(agent, script, seed=1)


def test_the_report_tells_of_each_call() -> None:
    call = gone_on()
    made: Any = make_report(call.events, call.user, call.agent)
    order, price = made["turns"][0]["tools"]
    assert (order["call"], order["tool"], order["attempt"], order["kind"]) == ("1.1.1", "order", 1, "cancelled")
    assert order["started_sample"] < order["settled_sample"]
    assert order["text"] == "Cancelled, because the caller went on speaking."
    assert (price["kind"], price["started_s"], price["settled_s"]) == ("never started", None, None)
    assert made["counts"]["tools_started"] == 1


def test_the_timeline_tells_of_each_call() -> None:
    call = gone_on()
    out = io.StringIO()
    Console(file=out, width=120).print(render_timeline(call.events, call.user, call.agent))
    assert "tool order: cancelled after" in out.getvalue()
    assert "tool price: never started" in out.getvalue()
