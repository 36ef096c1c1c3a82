"""Plays the clips of a corpus to an agent that is speaking, each in a session of its own, and keeps what came of it.

Virtual time: what the models compute is charged at its modelled cost, so latencies are those of the whole session and
the same on every machine.
"""

import os
import pickle
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Generic, TypeVar

import trio

from turnscope._errors import TurnscopeError
from turnscope.core import (
    CLOCK_HZ,
    Decided,
    Event,
    HungUp,
    Interrupted,
    PolicyFailed,
    Resumed,
    Samples,
    SpeechStartsPlaying,
    TurnEnded,
    Yielded,
    to_samples,
)
from turnscope.observe import AGENT_GAP_S, Span, bridge_gaps, find_speech
from turnscope.providers import EnergyVAD
from turnscope.session import Agent, Record, Session, open_runtime, open_session
from turnscope.sim._caller import CallerTransport, HangUp, Moment, Play, Step
from turnscope.sim._clip_result import ClipResult
from turnscope.sim._corpus import Clip
from turnscope.sim._foreseen_caller import ForeseenCaller
from turnscope.sim._frontier import Observed, Observing
from turnscope.sim._virtual import VirtualCompute, run_virtual
from turnscope.sim._workers import LostJob, local_workers, run_jobs
from turnscope.transports import read_audio

__all__ = ["MONOLOGUE", "ClipJob", "MakeAgent", "observe_clips", "play_clip", "play_clips", "work"]

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

LONG_S = 10.0
"""The agent's track is clean: nothing in it that goes on for less is taken for noise."""

BENCHES = 4
"""So many agents a process keeps warmed up."""

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
        transport = ForeseenCaller(script, echo=echo)
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

        async with (
            open_runtime(compute=compute, cache=self.cache) as runtime,
            open_session(self.agent, transport, runtime=runtime, sinks=(sink,)) as session,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(_cancel_when, interrupted.wait, nursery.cancel_scope)
            nursery.start_soon(_cancel_when, session.wait_ended, nursery.cancel_scope)
            await _speak_on(session, once=once)
            await trio.sleep_forever()


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
    except Exception as error:  # of an agent's own parts: one bad clip does not cost the others
        return ClipResult(clip=clip, error=f"{type(error).__name__}: {' '.join(str(error).split())}")


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
    onset = start + to_samples(clip.onset_s)
    result = _result(clip, events, onset, start + _stop(clip, samples))
    _, agent = transport.tracks()
    spoken = next((span for span in _speech(agent) if span.start <= onset < span.stop), None)
    if spoken is None or result.error:
        return result
    # A call that the interruption ended has no silence at its end, but would have had.
    ended = spoken.stop < len(agent) or result.interrupted
    return replace(result, spoken_over=True, fell_silent_s=_since(onset, spoken.stop) if ended else None)


def _speech(agent: Samples) -> tuple[Span, ...]:
    return bridge_gaps(find_speech(agent, EnergyVAD(adapt_s=LONG_S)), AGENT_GAP_S)


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
    failed = next((event for event in events if isinstance(event, PolicyFailed)), None)
    if failed is not None:  # from there on the default policy has judged, which is not what was to be measured
        return ClipResult(clip=clip, error=f"the policy {failed.policy} failed: {failed.message}")
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


@dataclass(frozen=True, slots=True)
class ClipJob(Generic[T]):
    """A clip that is to be played to an agent, wherever there is room for it.

    Attributes:
        do: What is done with it.
        make_agent: Makes the agent.
        folder: The corpus's.
        clip: The clip.
    """

    do: Callable[[_Bench, Path, Clip], T]
    make_agent: MakeAgent
    folder: Path
    clip: Clip


_benches: OrderedDict[bytes, _Bench] = OrderedDict()
"""Of a worker process, by how their agents are made; those that were used last."""

_cache: dict[str, object] = {}
"""What all of them share, such as the weights of models."""

_one_at_a_time = threading.Lock()
"""The order of tasks, and so what a simulation does, belongs to the process: a worker's threads take turns."""


def work(job: ClipJob[T]) -> T:
    """Do a job in this process."""
    with _one_at_a_time:
        return job.do(_bench_of(job.make_agent), job.folder, job.clip)


def _bench_of(make_agent: MakeAgent) -> _Bench:
    key = pickle.dumps(make_agent)
    if key not in _benches:
        bench = _Bench(make_agent(), _cache)
        bench.warm_up()
        _benches[key] = bench
    _benches.move_to_end(key)
    while len(_benches) > BENCHES:
        _benches.popitem(last=False)
    return _benches[key]


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
    for clip, result in _each(play_clip, Path(folder), clips, make_agent, jobs):
        yield ClipResult(clip=clip, error=result.reason) if isinstance(result, LostJob) else result


def observe_clips(
    folder: str | os.PathLike[str], clips: Sequence[Clip], make_agent: MakeAgent, *, jobs: int = 1
) -> Iterator[Observed | None]:
    """Play clips to an agent that never decides, and give what it knew of each: for `turnscope.sim.frontier`.

    Args:
        folder: The corpus's.
        clips: Which of its clips. Of echoes, and of what cannot be read or was lost, nothing is known.
        make_agent: Who listens.
        jobs: How many processes.
    """
    for _, result in _each(observe_clip, Path(folder), clips, make_agent, jobs):
        yield None if isinstance(result, LostJob) else result


def _each(
    do: Callable[[_Bench, Path, Clip], T], folder: Path, clips: Sequence[Clip], make_agent: MakeAgent, jobs: int
) -> Iterator[tuple[Clip, T | LostJob]]:
    """What came of each clip, in their order."""
    if jobs == 1:
        bench = _Bench(make_agent())
        bench.warm_up()
        for clip in clips:
            yield clip, do(bench, folder, clip)
        return
    early: dict[int, T | LostJob] = {}
    following = 0
    for index, result in run_jobs(local_workers(jobs), work, [ClipJob(do, make_agent, folder, clip) for clip in clips]):
        early[index] = result
        while following in early:
            yield clips[following], early.pop(following)
            following += 1
