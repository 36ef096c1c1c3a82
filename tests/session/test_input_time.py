"""What the caller says lies where it was said, on the session's clock, whatever the client and the network do."""

import numpy as np
import pytest
import trio

from tests.session.calls import AGENT
from turnscope.core import (
    CLOCK_HZ,
    AttemptStarted,
    ClockCorrected,
    Event,
    InputGap,
    Samples,
    SpeechBegins,
    SpeechEnds,
    TranscriptUpdated,
    to_samples,
)
from turnscope.session import Record, open_session
from turnscope.sim import encode_words, run_virtual
from turnscope.transports import InputFrame, MemoryCaller, MemoryTransport, memory_pair

FRAME = 320


class Client:
    """Speaks to a session through one end of a pair, at a pace of its own."""

    def __init__(self, caller: MemoryCaller, pace: float = 1.0) -> None:
        self.caller = caller
        self._pace = pace
        self._began = trio.current_time()
        self._said = 0

    def pause(self, duration_s: float) -> None:
        """Send nothing for a while; what is said next is said then."""
        self._began += duration_s

    async def say(self, audio: Samples) -> None:
        for at in range(0, len(audio), FRAME):
            frame = audio[at : at + FRAME]
            self._said += len(frame)
            await trio.sleep_until(self._began + self._said / CLOCK_HZ / self._pace)
            await self.caller.send(frame)

    async def be_silent(self, duration_s: float) -> None:
        await self.say(np.zeros(to_samples(duration_s), np.float32))


def converse(talk, *, transport=None, agent=AGENT, pace: float = 1.0) -> list[Event]:  # type: ignore[no-untyped-def]
    """The events of a session in which `talk(client)` is the caller."""
    records: list[Record] = []

    async def main(compute: object = None) -> None:
        line, caller = memory_pair(lead_s=60)
        async with open_session(
            agent, line if transport is None else transport(line), sinks=(records.append,)
        ) as session:
            await talk(Client(caller, pace))
            caller.hang_up()
            await session.wait_ended()

    run_virtual(main, seed=0)
    return [record for record in records if isinstance(record, Event)]


def of(events: list[Event], kind: type) -> list:  # type: ignore[type-arg]
    return [event for event in events if isinstance(event, kind)]


def onsets(events: list[Event]) -> list[int]:
    return [event.onset for event in of(events, SpeechBegins) if event.profile == "turn"]


def words(text: str) -> Samples:
    return encode_words(text, words_per_s=5)[0]


def test_after_a_pause_of_the_client_an_onset_is_when_it_was_and_endpointing_waits_as_long_as_ever() -> None:
    async def talk(client: Client) -> None:
        await client.be_silent(1)
        client.pause(5)
        await client.say(words("two lattes please."))
        await client.be_silent(2)

    events = converse(talk)
    assert onsets(events) == [6 * CLOCK_HZ]
    assert of(events, InputGap) == [InputGap(6 * CLOCK_HZ + FRAME, CLOCK_HZ, 6 * CLOCK_HZ, "paused")]
    started = of(events, AttemptStarted)[0]
    assert started.text == "two lattes please"
    assert started.sample - started.speech_end >= to_samples(0.5)


def test_a_client_that_sends_nothing_after_its_last_word_has_stopped_speaking() -> None:
    """A push-to-talk button, let go: no silence ever comes."""

    async def talk(client: Client) -> None:
        await client.be_silent(0.2)
        await client.say(words("two lattes please."))
        await trio.sleep(5)

    events = converse(talk)
    (ended,) = [event for event in of(events, SpeechEnds) if event.profile == "turn"]
    assert ended.sample - ended.end <= to_samples(0.6) + FRAME
    assert [event.text for event in of(events, AttemptStarted)] == ["two lattes please"]


