"""Plays the clips of a corpus to an agent that is speaking, each in a session of its own, and keeps what came of it.

Virtual time: what the models compute is charged at its modelled cost, so latencies are those of the whole session and
the same on every machine.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import trio

from turnscope._errors import TurnscopeError
from turnscope.core import (
    CLOCK_HZ,
    Decided,
    Event,
    HungUp,
    Interrupted,
    Resumed,
    Samples,
    SpeechStartsPlaying,
    TurnEnded,
    Yielded,
    to_samples,
)
from turnscope.session import Agent, Record, Session, open_runtime, open_session
from turnscope.sim._caller import CallerTransport, HangUp, Moment, Play, Step
from turnscope.sim._clip_result import ClipResult
from turnscope.sim._corpus import Clip
from turnscope.sim._frontier import Observed, Observing
from turnscope.sim._virtual import VirtualCompute, run_virtual
from turnscope.transports import read_audio

__all__ = ["MONOLOGUE", "MakeAgent", "observe_clips", "play_clip", "play_clips"]

MONOLOGUE = (
    "Thank you for calling. I have looked up your order, and there are a few things that I would like to tell you. "
    "The parcel left our warehouse on Monday evening, together with the replacement part that you had asked for. "
    "The driver has eleven other stops on the way, so it should be with you some time between ten and twelve. "
    "If nobody is at home, the parcel will be left with a neighbour, or taken to the shop at the corner. "
)
"""What the agent says while the caller does what the clips hold. It asks nothing."""

LEAD_S = 1.0
"""How long the agent has been speaking when a clip begins."""

AFTER_S = 2.6
"""How long a call goes on after its clip: longer than the policy may take to decide."""

ECHO_S = 10.0
"""How long the agent listens to its own echo."""

EARLY_S = 0.1
"""An interruption that begins so much before the labelled onset is still one by the label; labels are not exact."""

T = TypeVar("T")

MakeAgent = Callable[[], Agent]
"""Makes the agent to be evaluated. Called in each process; must be importable by name."""


# One clip


@dataclass(eq=False)
class _Bench:
    """An agent, and what its sessions share: the weights of its models and the speech it has made."""

    agent: Agent
    cache: dict[str, object] = field(default_factory=dict)

    def warm_up(self) -> None:
        """Have everything loaded and said once, so that no clip's latency depends on which one came first."""
        self.call([HangUp(Moment(1.0, "agent_stops"))], once=True)

    def call(
        self,
        script: Sequence[Step],
        *,
        echo: Samples | None = None,
        once: bool = False,
        first_only: bool = False,
    ) -> tuple[list[Event], CallerTransport]:
        """Hold a call in which the agent speaks all the time.

        Args:
            script: What the caller does.
            echo: See `CallerTransport`.
            once: The agent says its text once, and not again.
            first_only: The call is over when the agent was interrupted.
        """
        transport = CallerTransport(script, echo=echo)
        events: list[Event] = []
        run_virtual(lambda compute: self._hold(transport, events, compute, once=once, first_only=first_only), seed=0)
        return events, transport

    async def _hold(
        self, transport: CallerTransport, events: list[Event], compute: VirtualCompute, *, once: bool, first_only: bool
    ) -> None:
        interrupted = trio.Event()

        def sink(record: Record) -> None:
            if isinstance(record, Event):
                events.append(record)
                if first_only and _is_interruption(record):
                    interrupted.set()

        async with open_runtime(compute=compute) as runtime:
            runtime.resources.cache.update(self.cache)
            async with (
                open_session(self.agent, transport, runtime=runtime, sinks=(sink,)) as session,
                trio.open_nursery() as nursery,
            ):
                nursery.start_soon(_cancel_when, interrupted.wait, nursery.cancel_scope)
                nursery.start_soon(_cancel_when, session.wait_ended, nursery.cancel_scope)
                await _speak_on(session, once=once)
                await trio.sleep_forever()
            self.cache.update(runtime.resources.cache)


async def _cancel_when(wait: Callable[[], object], scope: trio.CancelScope) -> None:
    await wait()  # type: ignore[misc]
    scope.cancel()


async def _speak_on(session: Session, *, once: bool) -> None:
    """Say the monologue, again and again; what the caller is answered when they have interrupted is the same."""
    handle = await session.say(MONOLOGUE)
    while not once and not isinstance(await handle.wait_for_playout(), HungUp):
        handle = await session.say(MONOLOGUE)


def _is_interruption(event: Event) -> bool:
    """Somebody's speech cut off what was being heard; what only waited to be said has no silence of its own."""
    return (
        isinstance(event, TurnEnded)
        and isinstance(event.outcome, Interrupted)
        and event.outcome.cause.reason == "user_speaking"
        and event.outcome.silence is not None
    )


def play_clip(bench: _Bench, folder: Path, clip: Clip) -> ClipResult:
    """Play one clip to the agent. Whatever goes wrong is in the result."""
    try:
        samples = read_audio(folder / clip.path, CLOCK_HZ)
        if len(samples) == 0:
            return ClipResult(clip=clip, error="the recording is empty")
        if clip.label == "echo":
            return _play_echo(bench, clip, samples)
        return _play(bench, clip, samples)
    except TurnscopeError as error:
        return ClipResult(clip=clip, error=" ".join(str(error).split()))


