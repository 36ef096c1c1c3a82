"""A scored call in lines for people."""

import math
from collections import Counter
from collections.abc import Iterator

from turnscope.core import CLOCK_HZ
from turnscope.observe import Latency, Rate, Score, StopTimes

__all__ = ["score_lines"]


def score_lines(score: Score) -> Iterator[str]:
    """The lines: what there is in the call, the two panels, and how each stop went if events tell."""
    kinds = Counter(segment.kind for segment in score.caller)
    caller = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in sorted(kinds.items())) or "nothing"
    yield f"{score.length / CLOCK_HZ:.1f} s; the caller: {caller}; the agent speaks {len(score.agent)} times"
    panel, duplex = score.interaction, score.full_duplex
    yield ""
    yield "τ-voice panel"
    yield _time("L_R   response latency, mean", panel.response_latency)
    yield _time("L_Y   yield latency, mean", panel.yield_latency)
    yield _share("R_R   turns that were answered", panel.response_rate)
    yield _share("R_Y   interruptions yielded to", panel.yield_rate)
    yield _ratio("I_A   interrupted by the agent, a turn", panel.agent_interruptions)
    yield _share("S_BC  backchannels talked through", panel.rate("backchannel"))
    yield _share("S_VT  vocal tics ignored", panel.rate("vocal_tic"))
    yield _share("S_ND  speech to others ignored", panel.rate("non_directed"))
    yield _share("      noise ignored", panel.rate("noise"))
    yield ""
    yield "Full-Duplex-Bench"
    yield _time("stop latency, mean", duplex.stop_latency)
    yield _time("response latency, mean", duplex.response_latency)
    yield _share("takeover rate", duplex.takeovers)
    yield _time("latency of takeovers, mean", duplex.takeover_latency)
    if score.stops:
        yield ""
        yield from _stops(score)


def _stops(score: Score) -> Iterator[str]:
    yield (
        f"{'how it stopped':14}{'at':>9}{'onset→yield':>14}{'→decision':>12}{'→cancel':>10}{'→last task':>13}"
        f"{'→last sample':>15}"
    )
    for stop in score.stops:
        start = stop.decision if stop.onset is None else stop.onset
        yield (
            f"{f'turn {stop.turn_id}':14}{start / CLOCK_HZ:>7.2f} s{_since(stop, stop.yielded):>14}"
            f"{_since(stop, stop.decision):>12}{_since(stop, stop.cancelled):>10}{_since(stop, stop.last_task):>13}"
            f"{_since(stop, stop.last_sample):>15}"
        )


def _since(stop: StopTimes, sample: int | None) -> str:
    start = stop.decision if stop.onset is None else stop.onset
    return "–" if sample is None else f"{(sample - start) * 1000 / CLOCK_HZ:+.0f} ms".replace("-", "−")


def _line(name: str, measured: str, of: str) -> str:
    return f"  {name:40}{measured:>10}{of:>14}".rstrip()


def _time(name: str, latency: Latency) -> str:
    return _line(name, "–" if math.isnan(latency.mean) else f"{latency.mean:.3f} s", f"n = {latency.n}")


def _share(name: str, rate: Rate) -> str:
    measured = "–" if math.isnan(rate.value) else f"{100 * rate.value:.1f} %"
    return _line(name, measured, f"{rate.count} of {rate.of}")


def _ratio(name: str, rate: Rate) -> str:
    measured = "–" if math.isnan(rate.value) else f"{rate.value:.2f}"
    return _line(name, measured, f"{rate.count} in {rate.of}")
