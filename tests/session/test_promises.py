"""The promises of the design, one section each. What they say about tools comes with tools."""

import hashlib
import itertools
import logging
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.session.calls import (
    AGENT,
    REPLY,
    agent,
    barge_in,
    child_tasks,
    cough,
    heard_words,
    of_kind,
    speech,
    wait_for_event,
)
from tests.session.hostile import Hostile
from tests.session.watched import Watched
from turnscope.core import (
    AttemptCancelled,
    AudioLost,
    Completed,
    Event,
    EventsLost,
    Failed,
    GateShut,
    HungUp,
    Interrupted,
    InterruptionSettings,
    Message,
    Reaction,
    Samples,
    SpeechBegins,
    SpeechStartsPlaying,
    TurnEnded,
    TurnOpened,
    TurnStarted,
    fade_out,
)
from turnscope.providers import TTS, ScriptedLLM, SpeechChunk, VoiceOptions
from turnscope.session import Agent, Record, Session, open_session
from turnscope.sim import (
    Call,
    CallerTransport,
    FakeSTT,
    FakeTTS,
    HangUp,
    Moment,
    Step,
    broken_promises,
    encode_words,
    simulate,
)

SPEECH = "One two three four five six seven eight nine ten."
PERIOD = 8_000
"""Samples from word to word when `SLOW_TTS` speaks: half a second, the last 50 ms of it silence."""

SLOW_TTS = FakeTTS(words_per_s=2)


def say_and(
    act: Callable[[Session], object], after_s: float, fade_s: float = 0.05, tts: TTS = SLOW_TTS
) -> tuple[Call, int]:
    """Say `SPEECH`, and `act` so long after its first sample. Returns the sample at which it began, too."""
    started = 0

    async def drive(session: Session) -> None:
        nonlocal started
        async with session.events() as events:
            await session.say(SPEECH)
            async for event in events:
                if isinstance(event, SpeechStartsPlaying):
                    break
        started = session.now()
        await trio.sleep(after_s)
        act(session)

    speaker = agent(tts=tts, interruption=InterruptionSettings(fade_s=fade_s))
    return simulate(speaker, [HangUp(Moment(8.0))], seed=1, drive=drive), started


def loud(samples: Samples) -> int:
    """How many samples there are up to the last one that is not silent."""
    return int(np.flatnonzero(samples)[-1]) + 1


# 1. Silence is first


@pytest.mark.parametrize("fade_s", [0.0, 0.05, 0.1])
def test_the_gate_shuts_at_once_and_nothing_but_the_fade_follows(fade_s: float) -> None:
    whole, _ = say_and(lambda session: None, 0.61)
    call, started = say_and(lambda session: session.interrupt("enough"), 0.61, fade_s)
    last_sent, fade = started + 9_920, round(fade_s * 16_000)  # a frame of 20 ms was being played

    np.testing.assert_array_equal(call.agent[:last_sent], whole.agent[:last_sent])
    np.testing.assert_array_equal(
        call.agent[last_sent : last_sent + fade], fade_out(whole.agent[last_sent : last_sent + fade], fade)
    )
    assert not call.agent[last_sent + fade :].any()

    [turn] = call.turns
    assert isinstance(turn.outcome, Interrupted)
    assert turn.outcome.gate_shut == turn.outcome.cause.decision == started + 9_760
    assert (turn.outcome.last_sent, turn.outcome.silence) == (last_sent, last_sent + fade)


def test_a_fade_is_no_longer_than_what_remains() -> None:
    whole, started = say_and(lambda session: None, 4.93)
    call, _ = say_and(lambda session: session.interrupt(), 4.93, fade_s=0.1)
    last_sent = started + 4_940 * 16
    rest = whole.agent[last_sent : started + 10 * PERIOD]

    assert len(rest) == 960 < 1_600
    np.testing.assert_array_equal(call.agent[last_sent : last_sent + 960], fade_out(rest, 1_600))
    assert isinstance(call.turns[0].outcome, Interrupted)
    assert call.turns[0].outcome.silence == last_sent + 960


