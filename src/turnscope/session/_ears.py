"""The ears: caller's audio → ring buffer → VAD → edges of speech.

They live as long as the session and wait for nobody.
"""

from collections.abc import Callable

import trio

from turnscope._errors import ProviderError
from turnscope.core import (
    CLOCK_HZ,
    CallerHungUp,
    EdgeProfile,
    FloorInput,
    Resampler,
    RingBuffer,
    RingCursor,
    SpeechBegan,
    SpeechEdge,
    SpeechEdges,
    SpeechStarted,
    SpeechStopped,
    to_samples,
)
from turnscope.session._agent import Agent
from turnscope.session._clock import SessionClock
from turnscope.transports import Transport

__all__ = ["Ears"]

RING_S = 30.0
"""How much of the caller's audio is kept. A listener further behind than this loses what lies between, and is told."""


class Ears:
    """Hears the caller.

    Args:
        agent: Whose VAD and edge settings are used.
        transport: Where the audio comes from.
        clock: The session's.
        feed: Takes what was noticed; called from within the ears' task, must not block.
    """

    def __init__(
        self, agent: Agent, transport: Transport, clock: SessionClock, feed: Callable[[FloorInput], None]
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._feed = feed
        self._ring = RingBuffer(to_samples(RING_S))
        self._arrived = trio.lowlevel.ParkingLot()
        self._resampler = None if transport.input_hz == CLOCK_HZ else Resampler(transport.input_hz, CLOCK_HZ)
        self._vad = agent.vad.open_stream()
        self._vad_name = agent.vad.name
        self._vad_cursor = self._ring.cursor(0)
        self._window = agent.vad.window_samples
        self._edges: list[tuple[EdgeProfile, SpeechEdges]] = [
            ("turn", SpeechEdges(agent.turn_edges)),
            ("barge_in", SpeechEdges(agent.barge_in_edges)),
        ]

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
        while (frame := await self._transport.receive()) is not None:
            samples = frame.samples if self._resampler is None else self._resampler.process(frame.samples)
            self._ring.write(samples)
            self._arrived.unpark_all()
            self._watch()
        self._feed(CallerHungUp(self._clock.now()))

    def _watch(self) -> None:
        while self._vad_cursor.available_samples >= self._window:
            start = self._vad_cursor.position
            try:
                probability = self._vad.process(self._vad_cursor.read(self._window))
            except Exception as error:
                raise ProviderError(self._vad_name, f"{type(error).__name__}: {error}") from error
            for profile, edges in self._edges:
                edge = edges.receive(probability, start, start + self._window)
                if edge is not None:
                    self._feed(self._as_input(edge, profile))

    def _as_input(self, edge: SpeechEdge, profile: EdgeProfile) -> FloorInput:
        now = self._clock.now()
        if isinstance(edge, SpeechBegan):
            return SpeechStarted(now, edge.onset, edge.audio_start, profile, edge.confidence, self._vad_name)
        return SpeechStopped(now, edge.end, profile, self._vad_name)
