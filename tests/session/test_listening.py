"""The listening part of a turn: every stretch of the caller's speech is settled, however slow the STT."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from tests.session.calls import agent, of_kind, speech
from turnscope.core import AttemptStarted, Endpointing, Samples, TranscriptUpdated
from turnscope.providers import Resources, Transcript
from turnscope.sim import Call, FakeSTT, HangUp, Moment, Step, broken_promises, simulate


class Changed:
    """A `FakeSTT` whose flush takes longer, or that gives final transcripts only."""

    name = "changed-stt"
    input_hz = 16_000

    def __init__(self, *, flush_s: float = 0.0, interims: bool = True) -> None:
        self._inner = FakeSTT()
        self._flush_s = flush_s
        self._interims = interims

    @asynccontextmanager
    async def connect(self, resources: Resources) -> AsyncGenerator["Changed"]:
        yield self

    @asynccontextmanager
    async def open_stream(self) -> AsyncGenerator["_ChangedStream"]:
        async with self._inner.open_stream() as stream:
            yield _ChangedStream(stream, self._flush_s, self._interims)


class _ChangedStream:
    def __init__(self, inner: object, flush_s: float, interims: bool) -> None:
        self._inner = inner
        self._flush_s = flush_s
        self._interims = interims

    async def send_audio(self, samples: Samples) -> None:
        await self._inner.send_audio(samples)  # type: ignore[attr-defined]  # a fake's stream has no public name

    async def flush(self) -> None:
        await trio.sleep(self._flush_s)
        await self._inner.flush()  # type: ignore[attr-defined]

    def __aiter__(self) -> AsyncIterator[Transcript]:
        return self

    async def __anext__(self) -> Transcript:
        while True:
            transcript: Transcript = await anext(self._inner)  # type: ignore[call-overload]
            if transcript.is_final or self._interims:
                return transcript


def finals(call: Call) -> list[str]:
    return [event.text for event in of_kind(call, TranscriptUpdated) if event.is_final]


def test_no_flush_is_lost_when_the_one_before_takes_longer_than_the_next_utterance() -> None:
    script: list[Step] = [
        speech("could I have", 0.5),
        speech("two lattes", 0.3, "previous"),
        speech("and a mocha", 0.3, "previous"),
        HangUp(Moment(3.0, "quiet")),
    ]
    call = simulate(agent(stt=Changed(flush_s=0.9, interims=False)), script)
    assert finals(call) == [
        "could I have",
        "could I have two lattes",
        "could I have two lattes and a mocha",
    ]
    assert call.turns[-1].text == "could I have two lattes and a mocha"
    assert broken_promises(call) == []


NUMBERS = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"


def long_talk(**stt: bool) -> Call:
    """Sixteen words in 3.2 s to an agent that takes at most 2 s of them in one turn."""
    listener = agent(stt=Changed(**stt), endpointing=Endpointing(max_turn_s=2.0))
    return simulate(listener, [speech(NUMBERS, 0.5), HangUp(Moment(3.0, "quiet"))])


@pytest.mark.feature(47)
def test_a_turn_of_the_greatest_length_is_answered_and_its_last_word_begins_the_next() -> None:
    call = long_talk()
    first = of_kind(call, AttemptStarted)[0]
    assert first.sample == round(2.5 * 16_000)
    assert " ".join(turn.text for turn in call.turns) == NUMBERS
    assert len(call.turns) == 2
    assert broken_promises(call) == []


@pytest.mark.feature(47)
def test_a_listener_that_gives_final_transcripts_only_has_turns_of_bounded_length_too() -> None:
    call = long_talk(interims=False)
    first = of_kind(call, AttemptStarted)[0]
    assert first.sample == round(2.6 * 16_000)  # the final transcript that was asked for came after 0.1 s
    first_words, second_words = (turn.text.split() for turn in call.turns)
    assert first_words == NUMBERS.split()[: len(first_words)]
    assert second_words == NUMBERS.split()[-len(second_words) :]
    assert len(first_words) + len(second_words) >= len(NUMBERS.split())
    assert broken_promises(call) == []
