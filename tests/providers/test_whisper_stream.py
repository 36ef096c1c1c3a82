"""The stream around Whisper: what is decoded when, without the model."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import numpy as np
import pytest
import trio
import trio.testing

from turnscope._errors import AudioError, ConfigError, ProviderError
from turnscope.core import CLOCK_HZ, Samples
from turnscope.providers._protocols import STTConnection, Transcript
from turnscope.providers._whisper import WhisperConnection, WhisperStream, WhisperSTT
from turnscope.providers._whisper_decode import Heard, decoding_cost_s

T = TypeVar("T")

INTERVAL = CLOCK_HZ * 3 // 10
FRAME = CLOCK_HZ // 50


class InlineCompute:
    """Runs work at once and charges its cost, or another one, to the clock."""

    def __init__(self, cost_s: float | None = None) -> None:
        self.cost_s = cost_s
        self.running = 0
        self.most_running = 0

    async def run(self, work: Callable[[], T], *, cost_s: float, name: str) -> T:
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await trio.sleep(cost_s if self.cost_s is None else self.cost_s)
            return work()
        finally:
            self.running -= 1


class Decoder:
    """Says which samples it was given: tests send ramps, whose first value is their place in the stream."""

    def __init__(self) -> None:
        self.windows: list[tuple[int, int]] = []
        self.failures = 0

    def __call__(self, samples: Samples) -> Heard:
        if self.failures:
            self.failures -= 1
            raise RuntimeError("no memory")
        first = round(float(samples[0]) * 2**20)
        self.windows.append((first, first + len(samples)))
        return Heard(f"{first}+{len(samples)}", 0.25, -0.5)


def ramp(start: int, stop: int) -> Samples:
    """Sample `n` of the stream has the value n / 2**20."""
    return (np.arange(start, stop) / 2**20).astype(np.float32)


@asynccontextmanager
async def opened(decoder: Decoder | None = None, compute: InlineCompute | None = None) -> AsyncIterator[WhisperStream]:
    connection = WhisperConnection(decoder or Decoder(), compute or InlineCompute(), INTERVAL)
    async with connection.open_stream() as stream:
        yield stream


@asynccontextmanager
async def being_read(
    decoder: Decoder | None = None, compute: InlineCompute | None = None
) -> AsyncIterator[tuple[WhisperStream, list[Transcript]]]:
    """A stream and what another task has read from it; that task is waited for after the stream was closed."""
    got: list[Transcript] = []
    stream = WhisperStream(decoder or Decoder(), compute or InlineCompute(), INTERVAL)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(read_all, stream, got)
        try:
            yield stream, got
        finally:
            stream.close()


async def talk(stream: WhisperStream, start: int, stop: int) -> None:
    """Send a ramp as a microphone does, in frames of 20 ms."""
    for at in range(start, stop, FRAME):
        await trio.sleep(FRAME / CLOCK_HZ)
        await stream.send_audio(ramp(at, min(stop, at + FRAME)))


async def read_all(stream: WhisperStream, into: list[Transcript]) -> None:
    async for transcript in stream:
        into.append(transcript)


async def test_words_come_after_three_tenths_of_a_second_and_again_after_as_much() -> None:
    decoder = Decoder()
    async with being_read(decoder) as (stream, got):
        await talk(stream, 0, CLOCK_HZ)
        await trio.sleep(1)
    assert [(t.start, t.stop, t.is_final) for t in got] == [
        (0, INTERVAL, False),
        (0, 2 * INTERVAL, False),
        (0, 3 * INTERVAL, False),
    ]


async def test_an_interim_transcript_is_there_one_decoding_after_its_audio() -> None:
    async with opened() as stream:
        began = trio.current_time()
        await stream.send_audio(ramp(0, INTERVAL))
        transcript = await anext(stream)
        assert trio.current_time() - began == pytest.approx(decoding_cost_s(0.3))
    assert transcript == Transcript(f"0+{INTERVAL}", False, 0, INTERVAL, 0.25, -0.5)


async def test_a_slow_decoder_skips_to_the_newest_audio_and_never_runs_twice_at_once() -> None:
    decoder, compute = Decoder(), InlineCompute(cost_s=1.0)
    async with being_read(decoder, compute) as (stream, got):
        await talk(stream, 0, 3 * CLOCK_HZ)
        await trio.sleep(2)
    assert compute.most_running == 1
    assert len(got) == 4
    assert decoder.windows[0] == (0, INTERVAL)
    gaps = np.diff([t.stop for t in got])
    assert (gaps[:-1] >= CLOCK_HZ - FRAME).all()


async def test_long_windows_are_decoded_less_often() -> None:
    async with being_read() as (stream, got):
        await talk(stream, 0, 20 * CLOCK_HZ)
    gaps = np.diff([t.stop for t in got])
    assert gaps[0] == INTERVAL
    assert gaps[-1] / CLOCK_HZ >= 2 * decoding_cost_s(19) > 0.3


async def test_a_flush_gives_one_final_for_all_that_was_sent_since_the_last_one() -> None:
    async with being_read() as (stream, got):
        await talk(stream, 0, CLOCK_HZ)
        await stream.flush()
        await trio.sleep(1)
        await talk(stream, CLOCK_HZ, 2 * CLOCK_HZ)
        await stream.flush()
        await trio.sleep(1)
    finals = [t for t in got if t.is_final]
    assert [(t.text, t.start, t.stop) for t in finals] == [
        (f"0+{CLOCK_HZ}", 0, CLOCK_HZ),
        (f"{CLOCK_HZ}+{CLOCK_HZ}", CLOCK_HZ, 2 * CLOCK_HZ),
    ]
    first_final = got.index(finals[0])
    assert {t.start for t in got[:first_final]} == {0}
    assert {t.start for t in got[first_final + 1 :]} == {CLOCK_HZ}
    assert got[first_final + 1].stop == CLOCK_HZ + INTERVAL


async def test_a_flush_of_nothing_gives_an_empty_final_at_no_cost() -> None:
    decoder = Decoder()
    async with opened(decoder) as stream:
        await stream.flush()
        began = trio.current_time()
        assert await anext(stream) == Transcript("", True, 0, 0)
        assert trio.current_time() == began
    assert decoder.windows == []


async def test_what_was_just_decoded_is_settled_without_decoding_it_again() -> None:
    decoder = Decoder()
    async with opened(decoder) as stream:
        await stream.send_audio(ramp(0, INTERVAL))
        interim = await anext(stream)
        await stream.flush()
        began = trio.current_time()
        final = await anext(stream)
        assert trio.current_time() == began
    assert (final.text, final.is_final) == (interim.text, True)
    assert decoder.windows == [(0, INTERVAL)]


async def test_finals_come_before_newer_interims_when_the_reader_is_late() -> None:
    async with opened() as stream:
        await stream.send_audio(ramp(0, CLOCK_HZ))
        await stream.flush()
        await stream.send_audio(ramp(CLOCK_HZ, 2 * CLOCK_HZ))
        await stream.flush()
        await stream.send_audio(ramp(2 * CLOCK_HZ, 3 * CLOCK_HZ))
        got = [await anext(stream) for _ in range(3)]
    assert [(t.start, t.is_final) for t in got] == [(0, True), (CLOCK_HZ, True), (2 * CLOCK_HZ, False)]


async def test_nobody_reading_never_blocks_the_sender_and_is_reported_in_the_end() -> None:
    began = trio.current_time()
    async with opened() as stream:
        for second in range(60):
            await stream.send_audio(ramp(second * CLOCK_HZ, (second + 1) * CLOCK_HZ))
            await stream.flush()
        with pytest.raises(ProviderError, match="nobody reads"):  # noqa: PT012 - whichever comes first
            for _ in range(10):
                await stream.flush()
    async with opened() as stream:
        await stream.send_audio(np.zeros(301 * CLOCK_HZ, np.float32))
        with pytest.raises(ProviderError, match="nobody reads"):
            await stream.send_audio(ramp(0, FRAME))
    assert trio.current_time() == began


async def test_an_endless_speaker_is_settled_in_the_quietest_place() -> None:
    speech = np.full(60 * CLOCK_HZ, 0.5, np.float32)
    speech[23 * CLOCK_HZ : 23 * CLOCK_HZ + CLOCK_HZ // 4] = 0.0
    async with being_read() as (stream, got):
        for at in range(0, len(speech), CLOCK_HZ):
            await trio.sleep(1)
            await stream.send_audio(speech[at : at + CLOCK_HZ])
        await stream.flush()
        await trio.sleep(5)
    finals = [t for t in got if t.is_final]
    assert 23 * CLOCK_HZ < finals[0].stop < 23 * CLOCK_HZ + CLOCK_HZ // 4
    assert [t.start for t in finals] == [0, *(t.stop for t in finals[:-1])]
    assert finals[-1].stop == len(speech)
    assert max(t.stop - t.start for t in finals) <= 25 * CLOCK_HZ


async def test_audio_in_one_piece_or_in_frames_settles_the_same_ranges() -> None:
    speech = np.random.default_rng(5).uniform(-0.1, 0.1, 70 * CLOCK_HZ).astype(np.float32)

    async def ranges(step: int) -> list[tuple[int, int]]:
        async with opened() as stream:
            for at in range(0, len(speech), step):
                await stream.send_audio(speech[at : at + step])
            await stream.flush()
            finals: list[tuple[int, int]] = []
            while not finals or finals[-1][1] < len(speech):
                transcript = await anext(stream)
                finals.append((transcript.start, transcript.stop))
            return finals

    assert await ranges(len(speech)) == await ranges(FRAME)


async def test_a_reader_cancelled_while_it_decodes_loses_no_final() -> None:
    compute = InlineCompute(cost_s=1.0)
    async with opened(compute=compute) as stream:
        await stream.send_audio(ramp(0, CLOCK_HZ))
        await stream.flush()
        began = trio.current_time()
        with trio.move_on_after(0.25) as scope:
            await anext(stream)
        assert scope.cancelled_caught
        assert trio.current_time() - began == 0.25
        assert compute.running == 0
        final = await anext(stream)
    assert final.is_final
    assert (final.start, final.stop) == (0, CLOCK_HZ)


@pytest.mark.parametrize("audio_s", [0, 1], ids=["waiting", "decoding"])
async def test_closing_the_stream_ends_its_reader_at_once(audio_s: int) -> None:
    compute = InlineCompute(cost_s=10.0)
    began = trio.current_time()
    async with being_read(compute=compute) as (stream, got):
        await stream.send_audio(ramp(0, audio_s * CLOCK_HZ))
        await trio.sleep(0.5)
        assert compute.running == audio_s
    assert trio.current_time() - began == 0.5
    assert got == []


async def test_a_stream_that_was_left_gives_and_takes_nothing() -> None:
    async with opened() as stream:
        await stream.send_audio(ramp(0, CLOCK_HZ))
        await stream.flush()
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
    with pytest.raises(ProviderError, match="closed"):
        await stream.send_audio(ramp(0, FRAME))
    with pytest.raises(ProviderError, match="closed"):
        await stream.flush()


async def test_a_failing_model_is_a_provider_error_and_the_audio_is_still_there() -> None:
    decoder = Decoder()
    decoder.failures = 1
    async with opened(decoder) as stream:
        await stream.send_audio(ramp(0, CLOCK_HZ))
        await stream.flush()
        with pytest.raises(ProviderError, match="whisper: decoding failed: no memory") as caught:
            await anext(stream)
        assert isinstance(caught.value.__cause__, RuntimeError)
        assert (await anext(stream)).text == f"0+{CLOCK_HZ}"


async def test_an_exception_of_the_user_passes_through_as_it_is() -> None:
    with pytest.raises(KeyError, match="mine"):
        async with opened():
            raise KeyError("mine")


async def test_two_readers_of_one_stream_are_refused() -> None:
    async with being_read() as (stream, _):
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await anext(stream)


async def test_the_sender_may_use_its_buffer_again() -> None:
    decoder = Decoder()
    async with opened(decoder) as stream:
        buffer = ramp(0, INTERVAL)
        await stream.send_audio(buffer)
        buffer[:] = ramp(INTERVAL, 2 * INTERVAL)
        await anext(stream)
    assert decoder.windows == [(0, INTERVAL)]


async def test_stereo_is_refused() -> None:
    async with opened() as stream:
        with pytest.raises(AudioError, match="mono"):
            await stream.send_audio(np.zeros((100, 2), np.float32))


async def test_several_streams_of_one_connection_do_not_mix() -> None:
    connection: STTConnection = WhisperConnection(Decoder(), InlineCompute(), INTERVAL)
    async with connection.open_stream() as one, connection.open_stream() as other:
        await one.send_audio(ramp(0, INTERVAL))
        await other.send_audio(ramp(9600, 9600 + INTERVAL))
        assert (await anext(aiter(one))).text == f"0+{INTERVAL}"
        assert (await anext(aiter(other))).text == f"9600+{INTERVAL}"


@pytest.mark.parametrize("interval_s", [0.0, -1.0, 26.0, float("nan")])
def test_a_senseless_interval_is_refused(interval_s: float) -> None:
    with pytest.raises(ConfigError, match="partial_interval_s"):
        WhisperSTT(partial_interval_s=interval_s)
