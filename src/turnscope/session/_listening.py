"""The listening part of a turn: one STT stream over the stretches of the caller's audio that the Floor names."""

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

from turnscope.core import (
    CLOCK_HZ,
    AudioLost,
    EvidenceReceived,
    Resampler,
    RingCursor,
    Samples,
    TranscriptReceived,
    own_words_share,
)
from turnscope.providers import CalmSTTStream, STTStream
from turnscope.session._blame import blame, open_blamed

if TYPE_CHECKING:
    from turnscope.session._turn import TurnContext

__all__ = ["CHUNK_SAMPLES", "Listening"]

CHUNK_SAMPLES = CLOCK_HZ // 10
"""Most audio given to a stream at once."""

OWN_WORDS_SAMPLES = 2 * CLOCK_HZ
"""Words that were understood so long after the agent's last sound are not those of its echo."""


@dataclass(slots=True)
class _Stretch:
    """Audio to be heard.

    Attributes:
        start: Its first sample. It may lie ahead of what has come in, because audio comes in frames.
        stop: Sample after its last one; None as long as that is not known.
    """

    start: int
    stop: int | None = None


class Listening:
    """Feeds a stream from the ears' ring by cursor, and the Floor from the stream.

    Args:
        turn_id: Whose listening part it is.
        listen_from: First sample of the caller's audio that it hears.
        context: The session, as far as a turn may use it.
    """

    def __init__(self, turn_id: int, listen_from: int, context: "TurnContext") -> None:
        self.scope = trio.CancelScope()
        self.busy: list[str] = []
        """Providers whose streams are open."""
        self._turn_id = turn_id
        self._context = context
        self._cursor: RingCursor = context.ears.cursor(min(listen_from, context.ears.heard_until))
        self._ordered: deque[_Stretch] = deque([_Stretch(listen_from)])
        """What is to be heard; the first of them is being heard. Orders may come faster than a slow STT flushes."""
        self._changed = trio.Event()
        self._stretches: list[tuple[int, int]] = [(0, listen_from)]
        """Where the stretches begin: sample of the stream at 16 kHz, sample of the session's clock."""
        self._sent = 0

    def flush(self) -> None:
        """Settle what has come in by now, and hear nothing more until `listen_on`."""
        if self._ordered and self._ordered[-1].stop is None:
            self._ordered[-1].stop = self._context.ears.heard_until
            self._context.ears.nudge()

    def listen_on(self, listen_from: int) -> None:
        """Hear again from `listen_from`, or from where it had stopped if that is later; if it has not, just go on."""
        if not self._ordered or self._ordered[-1].stop is not None:
            self._ordered.append(_Stretch(listen_from))
            self._changed.set()

    async def run(self) -> None:
        """Listen until cancelled.

        Raises:
            ProviderError: The STT failed.
        """
        context = self._context
        name = context.agent.stt.name
        stt = context.taps.stt(context.stt, name, context.agent.stt.input_hz, self._turn_id)
        with self.scope:
            async with (
                open_blamed(name, stt.open_stream(), self.busy, context.agent.provider_timeout_s) as stream,
                trio.open_nursery() as nursery,
            ):
                nursery.start_soon(self._take_transcripts, stream)
                with blame(name):
                    await self._send_audio(stream)

    async def _send_audio(self, stream: STTStream) -> None:
        input_hz = self._context.agent.stt.input_hz
        resampler = Resampler(CLOCK_HZ, input_hz)
        while True:
            await self._send_stretch(stream, resampler, self._ordered[0])
            await stream.send_audio(resampler.flush())
            await stream.flush()
            heard = self._ordered.popleft()
            while not self._ordered:
                self._changed = trio.Event()
                await self._changed.wait()
            following = self._ordered[0]
            following.start = max(following.start, heard.start, self._cursor.position)
            self._stretches.append((self._sent, following.start))

    async def _send_stretch(self, stream: STTStream, resampler: Resampler, stretch: "_Stretch") -> None:
        ears = self._context.ears
        calm_stream = stream if isinstance(stream, CalmSTTStream) else None

        def calm_for(samples: Samples) -> int:
            """How much of what comes next changes nothing when it is sent."""
            if calm_stream is None or self._context.agent.stt.input_hz != CLOCK_HZ:
                return 0
            left_out = max(stretch.start - ears.heard_until, 0)
            calm = left_out + calm_stream.calm_for(samples[left_out:])
            return calm if stretch.stop is None else min(calm, stretch.stop - ears.heard_until - 1)

        while stretch.stop is None or self._cursor.position < stretch.stop:
            if self._cursor.position < stretch.start:
                self._cursor.skip_to(min(stretch.start, ears.heard_until))
            if self._cursor.position >= ears.heard_until:
                await ears.wait(calm_for)
            elif self._skip_lost():
                await stream.send_audio(resampler.flush())
            else:
                position = self._cursor.position
                limit = CHUNK_SAMPLES if stretch.stop is None else min(CHUNK_SAMPLES, stretch.stop - position)
                samples = self._cursor.read(limit)
                self._sent += len(samples)
                await stream.send_audio(resampler.process(samples))

    def _skip_lost(self) -> bool:
        """Move on to what the ring still holds; say what was lost, if anything was."""
        lost_before = self._cursor.lost_samples
        self._cursor.read(0)
        lost = self._cursor.lost_samples - lost_before
        if lost:
            at = self._cursor.position
            self._context.publish(AudioLost(self._context.now(), self._turn_id, at - lost, at))
            self._stretches.append((self._sent, at))
        return lost > 0

    async def _take_transcripts(self, stream: STTStream) -> None:
        input_hz = self._context.agent.stt.input_hz
        with blame(self._context.agent.stt.name):
            async for transcript in stream:
                stop = self._on_session_clock(transcript.stop * CLOCK_HZ // input_hz)
                self._compare(transcript.text, stop)
                self._context.feed(
                    TranscriptReceived(self._context.now(), self._turn_id, transcript.text, transcript.is_final, stop)
                )

    def _compare(self, text: str, stop: int) -> None:
        """Say how much of what was understood are the agent's own words, if it has just been speaking."""
        context = self._context
        far_end = context.playout.far_end
        if context.agent.echo_guard and text.strip() and far_end.until > max(stop - OWN_WORDS_SAMPLES, 0):
            share = own_words_share(text, far_end.text)
            context.feed(EvidenceReceived(context.now(), self._turn_id, "own_words", share, stop))

    def _on_session_clock(self, stream_position: int) -> int:
        """The sample of the session's clock after the one before `stream_position`."""
        index = bisect_right(self._stretches, stream_position - 1, key=lambda stretch: stretch[0]) - 1
        begin, at = self._stretches[max(index, 0)]
        return at + stream_position - begin