def test_the_gate_is_shut_before_anything_is_awaited() -> None:
    records: list[Record] = []
    seen: list[tuple[int, list[str]]] = []

    async def drive(session: Session) -> None:
        await session.say(SPEECH)
        await trio.sleep(0.61)
        before = len(records)
        session.interrupt("enough")
        # Nothing was awaited in between: what stands here now was done synchronously.
        events = [record for record in records[before:] if isinstance(record, Event)]
        seen.append((session.now(), [type(event).__name__ for event in events]))

    simulate(agent(tts=SLOW_TTS), [HangUp(Moment(3))], seed=1, drive=drive, sinks=(records.append,))
    [(now, kinds)] = seen
    assert kinds[0] == "GateShut"
    assert kinds[-1] == "StateChanged"
    [shut] = [record for record in records if isinstance(record, GateShut)]
    assert shut.sample == now


@pytest.mark.parametrize("fault", ["ignores_cancellation", "swallows_cancellation", "shields_for_a_while"])
def test_speech_that_comes_after_the_gate_has_shut_is_never_heard(fault: str) -> None:
    call, _ = say_and(lambda session: session.interrupt(), 0.61, tts=Hostile(SLOW_TTS, fault))
    [turn] = call.turns
    assert isinstance(turn.outcome, Interrupted)
    assert turn.outcome.silence is not None
    assert not call.agent[turn.outcome.silence :].any()


def test_whoever_still_holds_the_voice_of_a_turn_whose_gate_has_shut_speaks_to_nobody() -> None:
    def act(session: Session) -> None:
        attempt = session._turns.known[1]._attempt
        assert attempt is not None
        session.interrupt()
        attempt.voice.playback.push(encode_words("more and more", words_per_s=2)[0])
        attempt.voice.resume(0)
        attempt.voice.duck(1.0)

    call, _ = say_and(act, 0.61)
    outcome = call.turns[0].outcome
    assert isinstance(outcome, Interrupted)
    assert outcome.silence is not None
    assert not call.agent[outcome.silence :].any()
    assert broken_promises(call) == []


def test_a_pause_keeps_what_was_not_heard_and_an_interruption_after_it_drops_it_for_ever() -> None:
    call = simulate(AGENT, barge_in(), seed=1)
    interrupted = call.turns[0].outcome
    assert isinstance(interrupted, Interrupted)
    assert interrupted.silence is not None
    next_start = call.turns[1].audio_started
    assert interrupted.silence < interrupted.gate_shut < (next_start or 0)
    assert not call.agent[interrupted.silence : next_start].any()
    assert heard_words(call, interrupted.silence) == "Fine three"


def test_after_a_dismissal_no_sample_of_the_speech_is_lost() -> None:
    script: list[Step] = [
        speech("two lattes please.", 0.2),
        cough(1.0, "agent_starts"),
        HangUp(Moment(6.0, "previous")),
    ]
    call = simulate(AGENT, script, seed=1)
    assert [overlap.evidence for overlap in call.overlaps] == ["no words"]
    assert call.turns[0].outcome == Completed(REPLY)
    assert heard_words(call) == "Your order is two lattes and it is ready soon"


# 2. Nothing outlives its scope


def test_an_answer_that_is_taken_back_is_gone_before_the_next_one_begins() -> None:
    tts = Watched(AGENT.tts)
    llm = Watched(AGENT.llm, closing_s=0.3, others=(tts,))
    script: list[Step] = [
        speech("two lattes", 0.2),
        speech("and a mocha please", 1.0, "previous"),
        HangUp(Moment(6.0, "previous")),
    ]
    call = simulate(agent(llm=llm, tts=tts), script, seed=1)
    assert len(of_kind(call, AttemptCancelled)) == 1
    assert [turn.text for turn in call.turns] == ["two lattes and a mocha please"]
    assert call.turns[0].outcome == Completed(REPLY)
    assert llm.open_before == [0, 0]
    assert heard_words(call) == "Your order is two lattes and it is ready soon"


