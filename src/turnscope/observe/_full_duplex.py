"""Stop latency, response latency and takeovers as Full-Duplex-Bench measures them, from two tracks alone.

Definitions are those of Lin et al., "Full-Duplex-Bench" (arXiv:2503.04721, takeovers) and "Full-Duplex-Bench v1.5"
(arXiv:2507.23159, latencies), as their published evaluation code computes them. It knows nothing of what the caller
says: each overlap counts, whoever spoke first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from turnscope.core import CLOCK_HZ, to_samples
from turnscope.observe._rates import Latency, Rate, latency_of
from turnscope.observe._spans import Span

__all__ = ["AGENT_GAP_S", "TAKEOVER_S", "USER_GAP_S", "FullDuplex", "score_full_duplex"]

USER_GAP_S = 0.6
"""Pauses of the caller up to so long are bridged, in v1.5's code; a comment beside it says 0.3."""

AGENT_GAP_S = 0.5
"""Pauses of the agent up to so long are bridged, in v1.5's code; a comment beside it says 0.05."""

TAKEOVER_S = 1.0
"""An agent that speaks for so long has taken the turn; v1 also counts less with more than three words."""


@dataclass(frozen=True, slots=True)
class FullDuplex:
    """A call as Full-Duplex-Bench sees it.

    Attributes:
        overlaps: Where both speak, each until one of them stops; of several that end within the same millisecond, the
            shortest.
        gaps: From the end of the caller's speech to the next beginning of the agent's; of several that end with the
            same beginning, the shortest.
        takeovers: After how many turns of the caller the agent took the turn.
        takeover_gaps: From the end of these turns to the agent's first sample.
    """

    overlaps: tuple[Span, ...]
    gaps: tuple[Span, ...]
    takeovers: Rate
    takeover_gaps: tuple[Span, ...]

    @property
    def stop_latency(self) -> Latency:
        """v1.5's stop latency: from the beginning of an overlap to its end."""
        return latency_of(_lengths(self.overlaps))

    @property
    def response_latency(self) -> Latency:
        """v1.5's response latency: from the end of the caller's speech to the beginning of the agent's."""
        return latency_of(_lengths(self.gaps))

    @property
    def takeover_latency(self) -> Latency:
        """v1's latency: the same, after turns that the agent took."""
        return latency_of(_lengths(self.takeover_gaps))


def score_full_duplex(caller: Sequence[Span], agent: Sequence[Span]) -> FullDuplex:
    """Score a call.

    Args:
        caller: Where the caller speaks, in order, with pauses up to `USER_GAP_S` bridged.
        agent: Where the agent speaks, with pauses up to `AGENT_GAP_S` bridged.
    """
    taken, gaps = _takeovers(caller, agent)
    return FullDuplex(_overlaps(caller, agent), _gaps(caller, agent), taken, gaps)


def _lengths(spans: Sequence[Span]) -> list[float]:
    return [(span.stop - span.start) / CLOCK_HZ for span in spans]


def _overlaps(caller: Sequence[Span], agent: Sequence[Span]) -> tuple[Span, ...]:
    shortest: dict[int, Span] = {}
    for one in caller:
        for other in agent:
            both = Span(max(one.start, other.start), min(one.stop, other.stop))
            if both.stop <= both.start:
                continue
            end_ms = round(both.stop * 1000 / CLOCK_HZ)
            if end_ms not in shortest or both.start > shortest[end_ms].start:
                shortest[end_ms] = both
    return tuple(shortest[end_ms] for end_ms in sorted(shortest))


def _gaps(caller: Sequence[Span], agent: Sequence[Span]) -> tuple[Span, ...]:
    latest: dict[int, int] = {}
    for said in caller:
        answer = next((span.start for span in agent if span.start > said.stop), None)
        if answer is not None:
            latest[answer] = max(latest.get(answer, 0), said.stop)
    return tuple(Span(end, answer) for answer, end in sorted(latest.items()))


def _takeovers(caller: Sequence[Span], agent: Sequence[Span]) -> tuple[Rate, tuple[Span, ...]]:
    """Whether there is enough of the agent's speech between one turn of the caller and the next, and from when on."""
    gaps: list[Span] = []
    for index, said in enumerate(caller):
        until = caller[index + 1].start if index + 1 < len(caller) else None
        heard = [span for span in agent if span.stop > said.stop and (until is None or span.start < until)]
        if not heard:
            continue
        start = max(heard[0].start, said.stop)
        stop = heard[-1].stop if until is None else min(heard[-1].stop, until)
        if stop - start >= to_samples(TAKEOVER_S):
            gaps.append(Span(said.stop, start))
    return Rate(len(gaps), len(caller)), tuple(gaps)
