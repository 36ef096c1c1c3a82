"""Silence where there should be speech: pauses of the model, providers that hang after the first sound, and fades."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager

import numpy as np
import pytest
import trio

from tests.session.calls import AGENT, agent, heard_words, of_kind, wait_for_event
from turnscope.core import (
    CLOCK_HZ,
    ClauseReady,
    ClauseSettings,
    Completed,
    Failed,
    Interrupted,
    InterruptionSettings,
    Message,
    SpeechStalled,
    SpeechStartsPlaying,
    SpeechWentOn,
    TurnEnded,
)
from turnscope.providers import LLMItem, Resources, ScriptedLLM, SpeechChunk, TextDelta, VoiceOptions
from turnscope.session import Session
from turnscope.sim import Call, FakeTTS, HangUp, Moment, broken_promises, simulate


class Pausing:
    """Writes, pauses, and writes on.

    Args:
        pieces: What it writes; a number is a pause in seconds, ``"shield"`` one for ever that cancelling does not end.
    """

    name = "pausing"

    def __init__(self, *pieces: str | float) -> None:
        self._pieces = pieces

    @asynccontextmanager
    async def connect(self, resources: Resources) -> AsyncGenerator["Pausing"]:
        yield self

    @asynccontextmanager
    async def open_stream(self, messages: Sequence[Message]) -> AsyncGenerator[AsyncIterator[LLMItem]]:
        yield _Written(self._pieces)


class _Written:
    def __init__(self, pieces: tuple[str | float, ...]) -> None:
        self._pieces = iter(pieces)

    def __aiter__(self) -> AsyncIterator[LLMItem]:
        return self

    async def __anext__(self) -> LLMItem:
        await trio.lowlevel.checkpoint()
        for piece in self._pieces:
            if piece == "shield":
                with trio.CancelScope(shield=True):
                    await trio.sleep_forever()
            if isinstance(piece, str):
                return TextDelta(piece)
            await trio.sleep(piece)
        raise StopAsyncIteration


def reply(**changes: object) -> Call:
    async def drive(session: Session) -> None:
        await session.generate_reply()

    call = simulate(agent(**changes), [HangUp(Moment(30))], seed=1, drive=drive)
    assert broken_promises(call) == []
    return call


@pytest.mark.feature(17)
@pytest.mark.parametrize("wait_s", [0.5, 2.0])
def test_hi_is_not_held_back_for_ever(wait_s: float) -> None:
    """The model greets, and thinks for five seconds."""
    llm = Pausing("Hi.", 5.0, " How are you?")
    call = reply(llm=llm, clauses=ClauseSettings(max_wait_s=wait_s))
    assert [event.text for event in of_kind(call, ClauseReady)] == ["Hi.", " How are you?"]
    [ready, _] = of_kind(call, ClauseReady)
    assert ready.sample == round(wait_s * CLOCK_HZ)
    assert of_kind(call, SpeechStartsPlaying)[0].sample == ready.sample + round(0.1 * CLOCK_HZ)
    assert call.turns[0].outcome == Completed("Hi. How are you?")


@pytest.mark.feature(17)
def test_without_a_limit_it_waits_for_what_follows() -> None:
    call = reply(llm=Pausing("Hi.", 5.0, " How are you?"), clauses=ClauseSettings(max_wait_s=None))
    assert of_kind(call, ClauseReady)[0].sample == 5 * CLOCK_HZ


def test_a_model_that_pauses_has_stalled_and_goes_on() -> None:
    call = reply(llm=Pausing("One two three. ", 4.0, "Four five."))
    [stalled], [went_on] = of_kind(call, SpeechStalled), of_kind(call, SpeechWentOn)
    assert stalled.waits_for == "answer"
    assert stalled.sample - stalled.since == CLOCK_HZ // 2
    last = np.flatnonzero(call.agent[: stalled.sample])[-1]
    assert stalled.since == last + 1 + 0.05 * CLOCK_HZ, "a word ends with a gap of 50 ms"
    assert not call.agent[stalled.since : went_on.sample].any()
    assert heard_words(call) == "One two three Four five"


class ShieldsLater(FakeTTS):
    """Gives one word, and then shields itself for ever."""

    @asynccontextmanager
    async def open_stream(self, text: str, options: VoiceOptions) -> AsyncGenerator[AsyncIterator[SpeechChunk]]:
        async with super().open_stream(text, options) as chunks:
            yield _OneWord(chunks)


class _OneWord:
    def __init__(self, chunks: AsyncIterator[SpeechChunk]) -> None:
        self._chunks = chunks
        self._given = False

    def __aiter__(self) -> AsyncIterator[SpeechChunk]:
        return self

    async def __anext__(self) -> SpeechChunk:
        if self._given:
            with trio.CancelScope(shield=True):
                await trio.sleep_forever()
        self._given = True
        return await anext(self._chunks)


def test_a_model_that_shields_itself_after_the_first_sound_fails_its_turn_by_the_deadline() -> None:
    call = reply(llm=Pausing("One two three. ", "shield"), answer_timeout_s=5.0)
    assert_failed(call, "pausing", "One two three")


def test_a_synthesizer_that_shields_itself_after_the_first_sound_fails_its_turn_by_the_deadline() -> None:
    llm = ScriptedLLM([], fallback="One two three.")
    assert_failed(reply(llm=llm, tts=ShieldsLater(), answer_timeout_s=5.0), "fake-tts", "One")


def assert_failed(call: Call, culprit: str, heard: str) -> None:
    [stalled], [ended] = of_kind(call, SpeechStalled), of_kind(call, TurnEnded)
    assert isinstance(ended.outcome, Failed)
    assert (ended.outcome.provider, ended.outcome.message) == (culprit, "gave no more audio within 5 s")
    assert ended.outcome.heard.rstrip(".") == heard_words(call) == heard
    assert ended.sample == stalled.since + 6 * CLOCK_HZ, "5 s until it has failed, and 1 s for its tasks to end"
    assert (ended.joined, ended.blamed) == (False, culprit)


# Being silenced


TEXT = "One two three four five six. Seven eight nine ten eleven twelve. Thirteen fourteen fifteen."


@pytest.mark.feature(22)
@pytest.mark.parametrize("after_s", [0.05, 0.5, 1.3, 3.0])
def test_when_only_the_voice_is_interrupted_the_text_is_complete_and_nothing_is_heard_any_more(after_s: float) -> None:
    cuts: list[int] = []

    async def drive(session: Session) -> None:
        handle = await session.send_text("go")
        await wait_for_event(session, lambda event: isinstance(event, SpeechStartsPlaying))
        await trio.sleep(after_s)
        session.interrupt_speech("quiet")
        cuts.append(session.now())
        outcome = await handle
        assert isinstance(outcome, Interrupted)
        assert outcome.cause.reason == "quiet"

    call = simulate(
        agent(llm=ScriptedLLM([], fallback=TEXT, tokens_per_s=6)), [HangUp(Moment(20))], seed=1, drive=drive
    )
    assert broken_promises(call) == []
    [turn] = call.turns
    assert isinstance(turn.outcome, Interrupted)
    assert turn.outcome.silence is not None
    assert turn.outcome.silence <= cuts[0] + 0.07 * CLOCK_HZ
    assert not call.agent[turn.outcome.silence :].any()
    message = call.history[-1]
    assert f"{message.text} {message.unheard}".strip() == TEXT
    assert message.text.rstrip(".") == heard_words(call, 0, turn.outcome.last_sent).replace("six Seven", "six. Seven")


@pytest.mark.feature(29)
@pytest.mark.parametrize("fade_s", [0.05, 0.075, 0.1])
def test_the_fade_goes_down_steadily_and_is_over_in_time(fade_s: float) -> None:
    cuts: list[int] = []

    async def drive(session: Session) -> None:
        await session.say(TEXT)
        await trio.sleep(0.55)
        session.interrupt()
        cuts.append(session.now())

    call = simulate(agent(interruption=InterruptionSettings(fade_s=fade_s)), [HangUp(Moment(5))], seed=1, drive=drive)
    outcome = call.turns[0].outcome
    assert isinstance(outcome, Interrupted)
    assert outcome.last_sent is not None
    assert outcome.silence == outcome.last_sent + round(fade_s * CLOCK_HZ)
    assert outcome.silence - cuts[0] <= (0.02 + fade_s) * CLOCK_HZ <= 0.2 * CLOCK_HZ
    level = np.abs(call.agent[outcome.last_sent : outcome.silence])
    assert level[0] > 0.99 * np.abs(call.agent[outcome.last_sent - 1])
    assert (np.diff(level) <= 0).all()
    assert level[-1] == 0
    assert not call.agent[outcome.silence :].any()


@pytest.mark.feature(26)
@pytest.mark.parametrize("left_s", [1.5, 0.5, 0.2, 0.06])
def test_a_reply_that_is_made_to_its_end_is_still_stopped(left_s: float) -> None:
    """Everything was written and synthesized long ago; only the playing goes on."""

    async def drive(session: Session) -> None:
        handle = await session.generate_reply()
        await wait_for_event(session, lambda event: isinstance(event, SpeechStartsPlaying))
        await trio.sleep(2.0 - left_s)
        handle.cancel()

    quick = agent(llm=ScriptedLLM([], fallback="One two three four five six.", tokens_per_s=1000), tts=AGENT.tts)
    call = simulate(quick, [HangUp(Moment(5))], seed=1, drive=drive)
    assert broken_promises(call) == []
    outcome = call.turns[0].outcome
    assert isinstance(outcome, Interrupted)
    assert outcome.silence is not None
    assert outcome.silence <= outcome.gate_shut + 0.07 * CLOCK_HZ
    assert not call.agent[outcome.silence :].any()
    assert outcome.heard.rstrip(".") == heard_words(call, 0, outcome.last_sent)
