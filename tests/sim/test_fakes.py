"""Fakes are exact: they hear, think and speak what they are told, after the time they are told."""

import numpy as np
import pytest
import trio

from turnscope.core import CLOCK_HZ, Samples
from turnscope.providers import STT, TTS, VAD, Resources, SpeechChunk, Transcript, VoiceOptions
from turnscope.sim import FakeSTT, FakeTTS, FakeVAD, VirtualCompute, encode_words, read_words

RESOURCES = Resources(VirtualCompute())


def test_they_are_what_they_stand_for() -> None:
    assert isinstance(FakeVAD(), VAD)
    assert isinstance(FakeSTT(), STT)
    assert isinstance(FakeTTS(), TTS)


def test_the_detector_hears_whatever_is_not_quiet() -> None:
    vad = FakeVAD(window_s=0.02)
    assert vad.window_samples == 320
    stream = vad.open_stream()
    quiet, loud = np.full(320, 0.02, np.float32), np.full(320, -0.03, np.float32)
    assert [stream.process(window) for window in (quiet, loud, quiet)] == [0.0, 1.0, 0.0]


async def transcribe(
    stt: FakeSTT, pieces: list[Samples], flush_after: tuple[int, ...]
) -> list[tuple[float, Transcript]]:
    """Send pieces one every 100 ms, flushing after some. Returns what came, and when."""
    came: list[tuple[float, Transcript]] = []

    async def read() -> None:
        async for transcript in stream:
            came.append((round(trio.current_time(), 6), transcript))

    async with stt.connect(RESOURCES) as connection, connection.open_stream() as stream, trio.open_nursery() as nursery:
        nursery.start_soon(read)
        for number, piece in enumerate(pieces):
            await stream.send_audio(piece)
            if number in flush_after:
                await stream.flush()
            await trio.sleep(0.1)
        await trio.sleep(5)
        nursery.cancel_scope.cancel()
    return came


async def test_a_word_is_understood_when_it_was_heard_to_its_end() -> None:
    audio, (one, two) = encode_words("one two", words_per_s=5)
    assert (one.stop, two.stop) == (2_400, 5_600)
    pieces = [audio[start : start + 1_600] for start in range(0, 6_400, 1_600)]
    came = await transcribe(FakeSTT(interim_latency_s=0.25, final_latency_s=0.5), pieces, (3,))
    assert came == [
        (0.35, Transcript("one", False, 0, 3_200)),
        (0.55, Transcript("one two", False, 0, 6_400)),
        (0.8, Transcript("one two", True, 0, 6_400)),
    ]


async def test_each_flush_gives_one_final_and_begins_anew() -> None:
    first, second = encode_words("one")[0], encode_words("two")[0]
    came = await transcribe(FakeSTT(), [first, np.zeros(1_600, np.float32), second], (0, 1, 2))
    finals = [transcript for _, transcript in came if transcript.is_final]
    ends = [len(first), len(first) + 1_600, len(first) + 1_600 + len(second)]
    assert finals == [
        Transcript("one", True, 0, ends[0]),
        Transcript("", True, ends[0], ends[1]),
        Transcript("two", True, ends[1], ends[2]),
    ]


async def speak(tts: FakeTTS, text: str, options: VoiceOptions = VoiceOptions()) -> list[tuple[float, SpeechChunk]]:
    start = trio.current_time()
    async with tts.connect(RESOURCES) as connection, connection.open_stream(text, options) as chunks:
        return [(round(trio.current_time() - start, 6), chunk) async for chunk in chunks]


async def test_the_synthesizer_says_each_word_in_a_chunk_with_its_place() -> None:
    came = await speak(FakeTTS(first_audio_s=0.25, words_per_s=2, real_time_factor=0.5), "One, two.")
    assert [at for at, _ in came] == [0.25, 0.5]
    samples = np.concatenate([chunk.samples for _, chunk in came])
    words = [word for _, chunk in came for word in chunk.words]
    assert read_words(samples) == [(word.text, word.stop) for word in words]
    assert [(word.text, word.char_start, word.char_stop) for word in words] == [("One", 0, 3), ("two", 5, 8)]
    assert len(samples) == CLOCK_HZ


async def test_it_can_keep_the_places_of_its_words_to_itself() -> None:
    came = await speak(FakeTTS(timings=False), "One two.")
    assert [chunk.words for _, chunk in came] == [(), ()]
    assert [word for word, _ in read_words(np.concatenate([chunk.samples for _, chunk in came]))] == ["One", "two"]


@pytest.mark.parametrize(("speed", "length"), [(0.5, 32_000), (1.0, 16_000), (2.0, 8_000)])
async def test_it_speaks_faster_when_told_so(speed: float, length: int) -> None:
    came = await speak(FakeTTS(words_per_s=2), "one two", VoiceOptions(speed=speed))
    assert sum(len(chunk.samples) for _, chunk in came) == length


async def test_it_has_nothing_to_say_to_nothing() -> None:
    assert await speak(FakeTTS(), " ") == []