@pytest.mark.parametrize("slow", ["stt", "llm", "tts"])
def test_a_turn_is_gone_before_the_next_answer_begins(slow: str) -> None:
    def watch(kind: str, others: tuple[Watched, ...] = ()) -> Watched:
        return Watched(getattr(AGENT, kind), closing_s=0.9 if kind == slow else 0.0, others=others)

    tts = watch("tts")
    parts = {"stt": watch("stt"), "llm": watch("llm", (tts,)), "tts": tts}
    call = simulate(agent(**parts), barge_in(), seed=1)
    assert [turn.outcome.kind for turn in call.turns if turn.outcome] == ["interrupted", "completed"]
    assert parts["llm"].open_before == [0, 0]
    assert all(turn.joined for turn in call.turns)
    assert broken_promises(call) == []


def test_after_any_number_of_turns_the_tasks_are_the_ones_from_before() -> None:
    seen: list[list[str]] = []

    async def drive(session: Session) -> None:
        root = trio.lowlevel.current_root_task()
        assert root is not None
        for number in range(12):
            seen.append(sorted(task.name for task in child_tasks(root)))
            handle = await session.say(SPEECH) if number % 2 else None
            if handle is None:
                await session.send_text("two lattes")
            await trio.sleep(1.0)
            session.interrupt()
            await trio.testing.wait_all_tasks_blocked()

    simulate(AGENT, [HangUp(Moment(20))], seed=1, drive=drive)
    assert len(seen) == 12
    assert seen == [seen[0]] * 12


def test_leaving_the_block_leaves_no_task() -> None:
    early: list[Step] = [speech("two lattes", 0.2), HangUp(Moment(0.5))]
    for script in (barge_in(), barge_in(hang_up_s=0.0), early):
        assert simulate(AGENT, script, seed=1).tasks_left == 0


# 3. History is what was heard


@given(after_ms=st.integers(0, 5_100), seed=st.integers(0, 3))
@settings(max_examples=25, deadline=None)
def test_history_holds_exactly_the_words_that_were_played(after_ms: int, seed: int) -> None:
    call, _ = say_and(lambda session: session.interrupt(), after_ms / 1000, fade_s=0.0)
    heard = heard_words(call)
    [turn] = call.turns
    if isinstance(turn.outcome, Completed):
        assert heard == SPEECH.rstrip(".")
        assert call.history == (Message("assistant", SPEECH),)
        return
    assert isinstance(turn.outcome, Interrupted)
    said = turn.outcome.heard
    assert said.rstrip(".") == heard
    assert f"{said} {turn.outcome.unheard}".strip() == SPEECH
    assert call.history == (Message("assistant", said, interrupted=True, unheard=turn.outcome.unheard),)


def test_what_was_heard_is_fixed_when_the_gate_shuts_and_not_when_the_tasks_have_ended() -> None:
    at_once: list[tuple[Message, ...]] = []

    def act(session: Session) -> None:
        session.interrupt()
        at_once.append(session.history.messages)

    call, _ = say_and(act, 1.61, tts=Hostile(SLOW_TTS, "ignores_cancellation"))
    unheard = "four five six seven eight nine ten."
    assert at_once == [(Message("assistant", "One two three", interrupted=True, unheard=unheard),)]
    assert call.history == at_once[0]


def test_the_next_answer_is_asked_for_with_what_was_heard() -> None:
    llm = Watched(AGENT.llm)
    call = simulate(agent(llm=llm, instructions="Take orders."), barge_in(), seed=1)
    assert heard_words(call) == "Your order is Fine three"
    assert llm.asked == [
        ((Message("system", "Take orders."), Message("user", "two lattes please")),),
        (
            (
                Message("system", "Take orders."),
                Message("user", "two lattes please"),
                Message("assistant", "Your order is", interrupted=True, unheard="two lattes, and it is ready soon."),
                Message("user", "wait three"),
            ),
        ),
    ]


