"""Every provider passes the one suite of its kind."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile
import trio

from tests.providers._chat_server import Call, ChatServer, Memory, open_memory_server
from tests.providers._memory_http import client_over
from tests.providers.conformance import (
    DetectorCase,
    LLMCase,
    STTCase,
    TTSCase,
    VADCase,
    ask,
    check_that_cancelling_is_immediate_at_every_step,
    check_that_nothing_comes_any_more,
    connected,
    joined,
    judge,
    plain,
    scores,
    speak,
    task_names,
    text_of,
    transcribe,
)
from turnscope import ProviderError
from turnscope.core import Message, Samples
from turnscope.providers import (
    LLM,
    STT,
    TTS,
    VAD,
    DetectorConnection,
    EnergyVAD,
    InterruptionDetector,
    LLMConnection,
    OpenAIChatLLM,
    PiperTTS,
    Rule,
    Score,
    ScriptedLLM,
    SileroVAD,
    STTConnection,
    TextDelta,
    VoiceOptions,
    WhisperDetector,
    WhisperSTT,
)
from turnscope.sim import FakeDetector, FakeSTT, FakeTTS, FakeVAD, encode_words

RECORDING = Path(__file__).parent.parent / "data" / "order_two_lattes.flac"
SILENCE = np.zeros(8_000, np.float32)
QUESTION = (Message("user", "Two lattes, please."),)
ANSWER = "Two lattes, coming up."
models = pytest.mark.models


def recording() -> Samples:
    samples, hz = soundfile.read(RECORDING, dtype="float32")
    assert hz == 16_000
    return np.asarray(samples, np.float32)


def word_coded() -> Samples:
    return encode_words("can I get two lattes please", words_per_s=4)[0]


def openai(server: ChatServer, memory: Memory) -> OpenAIChatLLM:
    return OpenAIChatLLM("m", base_url=server.url, client=client_over(memory.dial))


@asynccontextmanager
async def openai_answering() -> AsyncGenerator[LLMConnection]:
    async def answer(call: Call) -> None:
        await call.start()
        for word in ANSWER.split(" "):
            await trio.sleep(0.05)
            await call.chunk(word if word == "Two" else f" {word}")
        await call.chunk(finish="stop")
        await call.send("data: [DONE]\n\n")
        await call.finish()

    async with open_memory_server(answer) as (server, memory), connected(openai(server, memory)) as connection:
        yield connection


@asynccontextmanager
async def openai_refusing() -> AsyncGenerator[LLMConnection]:
    async def refuse(call: Call) -> None:
        await call.refuse(500, {"error": {"message": "out of order"}})

    async with open_memory_server(refuse) as (server, memory), connected(openai(server, memory)) as connection:
        yield connection


VADS = {
    "fake": VADCase(FakeVAD, word_coded),
    "energy": VADCase(EnergyVAD, recording),
    "silero": VADCase(SileroVAD, recording),
}
STTS = {
    "fake": STTCase(lambda: connected(FakeSTT()), word_coded, "can i get two lattes please"),
    "whisper": STTCase(
        lambda: connected(WhisperSTT()), recording, "can i get two lattes please", most_cancellations=12
    ),
}
DETECTORS = {
    "fake": DetectorCase(lambda: connected(FakeDetector()), word_coded),
    "whisper": DetectorCase(lambda: connected(WhisperDetector()), recording, most_cancellations=12),
}
LLMS = {
    "scripted": LLMCase(
        lambda: connected(ScriptedLLM([Rule(when="lattes", reply=ANSWER)])),
        "scripted",
        QUESTION,
        ANSWER,
        lambda: connected(ScriptedLLM([Rule(when="tea", reply=ANSWER)])),
    ),
    "openai": LLMCase(openai_answering, "openai-chat", QUESTION, ANSWER, openai_refusing),
}
TTSS = {
    "fake": TTSCase(lambda: connected(FakeTTS()), "Two lattes, coming up. That is nine dollars."),
    "fake without timings": TTSCase(
        lambda: connected(FakeTTS(timings=False)), "Two lattes, coming up.", gives_timings=False
    ),
    "piper": TTSCase(
        lambda: connected(PiperTTS()), "Two lattes, coming up. That is nine dollars.", most_cancellations=12
    ),
}

every_vad = pytest.mark.parametrize("case", VADS.values(), ids=VADS)
every_stt = pytest.mark.parametrize(
    "case", [pytest.param(case, id=name, marks=[models] * (name == "whisper")) for name, case in STTS.items()]
)
every_detector = pytest.mark.parametrize(
    "case", [pytest.param(case, id=name, marks=[models] * (name == "whisper")) for name, case in DETECTORS.items()]
)
every_llm = pytest.mark.parametrize("case", LLMS.values(), ids=LLMS)
every_tts = pytest.mark.parametrize(
    "case", [pytest.param(case, id=name, marks=[models] * (name == "piper")) for name, case in TTSS.items()]
)


def test_each_is_what_it_stands_for() -> None:
    """The protocols can be checked at run time, which is how an agent finds out that its parts are swapped."""
    assert all(isinstance(case.vad(), VAD) for case in VADS.values())
    assert all(isinstance(stt, STT) for stt in (FakeSTT(), WhisperSTT()))
    assert all(isinstance(detector, InterruptionDetector) for detector in (FakeDetector(), WhisperDetector()))
    assert all(isinstance(llm, LLM) for llm in (ScriptedLLM([]), OpenAIChatLLM("m", base_url="http://x/v1")))
    assert all(isinstance(tts, TTS) for tts in (FakeTTS(), PiperTTS()))


# Voice activity detection


@every_vad
def test_scores_are_probabilities_and_tell_speech_from_silence(case: VADCase) -> None:
    vad = case.vad()
    audio = case.speech()
    heard = scores(vad, np.concatenate([SILENCE, audio, SILENCE]))
    assert {type(score) for score in heard} == {float}
    assert all(0.0 <= score <= 1.0 for score in heard)
    before = len(SILENCE) // vad.window_samples
    assert max(heard[:before]) < 0.5
    assert max(heard[before:]) > 0.5
    assert sum(score > 0.5 for score in heard) * vad.window_samples > 0.5 * len(audio)


@every_vad
def test_the_same_audio_gives_the_same_scores(case: VADCase) -> None:
    vad = case.vad()
    assert scores(vad, case.speech()) == scores(vad, case.speech())


@every_vad
def test_two_detectors_at_once_do_not_disturb_each_other(case: VADCase) -> None:
    vad = case.vad()
    audio, size = case.speech(), vad.window_samples
    other = np.random.default_rng(1).uniform(-0.5, 0.5, len(audio)).astype(np.float32)
    one, two = vad.open_stream(), vad.open_stream()
    interleaved = []
    for start in range(0, len(audio) - size + 1, size):
        interleaved.append(one.process(audio[start : start + size]))
        two.process(other[start : start + size])
    assert interleaved == scores(vad, audio)


@every_vad
def test_a_detector_leaves_its_input_as_it_was(case: VADCase) -> None:
    vad = case.vad()
    window = case.speech()[: vad.window_samples].copy()
    window.flags.writeable = False
    vad.open_stream().process(window)


# Speech to text


@every_stt
async def test_speech_is_understood(case: STTCase) -> None:
    async with case.open() as connection:
        heard = await transcribe(connection, [case.speech()], {0})
    assert [plain(final.text) for final in heard.finals] == [case.words]


@every_stt
async def test_each_flush_gives_one_final_about_all_that_was_sent(case: STTCase) -> None:
    async with case.open() as connection:
        heard = await transcribe(connection, [case.speech(), SILENCE, case.speech()], {0, 1, 2})
    assert [final.stop for final in heard.finals] == heard.flushed_at
    assert [final.start for final in heard.finals] == [0, *heard.flushed_at[:-1]]
    assert [plain(final.text) for final in heard.finals] == [case.words, "", case.words]


@every_stt
async def test_a_flush_with_nothing_sent_gives_an_empty_final(case: STTCase) -> None:
    async with case.open() as connection:
        heard = await transcribe(connection, [SILENCE[:0]], {0})
    [final] = heard.transcripts
    assert (final.text, final.is_final, final.start, final.stop) == ("", True, 0, 0)


@every_stt
async def test_interim_transcripts_begin_where_the_last_final_ended(case: STTCase) -> None:
    async with case.open() as connection:
        heard = await transcribe(connection, [case.speech(), case.speech()], {0, 1})
    start, sent = 0, sum(heard.flushed_at[-1:])
    for transcript in heard.transcripts:
        assert transcript.start == start
        assert start <= transcript.stop <= sent
        start = transcript.stop if transcript.is_final else start


@every_stt
async def test_a_stream_is_left_at_once_and_leaves_nothing(case: STTCase) -> None:
    async with case.open() as connection:
        before, started = task_names(), trio.current_time()
        async with connection.open_stream() as stream:
            await stream.send_audio(case.speech())
            await stream.flush()
            transcripts = aiter(stream)
        assert trio.current_time() == started
        assert task_names() == before
        await check_that_nothing_comes_any_more(transcripts)


@every_stt
async def test_listening_can_be_cancelled_at_every_step(case: STTCase) -> None:
    async with case.open() as connection:
        landed = await check_that_cancelling_is_immediate_at_every_step(
            lambda: transcribe(connection, [case.speech()], {0}), case.most_cancellations
        )
        assert landed >= min(20, case.most_cancellations)
        assert plain((await transcribe(connection, [case.speech()], {0})).finals[0].text) == case.words


@every_stt
async def test_two_streams_at_once_do_not_disturb_each_other(case: STTCase) -> None:
    heard: list[str] = []

    async def one(connection: STTConnection, pieces: list[Samples], flush_after: set[int]) -> None:
        heard.extend(plain(final.text) for final in (await transcribe(connection, pieces, flush_after)).finals)

    async with case.open() as connection, trio.open_nursery() as nursery:
        nursery.start_soon(one, connection, [case.speech()], {0})
        nursery.start_soon(one, connection, [SILENCE, SILENCE], {0, 1})
    assert sorted(heard) == ["", "", case.words]


# Interruption detectors

ONSET = 4_800


def with_lead(speech: Samples) -> Samples:
    loud = int(np.flatnonzero(np.abs(speech) > 0.05 * np.abs(speech).max())[0])
    return np.concatenate([np.zeros(ONSET, np.float32), speech[loud:]])


@every_detector
async def test_scores_are_shares_and_about_what_was_sent(case: DetectorCase) -> None:
    speech = with_lead(case.speech())
    async with case.open() as connection:
        given = await judge(connection, speech, ONSET)
    assert "interruption" in {score.name for score in given}
    assert all(0.0 <= score.value <= 1.0 and type(score.value) is float for score in given)
    assert all(ONSET < score.stop <= len(speech) for score in given)
    stops = [score.stop for score in given]
    assert stops == sorted(stops)


@every_detector
async def test_the_same_sound_gives_the_same_scores(case: DetectorCase) -> None:
    async with case.open() as connection:
        assert await judge(connection, with_lead(case.speech()), ONSET) == await judge(
            connection, with_lead(case.speech()), ONSET
        )


@every_detector
async def test_a_detector_s_stream_is_left_at_once_and_leaves_nothing(case: DetectorCase) -> None:
    async with case.open() as connection:
        before, started = task_names(), trio.current_time()
        async with connection.open_stream(ONSET) as stream:
            await stream.send_audio(with_lead(case.speech()))
            given = aiter(stream)
        assert trio.current_time() == started
        assert task_names() == before
        await check_that_nothing_comes_any_more(given)


@every_detector
async def test_judging_can_be_cancelled_at_every_step(case: DetectorCase) -> None:
    async with case.open() as connection:
        landed = await check_that_cancelling_is_immediate_at_every_step(
            lambda: judge(connection, with_lead(case.speech())[: ONSET + 8_000], ONSET), case.most_cancellations
        )
        assert landed >= min(20, case.most_cancellations)


@every_detector
async def test_two_sounds_at_once_are_judged_apart(case: DetectorCase) -> None:
    speech = with_lead(case.speech())
    said: dict[str, list[Score]] = {}

    async def one(connection: DetectorConnection, name: str, sound: Samples) -> None:
        said[name] = await judge(connection, sound, ONSET)

    async with case.open() as connection:
        alone = await judge(connection, speech, ONSET)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one, connection, "speech", speech)
            nursery.start_soon(one, connection, "silence", np.zeros_like(speech))
    assert [(score.name, score.value) for score in said["speech"]][:3] == [(s.name, s.value) for s in alone][:3]


# Language models


@every_llm
async def test_a_question_is_answered_in_pieces(case: LLMCase) -> None:
    async with case.open() as connection:
        items = await ask(connection, case.question)
    assert text_of(items) == case.answer
    assert sum(isinstance(item, TextDelta) for item in items) > 1


@every_llm
async def test_an_answer_is_left_at_once_and_leaves_nothing(case: LLMCase) -> None:
    async with case.open() as connection:
        await ask(connection, case.question)
        before = task_names()
        async with connection.open_stream(case.question) as items:
            assert isinstance(await anext(items), TextDelta)
            left_at = trio.current_time()
        assert trio.current_time() == left_at
        await trio.testing.wait_all_tasks_blocked()
        assert task_names() == before
        await check_that_nothing_comes_any_more(items)


@every_llm
async def test_answering_can_be_cancelled_at_every_step(case: LLMCase) -> None:
    async with case.open() as connection:
        await ask(connection, case.question)
        landed = await check_that_cancelling_is_immediate_at_every_step(lambda: ask(connection, case.question), 10_000)
        assert landed >= 4
        assert text_of(await ask(connection, case.question)) == case.answer


@every_llm
async def test_two_answers_at_once_do_not_disturb_each_other(case: LLMCase) -> None:
    answers: list[str] = []

    async def one(connection: LLMConnection) -> None:
        answers.append(text_of(await ask(connection, case.question)))

    async with case.open() as connection, trio.open_nursery() as nursery:
        nursery.start_soon(one, connection)
        nursery.start_soon(one, connection)
    assert answers == [case.answer] * 2


@every_llm
async def test_a_failure_names_the_model(case: LLMCase) -> None:
    assert case.open_failing is not None
    async with case.open_failing() as connection:
        with pytest.raises(ProviderError) as caught:
            await ask(connection, case.question)
    assert caught.value.provider == case.name
    assert str(caught.value).startswith(f"{case.name}: ")


# Text to speech


@every_tts
async def test_speech_is_mono_and_finite_and_within_full_scale(case: TTSCase) -> None:
    async with case.open() as connection:
        chunks = await speak(connection, case.text)
        assert connection.output_hz >= 8_000
    for chunk in chunks:
        assert (chunk.samples.ndim, chunk.samples.dtype.name) == (1, "float32")
    audio = joined(chunks)
    assert np.isfinite(audio).all()
    assert 0.01 < np.abs(audio).max() <= 1.0


@every_tts
async def test_words_are_in_order_and_lie_in_the_text_and_in_the_audio(case: TTSCase) -> None:
    async with case.open() as connection:
        chunks = await speak(connection, case.text)
    words = [word for chunk in chunks for word in chunk.words]
    if not case.gives_timings:
        assert words == []
        return
    assert plain(" ".join(word.text for word in words)) == plain(case.text)
    assert all(case.text[word.char_start : word.char_stop] == word.text for word in words)
    places = [edge for word in words for edge in (word.start, word.stop)]
    characters = [edge for word in words for edge in (word.char_start, word.char_stop)]
    assert places == sorted(places)
    assert characters == sorted(characters)
    assert all(word.start < word.stop for word in words)
    assert places[-1] <= len(joined(chunks))
    assert not any(word.estimated for word in words)


@every_tts
async def test_the_same_text_gives_the_same_bytes(case: TTSCase) -> None:
    async with case.open() as connection:
        assert (
            joined(await speak(connection, case.text)).tobytes() == joined(await speak(connection, case.text)).tobytes()
        )


@every_tts
async def test_a_faster_voice_is_done_sooner(case: TTSCase) -> None:
    async with case.open() as connection:
        slow = joined(await speak(connection, case.text))
        fast = joined(await speak(connection, case.text, VoiceOptions(speed=2.0)))
    assert 0.4 * len(slow) < len(fast) < 0.65 * len(slow)


@every_tts
async def test_speaking_is_left_at_once_and_leaves_nothing(case: TTSCase) -> None:
    async with case.open() as connection:
        before = task_names()
        async with connection.open_stream(case.text, VoiceOptions()) as chunks:
            assert len((await anext(chunks)).samples) > 0
            left_at = trio.current_time()
        assert trio.current_time() == left_at
        assert task_names() == before
        await check_that_nothing_comes_any_more(chunks)


@every_tts
async def test_speaking_can_be_cancelled_at_every_step(case: TTSCase) -> None:
    async with case.open() as connection:
        landed = await check_that_cancelling_is_immediate_at_every_step(
            lambda: speak(connection, case.text), case.most_cancellations
        )
        assert landed >= 3
        assert len(joined(await speak(connection, case.text))) > 0


@every_tts
async def test_two_speeches_at_once_do_not_disturb_each_other(case: TTSCase) -> None:
    spoken: list[bytes] = []

    async def one() -> None:
        spoken.append(joined(await speak(connection, case.text)).tobytes())

    async with case.open() as connection:
        alone = joined(await speak(connection, case.text)).tobytes()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one)
            nursery.start_soon(one)
    assert spoken == [alone, alone]


@every_tts
async def test_nothing_to_say_is_no_error(case: TTSCase) -> None:
    async with case.open() as connection:
        assert sum(len(chunk.samples) for chunk in await speak(connection, " … ")) < connection.output_hz
