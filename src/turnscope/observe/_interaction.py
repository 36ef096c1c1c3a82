"""The interaction panel of the τ-voice benchmark: how fast an agent answers and yields, and what it rightly ignores.

Definitions and windows are those of Ray, Dhandhania, Barres and Narasimhan, "τ-Voice: Benchmarking Full-Duplex Voice
Agents on Real-World Domains" (arXiv:2603.13686), as version 1.0 of their published analysis code computes them. There,
time goes in ticks of 0.2 s; here it is exact to the sample, and `on_ticks` makes the one from the other.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from turnscope._errors import ConfigError
from turnscope.core import CLOCK_HZ, to_samples
from turnscope.observe._caller_segments import CallerSegment
from turnscope.observe._rates import Latency, Rate, latency_of
from turnscope.observe._spans import Span

__all__ = ["Interaction", "InteractionEvent", "InteractionWindows", "score_interaction"]

Category = Literal["response", "yield", "agent_interruption", "backchannel", "vocal_tic", "non_directed", "noise"]
"""What an event is counted under."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InteractionWindows:
    """How long the agent has, in seconds.

    Attributes:
        yield_s: To fall silent after an interruption began; then it counts as yielding.
        ignore_yield_s: In which it must not fall silent after a backchannel, a tic or what was not meant for it began.
        ignore_response_s: In which a silent agent must not begin to speak after a tic, or what was not meant for it,
            ended.

    Raises:
        ConfigError: One is not positive; the message names it.
    """

    yield_s: float = 2.0
    ignore_yield_s: float = 1.0
    ignore_response_s: float = 2.0

    def __post_init__(self) -> None:
        for name in ("yield_s", "ignore_yield_s", "ignore_response_s"):
            value = getattr(self, name)
            if not 0 < value <= 60:
                raise ConfigError(f"{name} must be a number of seconds from 0 to 60, got {value}")


@dataclass(frozen=True, slots=True)
class InteractionEvent:
    """One thing that is scored.

    Attributes:
        category: What it is counted under.
        right: The agent did what it should; never so of its own interruptions.
        sample: When: the end of the caller's turn for a ``response``, else the beginning of what happened.
        latency_s: From there to the agent's first sample, or to its last one; None where it did nothing in time.
        text: The caller's words, if they are known.
    """

    category: Category
    right: bool
    sample: int
    latency_s: float | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Interaction:
    """A call, or several, as the τ-voice panel sees it. Everything is counted from `events`.

    Attributes:
        events: What is scored, in the order of time.
    """

    events: tuple[InteractionEvent, ...] = ()

    def __add__(self, other: "Interaction") -> "Interaction":
        """Two calls, or sets of calls, as one."""
        return Interaction(self.events + other.events)

    @property
    def response_latency(self) -> Latency:
        """L_R (its mean): from the end of a caller's turn to the beginning of the agent's response."""
        return latency_of(event.latency_s for event in self._of("response"))

    @property
    def yield_latency(self) -> Latency:
        """L_Y (its mean): from the beginning of an interruption to the agent's silence, where it yielded."""
        return latency_of(event.latency_s for event in self._of("yield"))

    @property
    def response_rate(self) -> Rate:
        """R_R: the caller's turns that were answered before the caller had to speak again."""
        return self.rate("response")

    @property
    def yield_rate(self) -> Rate:
        """R_Y: interruptions to which the agent yielded in time."""
        return self.rate("yield")

    @property
    def agent_interruptions(self) -> Rate:
        """I_A: how often the agent began to speak while the caller spoke, per turn of the caller; it can exceed 1."""
        return Rate(len(self._of("agent_interruption")), len(self._of("response")))

    def rate(self, category: Category) -> Rate:
        """The share of the events of a category in which the agent did right: S_BC, S_VT and S_ND are such."""
        events = self._of(category)
        return Rate(sum(event.right for event in events), len(events))

    def _of(self, category: Category) -> list[InteractionEvent]:
        return [event for event in self.events if event.category == category]


