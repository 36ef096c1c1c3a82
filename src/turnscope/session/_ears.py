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
from turnscope.session._stages import Stages
from turnscope.session._tapped import Taps
from turnscope.transports import InputFrame, Transport

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

    async def wait(self) -> None:
        """Wait until more audio has come in, or somebody is to look up (`nudge`)."""
        await self._arrived.park()

    def nudge(self) -> None:
        """Wake those who wait for audio: something else has changed."""
        self._arrived.unpark_all()

    async def run(self) -> None:
        """Hear until the caller hangs up."""
        patience_s = self._input_clock.pause_s
        while (frame := await self._next_frame(patience_s)) is not None:
            patience_s = self._input_clock.pause_s + len(frame.samples) / self._hz
            await self._take(frame)
        self._feed(CallerHungUp(self._clock.now()))

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

    async def _take(self, frame: InputFrame) -> None:
        samples = frame.samples
        now = self._clock.position(self._hz)
        quiet = self._input_clock.off_by != 0 and self._is_quiet(samples)
        placement = self._input_clock.place(frame.start, len(samples), now, quiet=quiet)
        if placement.reason is not None:
            self._hear_silence(placement.gap, placement.reason)
        if placement.correction:
            self._correct(placement.correction)
            samples = samples[max(-placement.correction, 0) :]
        if placement.ready_at is None:
            self._hear(samples)
        else:
            await self._hear_in_time(samples, placement.ready_at)

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
            self._give_edges(0.0, start, stop)

    def _hear(self, samples: Samples) -> None:
        self._write(samples)
        self._arrived.unpark_all()
        self._watch()

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

    def _watch(self) -> None:
        while self._vad_cursor.available_samples >= (window := self._agent.vad.window_samples):
            start = self._vad_cursor.position
            try:
                probability = float(self._vad.process(self._vad_cursor.read(window)))
            except Exception as error:
                raise as_provider_error(self._agent.vad.name, error) from error
            self._give_edges(probability, start, start + window)

    def _give_edges(self, probability: float, start: int, stop: int) -> None:
        for profile, edges in self._edges:
            edge = edges.receive(probability, start, stop)
            if edge is not None:
                (self._pass_on if self._guard is None else self._guard.take)(edge, profile)
        if self._guard is not None:
            self._guard.hear(stop)

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
