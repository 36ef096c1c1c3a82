"""An evaluation in lines for people."""

import math
from collections.abc import Iterable, Iterator

from turnscope.observe import Latency, PerMinute, Rate
from turnscope.sim import GOALS, Evaluation, FrontierPoint

__all__ = ["evaluation_lines", "frontier_lines"]


def evaluation_lines(evaluation: Evaluation) -> Iterator[str]:
    """The lines: a table of what was measured beside what is wanted, then the weakest cells."""
    yield f"{'':34}{'measured':>10}   {'95 % interval':18}{'of':>12}   goal"
    yield _share("interruptions yielded to", evaluation.yielded_to, "≥")
    yield _time("onset to yield, p50", evaluation.onset_to_yield.p50, evaluation.onset_to_yield)
    yield _time("onset to yield, p95", evaluation.onset_to_yield.p95, evaluation.onset_to_yield)
    yield _time("onset to silence, median", evaluation.onset_to_silence.p50, evaluation.onset_to_silence)
    yield _time("onset to decision, median", evaluation.onset_to_decision.p50, evaluation.onset_to_decision)
    yield _time("onset to decision, p95", evaluation.onset_to_decision.p95, evaluation.onset_to_decision)
    yield _share("backchannels talked through", evaluation.talked_through, "≥")
    yield _share("interrupted before the speech", evaluation.early, "")
    yield _often("false stops a minute of noise", evaluation.noise_stops)
    for kind, stops in evaluation.stops_by_kind:
        if stops.count:
            yield _often(f"  {kind or 'other'}", stops)
    yield _often("steps back a minute of noise", evaluation.noise_yields)
    yield _often("stops a minute of its own echo", evaluation.echo_stops)
    if evaluation.weakest:
        yield ""
        yield "weakest cells (dealt with rightly):"
    for cell in evaluation.weakest:
        yield f"  {cell.name:40} {cell.right.count} of {cell.right.of}"


def frontier_lines(points: Iterable[FrontierPoint]) -> Iterator[str]:
    """What other policies would have made of it, a line each."""
    yield ""
    yield f"{'policies':36}{'yielded to':>12}{'decision p50':>14}{'p95':>8}{'talked through':>16}{'stops a minute':>16}"
    for point in points:
        yield (
            f"{point.name:36}{_number(100 * point.yielded_to.value, '.1f', ' %'):>12}"
            f"{_number(point.onset_to_decision.p50, '.2f', ' s'):>14}"
            f"{_number(point.onset_to_decision.p95, '.2f', ' s'):>8}"
            f"{_number(100 * point.talked_through.value, '.1f', ' %'):>16}"
            f"{_number(point.noise_stops.value, '.2f', ''):>16}"
        )


def _line(name: str, measured: str, interval: str, of: str, goal: str) -> str:
    return f"{name:34}{measured:>10}   {interval:18}{of:>12}   {goal}".rstrip()


def _share(name: str, rate: Rate, sign: str) -> str:
    low, high = rate.interval
    goal = f"{sign} {100 * GOALS[name]:.0f} %" if name in GOALS else ""
    interval = f"{100 * low:.1f} to {100 * high:.1f} %" if rate.of else ""
    return _line(name, _number(100 * rate.value, ".1f", " %"), interval, f"{rate.count} of {rate.of}", goal)


def _time(name: str, value_s: float, latency: Latency) -> str:
    goal = f"≤ {GOALS[name]:g} s" if name in GOALS else ""
    return _line(name, _number(value_s, ".2f", " s"), "", f"n = {latency.n}", goal)


def _often(name: str, stops: PerMinute) -> str:
    low, high = stops.interval
    goal = f"≤ {GOALS[name]:g}" if name in GOALS else ""
    interval = f"{low:.2f} to {high:.2f}" if stops.minutes else ""
    return _line(name, _number(stops.value, ".2f", ""), interval, f"{stops.minutes:.1f} min", goal)


def _number(value: float, form: str, unit: str) -> str:
    return "–" if math.isnan(value) else f"{value:{form}}{unit}"