class Lossy:
    """A transport that loses the frames that begin in some stretches of its stream."""

    def __init__(self, inner: MemoryTransport, lost: tuple[tuple[int, int], ...]) -> None:
        self._inner = inner
        self._lost = lost
        self.input_hz, self.output_hz, self.lead_samples = inner.input_hz, inner.output_hz, inner.lead_samples
        self.send, self.clear, self.playhead = inner.send, inner.clear, inner.playhead

    async def receive(self) -> InputFrame | None:
        while (frame := await self._inner.receive()) is not None:
            if not any(start <= frame.start < stop for start, stop in self._lost):
                return frame
        return None


def test_lost_audio_is_a_gap_of_its_length_and_moves_nothing_behind_it() -> None:
    async def talk(client: Client) -> None:
        await client.be_silent(2)
        await client.say(words("two lattes please."))
        await client.be_silent(2)

    events = converse(talk, transport=lambda line: Lossy(line, ((CLOCK_HZ, CLOCK_HZ + 10 * FRAME),)))
    assert onsets(events) == [2 * CLOCK_HZ]
    (gap,) = of(events, InputGap)
    assert (gap.start, gap.stop, gap.reason) == (CLOCK_HZ, CLOCK_HZ + 10 * FRAME, "lost")


def test_a_word_that_was_lost_leaves_the_others_in_their_places() -> None:
    async def talk(client: Client) -> None:
        await client.be_silent(1)
        await client.say(words("could I have two lattes please."))
        await client.be_silent(2)

    lost = (CLOCK_HZ + 3 * 3200, CLOCK_HZ + 4 * 3200)  # the fourth word's 0.2 s
    events = converse(talk, transport=lambda line: Lossy(line, (lost,)))
    assert of(events, TranscriptUpdated)[-1].text == "could I have lattes please"
    assert of(events, SpeechEnds)[-1].end == CLOCK_HZ + 6 * 3200 - 800  # where it would have ended


@pytest.mark.parametrize("pace", [0.98, 1.02])
def test_a_client_whose_clock_runs_apart_does_not_drift(pace: float) -> None:
    spoken_at: list[float] = []

    async def talk(client: Client) -> None:
        for _ in range(6):
            await client.be_silent(8)
            spoken_at.append(trio.current_time())
            await client.say(words("well then please."))
        await client.be_silent(2)

    events = converse(talk, pace=pace)
    assert len(onsets(events)) == 6
    assert of(events, ClockCorrected)
    start = spoken_at[0] - 8 / pace
    errors = [onset / CLOCK_HZ - (at - start) for onset, at in zip(onsets(events), spoken_at, strict=True)]
    assert max(abs(error) for error in errors) <= 0.1


def test_a_client_that_sends_a_whole_recording_at_once_is_slowed_down_to_real_time() -> None:
    async def talk(client: Client) -> None:
        audio = np.concatenate(
            [np.zeros(CLOCK_HZ, np.float32), words("two lattes please."), np.zeros(32_000, np.float32)]
        )
        await client.caller.send(audio)
        await trio.sleep(3)

    events = converse(talk)
    assert onsets(events) == [CLOCK_HZ]
    (began,) = [event for event in of(events, SpeechBegins) if event.profile == "turn"]
    assert began.sample >= CLOCK_HZ + to_samples(0.22 - 0.2)
    assert [event.text for event in of(events, AttemptStarted)] == ["two lattes please"]
    assert of(events, InputGap) == of(events, ClockCorrected) == []


def test_a_client_at_another_rate_is_placed_as_exactly_after_a_gap() -> None:
    records: list[Record] = []

    async def main(compute: object = None) -> None:
        line, caller = memory_pair(input_hz=48_000, lead_s=60)
        async with open_session(AGENT, line, sinks=(records.append,)) as session:
            await trio.sleep(3.5)
            for _ in range(150):
                await trio.sleep(0.02)
                await caller.send(np.full(960, 0.2, np.float32))
            caller.hang_up()
            await session.wait_ended()

    run_virtual(main, seed=0)
    events = [record for record in records if isinstance(record, Event)]
    (onset,) = onsets(events)
    assert onset == round(3.5 * CLOCK_HZ)