def test_without_word_timings_what_was_heard_is_marked_as_an_estimate() -> None:
    call = simulate(agent(tts=FakeTTS(timings=False)), barge_in(), seed=1)
    outcome = call.turns[0].outcome
    assert isinstance(outcome, Interrupted)
    assert outcome.heard_estimated
    assert REPLY.startswith(outcome.heard)
    told = simulate(AGENT, barge_in(), seed=1).turns[0].outcome
    assert isinstance(told, Interrupted)
    assert not told.heard_estimated


def test_text_that_goes_on_after_the_voice_was_silenced_is_kept_beside_what_was_heard() -> None:
    async def drive(session: Session) -> None:
        await session.send_text("two lattes")
        await wait_for_event(session, lambda event: isinstance(event, SpeechStartsPlaying))
        await trio.sleep(0.45)
        session.interrupt_speech()

    slow = ScriptedLLM([], fallback=REPLY, tokens_per_s=6)
    call = simulate(agent(llm=slow), [HangUp(Moment(6))], seed=1, drive=drive)
    assert call.history == (
        Message("user", "two lattes"),
        Message("assistant", "Your", interrupted=True, unheard="order is two lattes, and it is ready soon."),
    )
    assert heard_words(call) == "Your"


# 4. Exactly one ending


def test_however_often_a_turn_is_interrupted_it_ends_once_and_by_the_first_cause() -> None:
    def act(session: Session) -> None:
        session.interrupt("first")
        session.interrupt("second")
        session.interrupt_speech("third")

    call, started = say_and(act, 0.61)
    [ended] = of_kind(call, TurnEnded)
    assert isinstance(ended.outcome, Interrupted)
    assert ended.outcome.cause.reason == "first"
    assert (ended.outcome.heard, ended.outcome.gate_shut) == ("One", started + 9_760)


def test_interrupting_the_speech_and_then_the_turn_is_one_ending() -> None:
    def act(session: Session) -> None:
        session.interrupt_speech("first")
        session.interrupt("second")

    call, _ = say_and(act, 0.61)
    [ended] = of_kind(call, TurnEnded)
    assert isinstance(ended.outcome, Interrupted)
    assert ended.outcome.cause.reason == "first"


def test_each_kind_of_ending_is_one_event() -> None:
    completed = simulate(AGENT, [speech("two lattes", 0.2), HangUp(Moment(1, "agent_stops"))], seed=1)
    interrupted = simulate(AGENT, barge_in(), seed=1)
    failed = simulate(agent(llm=Hostile(AGENT.llm, "raises")), [speech("two lattes", 0.2), HangUp(Moment(4))], seed=1)
    hung_up = simulate(AGENT, [speech("two lattes", 0.2), HangUp(Moment(1, "agent_starts"))], seed=1)

    def endings(call: Call) -> list[tuple[int, type]]:
        return [(event.turn_id, type(event.outcome)) for event in of_kind(call, TurnEnded)]

    assert endings(completed) == [(1, Completed)]
    assert endings(interrupted) == [(1, Interrupted), (2, Completed)]
    assert endings(failed) == [(1, Failed)]
    assert endings(hung_up) == [(1, HungUp)]


def test_being_interrupted_is_no_exception_in_the_code_that_waits() -> None:
    outcomes: list[object] = []

    async def drive(session: Session) -> None:
        handle = await session.say(SPEECH)
        outcomes.append(handle.outcome)
        outcomes.append((await handle.wait_for_playout()).kind)
        assert handle.outcome is not None
        outcomes.append(handle.outcome.kind)
        await trio.sleep_forever()

    simulate(AGENT, [speech("wait please", 1.0), HangUp(Moment(6))], seed=1, drive=drive)
    assert outcomes == [None, "interrupted", "interrupted"]


ACTIONS: dict[str, Callable[[Session], Awaitable[object]]] = {
    "say": lambda session: session.say("It is ready in ten minutes."),
    "say protected": lambda session: session.say("This call is recorded.", allow_interruptions=False),
    "type": lambda session: session.send_text("wait"),
}
UTTERANCES = ["two lattes", "mm-hm", "wait three", ""]

