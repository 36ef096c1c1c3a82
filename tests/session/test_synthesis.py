"""Several clauses are synthesized at once: what is heard is in order, and no more is made than can wait."""

import random
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import trio

from tests.session.calls import AGENT, agent, heard_words, of_kind, wait_for_event
from tests.session.hostile import Hostile
from tests.session.watched import Watched
from turnscope import ConfigError
from turnscope.core import (
    CLOCK_HZ,
    ClauseReady,
    ClauseSettings,
    Completed,
    Failed,
    FirstToken,
    Interrupted,
    ProviderFailed,
    SpeechStartsPlaying,
    TurnEnded,
    WordsHeard,
)
from turnscope.providers import Compute, Resources, ScriptedLLM, SpeechChunk, VoiceOptions
from turnscope.session import Session
from turnscope.sim import Call, FakeTTS, HangUp, Moment, VirtualCompute, broken_promises, encode_words, simulate

SENTENCES = [
    "The first of five sentences that are spoken here is this one.",
    "A second one follows, and nobody can tell when it was made.",
    "Number three comes behind them, however quick it has been.",
    "The fourth is made while the first is still being heard.",
    "And so the last one ends what was meant to be said.",
]
TEXT = " ".join(SENTENCES)
SPOKEN = TEXT.replace(".", "").replace(",", "")
QUICK = ScriptedLLM([], fallback=TEXT, tokens_per_s=1000, first_token_s=0.1)
APART = ClauseSettings(first_break_chars=None)


class Shuffled(FakeTTS):
    """Takes its time over each request, another one each time."""

    def __init__(self, seed: int) -> None:
        super().__init__(words_per_s=8)
        self._random = random.Random(seed)

    @asynccontextmanager
    async def open_stream(self, text: str, options: VoiceOptions) -> AsyncGenerator[AsyncIterator[SpeechChunk]]:
        await trio.sleep(self._random.uniform(0.0, 3.0))
        async with super().open_stream(text, options) as chunks:
            yield chunks


def reply(tts: Any, *, hang_up_s: float = 20.0, cut_after_s: float | None = None, **changes: Any) -> Call:
    """The agent says all five sentences, or is cut off after so long."""

    async def drive(session: Session) -> None:
        handle = await session.generate_reply()
        if cut_after_s is not None:
            await trio.sleep(cut_after_s)
            handle.cancel()

    made_of = agent(**{"llm": QUICK, "tts": tts, "clauses": APART, **changes})
    call = simulate(made_of, [HangUp(Moment(hang_up_s))], seed=1, drive=drive)
    assert broken_promises(call) == []
    return call


@pytest.mark.feature(18)
@pytest.mark.parametrize("seed", range(8))
def test_the_order_is_kept_whatever_is_made_first(seed: int) -> None:
    tts = Watched(Shuffled(seed))
    call = reply(tts)
    assert heard_words(call) == SPOKEN
    assert call.turns[0].outcome == Completed(TEXT)
    assert tts.most_open == 3
    assert [text.strip() for text, _ in tts.asked] == SENTENCES
    [heard] = of_kind(call, WordsHeard)
    assert " ".join(word.text for word in heard.words) == SPOKEN
    assert all(one.stop <= other.start for one, other in pairwise(heard.words))
    assert heard.words[-1].stop <= of_kind(call, TurnEnded)[0].sample


@pytest.mark.feature(18)
@pytest.mark.parametrize("timings", [True, False])
@pytest.mark.parametrize("cut_after_s", [1.0, 3.0, 4.4, 6.1, 8.0])
def test_what_counts_as_heard_was_played_also_when_later_clauses_are_there_already(
    cut_after_s: float, timings: bool
) -> None:
    tts = Shuffled(3)
    tts._timings = timings
    call = reply(tts, cut_after_s=cut_after_s)
    outcome = call.turns[0].outcome
    assert isinstance(outcome, Interrupted)
    heard = outcome.heard.replace(".", "").replace(",", "")
    assert SPOKEN.startswith(heard)
    played = heard_words(call, 0, outcome.last_sent or 0)
    if timings:
        assert heard == played
    else:
        assert len(heard.split()) <= len(played.split()) + 1


