"""The ears: caller's audio → ring buffer → VAD → edges of speech.

They live as long as the session and wait for nobody.
"""

from collections.abc import Callable

import numpy as np
import trio

from turnscope.core import (
    CLOCK_HZ,
    CallerHungUp,
    ClockCorrected,
    EchoIgnored,
    EdgeProfile,
    Event,
    EvidenceReceived,
    FloorInput,
    GapReason,
    InputClock,
    InputGap,
    Resampler,
    RingBuffer,
    RingCursor,
    Samples,
    SpeechBegan,
    SpeechEdge,
    SpeechEdges,
    SpeechStarted,
    SpeechStopped,
    StageFailed,
    to_samples,
)
from turnscope.providers import VADStream
from turnscope.session._agent import Agent
from turnscope.session._blame import as_provider_error, blame, blame_transport
from turnscope.session._clock import SessionClock
from turnscope.session._echo_guard import EchoGuard
from turnscope.session._far_end import FarEnd
from turnscope.session._foresight import Foresight
from turnscope.session._listening import CHUNK_SAMPLES
from turnscope.session._parts import DrivingClock
from turnscope.session._stages import Stages
from turnscope.session._tapped import Taps
from turnscope.transports import ForeseenTransport, InputFrame, Transport

__all__ = ["Ears"]

RING_S = 30.0
"""How much of the caller's audio is kept. A listener further behind than this loses what lies between, and is told."""

GRACE_S = 0.05
"""Waiting for audio is given up only after a second, short wait: the first may have ended late, with audio there."""

PIECE_S = 0.02
"""What has come too early is heard in pieces of this length."""

QUIET_S = 0.1
LOUDER = 2.0
"""A frame is quiet if nobody speaks and it is not so many times as loud as what was heard in the `QUIET_S` before."""

FAINTEST = 0.001
"""What is below this level, -60 dBFS, is quiet whatever was before."""