SUDDEN: dict[str, Callable[[Session], None]] = {
    "interrupt": lambda session: session.interrupt(),
    "interrupt speech": lambda session: session.interrupt_speech(),
}


@given(
    plan=st.lists(st.tuples(st.integers(0, 1_500), st.sampled_from([*ACTIONS, *SUDDEN])), min_size=1, max_size=8),
    utterances=st.lists(st.tuples(st.integers(100, 2_000), st.sampled_from(UTTERANCES)), max_size=4),
    reaction=st.sampled_from(["pause", "duck", "continue"]),
    seed=st.integers(0, 1_000),
)
@settings(max_examples=60, deadline=None)
@pytest.mark.feature(28)
def test_whatever_caller_and_application_do_every_promise_holds(
    plan: list[tuple[int, str]], utterances: list[tuple[int, str]], reaction: Reaction, seed: int
) -> None:
    async def drive(session: Session) -> None:
        for after_ms, action in plan:
            await trio.sleep(after_ms / 1000)
            if action in SUDDEN:
                SUDDEN[action](session)
            else:
                await ACTIONS[action](session)
        await trio.sleep_forever()

    script: list[Step] = [
        speech(text, after_ms / 1000, "previous") if text else cough(after_ms / 1000, "previous")
        for after_ms, text in utterances
    ]
    polite = agent(interruption=InterruptionSettings(reaction=reaction))
    call = simulate(polite, [*script, HangUp(Moment(8))], seed=seed, drive=drive)
    assert broken_promises(call) == []


def test_a_deadline_that_passes_with_another_input_does_not_bring_the_next_one_forward() -> None:
    """The answer to words that were held was failed at its beginning, for being 20 s late."""

    async def drive(session: Session) -> None:
        await session.say("This call is recorded.", allow_interruptions=False)
        await trio.sleep_forever()

    for seed in range(5):
        call = simulate(AGENT, [speech("two lattes", 0.1), HangUp(Moment(8))], seed=seed, drive=drive)
        assert [turn.outcome.kind for turn in call.turns if turn.outcome] == ["completed", "completed"]


@pytest.mark.parametrize("after_s", [0.55, 0.553, 0.56])
def test_somebody_who_is_heard_on_in_the_middle_of_a_frame_is_heard_from_there(after_s: float) -> None:
    """A place in the audio that had not come in yet ended the session."""

    async def drive(session: Session) -> None:
        await trio.sleep(after_s)
        await session.send_text("two lattes")
        session.interrupt()
        await trio.sleep_forever()

    call = simulate(AGENT, [speech("wait please make it three", 0.2), HangUp(Moment(8))], seed=1, drive=drive)
    assert broken_promises(call) == []
    [_, again] = of_kind(call, TurnOpened)
    assert again.onset == again.sample == round(after_s * 16_000)
    assert call.turns[-1].text == "make it three"
    assert isinstance(call.turns[-1].outcome, Completed)


# 6. The session survives its parts


def raising(record: Record) -> None:
    raise ValueError("this sink is broken")


def test_a_sink_that_raises_changes_nothing_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    undisturbed = simulate(AGENT, barge_in(), seed=1)
    seen: list[Record] = []
    with caplog.at_level(logging.ERROR, "turnscope"):
        call = simulate(AGENT, barge_in(), seed=1, sinks=(raising, seen.append))
    assert call.jsonl() == undisturbed.jsonl()
    assert tuple(seen) == call.records
    [logged] = caplog.records
    assert "this sink is broken" in (logged.exc_text or "")


def observed(observe: Callable[[Session], Awaitable[object]]) -> Call:
    return simulate(AGENT, barge_in(), seed=1, drive=observe)


async def slow_observer(session: Session) -> None:
    async with session.events(capacity=2) as events:
        async for _ in events:
            await trio.sleep(5)