def score_interaction(
    caller: Sequence[CallerSegment],
    agent: Sequence[Span],
    length: int,
    windows: InteractionWindows | None = None,
) -> Interaction:
    """Score a call.

    Args:
        caller: What the caller does, in the order of time.
        agent: Where the agent speaks, in order; short pauses should have been bridged, or each of them is a yield.
        length: Of the call, in samples. An agent that speaks up to there has not fallen silent.
        windows: How long the agent has; None for those of the paper.
    """
    windows = windows or InteractionWindows()
    found = [
        *_responses([each for each in caller if each.kind == "speech"], agent),
        *_overlaps(caller, agent, length, windows),
        *_out_of_turn(caller, agent, windows),
        *_agent_interruptions(caller, agent),
    ]
    return Interaction(tuple(sorted(found, key=lambda event: event.sample)))


def _responses(turns: Iterable[CallerSegment], agent: Sequence[Span]) -> Iterator[InteractionEvent]:
    """After each turn at whose end the agent is silent: who speaks next."""
    ended = [turn for turn in turns if _speaking(agent, turn.stop) is None]
    for index, turn in enumerate(ended):
        answer = next((span.start for span in agent if span.start >= turn.stop), None)
        again = next((later.start for later in ended[index + 1 :] if later.start >= turn.stop), None)
        if answer is not None and (again is None or answer <= again):
            yield InteractionEvent("response", True, turn.stop, (answer - turn.stop) / CLOCK_HZ, turn.text)
        elif again is not None:
            yield InteractionEvent("response", False, turn.stop, None, turn.text)


def _overlaps(
    caller: Iterable[CallerSegment], agent: Sequence[Span], length: int, windows: InteractionWindows
) -> Iterator[InteractionEvent]:
    """What begins while the agent speaks, and whether the agent falls silent."""
    for segment in caller:
        spoken = _speaking(agent, segment.start)
        if spoken is None:
            continue
        wanted = segment.kind == "speech"
        latency_s = (spoken.stop - segment.start) / CLOCK_HZ
        within = windows.yield_s if wanted else windows.ignore_yield_s
        # The published code counts the end of the window in for what is no turn of speech; on ticks that matters.
        in_time = latency_s < within if segment.kind in ("speech", "backchannel") else latency_s <= within
        stopped = spoken.stop < length and in_time
        category: Category = "yield" if segment.kind == "speech" else segment.kind
        yield InteractionEvent(category, stopped == wanted, segment.start, latency_s if stopped else None, segment.text)


def _out_of_turn(
    caller: Iterable[CallerSegment], agent: Sequence[Span], windows: InteractionWindows
) -> Iterator[InteractionEvent]:
    """What begins while the agent is silent and is not meant for it, and whether it answers.

    A backchannel while nobody speaks is none.
    """
    window = to_samples(windows.ignore_response_s)
    for segment in caller:
        if segment.kind == "speech" or segment.kind == "backchannel" or _speaking(agent, segment.start) is not None:
            continue
        answer = next((span.start for span in agent if segment.start <= span.start <= segment.stop + window), None)
        latency_s = None if answer is None else (answer - segment.start) / CLOCK_HZ
        yield InteractionEvent(segment.kind, answer is None, segment.start, latency_s, segment.text)


def _agent_interruptions(caller: Sequence[CallerSegment], agent: Iterable[Span]) -> Iterator[InteractionEvent]:
    """Where the agent begins to speak while the caller speaks."""
    spoken = [each for each in caller if each.kind in ("speech", "backchannel")]
    for span in agent:
        over = next((each for each in spoken if each.start <= span.start < each.stop), None)
        if over is not None:
            yield InteractionEvent("agent_interruption", False, span.start, None, over.text)


def _speaking(agent: Iterable[Span], sample: int) -> Span | None:
    return next((span for span in agent if span.start <= sample < span.stop), None)
