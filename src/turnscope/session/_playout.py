"""The one gate that every sample of the agent passes. Shutting it is synchronous; nothing gets past it afterwards."""

from collections import deque
from itertools import islice

import trio

from turnscope._errors import TransportError
from turnscope.core import CLOCK_HZ, Playback, WaitsFor
from turnscope.session._clock import SessionClock
from turnscope.session._far_end import FarEnd
from turnscope.session._line import Line
from turnscope.session._parts import Pace, Part
from turnscope.session._voice import Voice, VoiceNews
from turnscope.transports import ForeseenTransport, Provenance, Transport

__all__ = ["Playout"]

IN_FLIGHT_S = 0.02
"""Most that has been handed to the transport and not been played; it can no longer be taken back.

A transport that plays on its own clock is kept half of it ahead, so that a late wake-up makes no gap.
"""

MAX_AHEAD_S = 3.0
"""A synthesizer waits when so much speech of a reply has not been played yet.

At most half of it may be speech of later clauses, so that the one whose turn it is always has room.
"""


STALL_S = 0.5
"""A voice that has begun and stands still for so long, without having been told to, is said to have stalled."""


NEVER = float("inf")


class Playout(Part):
    """Plays voices one after the other, in frames, on the session's clock, as far as the far end has room.

    Args:
        transport: Where the frames go.
        clock: The session's.
        far_end: Told what is played, and when.
    """

    def __init__(self, transport: Transport, clock: SessionClock, far_end: FarEnd) -> None:
        super().__init__()
        self.due: float = -NEVER
        self._clock = clock
        self._line = Line(transport, clock)
        self.far_end: FarEnd = far_end
        self.hz: int = transport.output_hz
        self.max_ahead: int = round(MAX_AHEAD_S * self.hz)
        in_flight = round(IN_FLIGHT_S * self.hz)
        if transport.lead_samples:
            in_flight = min(in_flight, transport.lead_samples)
        self._lead = in_flight // 2 if transport.lead_samples else 0
        self._frame = in_flight - self._lead
        self._ahead = isinstance(transport, ForeseenTransport) and transport.takes_ahead and not transport.lead_samples
        """Frames may be played at once, before they are due, where nobody could tell."""
        self._voices: deque[Voice] = deque()
        self._newest: Voice | None = None
        """Whose samples were handed over last."""
        self._sent = 0
        """Output position after the last sample handed over."""
        self._resting = False
        """There was nothing to play when it acted last."""
        self._idle = trio.lowlevel.ParkingLot()
        self._running = False
        self._failure: TransportError | None = None

    def open(
        self, response_id: str, news: VoiceNews, *, fade_s: float, duck_ramp_s: float, admitted: bool = True
    ) -> Voice:
        """A voice that is played when those before it are done; unless `admitted`, not before it is (`Voice.admit`)."""
        playback = Playback(round(fade_s * self.hz), hz=self.hz, ramp_samples=round(duck_ramp_s * self.hz))
        voice = Voice(response_id, self, playback, news)
        if admitted:
            self.admit(voice)
        return voice

    def admit(self, voice: Voice, before: Voice | None = None) -> bool:
        """Have a voice played when those in front of it are done.

        Args:
            voice: The voice.
            before: Whom it goes in front of, who may have begun and has nothing to play at the moment.

        Returns:
            Whether it will be played: not if it was to go in front of one that has no place any more, or has been shut.
        """
        if before is None:
            self._voices.append(voice)
        elif before in self._voices and not before.playback.was_shut:
            self._voices.insert(self._voices.index(before), voice)
        else:
            return False
        self.wake()
        return True

    def buffered_before(self, voice: Voice) -> int:
        """How many samples there are to be played in front of a voice."""
        if voice not in self._voices:
            return 0
        return sum(other.playback.buffered for other in islice(self._voices, self._voices.index(voice)))

    @property
    def provenance(self) -> Provenance:
        """How it is known what the caller has heard."""
        return self._line.provenance

    def clear(self, voice: Voice) -> None:
        """Have the transport drop what it holds of a voice and has not played, ahead of everything else.

        What follows, a fade first, goes under a name of its own: the far end drops what still comes under the old one.
        """
        if voice is not self._newest or not self._lead or voice.played.is_set() or voice.playback.was_shut:
            return
        try:
            self._line.look(self._sent)
            waiting = min(self._line.waiting, voice.handed_over)
            self._line.clear(voice.response_id)
        except TransportError as error:  # whoever orders silence cannot help it; the gate shuts all the same
            self._failure = error
            return
        voice.clears += 1
        voice.response_id = f"{voice.name}.fade{voice.clears if voice.clears > 1 else ''}"
        self._sent -= waiting
        self.far_end.drop(self._sent)
        super().wake()  # the fade is due now
        voice.playback.take_back(waiting)

    def next_position(self, voice: Voice) -> int:
        """Output position of the next sample that `voice` could have played."""
        return max(self._sent, self._clock.position(self.hz))

    def to_clock(self, position: int) -> int:
        """An output position as a sample of the session's clock."""
        return position * CLOCK_HZ // self.hz

    def heard_at(self, position: int) -> int:
        """When a sample that was planned for an output position is heard, as a sample of the session's clock."""
        return self.to_clock(self._line.heard_at(position))

    def wake(self) -> None:
        """Something about a voice has changed."""
        if self._resting:
            super().wake()

    async def wait_silent(self) -> None:
        """Wait until nothing can be played and the last sample has been; not at all once playing was cancelled."""
        while self._running and (self._playable() is not None or self._clock.position(self.hz) < self._sent):
            await self._idle.park()

    async def run(self) -> None:
        """Play, until cancelled.

        Raises:
            TransportError: The way to the caller failed.
        """
        self._running = True
        try:
            await self.drive()
        finally:
            self._running = False
            self._idle.unpark_all()

    def act(self, until: float, pace: Pace) -> bool:
        """See `Part.act`."""
        if self._failure is not None:
            raise self._failure
        self.due = NEVER  # whatever wakes it meanwhile makes it act again
        if self._resting:
            self._resting = False
            self._line.look(self._sent)
        voice = self._playable()
        if voice is None:
            position = self._rest()
        elif self._line.has_room(self._frame):
            position = self._play(voice, until)
        else:
            position = self._wait_for_far_end(voice)
        self.due = min(self.due, self._clock.trio_time(position, self.hz))
        return True

    @property
    def matters_at(self) -> float:
        """See `Part.matters_at`."""
        voice = self._voices[0] if self._voices else None
        if self._resting or voice is None or not self._ahead:
            return self.due
        return self._clock.trio_time(self._sent + voice.plain_frames(self._frame) * self._frame, self.hz)

    def _rest(self) -> float:
        """Nothing to play. Returns the position at which to look again: the last sample may have to be played yet."""
        self._resting = True
        now = self._clock.position(self.hz)
        voice = self._voices[0] if self._voices else None
        if now < self._sent:
            return self._sent
        if voice is not None and voice.playback.done:  # and yet the far end is still at it
            self._stands_still(voice, self._line.moved_at, "transport")
            return now + self._frame
        self._idle.unpark_all()
        if voice is not None and voice.playback.dry:
            return self._stands_still(voice, self._sent, "answer")
        return NEVER

    def _play(self, voice: Voice, until: float) -> float:
        """Play the next frame, and those that are due before `until` if they are like it. Returns when to go on."""
        at = self.next_position(voice)
        frame = voice.playback.take(self._count(voice, at, until), at)
        if frame is None:
            return at
        self._line.send(frame, voice.response_id)
        self.far_end.play(at, frame)
        self._sent = at + len(frame)
        self._line.look(self._sent)
        self._newest = voice
        voice.hand_over(len(frame))
        return self._sent - self._lead

    def _count(self, voice: Voice, at: int, until: float) -> int:
        """How many samples may be played at once from position `at` on."""
        if not self._ahead or self._clock.trio_time(at + self._frame, self.hz) >= until:
            return self._frame
        count, most = 1, voice.plain_frames(self._frame)
        while count < most and self._clock.trio_time(at + count * self._frame, self.hz) < until:
            count += 1
        return count * self._frame

    def _wait_for_far_end(self, voice: Voice) -> float:
        """It holds as much as it may. Returns when some of it may have been played."""
        self._line.look(self._sent)
        self._stands_still(voice, self._line.moved_at, "transport")
        return self._clock.position(self.hz) + self._frame

    def _stands_still(self, voice: Voice, since: int, waits_for: WaitsFor) -> float:
        """The voice has stood still since a position: say so when that is long enough, which is at the one returned."""
        due = since + round(STALL_S * self.hz)
        if self._clock.position(self.hz) < due:
            return due
        if not voice.stalled and not voice.playback.was_shut:
            voice.stalled = True
            voice.news.stalled(self.to_clock(since), waits_for)
        return NEVER

    def _playable(self) -> Voice | None:
        """The first voice that has something to play; voices that are done are taken out on the way."""
        while self._voices:
            voice = self._voices[0]
            voice.look_for_stop(played=self._clock.position(self.hz) >= self._sent)
            if voice.playback.playable:
                return voice
            if not voice.playback.done or self._clock.position(self.hz) < self._sent:
                return None
            if self._line.waiting and voice.handed_over and not voice.playback.was_shut:
                return None
            self._voices.popleft()
            voice.played.set()
            voice.news.played()
        return None
