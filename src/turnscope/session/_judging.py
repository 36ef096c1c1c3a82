"""Has a detector judge the sound of whoever speaks over the agent, and tells the Floor what it says.

The detector is one more witness: if it fails, is late or talks nonsense, an event says so, and the policy goes by what
else it knows.
"""

from collections.abc import Callable

import trio

from turnscope.core import (
    CLOCK_HZ,
    Decided,
    DetectorFailed,
    Event,
    EvidenceReceived,
    FloorInput,
    Resampler,
    SpeechBegins,
    SpeechEnds,
    TurnOpened,
    TurnStarted,
    UtteranceDismissed,
)
from turnscope.providers import DetectorConnection, DetectorStream, Score
from turnscope.session._agent import Agent
from turnscope.session._blame import as_provider_error, blame, open_blamed
from turnscope.session._clock import SessionClock
from turnscope.session._ears import Ears
from turnscope.session._listening import CHUNK_SAMPLES
from turnscope.session._tapped import Taps
from turnscope.session._zombies import unblock

__all__ = ["Judging"]

PRE_ROLL = CLOCK_HZ * 3 // 10
"""How much of what precedes the speech a detector is given."""


class Judging:
    """One session's use of a detector: at most one stream at a time, about the newest speech over the agent.

    Args:
        connection: The detector's; None where nobody judges.
        agent: Whose detector it is.
        ears: Where the caller's audio is.
        clock: The session's.
        feed: Takes what the detector says.
        publish: Takes its failures.
        taps: Are put at its streams.
    """

    def __init__(
        self,
        connection: DetectorConnection | None,
        agent: Agent,
        ears: Ears,
        clock: SessionClock,
        feed: Callable[[FloorInput], None],
        publish: Callable[[Event], None],
        taps: Taps,
    ) -> None:
        self._connection = connection
        detector = agent.interruption_detector
        self._name = "" if detector is None else detector.name
        self._input_hz = CLOCK_HZ if detector is None else detector.input_hz
        self._timeout_s = agent.provider_timeout_s
        self._ears = ears
        self._clock = clock
        self._feed = feed
        self._publish = publish
        self._taps = taps
        self._challenger: int | None = None
        """The turn that would be that of whoever speaks over the agent."""
        self._onset: int | None = None
        """Where the speech began that is to be judged next."""
        self._until: int | None = None
        """Where it ended; None while it goes on."""
        self._changed = trio.Event()
        self._scope = trio.CancelScope()
        self._busy: list[str] = []
        self._idle = trio.lowlevel.ParkingLot()
        self._task: trio.lowlevel.Task | None = None

    def notice(self, event: Event) -> None:
        """Follow the conversation: begin when somebody speaks over the agent, and stop when that is decided."""
        match event:
            case TurnOpened(_, turn_id, onset, challenges) if challenges is not None:
                self._challenger = turn_id
                self._begin(onset)
            case SpeechBegins(_, onset, "barge_in") if self._challenger is not None:
                self._begin(onset)
            case SpeechEnds(_, _, "barge_in"):
                self._until = self._ears.heard_until
            case Decided(_, _, turn_id) | UtteranceDismissed(_, turn_id) | TurnStarted(_, turn_id):
                if turn_id == self._challenger:
                    self.stop()

    def force_end(self) -> None:
        """The session's block is being left: unblock a detector that shields itself."""
        if self._task is not None and self._busy:
            unblock(self._task)

    async def wait_idle(self) -> None:
        """Wait until no stream is open."""
        while self._busy:
            await self._idle.park()

    def _begin(self, onset: int) -> None:
        self._onset, self._until = onset, None
        self._scope.cancel()
        self._changed.set()

    def stop(self) -> None:
        """There is nobody to be judged any more."""
        self._challenger = None
        self._onset = None
        self._scope.cancel()

    async def run(self) -> None:
        """Judge until cancelled."""
        self._task = trio.lowlevel.current_task()
        while self._connection is not None:
            await self._changed.wait()
            self._changed = trio.Event()
            onset, turn_id = self._onset, self._challenger
            if onset is None or turn_id is None:
                continue
            self._onset = None
            with trio.CancelScope() as self._scope:
                try:
                    await self._judge(self._connection, turn_id, onset)
                except* Exception as errors:
                    failure = as_provider_error(self._name, errors)
                    self._publish(DetectorFailed(self._clock.now(), turn_id, failure.provider, failure.message))
            self._idle.unpark_all()

    async def _judge(self, connection: DetectorConnection, turn_id: int, onset: int) -> None:
        start = max(0, onset - PRE_ROLL)
        onset_in_stream = (onset - start) * self._input_hz // CLOCK_HZ
        tapped = self._taps.detector(connection, self._name, self._input_hz, turn_id)
        stream = tapped.open_stream(onset_in_stream)
        async with (
            open_blamed(self._name, stream, self._busy, self._timeout_s) as opened,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(self._send, opened, start)
            with blame(self._name):
                async for score in opened:
                    self._tell(turn_id, start, score)
            nursery.cancel_scope.cancel()

    async def _send(self, stream: DetectorStream, start: int) -> None:
        cursor = self._ears.cursor(start)
        resampler = Resampler(CLOCK_HZ, self._input_hz)
        with blame(self._name):
            while self._until is None or cursor.position < self._until:
                if cursor.available_samples:
                    await stream.send_audio(resampler.process(cursor.read(CHUNK_SAMPLES)))
                else:
                    await self._ears.wait()

    def _tell(self, turn_id: int, start: int, score: Score) -> None:
        stop = start + score.stop * CLOCK_HZ // self._input_hz
        if not 0 <= score.value <= 1:  # also NaN, which is in no range
            raise ValueError(f"the score {score.name!r} must be between 0 and 1, got {score.value!r}")
        if not start <= stop <= self._ears.heard_until:
            raise ValueError(f"the score {score.name!r} is about sample {score.stop}, which it was not given")
        self._feed(EvidenceReceived(self._clock.now(), turn_id, score.name, float(score.value), stop))
