"""Runs a whole conversation, WAV in and WAV and events out, in virtual or in real time."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import trio

from turnscope.core import (
    CLOCK_HZ,
    Conversation,
    Event,
    History,
    JitterCounts,
    Message,
    OverlapRecord,
    Samples,
    SpendRecord,
    TurnRecord,
    fold,
    fold_spend,
)
from turnscope.observe import EventLog
from turnscope.providers import Compute
from turnscope.session import (
    Agent,
    Record,
    Session,
    Sink,
    Tap,
    open_runtime,
    open_session,
    outermost_error,
    tasks_below,
)
from turnscope.sim._background import Background
from turnscope.sim._caller import Placed, Step
from turnscope.sim._foreseen_caller import ForeseenCaller
from turnscope.sim._media import Media, MediaTransport
from turnscope.sim._virtual import VirtualCompute, run_virtual

__all__ = ["Call", "Drive", "simulate", "simulate_async"]


REAL_TIME_LEAD_S = 0.02
"""How much the caller's loudspeaker buffers in real time."""

_LOADED: dict[str, object] = {}
"""What calls of this process found loaded, or loaded, when they began: models are loaded once, not for each call."""

Drive = Callable[[Session], Awaitable[object]]
"""An async function that acts as the application."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Call:
    """A conversation that has taken place.

    Attributes:
        records: Every event and every input of the Floor, in order.
        user: The caller's track, at 16 kHz.
        agent: The agent's track as heard, on the same clock and of the same length.
        history: What a language model would be given now.
        placed: When each step of the caller's script began and ended, in samples.
        tasks_left: Tasks of the session that were alive after its block was left, those among them that it had given to
            nobody (system tasks).
        packets: What became of the caller's packets, if a network carried them.
    """

    records: tuple[Record, ...]
    user: Samples
    agent: Samples
    history: tuple[Message, ...]
    placed: tuple[Placed, ...]
    tasks_left: int
    packets: JitterCounts | None = None
    conversation: Conversation = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "conversation", fold(self.events))

    def __repr__(self) -> str:
        """Short, because it stands in the message of every assertion about a call."""
        turns = ", ".join(turn.outcome.kind if turn.outcome else "unfinished" for turn in self.turns)
        return f"<Call of {len(self.user) / CLOCK_HZ:.2f} s, turns: {turns or 'none'}>"

    @property
    def events(self) -> tuple[Event, ...]:
        """Every event, in order."""
        return tuple(record for record in self.records if isinstance(record, Event))

    @property
    def turns(self) -> list[TurnRecord]:
        """The turns, in the order in which they began."""
        return self.conversation.turns

    @property
    def overlaps(self) -> list[OverlapRecord]:
        """What was said over the agent and was no interruption."""
        return self.conversation.overlaps

    @property
    def spend(self) -> SpendRecord:
        """What its answers cost, and how much of that was thrown away for which cause."""
        return fold_spend(self.events)

    def jsonl(self) -> str:
        """The event log, one JSON object a line; the same for the same run."""
        log = EventLog()
        for record in self.records:
            log(record)
        return log.text()


async def simulate_async(
    agent: Agent,
    script: Sequence[Step],
    *,
    compute: Compute | None = None,
    frame_s: float = 0.02,
    max_s: float = 600.0,
    drive: Drive | None = None,
    history: History | None = None,
    sinks: tuple[Sink, ...] = (),
    keep_records: bool = True,
    echo: Samples | None = None,
    background: Sequence[Background] = (),
    media: Media | None = None,
    media_seed: int = 0,
    recorder: Tap | None = None,
    cache: dict[str, object] | None = None,
    opened: Callable[[Session], object] | None = None,
) -> Call:
    """`simulate` inside a running Trio, on its clock.

    Args:
        agent: Who speaks.
        script: What the caller does.
        compute: Where CPU-bound work runs; by default worker threads, which is for real time only.
        frame_s: Length of the audio frames that the session is given.
        max_s: The caller hangs up after so long at the latest.
        drive: Acts as the application; it is given the session, and cancelled when the session has ended.
        history: See `turnscope.session.open_session`.
        sinks: See there, too.
        keep_records: False for very long runs: `Call.records` stays empty.
        echo: What the caller's microphone hears of the agent: an impulse response at 16 kHz.
        background: What goes on around the caller.
        media: The way from the caller to the session; None for a perfect one.
        media_seed: For what is drawn on the way.
        recorder: Records the session: a `turnscope.observe.Recorder`.
        cache: What was loaded in an earlier call; what this one loads is added to it. See `open_runtime`. Unless it is
            given, models that are loaded when a call begins are kept for all later ones of the process.
        opened: Is called with the session when it is open.
    """
    lead_s = REAL_TIME_LEAD_S if compute is None else 0.0
    transport = ForeseenCaller(script, frame_s=frame_s, max_s=max_s, lead_s=lead_s, echo=echo, background=background)
    way = None if media is None else MediaTransport(transport, media, media_seed)
    records: list[Record] = []
    mine: list[Sink] = [records.append] if keep_records else []
    mine.append(transport.reactions.notice)
    before = _tasks()
    loaded = dict(_LOADED) if cache is None else cache
    async with (
        open_runtime(compute=compute, cache=loaded) as runtime,
        open_session(
            agent, way or transport, runtime=runtime, history=history, sinks=(*mine, *sinks), recorder=recorder
        ) as session,
    ):
        if cache is None:  # what is loaded later takes time in the call, and is to take it in the next one, too
            _LOADED.update(loaded)
        transport.reactions.listen(session.words_heard)
        if opened is not None:
            opened(session)
        await _attend(session, drive)
    user, spoken = transport.tracks()
    counts = None if way is None else way.counts
    left = _tasks() - before
    return Call(tuple(records), user, spoken, session.history.messages, transport.placed, left, counts)


async def _attend(session: Session, drive: Drive | None) -> None:
    """Let the application act until the session has ended. What it raises comes out as it is."""
    try:
        async with trio.open_nursery() as nursery:
            if drive is not None:
                nursery.start_soon(drive, session)
            await session.wait_ended()
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        error = outermost_error(group)
        raise error from error.__cause__


def simulate(
    agent: Agent,
    script: Sequence[Step],
    *,
    seed: int = 0,
    realtime: bool = False,
    compute: VirtualCompute | None = None,
    frame_s: float = 0.02,
    max_s: float = 600.0,
    drive: Drive | None = None,
    history: History | None = None,
    sinks: tuple[Sink, ...] = (),
    keep_records: bool = True,
    echo: Samples | None = None,
    background: Sequence[Background] = (),
    media: Media | None = None,
    media_seed: int = 0,
    recorder: Tap | None = None,
    cache: dict[str, object] | None = None,
    opened: Callable[[Session], object] | None = None,
    coalesce: bool = True,
    instruments: tuple[trio.abc.Instrument, ...] = (),
) -> Call:
    """Run a conversation. In virtual time the same arguments give the same call, to the sample.

    Args:
        agent: Who speaks.
        script: What the caller does.
        seed: For the order in which ready tasks run; virtual time only.
        realtime: Run on the wall clock, with worker threads, as a live session would.
        compute: The machine that virtual time models.
        frame_s: Length of the audio frames that the session is given.
        max_s: The caller hangs up after so long at the latest.
        drive: Acts as the application; it is given the session, and cancelled when the session has ended.
        history: See `turnscope.session.open_session`.
        sinks: See there, too.
        keep_records: False for very long runs: `Call.records` stays empty.
        echo: What the caller's microphone hears of the agent: an impulse response at 16 kHz.
        background: What goes on around the caller.
        media: The way from the caller to the session; None for a perfect one.
        media_seed: For what is drawn on the way.
        recorder: Records the session: a `turnscope.observe.Recorder`.
        cache: What was loaded in an earlier call; what this one loads is added to it. See `open_runtime`. Unless it is
            given, models that are loaded when a call begins are kept for all later ones of the process.
        opened: Is called with the session when it is open.
        coalesce: Handle many frames at once where nobody could tell. The call is the same without, and takes longer;
            virtual time only.
        instruments: Watch the run, as in `trio.run`.
    """

    async def main(seam: Compute | None = None) -> Call:
        return await simulate_async(
            agent,
            script,
            compute=seam,
            frame_s=frame_s,
            max_s=max_s,
            drive=drive,
            history=history,
            sinks=sinks,
            keep_records=keep_records,
            echo=echo,
            background=background,
            media=media,
            media_seed=media_seed,
            recorder=recorder,
            cache=cache,
            opened=opened,
        )

    if realtime:
        return trio.run(main, instruments=instruments)
    return run_virtual(main, seed=seed, compute=compute, coalesce=coalesce, instruments=instruments)


def _tasks() -> int:
    """How many tasks live below the running one, or belong to nobody."""
    mine = sum(1 for _ in tasks_below(trio.lowlevel.current_task()))
    root = trio.lowlevel.current_root_task()
    assert root is not None
    return mine + sum(len(nursery.child_tasks) for nursery in root.child_nurseries)