async def cancelled_observer(session: Session) -> None:
    with trio.move_on_after(2.5):
        async with session.events() as events:
            async for _ in events:
                pass


async def failing_observer(session: Session) -> None:
    try:
        async with session.events() as events:
            async for event in events:
                if isinstance(event, TurnStarted):
                    raise ValueError("an observer's own trouble")
    except ValueError:
        pass


@pytest.mark.parametrize("observe", [slow_observer, cancelled_observer, failing_observer])
def test_an_observer_delays_neither_audio_nor_decision(observe: Callable[[Session], Awaitable[object]]) -> None:
    undisturbed = simulate(AGENT, barge_in(), seed=1)
    call = observed(observe)
    assert call.agent.tobytes() == undisturbed.agent.tobytes()
    assert [turn.outcome for turn in call.turns] == [turn.outcome for turn in undisturbed.turns]
    assert [turn.latency for turn in call.turns] == [turn.latency for turn in undisturbed.turns]


@pytest.mark.parametrize("capacity", [1, 2, 5])
@pytest.mark.parametrize("pauses_s", [(2.0, 0.0, 0.0), (1.0, 0.5), (0.0, 0.0, 3.0)])
def test_a_subscriber_that_overflows_is_told_how_many_events_it_has_lost_and_where(
    capacity: int, pauses_s: tuple[float, ...]
) -> None:
    received: list[Event] = []

    async def main() -> tuple[Event, ...]:
        records: list[Record] = []
        transport = CallerTransport(barge_in())
        async with (
            open_session(AGENT, transport, sinks=(records.append,)) as session,
            session.events(capacity) as events,
        ):
            subscribed = len(records)
            pauses = itertools.cycle(pauses_s)
            async for event in events:
                received.append(event)
                await trio.sleep(next(pauses))
        return tuple(record for record in records[subscribed:] if isinstance(record, Event))

    published = trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    at = 0
    for event in received:
        if isinstance(event, EventsLost):
            assert event.count > 0
            at += event.count
        else:
            assert event == published[at]
            at += 1
    assert at == len(published)
    assert any(isinstance(event, EventsLost) for event in received)


def test_a_subscriber_learns_of_its_losses_even_if_nothing_happens_afterwards() -> None:
    received: list[Event] = []

    async def drive(session: Session) -> None:
        async with session.events(capacity=1) as events:
            await session.say("Hello.", allow_interruptions=False)
            await trio.sleep(3)
            with trio.move_on_after(1):
                async for event in events:
                    received.append(event)

    call = simulate(AGENT, [HangUp(Moment(6))], seed=1, drive=drive)
    first, lost = received
    assert isinstance(lost, EventsLost)
    missed = call.events[call.events.index(first) + 1 :]
    assert lost.count == len([event for event in missed if event.sample <= lost.sample]) > 5


# 7. Control never queues behind data, and the ears wait for nobody


def test_an_interruption_overtakes_whatever_waits_to_be_said() -> None:
    endless = " ".join(f"word{number}" for number in range(300)) + "."
    tts = FakeTTS(words_per_s=2, real_time_factor=0.0)

    async def drive(session: Session) -> None:
        await session.say(endless)
        await trio.sleep(2.61)
        session.interrupt()

    call = simulate(agent(tts=tts), [HangUp(Moment(6))], seed=1, drive=drive)
    outcome = call.turns[0].outcome
    assert isinstance(outcome, Interrupted)
    assert outcome.silence is not None
    assert outcome.silence - outcome.cause.decision <= 320 + 800
    assert loud(call.agent) <= outcome.silence


class CountingTTS(FakeTTS):
    """Counts the samples that it has given."""

    given = 0

    @asynccontextmanager
    async def open_stream(self, text: str, options: VoiceOptions) -> AsyncGenerator[AsyncIterator[SpeechChunk]]:
        async with super().open_stream(text, options) as chunks:
            yield _Counted(self, chunks)