def observe_clip(bench: _Bench, folder: Path, clip: Clip) -> Observed | None:
    """Play one clip to an agent that never decides, and give what it knew; None for an echo or what cannot be read."""
    if clip.label == "echo":
        return None
    try:
        samples = read_audio(folder / clip.path, CLOCK_HZ)
    except TurnscopeError:
        return None
    observing = Observing()
    settings = replace(bench.agent.interruption, policy=observing)
    watching = _Bench(replace(bench.agent, interruption=settings), bench.cache)
    _, transport = watching.call(_script(samples))
    start = transport.placed[0].start
    return Observed(
        clip,
        start + to_samples(clip.onset_s),
        _stop(clip, samples) / CLOCK_HZ - clip.onset_s,
        tuple(observing.seen),
    )


def _script(samples: Samples) -> list[Step]:
    return [Play(samples, Moment(LEAD_S, "agent_starts", 1)), HangUp(Moment(AFTER_S, "previous"))]


def _stop(clip: Clip, samples: Samples) -> int:
    return len(samples) if clip.end_s is None else min(to_samples(clip.end_s), len(samples))


def _play(bench: _Bench, clip: Clip, samples: Samples) -> ClipResult:
    events, transport = bench.call(_script(samples), first_only=clip.label != "noise")
    start = transport.placed[0].start
    return _result(clip, events, start + to_samples(clip.onset_s), start + _stop(clip, samples))


def _play_echo(bench: _Bench, clip: Clip, response: Samples) -> ClipResult:
    events, _ = bench.call([HangUp(Moment(ECHO_S, "agent_starts", 1))], echo=response)
    starts = [event.sample for event in events if isinstance(event, SpeechStartsPlaying)]
    return _result(clip, events, starts[0], starts[0] + to_samples(ECHO_S))


def _result(clip: Clip, events: Sequence[Event], onset: int, stop: int) -> ClipResult:
    earliest = onset - to_samples(EARLY_S)
    stops = [event.outcome for event in events if isinstance(event, TurnEnded) and _is_interruption(event)]
    real = [outcome for outcome in stops if isinstance(outcome, Interrupted) and outcome.cause.decision >= earliest]
    first = real[0] if real else None
    decided = [event for event in events if isinstance(event, Decided)]
    return ClipResult(
        clip=clip,
        duration_s=(stop - onset) / CLOCK_HZ,
        interrupted=first is not None,
        early=len(real) < len(stops),
        stops=len(stops),
        yields=sum(isinstance(event, Yielded) for event in events),
        onset_to_yield_s=_since(onset, _stepped_back(events, onset)),
        onset_to_decision_s=_since(onset, None if first is None else first.cause.decision),
        onset_to_silence_s=_since(onset, None if first is None else first.silence),
        evidence=decided[-1].evidence if decided else "",
        text=decided[-1].text if decided else "",
    )


def _since(onset: int, sample: int | None) -> float | None:
    return None if sample is None else max(0, sample - onset) / CLOCK_HZ


def _stepped_back(events: Sequence[Event], onset: int) -> int | None:
    """When the agent first stepped back: after the onset, or before it if it still was back by then."""
    since: int | None = None
    for event in events:
        if isinstance(event, Yielded) and since is None:
            since = event.sample
        elif isinstance(event, Resumed) and event.sample < onset:
            since = None
    return since


# All clips

_bench: _Bench | None = None
"""Of a worker process."""


def _start_worker(make_agent: MakeAgent) -> None:
    global _bench
    _bench = _Bench(make_agent())
    _bench.warm_up()


def _work(do: Callable[[_Bench, Path, Clip], T], folder: Path, clip: Clip) -> T:
    assert _bench is not None
    return do(_bench, folder, clip)


def play_clips(
    folder: str | os.PathLike[str], clips: Sequence[Clip], make_agent: MakeAgent, *, jobs: int = 1
) -> Iterator[ClipResult]:
    """Play clips to an agent, and give what came of each, in their order.

    Args:
        folder: The corpus's.
        clips: Which of its clips.
        make_agent: Who listens. Its voice should be a `KeptTTS`, or every call synthesizes the same again.
        jobs: How many processes; the results do not depend on it.
    """
    yield from _each(play_clip, Path(folder), clips, make_agent, jobs)


def observe_clips(
    folder: str | os.PathLike[str], clips: Sequence[Clip], make_agent: MakeAgent, *, jobs: int = 1
) -> Iterator[Observed | None]:
    """Play clips to an agent that never decides, and give what it knew of each: for `turnscope.sim.frontier`.

    Args:
        folder: The corpus's.
        clips: Which of its clips. Of echoes, and of what cannot be read, nothing is known.
        make_agent: Who listens.
        jobs: How many processes.
    """
    yield from _each(observe_clip, Path(folder), clips, make_agent, jobs)


def _each(
    do: Callable[[_Bench, Path, Clip], T], folder: Path, clips: Sequence[Clip], make_agent: MakeAgent, jobs: int
) -> Iterator[T]:
    if jobs == 1:
        bench = _Bench(make_agent())
        bench.warm_up()
        for clip in clips:
            yield do(bench, folder, clip)
        return
    context = multiprocessing.get_context("spawn")
    with context.Pool(jobs, _start_worker, (make_agent,)) as pool:
        for item in [pool.apply_async(_work, (do, folder, clip)) for clip in clips]:
            yield item.get()