@pytest.mark.feature(18)
@pytest.mark.parametrize("most", [1, 2, 3, 5])
def test_no_more_than_so_many_are_asked_for_at_once(most: int) -> None:
    tts = Watched(FakeTTS(first_audio_s=1.0, words_per_s=8))
    call = reply(tts, parallel_clauses=most)
    assert tts.most_open == most
    assert heard_words(call) == SPOKEN


def test_with_a_bound_of_one_a_clause_is_asked_for_when_the_one_before_it_is_made() -> None:
    tts = Watched(FakeTTS(words_per_s=8))
    call = reply(tts, parallel_clauses=1)
    assert tts.open_before == [0] * 5
    ready = [event.sample for event in of_kind(call, ClauseReady)]
    for sentence, (one, other) in zip(SENTENCES, pairwise(ready), strict=False):
        made_s = 0.1 + 0.1 * len(encode_words(sentence, words_per_s=8)[0]) / CLOCK_HZ
        assert other - one >= round(made_s * CLOCK_HZ)


@pytest.mark.parametrize("wrong", [0, -1])
def test_a_bound_that_lets_nothing_through_is_refused(wrong: int) -> None:
    with pytest.raises(ConfigError, match="parallel_clauses"):
        agent(parallel_clauses=wrong)


@pytest.mark.feature(18)
def test_the_same_call_is_the_same_to_the_byte_and_its_sound_does_not_depend_on_the_order_of_tasks() -> None:
    def call(seed: int) -> Call:
        async def drive(session: Session) -> None:
            await session.generate_reply()

        parts = agent(llm=QUICK, tts=Shuffled(5), clauses=APART)
        return simulate(parts, [HangUp(Moment(20))], seed=seed, drive=drive)

    assert call(1).jsonl() == call(1).jsonl()
    np.testing.assert_array_equal(call(1).agent, call(1).agent)
    np.testing.assert_array_equal(call(1).agent, call(2).agent)


def test_clauses_follow_each_other_without_a_gap_though_each_takes_long_to_begin() -> None:
    def silence_s(most: int) -> float:
        call = reply(FakeTTS(first_audio_s=3.0, words_per_s=8), parallel_clauses=most, hang_up_s=40)
        loud = np.flatnonzero(call.agent)
        return float(np.diff(loud).max()) / CLOCK_HZ

    assert silence_s(1) > 1.0
    assert silence_s(3) < 0.06, "the pause after a word, and no more"


@pytest.mark.feature(18, 20)
def test_cancelling_the_turn_cancels_all_of_them() -> None:
    tts = Watched(FakeTTS(first_audio_s=1.0, words_per_s=8))
    open_then: list[int] = []

    async def drive(session: Session) -> None:
        handle = await session.generate_reply()
        await wait_for_event(session, lambda event: isinstance(event, SpeechStartsPlaying))
        await trio.sleep(0.1)
        open_then.append(tts.open_now)
        handle.cancel()
        cancelled = session.now()
        await handle
        assert session.now() == cancelled
        open_then.append(tts.open_now)

    slow = agent(llm=QUICK, clauses=APART, tts=tts)
    tts._inner = FakeTTS(first_audio_s=1.0, words_per_s=8, real_time_factor=2.0)
    assert broken_promises(simulate(slow, [HangUp(Moment(9))], drive=drive)) == []
    assert open_then == [3, 0]


class FailsOn(FakeTTS):
    """Fails at once when it is to say a certain sentence."""

    def __init__(self, sentence: str) -> None:
        super().__init__(words_per_s=8)
        self._sentence = sentence

    @asynccontextmanager
    async def open_stream(self, text: str, options: VoiceOptions) -> AsyncGenerator[AsyncIterator[SpeechChunk]]:
        if self._sentence in text:
            raise OSError("the wire is cut")
        async with super().open_stream(text, options) as chunks:
            yield chunks