class _Counted:
    def __init__(self, tts: CountingTTS, chunks: AsyncIterator[SpeechChunk]) -> None:
        self._tts = tts
        self._chunks = chunks

    def __aiter__(self) -> AsyncIterator[SpeechChunk]:
        return self

    async def __anext__(self) -> SpeechChunk:
        chunk = await anext(self._chunks)
        self._tts.given += len(chunk.samples)
        return chunk


@pytest.mark.parametrize("clauses", [1, 3])
def test_a_synthesizer_is_at_most_three_seconds_and_a_chunk_for_each_clause_ahead(clauses: int) -> None:
    tts = CountingTTS(words_per_s=2, real_time_factor=0.0)
    ahead: list[int] = []

    async def drive(session: Session) -> None:
        await session.say(" ".join(["word"] * 100) + ".")
        started = await wait_for_event(session, lambda event: isinstance(event, SpeechStartsPlaying))
        for _ in range(10):
            await trio.sleep(0.99)
            ahead.append(tts.given - (session.now() - started.sample))

    simulate(agent(tts=tts, parallel_clauses=clauses), [HangUp(Moment(12))], seed=1, drive=drive)
    assert 3 * 16_000 <= max(ahead) <= 3 * 16_000 + (clauses + 1) * PERIOD


class StuckSTT(FakeSTT):
    """Takes a long time over the first piece of audio that it is given."""

    def __init__(self, stuck_s: float) -> None:
        super().__init__()
        self._stuck_s = stuck_s

    @asynccontextmanager
    async def open_stream(self) -> AsyncGenerator[Any]:
        async with super().open_stream() as stream:
            send, stuck_s = stream.send_audio, self._stuck_s

            async def send_audio(samples: Samples) -> None:
                nonlocal stuck_s
                await trio.sleep(stuck_s)
                stuck_s = 0.0
                await send(samples)

            stream.send_audio = send_audio  # type: ignore[method-assign]
            yield stream


def test_the_ears_never_wait_for_a_slow_transcriber_and_what_it_loses_is_counted() -> None:
    monologue = " ".join(["word"] * 120)
    script: list[Step] = [speech(monologue, 0.2, pace=3), HangUp(Moment(42.0))]
    undisturbed = simulate(AGENT, script, seed=0)
    call = simulate(agent(stt=StuckSTT(35.0)), script, seed=0)

    [lost] = of_kind(call, AudioLost)
    [opened] = of_kind(call, TurnOpened)
    assert of_kind(call, SpeechBegins) == of_kind(undisturbed, SpeechBegins)
    assert opened == of_kind(undisturbed, TurnOpened)[0]
    assert lost.turn_id == opened.turn_id
    assert lost.sample == opened.sample + 35 * 16_000
    assert lost.start == 1_600  # the piece before that was given
    held = lost.sample - 30 * 16_000  # what the ring holds; the frame of that instant may be heard before, or after
    assert lost.stop in (held, held - 320)


def test_a_transcriber_that_is_a_little_late_loses_nothing() -> None:
    script: list[Step] = [speech(" ".join(["word"] * 60), 0.2, pace=3), HangUp(Moment(6.0, "previous"))]
    call = simulate(agent(stt=StuckSTT(15.0)), script, seed=1)
    assert of_kind(call, AudioLost) == []
    assert call.turns[0].text.split() == ["word"] * 60


# 8. The same input gives the same conversation


def digest(seed: int, speaker: Agent = AGENT) -> str:
    call = simulate(speaker, [*barge_in()[:1], cough(0.6, "agent_starts"), *barge_in()[1:]], seed=seed)
    return hashlib.sha256(call.agent.tobytes() + call.jsonl().encode()).hexdigest()


def test_the_same_seed_gives_the_same_samples_and_the_same_log() -> None:
    assert [digest(seed) for seed in range(5)] == [digest(seed) for seed in range(5)]


def test_the_order_of_hashes_changes_nothing() -> None:
    program = "from tests.session.test_promises import digest; print(digest(7))"

    def run(hash_seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    assert run("1") == run("2") == digest(7)