class Ears:
    """Hears the caller.

    Args:
        agent: Whose VAD and edge settings are used.
        transport: Where the audio comes from.
        clock: The session's.
        feed: Takes what was noticed; called from within the ears' task, must not block.
        publish: Takes what is to be told about the audio itself; alike.
        far_end: What the agent plays.
        judging: Whether it is open what becomes of somebody who speaks over the agent.
        taps: Are put at the detector and at what is heard.
    """

    def __init__(
        self,
        agent: Agent,
        transport: Transport,
        clock: SessionClock,
        feed: Callable[[FloorInput], None],
        publish: Callable[[Event], None],
        far_end: FarEnd,
        judging: Callable[[], bool],
        taps: Taps,
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._feed = feed
        self._publish = publish
        self._hz = transport.input_hz
        self._input_clock = InputClock(self._hz)
        self._ring = RingBuffer(to_samples(RING_S))
        self._arrived = trio.lowlevel.ParkingLot()
        self._waiting: list[Callable[[Samples], int] | None] = []
        self._resampler = None if self._hz == CLOCK_HZ else Resampler(self._hz, CLOCK_HZ)
        self._agent = agent
        self._stages = Stages(agent.stages, far_end, self._leave_out)
        self._taps = taps
        self._vad_cursor = self._ring.cursor(0)
        self._prepared: dict[str, VADStream] = {}
        """For agents that may take over, by their names."""
        self._vad = self._open_vad(agent)
        self._edges = _edges(agent)
        self._guard: EchoGuard | None = None
        if agent.echo_guard:
            told = (self._pass_on, self._tell_echo, self._ignore_echo)
            self._guard = EchoGuard(self._ring, far_end, *told, judging)

    def prepare(self, agent: Agent) -> None:
        """Have the detector of an agent that may take over ready.

        Raises:
            ConfigError: It cannot be had, with what to do about it.
            ProviderError: It could not be begun with.
        """
        self._prepared[agent.name] = self._open_vad(agent)

    def hand_over(self, agent: Agent) -> None:
        """Hear with the detector and the settings of another agent, which is prepared, from the next window on.

        Speech that goes on meanwhile goes on, unless the detector or the settings differ: then it is found anew. The
        stages and the echo guard stay those of the first agent: they know the way between loudspeaker and microphone.
        """
        old, self._agent = self._agent, agent
        if agent.vad is not old.vad:
            self._vad = self._prepared[agent.name]
        if agent.edges != old.edges:
            self._edges = _edges(agent)
            if self._guard is not None:
                self._guard.begin_again()

    @property
    def heard_until(self) -> int:
        """Sample after the last one that has come in."""
        return self._ring.end

    def cursor(self, start: int) -> RingCursor:
        """A place to read the caller's audio from."""
        return self._ring.cursor(start)

    async def wait(self, calm_for: Callable[[Samples], int] | None = None) -> None:
        """Wait until more audio has come in, or somebody is to look up (`nudge`).

        Args:
            calm_for: Says how many of the next samples whoever waits may be told of late; by default none.
        """
        self._waiting.append(calm_for)
        try:
            await self._arrived.park()
        finally:
            self._waiting.remove(calm_for)

    def nudge(self) -> None:
        """Wake those who wait for audio: something else has changed."""
        self._arrived.unpark_all()

    async def run(self) -> None:
        """Hear until the caller hangs up."""
        if isinstance(self._transport, ForeseenTransport) and isinstance(trio.lowlevel.current_clock(), DrivingClock):
            await Foresight(self, self._transport).drive()
        else:
            await self._hear_as_it_comes()
        self._feed(CallerHungUp(self._clock.now()))

    async def _hear_as_it_comes(self) -> None:
        patience_s = self._input_clock.pause_s
        while (frame := await self._next_frame(patience_s)) is not None:
            patience_s = self._input_clock.pause_s + len(frame.samples) / self._hz
            ready_at, samples = self._place(frame)
            if ready_at is None:
                self._hear(samples)
            else:
                await self._hear_in_time(samples, ready_at)

    # The caller's audio, on the session's clock

    async def _next_frame(self, patience_s: float) -> InputFrame | None:
        """What comes next. While the caller speaks, silence is heard instead of what does not come: they stop."""
        while self._speaking():
            for wait_s in (patience_s, GRACE_S):
                with trio.move_on_after(wait_s):
                    return await self._receive()
            self._hear_silence(self._input_clock.fill(self._clock.position(self._hz)), "paused")
            patience_s = GRACE_S
        return await self._receive()

    async def _receive(self) -> InputFrame | None:
        with blame_transport():
            return await self._transport.receive()

    def take_in_time(self, frame: InputFrame) -> None:
        """Hear a frame that comes when it is due."""
        self._hear(self._place(frame)[1])

    def _place(self, frame: InputFrame) -> tuple[int | None, Samples]:
        """Give a frame its place on the session's clock. Returns when to hear what of it, if that is not now."""
        samples = frame.samples
        now = self._clock.position(self._hz)
        quiet = self._input_clock.off_by != 0 and self._is_quiet(samples)
        placement = self._input_clock.place(frame.start, len(samples), now, quiet=quiet)
        if placement.reason is not None:
            self._hear_silence(placement.gap, placement.reason)
        if placement.correction:
            self._correct(placement.correction)
            samples = samples[max(-placement.correction, 0) :]
        return placement.ready_at, samples

    async def _hear_in_time(self, samples: Samples, ready_at: int) -> None:
        """Hear what has come too early, piece by piece, so that the last one is not heard before `ready_at`."""
        step = round(PIECE_S * self._hz)
        for at in range(0, len(samples), step):
            piece = samples[at : at + step]
            await trio.sleep_until(self._clock.trio_time(ready_at - len(samples) + at + len(piece), self._hz))
            self._hear(piece)

    def _correct(self, correction: int) -> None:
        self._publish(ClockCorrected(self._clock.now(), correction * CLOCK_HZ // self._hz))
        if correction > 0:
            self._write(np.zeros(correction, np.float32))

    def _hear_silence(self, gap: int, reason: GapReason) -> None:
        """Silence where audio is missing: those who listen hear it, the detector is spared it."""
        if self._resampler is not None:
            self._keep(self._stages.process(self._resampler.flush(), self._ring.end))
        self._keep(self._stages.flush())
        start, stop = self._ring.end, self._ring.end + round(gap * CLOCK_HZ / self._hz)
        if stop > start:
            self._publish(InputGap(self._clock.now(), start, stop, reason))
            self._ring.write_silence(stop - start)
            self._arrived.unpark_all()
            start = self._vad_cursor.position
            self._vad_cursor.skip_to(stop)
            self.give_edges(0.0, start, stop)

    def _hear(self, samples: Samples) -> None:
        self._write(samples)
        self._arrived.unpark_all()
        self.watch()

    def _write(self, samples: Samples) -> None:
        at_clock_rate = samples if self._resampler is None else self._resampler.process(samples)
        self._keep(self._stages.process(at_clock_rate, self._ring.end))

    def _keep(self, samples: Samples) -> None:
        if len(samples):
            self._taps.heard(self._ring.end, samples)
            self._ring.write(samples)

    def _leave_out(self, stage: str, message: str) -> None:
        self._publish(StageFailed(self._clock.now(), stage, message))

    def _speaking(self) -> bool:
        """Somebody speaks, or may have begun to."""
        return any(edges.current_onset is not None for _, edges in self._edges)

    def _is_quiet(self, samples: Samples) -> bool:
        if self._speaking():
            return False
        before = self._ring.read(max(self._ring.end - to_samples(QUIET_S), self._ring.begin), self._ring.end)
        return _power(samples) <= LOUDER**2 * _power(before) + FAINTEST**2

    # Speech in it

    def _open_vad(self, agent: Agent) -> VADStream:
        with blame(agent.vad.name):
            return self._taps.vad(agent.vad.open_stream(), lambda: self._vad_cursor.position)

    def watch(self) -> None:
        """Look for speech in what was heard and has not been judged yet."""
        while self._vad_cursor.available_samples >= (window := self._agent.vad.window_samples):
            start = self._vad_cursor.position
            probability = self.judge(self._vad_cursor.read(window))
            self.give_edges(probability, start, start + window)

    def judge(self, window: Samples) -> float:
        """How likely the next window holds speech.

        Raises:
            ProviderError: The detector failed.
        """
        try:
            return float(self._vad.process(window))
        except Exception as error:
            raise as_provider_error(self._agent.vad.name, error) from error

    def give_edges(self, probability: float, start: int, stop: int, settle: Callable[[], None] | None = None) -> None:
        """Find the edges that are sure with a window and pass them on; before the first one, `settle` is called."""
        for profile, edges in self._edges:
            edge = edges.receive(probability, start, stop)
            if edge is not None:
                if settle is not None:
                    settle()
                    settle = None
                (self._pass_on if self._guard is None else self._guard.take)(edge, profile)
        if self._guard is not None:
            self._guard.hear(stop)

    # Ahead of time

    @property
    def window_samples(self) -> int:
        """How much the detector judges at once."""
        return self._agent.vad.window_samples

    @property
    def judged_until(self) -> int:
        """Sample after the last one that the detector was given."""
        return self._vad_cursor.position

    def calm_for(self, samples: Samples, frame: int) -> int:
        """How many of the samples that come next may be heard at once: it matters to nobody before.

        Unless there are edges of speech in them, that is.

        Args:
            samples: What comes next, on time.
            frame: How many of them have come by now.
        """
        calm = len(samples)
        if self._resampler is not None or not self._stages.none or self._taps.looking or self._input_clock.off_by:
            return 0
        if self._input_clock.position + frame != self._clock.position(self._hz):
            return 0
        if self._guard is not None:
            calm = min(calm, self._guard.calm_until - self._ring.end)
        for calm_for in self._waiting:
            calm = 0 if calm_for is None else min(calm, calm_for(samples), CHUNK_SAMPLES)
        return calm

    @property
    def awaited(self) -> bool:
        """Somebody waits for audio."""
        return bool(self._waiting)

    def unjudged(self, samples: Samples) -> Samples:
        """What the detector has not been given of what was heard, and `samples` behind it."""
        return np.concatenate([self._ring.read(self._vad_cursor.position, self._ring.end), samples])

    def keep_foreseen(self, frame: InputFrame, judged_until: int) -> None:
        """Frames were heard that are calm, and the detector was given them up to a sample."""
        count = len(frame.samples)
        self._input_clock.place(frame.start, count, self._input_clock.position + count, quiet=False)
        self._keep(frame.samples)
        self._arrived.unpark_all()
        self._vad_cursor.skip_to(judged_until)

    def _pass_on(self, edge: SpeechEdge, profile: EdgeProfile) -> None:
        self._feed(self._as_input(edge, profile))

    def _tell_echo(self, score: float, stop: int) -> None:
        self._feed(EvidenceReceived(self._clock.now(), 0, "echo", score, stop))

    def _ignore_echo(self, start: int, stop: int, score: float) -> None:
        self._publish(EchoIgnored(self._clock.now(), start, stop, score))

    def _as_input(self, edge: SpeechEdge, profile: EdgeProfile) -> FloorInput:
        now = self._clock.now()
        if isinstance(edge, SpeechBegan):
            return SpeechStarted(now, edge.onset, edge.audio_start, profile, edge.confidence, self._agent.vad.name)
        return SpeechStopped(now, edge.end, profile, self._agent.vad.name)


def _power(samples: Samples) -> float:
    return float(np.square(samples, dtype=np.float64).mean()) if len(samples) else 0.0


def _edges(agent: Agent) -> list[tuple[EdgeProfile, SpeechEdges]]:
    return [(profile, SpeechEdges(settings)) for profile, settings in agent.edges.items()]
