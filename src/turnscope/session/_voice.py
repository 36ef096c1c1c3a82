"""One attempt's way through the gate: how its speech comes in, and how it is told to pause, go on, or fall silent."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

from turnscope.core import Playback, Samples, WaitsFor

if TYPE_CHECKING:
    from turnscope.session._playout import Playout

__all__ = ["Voice", "VoiceNews"]


def _say_nothing(*_: object) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True)
class VoiceNews:
    """Who is told how a voice gets on.

    Attributes:
        started: The first sample was handed to the transport.
        stalled: It has stood still since a sample of the session's clock, and waits for the ``"answer"`` to be made or
            for the ``"transport"`` to play it.
        went_on: It has gone on after that.
        played: Its last sample was played, or it was shut and its place at the gate is free.
    """

    started: Callable[[], None]
    stalled: Callable[[int, WaitsFor], None] = _say_nothing
    went_on: Callable[[], None] = _say_nothing
    played: Callable[[], None] = _say_nothing


class Voice:
    """One attempt's way through the gate.

    Args:
        response_id: Names the attempt on the wire.
        playout: The gate.
        playback: The speech and what was heard of it, in samples at the transport's rate.
        news: Is told how it goes.
    """

    def __init__(self, response_id: str, playout: "Playout", playback: Playback, news: VoiceNews) -> None:
        self.name: str = response_id
        self.response_id: str = response_id
        self.clears = 0
        """How often the far end was told to drop what it held of it."""
        self.playback = playback
        self.news = news
        self.handed_over: int = 0
        """Samples of it that the transport was given."""
        self.stalled: bool = False
        """It was said that it stands still."""
        self.on_speech: Callable[[], None] = _say_nothing
        """Called whenever there is more speech to play, and at the end of it."""
        self.played: trio.Event = trio.Event()
        self.room: trio.lowlevel.ParkingLot = trio.lowlevel.ParkingLot()
        self._playout = playout
        self._put_by = 0
        """Samples that were made before their turn has come."""
        self._find_stop: Callable[[], int | None] | None = None
        self._on_stop: Callable[[], None] | None = None

    def stop_at(self, find_stop: Callable[[], int | None], on_stop: Callable[[], None]) -> None:
        """Play only up to a sample of the speech that may not be known yet.

        Args:
            find_stop: Is asked before each frame; None while it is not known.
            on_stop: Called once, when everything up to there has been played.
        """
        self._find_stop, self._on_stop = find_stop, on_stop
        self._playout.wake()

    def look_for_stop(self, *, played: bool) -> None:
        """See where to stop, if it is known by now; with `played`, everything that was handed over has been played."""
        if self._find_stop is not None and (stop := self._find_stop()) is not None:
            self._find_stop = None
            self.playback.limit(stop)
        if self._on_stop is not None and self.playback.limit_reached and played:
            on_stop, self._on_stop = self._on_stop, None
            on_stop()

    async def send(self, samples: Samples) -> None:
        """Have speech played. Waits while `MAX_AHEAD_S` of it are still to be played."""
        await trio.lowlevel.checkpoint_if_cancelled()
        while self.playback.buffered >= self._room_below:
            await self.room.park()
        self._push(samples)

    def _push(self, samples: Samples) -> None:
        if len(samples):
            self.on_speech()
        self.playback.push(samples)
        self._playout.wake()

    def admit(self) -> None:
        """It may be heard from now on. Once."""
        self._playout.admit(self)

    async def wait_for_room_ahead(self, in_turn: Callable[[], bool]) -> None:
        """Wait until speech whose turn has not come may be put by; not at all once it has, which is asked `in_turn`."""
        most = self._playout.max_ahead
        while not in_turn() and (self._put_by >= most // 2 or self.playback.buffered + self._put_by >= most):
            await self.room.park()

    def put_by(self, count: int) -> None:
        """So many samples were made and wait for their turn."""
        self._put_by += count

    def bring_forward(self, samples: Samples) -> None:
        """The turn of samples that were put by has come: have them played."""
        self._put_by -= len(samples)
        self._push(samples)

    @property
    def _room_below(self) -> int:
        """Who waits for room has it when less than this is still to be played."""
        most = self._playout.max_ahead
        return max(most - self._put_by, most // 2)

    def plain_frames(self, frame: int) -> int:
        """In how many of the next frames it just goes on, as loud as before, and nobody waits for their being played.

        In none in which `hand_over` or `look_for_stop` would tell anybody anything: whoever changes these changes this.

        Args:
            frame: Samples of a frame.
        """
        buffered = self.playback.buffered
        if not self.handed_over or self.stalled or self._on_stop is not None or not self.playback.steady:
            return 0
        if self.room and buffered >= self._room_below:
            buffered = buffered - self._room_below
        return buffered // frame

    def hand_over(self, count: int) -> None:
        """So many more samples of it were given to the transport."""
        first = not self.handed_over
        self.handed_over += count
        left = self.playback.buffered
        if left < self._room_below <= left + count:
            self.room.unpark_all()
        if first:
            self.news.started()
        if self.stalled:
            self.stalled = False
            self.news.went_on()

    def end(self) -> None:
        """There will be no more speech."""
        self.on_speech()
        self.playback.end()
        self._playout.wake()

    @property
    def ends_at(self) -> int:
        """The session's time after its last sample, as things stand: if it plays on, and no more speech comes."""
        left = self._playout.buffered_before(self) + self.playback.buffered
        return self._playout.to_clock(self._playout.next_position(self) + left)

    def pause(self) -> None:
        """Have the transport drop what it has not played, fade out from there at once, and keep the rest."""
        if not self.playback.paused:
            self._playout.clear(self)
        self.playback.pause(self._playout.next_position(self))
        self._playout.wake()

    def resume(self, from_sample: int) -> None:
        """Go on from a sample of the speech."""
        self.playback.resume(from_sample)
        self._playout.wake()

    def duck(self, gain: float) -> None:
        """Go down to `gain`; 1.0 comes up again."""
        self.playback.duck(gain)

    def shut(self) -> tuple[int | None, int | None]:
        """Have the transport drop what it has not played, fade out from there, and drop the rest, for ever.

        Returns:
            The session's time up to which samples had been handed over and not dropped, and the one after which all is
            silent; both None when nothing of it is being heard.
        """
        self._playout.clear(self)
        at = self._playout.next_position(self)
        silence = self.playback.shut(at)
        self._playout.wake()
        if silence is None:
            return None, None
        return self._playout.to_clock(min(at, silence)), self._playout.heard_at(silence)
