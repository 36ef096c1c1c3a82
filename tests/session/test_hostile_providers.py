"""A provider may do what it likes: its turn ends with a clear word about it, and the conversation goes on."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import trio
import trio.testing

from tests.session.calls import AGENT, agent, barge_in, of_kind, speech
from tests.session.hostile import FAULTS, Hostile
from turnscope.core import Failed, ProviderFailed, ProviderQuarantined, WordTiming
from turnscope.providers import SpeechChunk, Transcript
from turnscope.session import Session
from turnscope.session._blame import blame, first_error
from turnscope.sim import Call, FakeSTT, FakeTTS, FakeVAD, Faulty, HangUp, Moment, broken_promises, simulate

# What becomes of the turn whose provider does it. "late": its tasks were not waited for.
INTERRUPTED = ("interrupted", "")
LATE = ("interrupted, late", "")
BROKEN = ("failed", "OSError: the wire is cut")
UNCLEAN = ("failed", "ValueError: cleanup went wrong")
NO_TRANSCRIPT = ("failed", "gave no final transcript in time")
NO_TRANSCRIPT_LATE = ("failed, late", "gave no final transcript in time")
NO_AUDIO_LATE = ("failed, late", "gave no audio within 20 s")

EXPECTED = {
    ("stt", "open", "ignores_cancellation"): INTERRUPTED,
    ("stt", "open", "shields_for_a_while"): NO_TRANSCRIPT,
    ("stt", "open", "shields_for_ever"): NO_TRANSCRIPT_LATE,
    ("stt", "open", "swallows_cancellation"): INTERRUPTED,
    ("stt", "open", "raises_in_cleanup"): UNCLEAN,
    ("stt", "open", "never_comes_back"): NO_TRANSCRIPT,
    ("stt", "open", "raises"): BROKEN,
    ("stt", "open", "lies"): INTERRUPTED,
    ("stt", "item", "ignores_cancellation"): LATE,
    ("stt", "item", "shields_for_a_while"): NO_TRANSCRIPT_LATE,
    ("stt", "item", "shields_for_ever"): NO_TRANSCRIPT_LATE,
    ("stt", "item", "swallows_cancellation"): INTERRUPTED,
    ("stt", "item", "raises_in_cleanup"): UNCLEAN,
    ("stt", "item", "never_comes_back"): NO_TRANSCRIPT,
    ("stt", "item", "raises"): BROKEN,
    ("stt", "item", "lies"): ("failed", "AttributeError: 'object' object has no attribute 'stop'"),
    ("stt", "send", "ignores_cancellation"): INTERRUPTED,
    ("stt", "send", "shields_for_a_while"): NO_TRANSCRIPT_LATE,
    ("stt", "send", "shields_for_ever"): NO_TRANSCRIPT_LATE,
    ("stt", "send", "swallows_cancellation"): INTERRUPTED,
    ("stt", "send", "raises_in_cleanup"): UNCLEAN,
    ("stt", "send", "never_comes_back"): NO_TRANSCRIPT,
    ("stt", "send", "raises"): BROKEN,
    ("stt", "send", "lies"): INTERRUPTED,
    ("stt", "close", "ignores_cancellation"): INTERRUPTED,
    ("stt", "close", "shields_for_a_while"): LATE,
    ("stt", "close", "shields_for_ever"): LATE,
    ("stt", "close", "swallows_cancellation"): INTERRUPTED,
    ("stt", "close", "raises_in_cleanup"): INTERRUPTED,  # its words had been understood by then
    ("stt", "close", "never_comes_back"): INTERRUPTED,
    ("stt", "close", "raises"): INTERRUPTED,
    ("stt", "close", "lies"): INTERRUPTED,
    ("llm", "open", "ignores_cancellation"): INTERRUPTED,
    ("llm", "open", "shields_for_a_while"): INTERRUPTED,
    ("llm", "open", "shields_for_ever"): NO_AUDIO_LATE,
    ("llm", "open", "swallows_cancellation"): INTERRUPTED,
    ("llm", "open", "raises_in_cleanup"): UNCLEAN,
    ("llm", "open", "never_comes_back"): ("failed", "did not open within 10 s"),
    ("llm", "open", "raises"): BROKEN,
    ("llm", "open", "lies"): INTERRUPTED,
    ("llm", "item", "ignores_cancellation"): INTERRUPTED,
    ("llm", "item", "shields_for_a_while"): (NO_AUDIO_LATE[0].removesuffix(", late"), NO_AUDIO_LATE[1]),
    ("llm", "item", "shields_for_ever"): NO_AUDIO_LATE,
    ("llm", "item", "swallows_cancellation"): INTERRUPTED,
    ("llm", "item", "raises_in_cleanup"): UNCLEAN,
    ("llm", "item", "never_comes_back"): ("failed", "gave nothing for 10 s"),
    ("llm", "item", "raises"): BROKEN,
    ("llm", "item", "lies"): ("completed", ""),  # what is no text is left out; here, everything
    ("llm", "close", "ignores_cancellation"): INTERRUPTED,
    ("llm", "close", "shields_for_a_while"): INTERRUPTED,
    ("llm", "close", "shields_for_ever"): LATE,
    ("llm", "close", "swallows_cancellation"): INTERRUPTED,
    ("llm", "close", "raises_in_cleanup"): UNCLEAN,
    ("llm", "close", "never_comes_back"): INTERRUPTED,
    ("llm", "close", "raises"): BROKEN,
    ("llm", "close", "lies"): INTERRUPTED,
    ("tts", "open", "ignores_cancellation"): INTERRUPTED,
    ("tts", "open", "shields_for_a_while"): INTERRUPTED,
    ("tts", "open", "shields_for_ever"): NO_AUDIO_LATE,
    ("tts", "open", "swallows_cancellation"): INTERRUPTED,
    ("tts", "open", "raises_in_cleanup"): UNCLEAN,
    ("tts", "open", "never_comes_back"): ("failed", "did not open within 10 s"),
    ("tts", "open", "raises"): BROKEN,
    ("tts", "open", "lies"): INTERRUPTED,
    ("tts", "item", "ignores_cancellation"): INTERRUPTED,
    ("tts", "item", "shields_for_a_while"): LATE,
    ("tts", "item", "shields_for_ever"): NO_AUDIO_LATE,
    ("tts", "item", "swallows_cancellation"): INTERRUPTED,
    ("tts", "item", "raises_in_cleanup"): UNCLEAN,
    ("tts", "item", "never_comes_back"): ("failed", "gave nothing for 10 s"),
    ("tts", "item", "raises"): BROKEN,
    ("tts", "item", "lies"): ("failed", "AttributeError: 'object' object has no attribute 'words'"),
    ("tts", "close", "ignores_cancellation"): INTERRUPTED,
    ("tts", "close", "shields_for_a_while"): LATE,
    ("tts", "close", "shields_for_ever"): LATE,
    ("tts", "close", "swallows_cancellation"): INTERRUPTED,
    ("tts", "close", "raises_in_cleanup"): UNCLEAN,
    ("tts", "close", "never_comes_back"): INTERRUPTED,
    ("tts", "close", "raises"): BROKEN,
    ("tts", "close", "lies"): INTERRUPTED,
}


def hold(kind: str, provider: Any) -> Call:
    """An order, other words over its answer if there is one, and long afterwards typed words."""

    async def drive(session: Session) -> None:
        await trio.sleep(26)
        await session.send_text("wait")

    return simulate(agent(**{kind: provider}), [*barge_in()[:2], HangUp(Moment(33))], seed=1, frame_s=0.04, drive=drive)


def test_every_fault_is_tried_in_every_place() -> None:
    places = [
        ("stt", "send"),
        *((kind, where) for kind in ("stt", "llm", "tts") for where in ("open", "item", "close")),
    ]
    assert set(EXPECTED) == {(*place, fault) for place in places for fault in FAULTS}


@pytest.mark.parametrize(("kind", "where", "fault"), EXPECTED)
def test_a_fault_ends_its_turn_and_nothing_else(kind: str, where: str, fault: str) -> None:
    hostile = Hostile(getattr(AGENT, kind), fault, where)
    call = hold(kind, hostile)
    assert broken_promises(call) == []

    first, *others = call.turns
    assert first.outcome is not None
    ending, message = EXPECTED[kind, where, fault]
    assert first.outcome.kind == ending.removesuffix(", late")
    assert first.joined == (not ending.endswith(", late"))
    assert [event.provider for event in of_kind(call, ProviderQuarantined)] == [hostile.name] * (not first.joined)
    if message:
        assert isinstance(first.outcome, Failed)
        assert (first.outcome.provider, first.outcome.message) == (hostile.name, message)
        failures = [(event.turn_id, event.provider, event.message) for event in of_kind(call, ProviderFailed)]
        assert failures == [(first.turn_id, hostile.name, message)]

    # The session lives: whatever comes later is answered.
    assert len(others) >= 1
    assert [turn.outcome.kind for turn in others if turn.outcome] == ["completed"] * len(others)
    assert call.turns[-1].text in ("wait", "wait three")


@pytest.mark.parametrize("fault", ["raises", "raises_in_cleanup"])
def test_a_challenger_whose_listener_fails_is_let_go_and_the_agent_speaks_on(fault: str) -> None:
    stt = Faulty(AGENT.stt, [replace(FAULTS[fault], call=2)])  # the first one is of the one who gives the order
    call = simulate(agent(stt=stt), [*barge_in()[:2], HangUp(Moment(8))], seed=1)
    assert broken_promises(call) == []
    assert [turn.outcome.kind for turn in call.turns if turn.outcome] == ["completed"]
    assert [overlap.evidence for overlap in call.overlaps] == [f"{stt.name} failed"]
    [failure] = of_kind(call, ProviderFailed)
    assert failure.provider == stt.name


# Lies of the right type


class LyingTTS(FakeTTS):
    def __init__(self, chunk: SpeechChunk) -> None:
        super().__init__()
        self._chunk = chunk

    def _chunks(self, text: str, options: Any) -> list[SpeechChunk]:
        return [self._chunk, *super()._chunks(text, options)]


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.full(100, np.nan, np.float32), "AudioError: audio holds NaN or infinity"),
        (np.zeros((100, 2), np.float32), "AudioError: audio must be mono, of shape (n,); got shape (100, 2)"),
        (
            np.zeros(100, np.int16),
            "AudioError: audio must be floating point with full scale ±1.0; got int16 (see from_pcm16)",
        ),
    ],
)
def test_what_is_no_audio_is_never_played(samples: Any, message: str) -> None:
    tts = LyingTTS(SpeechChunk(samples))
    call = simulate(agent(tts=tts), [speech("two lattes", 0.2), HangUp(Moment(6))], seed=1)
    assert call.turns[0].outcome == Failed("fake-tts", message)
    assert not call.agent.any()
    assert broken_promises(call) == []


def test_words_that_are_claimed_to_lie_beyond_all_audio_were_not_heard() -> None:
    tts = LyingTTS(SpeechChunk(np.zeros(0, np.float32), (WordTiming("Your", 0, 4, 10**9, 10**9 + 1),)))
    call = simulate(agent(tts=tts), barge_in(), seed=1)
    assert [turn.outcome.kind for turn in call.turns if turn.outcome] == ["interrupted", "completed"]


class LyingSTT(FakeSTT):
    def __init__(self, *lies: Transcript) -> None:
        super().__init__()
        self._lies = lies

    @asynccontextmanager
    async def open_stream(self) -> AsyncGenerator[Any]:
        async with super().open_stream() as stream:
            for lie in self._lies:
                stream._out.send_nowait((trio.current_time(), lie))
            yield stream


@pytest.mark.parametrize("stop", [-(10**9), 10**12])
def test_a_transcript_about_audio_that_there_is_not_does_no_harm(stop: int) -> None:
    stt = LyingSTT(Transcript("", False, 0, stop), Transcript("well", True, 0, stop))
    call = simulate(agent(stt=stt), [speech("two lattes", 0.2), HangUp(Moment(8))], seed=1)
    assert broken_promises(call) == []
    assert [turn.text for turn in call.turns] == ["well two lattes"]


def test_a_transcript_without_text_is_blamed_on_its_provider() -> None:
    stt = LyingSTT(Transcript(None, False, 0, 0))  # type: ignore[arg-type]
    call = simulate(agent(stt=stt), [speech("two lattes", 0.2), HangUp(Moment(8))], seed=1)
    assert broken_promises(call) == []
    [turn] = call.turns
    assert isinstance(turn.outcome, Failed)
    assert turn.outcome.provider == "fake-stt"


class BrokenVAD(FakeVAD):
    def process(self, window: Any) -> float:
        raise RuntimeError("no weights")


def test_a_detector_that_fails_ends_the_session_and_is_named() -> None:
    with pytest.raises(Exception, match=r"^fake-vad: RuntimeError: no weights$"):
        simulate(agent(vad=BrokenVAD()), barge_in(), seed=1)


async def test_a_failure_among_cancellations_is_still_its_providers() -> None:
    async def fails_when_cancelled() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("cut off")

    async def cut_off() -> None:
        with trio.CancelScope() as outer, blame("piper"):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(fails_when_cancelled)
                nursery.start_soon(trio.sleep_forever)
                await trio.testing.wait_all_tasks_blocked()
                outer.cancel()

    with pytest.raises(BaseExceptionGroup) as caught:
        await cut_off()
    assert str(first_error(caught.value)) == "piper: ValueError: cut off"
