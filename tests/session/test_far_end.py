"""The far end plays later than planned, slower, or not at all; what counts as heard is what it has played."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import numpy as np
import pytest
import trio

from tests.session.calls import AGENT, agent
from turnscope.core import (
    CLOCK_HZ,
    Completed,
    Event,
    Failed,
    Interrupted,
    Samples,
    SpeechPlayed,
    SpeechStalled,
    SpeechWentOn,
    WordsHeard,
)
from turnscope.session import Record, Session, open_session
from turnscope.sim import read_words
from turnscope.transports import MemoryCaller, OutputCleared, WavTransport, memory_pair

TEXT = "One two three four five six."
SPOKEN = TEXT.rstrip(".").split()


class FarEnd:
    """A loudspeaker behind a buffer: it begins to play when so much has come in, and notes what it plays, and when.

    Args:
        caller: Where it gets the agent's audio from.
        buffer_s: How much it waits for before it begins.
    """

    def __init__(self, caller: MemoryCaller, buffer_s: float) -> None:
        self._caller = caller
        self._buffer_s = buffer_s
        self.track = np.zeros(20 * CLOCK_HZ, np.float32)
        self.cleared: list[str] = []
        self.stops = trio.Event()
        """Set: it plays nothing any more."""

    async def play(self) -> None:
        position = -CLOCK_HZ
        while not self.stops.is_set() and (output := await self._caller.receive()) is not None:
            if isinstance(output, OutputCleared):
                self.cleared.append(output.response_id)
                continue
            now = round(trio.current_time() * CLOCK_HZ)
            if position < now - CLOCK_HZ // 10:  # it has run dry and begins anew
                position = now + round(self._buffer_s * CLOCK_HZ)
            await trio.sleep_until(position / CLOCK_HZ)
            self.track[position : position + len(output.samples)] = output.samples
            position += len(output.samples)
            await trio.sleep_until(position / CLOCK_HZ)


@asynccontextmanager
async def call(
    buffer_s: float = 0.0, *, answer_timeout_s: float = 3.0
) -> AsyncGenerator[tuple[Session, FarEnd, list[Event]]]:
    """A call over the pair in memory, whose far end lags behind."""
    transport, caller = memory_pair(lead_s=0.4)
    far_end = FarEnd(caller, buffer_s)
    events: list[Event] = []

    def keep(record: Record) -> None:
        if isinstance(record, Event):
            events.append(record)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(far_end.play)
        async with open_session(agent(answer_timeout_s=answer_timeout_s), transport, sinks=(keep,)) as session:
            yield session, far_end, events
        transport.close()
        nursery.cancel_scope.cancel()


def played(far_end: FarEnd, until: int | None = None) -> list[str]:
    return [word for word, _ in read_words(far_end.track[:until])]


LAGS = pytest.mark.parametrize("buffer_s", [0.0, 0.06, 0.2, 0.35])


@LAGS
async def test_words_are_heard_when_the_far_end_plays_them(buffer_s: float) -> None:
    async with call(buffer_s) as (session, far_end, events):
        assert await (await session.say(TEXT)) == Completed(TEXT)
    [words] = [event.words for event in events if isinstance(event, WordsHeard)]
    assert [word.text for word in words] == SPOKEN == played(far_end)
    ends = [stop for _, stop in read_words(far_end.track)]
    assert max(abs(word.stop - stop) for word, stop in zip(words, ends, strict=True)) <= 0.02 * CLOCK_HZ
    [over] = [event for event in events if isinstance(event, SpeechPlayed)]
    assert over.sample >= ends[-1], "it is not over before it was heard"


@LAGS
@pytest.mark.feature(26)
@pytest.mark.parametrize("left_s", [0.3, 0.15, 0.03])
async def test_an_interruption_in_the_tail_stops_what_was_not_played(buffer_s: float, left_s: float) -> None:
    async with call(buffer_s) as (session, far_end, _):
        handle = await session.say(TEXT)
        speech = 6 / 3 * CLOCK_HZ
        begin = 0.1 * CLOCK_HZ
        await trio.sleep_until((begin + speech) / CLOCK_HZ + buffer_s - left_s)
        session.interrupt("enough")
        cut = session.now()
        outcome = await handle
        await trio.sleep(1)
    assert isinstance(outcome, Interrupted)
    assert outcome.silence_source == "acknowledged"
    assert outcome.heard.rstrip(".").split() == played(far_end, cut)
    assert outcome.silence is not None
    assert outcome.silence <= cut + 0.05 * CLOCK_HZ + buffer_s * CLOCK_HZ + 0.02 * CLOCK_HZ
    assert not far_end.track[cut + round((0.05 + 0.1 + buffer_s) * CLOCK_HZ) :].any()
    assert far_end.cleared == [f"{handle.turn_id}.1"]


async def test_a_far_end_that_stops_playing_fails_the_turn_and_not_the_session() -> None:
    async with call(answer_timeout_s=3.0) as (session, far_end, events):
        handle = await session.say(TEXT)
        await trio.sleep(1.0)
        far_end.stops.set()
        outcome = await handle
        assert session.state.value == "listening"
    assert isinstance(outcome, Failed)
    assert (outcome.provider, outcome.message) == ("transport", "played no audio within 3 s")
    assert outcome.heard.split() == played(far_end)
    [stalled] = [event for event in events if isinstance(event, SpeechStalled)]
    assert stalled.waits_for == "transport"
    assert abs(stalled.sample - stalled.since - CLOCK_HZ // 2) <= 0.02 * CLOCK_HZ


async def test_a_far_end_that_takes_nothing_fails_every_turn_and_the_session_lives() -> None:
    transport, _ = memory_pair()
    async with open_session(agent(answer_timeout_s=2.0), transport) as session:
        for _ in range(3):
            begun = session.now()
            assert await (await session.say(TEXT)) == Failed("transport", "played no audio within 2 s")
            assert session.now() - begun <= 2.3 * CLOCK_HZ


async def test_a_far_end_that_goes_on_loses_nothing() -> None:
    transport, caller = memory_pair(lead_s=0.4)
    far_end = FarEnd(caller, 0.0)
    events: list[Record] = []

    async def play_with_a_break() -> None:
        with trio.move_on_after(1.0):
            await far_end.play()
        await trio.sleep(1.5)
        await far_end.play()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(play_with_a_break)
        async with open_session(AGENT, transport, sinks=(events.append,)) as session:
            assert await (await session.say(TEXT)) == Completed(TEXT)
        nursery.cancel_scope.cancel()
    kinds = [type(event) for event in events if isinstance(event, SpeechStalled | SpeechWentOn)]
    assert kinds == [SpeechStalled, SpeechWentOn]
    assert len(set(SPOKEN) - set(played(far_end))) <= 1, "all but the word in which its playing was broken off"


# Nothing is left after a clear


class Dropping(WavTransport):
    """A recording that counts what waits to be played of a response."""

    def waiting(self, response_id: str) -> int:
        now = self._position()
        return sum(
            block.stop - max(block.start, now)
            for block in self._blocks
            if block.response_id == response_id and block.stop > now
        )


@pytest.mark.feature(52)
@pytest.mark.parametrize("lead_s", [0.02, 0.1, 0.5])
@pytest.mark.parametrize("after_s", [0.3, 0.555, 1.0])
async def test_after_a_clear_the_recording_holds_nothing_of_the_response(lead_s: float, after_s: float) -> None:
    transport = Dropping(np.zeros(5 * CLOCK_HZ, np.float32), lead_s=lead_s)
    async with open_session(AGENT, transport) as session:
        handle = await session.say(TEXT)
        await trio.sleep(after_s)
        held = transport.waiting("1.1")
        handle.cancel()
        assert transport.waiting("1.1") == 0
        assert held > 0
        await handle


@pytest.mark.feature(52)
async def test_after_a_clear_the_line_holds_nothing_of_the_response_and_the_far_end_is_told_first() -> None:
    transport, caller = memory_pair(lead_s=0.4)
    async with open_session(AGENT, transport) as session:
        handle = await session.say(TEXT)
        await trio.sleep(0.4)
        held: list[Samples] = [frame.samples for frame in transport._line.output]
        assert sum(map(len, held)) > 0.2 * CLOCK_HZ
        handle.cancel()
        assert [frame for frame in transport._line.output if frame.response_id == "1.1"] == []
        assert transport._line.output_samples == 0
        assert await caller.receive() == OutputCleared("1.1")
        outcome = await handle
    assert isinstance(outcome, Interrupted)
    assert outcome.heard == "", "nobody has played any of it"