def test_a_clause_that_cannot_be_made_ends_the_turn_when_its_turn_has_come() -> None:
    call = reply(FailsOn("The fourth"))
    [turn] = call.turns
    assert isinstance(turn.outcome, Failed)
    assert (turn.outcome.provider, turn.outcome.message) == ("fake-tts", "OSError: the wire is cut")
    [failed], [first_audio] = of_kind(call, ProviderFailed), of_kind(call, SpeechStartsPlaying)
    assert failed.sample - first_audio.sample > CLOCK_HZ, "it was known long before"
    assert turn.outcome.heard.startswith("The first of five")


@pytest.mark.parametrize("fault", ["shields_for_ever", "shields_for_a_while", "swallows_cancellation"])
def test_one_of_several_that_does_not_stop_is_named_once(fault: str) -> None:
    tts = Hostile(FakeTTS(first_audio_s=1.0, words_per_s=8), fault, times=3)

    call = reply(tts, cut_after_s=0.5)
    [ended] = of_kind(call, TurnEnded)
    assert ended.blamed in ("", tts.name)
    assert ended.joined is (fault == "swallows_cancellation")


# Early


@pytest.mark.feature(19)
def test_the_first_sound_comes_before_the_last_word_is_written() -> None:
    last_token: list[int] = []

    class Noting(ScriptedLLM):
        """Notes when it has ended."""

        @asynccontextmanager
        async def connect(self, resources: Resources) -> AsyncGenerator[Any]:
            async with super().connect(resources) as inner:

                class Connection:
                    @asynccontextmanager
                    async def open_stream(self, messages: Any) -> AsyncGenerator[AsyncIterator[Any]]:
                        async with inner.open_stream(messages) as items, noted(items) as seen:
                            yield seen

                yield Connection()

    @trio.as_safe_channel
    async def noted(items: Any) -> AsyncGenerator[Any]:
        async for item in items:
            yield item
        last_token.append(round(trio.current_time() * CLOCK_HZ))

    call = reply(AGENT.tts, llm=Noting([], fallback=TEXT, tokens_per_s=20))
    [first_token], [first_audio] = of_kind(call, FirstToken), of_kind(call, SpeechStartsPlaying)
    assert first_token.sample < first_audio.sample < last_token[0] - 2 * CLOCK_HZ
    assert first_audio.sample - of_kind(call, ClauseReady)[0].sample == round(0.1 * CLOCK_HZ)


class Computing(FakeTTS):
    """Makes its speech on the processor, clause by clause, as a local model does."""

    @asynccontextmanager
    async def connect(self, resources: Resources) -> AsyncGenerator[Any]:
        yield _Computing(self, resources.compute)


class _Computing:
    output_hz = CLOCK_HZ

    def __init__(self, tts: FakeTTS, compute: Compute) -> None:
        self._tts = tts
        self._compute = compute

    @asynccontextmanager
    async def open_stream(self, text: str, options: VoiceOptions) -> AsyncGenerator[AsyncIterator[SpeechChunk]]:
        async with self._chunks(text, options) as chunks:
            yield chunks

    @trio.as_safe_channel
    async def _chunks(self, text: str, options: VoiceOptions) -> AsyncGenerator[SpeechChunk]:
        chunks = self._tts._chunks(text, options)
        await self._compute.run(lambda: None, cost_s=0.02 * len(chunks), name="computing")
        for chunk in chunks:
            yield chunk


@pytest.mark.feature(18)
@pytest.mark.parametrize("workers", [1, 2])
def test_on_one_processor_the_first_clause_is_made_first(workers: int) -> None:
    def first_audio(most: int) -> int:
        async def drive(session: Session) -> None:
            await session.generate_reply()

        parts = agent(llm=QUICK, tts=Computing(words_per_s=8), clauses=APART, parallel_clauses=most)
        compute = VirtualCompute(workers)
        call = simulate(parts, [HangUp(Moment(20))], compute=compute, drive=drive)
        assert heard_words(call) == SPOKEN
        return of_kind(call, SpeechStartsPlaying)[0].sample

    assert first_audio(3) == first_audio(1)
