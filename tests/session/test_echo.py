"""The agent's own voice in the caller's microphone is no interruption, and a caller who speaks over it is one."""

import numpy as np
import pytest

from tests.session.calls import agent, of_kind, speech
from turnscope.core import (
    EchoIgnored,
    Interrupted,
    RingBuffer,
    Samples,
    SpeechBegan,
    SpeechBegins,
    SpeechEdge,
    SpeechPlayed,
    TurnOpened,
    Yielded,
    to_samples,
)
from turnscope.providers import ScriptedLLM
from turnscope.session import Session
from turnscope.session._echo_guard import EchoGuard
from turnscope.session._far_end import FarEnd
from turnscope.sim import Call, HangUp, Moment, Step, broken_promises, simulate

LONG = "Your order is two lattes and one mocha, and it is brought to your table by the window very soon."
TALKER = agent(llm=ScriptedLLM([], fallback=LONG, tokens_per_s=40))


def path(delay_s: float, gain: float, *, reflections: int = 3) -> Samples:
    """From a loudspeaker to a microphone: a direct sound and reflections of it, each half as strong."""
    response = np.zeros(to_samples(delay_s) + 40 * reflections + 1, np.float32)
    for number in range(reflections + 1):
        response[to_samples(delay_s) + 40 * number] = gain * (-0.5) ** number
    return response


def call(echo: Samples | None, *steps: Step, guard: bool = True) -> Call:
    script: list[Step] = [speech("two lattes please.", 0.2), *steps, HangUp(Moment(1.5, "quiet"))]
    talker = TALKER if guard else agent(llm=TALKER.llm, echo_guard=False)
    return simulate(talker, script, echo=echo)


@pytest.mark.feature(35)
@pytest.mark.parametrize(("delay_s", "gain"), [(0.0, 1.0), (0.013, 0.15), (0.12, 0.5), (0.4, 0.25)])
def test_an_agent_that_hears_itself_is_not_interrupted(delay_s: float, gain: float) -> None:
    held = call(path(delay_s, gain))
    assert [turn.outcome.kind for turn in held.turns if turn.outcome] == ["completed"]
    assert of_kind(held, Yielded) == []
    assert [event.challenges for event in of_kind(held, TurnOpened)] == [None]
    ignored = of_kind(held, EchoIgnored)
    assert ignored
    assert all(event.score >= 0.65 for event in ignored)
    assert broken_promises(held) == []


@pytest.mark.feature(35)
def test_without_the_guard_it_would_be() -> None:
    assert of_kind(call(path(0.05, 0.5), guard=False), Yielded)


@pytest.mark.feature(35)
@pytest.mark.parametrize(("after_s", "gain"), [(0.5, 0.5), (1.5, 0.15), (3.07, 0.5)])
def test_a_caller_who_speaks_over_the_echo_interrupts(after_s: float, gain: float) -> None:
    held = call(path(0.05, gain), speech("wait make it three lattes for me.", after_s, "agent_starts"))
    outcome = held.turns[0].outcome
    assert isinstance(outcome, Interrupted)
    spoken = held.placed[1].start
    yielded = next(event.sample for event in of_kind(held, Yielded))
    assert 0 <= yielded - spoken <= to_samples(0.35)
    assert broken_promises(held) == []


def test_a_caller_without_an_echo_is_noticed_as_soon_as_without_a_guard() -> None:
    interruption = speech("wait make it three.", 2.5, "agent_starts")  # by then, no echo has come for long enough
    with_guard, without = call(None, interruption), call(None, interruption, guard=False)
    assert of_kind(with_guard, SpeechBegins) == of_kind(without, SpeechBegins)
    assert of_kind(with_guard, Yielded) == of_kind(without, Yielded)


def test_protected_speech_does_not_hold_its_own_echo() -> None:
    async def drive(session: Session) -> None:
        await (await session.say(LONG, allow_interruptions=False)).wait_for_playout()

    held = simulate(TALKER, [HangUp(Moment(14.0))], echo=path(0.08, 0.5), drive=drive)
    assert len(held.turns) == 1
    assert of_kind(held, TurnOpened) == []


def test_the_echo_of_the_last_word_is_no_new_turn() -> None:
    held = call(path(0.45, 1.0))
    assert len(held.turns) == 1
    assert of_kind(held, EchoIgnored)[-1].stop > of_kind(held, SpeechPlayed)[0].sample


def test_what_waits_is_forgotten_when_speech_is_to_be_found_anew() -> None:
    ring, far_end = RingBuffer(32_000), FarEnd(16_000)
    passed: list[SpeechEdge] = []
    guard = EchoGuard(
        ring,
        far_end,
        lambda edge, _: passed.append(edge),
        lambda score, stop: None,
        lambda start, stop, score: None,
        lambda: True,
    )
    noise = np.random.default_rng(1).normal(0, 0.1, 16_000).astype(np.float32)
    far_end.play(0, noise[:1600])
    ring.write(noise)
    guard.take(SpeechBegan(800, 1600, 0.9, 0), "barge_in")  # too early to tell
    guard.begin_again()
    guard.hear(16_000)
    assert passed == []
    guard.take(SpeechBegan(14_000, 16_000, 0.9, 12_000), "barge_in")
    assert len(passed) == 1


@pytest.mark.parametrize("found_anew", [False, True])
def test_after_a_second_without_an_echo_a_short_word_is_not_said_to_be_one(found_anew: bool) -> None:
    ring, far_end = RingBuffer(48_000), FarEnd(16_000)
    told: list[tuple[float, int]] = []
    guard = EchoGuard(
        ring,
        far_end,
        lambda edge, _: None,
        lambda score, stop: told.append((score, stop)),
        lambda start, stop, score: None,
        lambda: True,
    )
    noise = np.random.default_rng(1).normal(0, 0.1, 48_000).astype(np.float32)
    far_end.play(0, noise)
    ring.write(np.zeros(24_000, np.float32))
    guard.hear(24_000)
    if found_anew:
        guard.begin_again()
    ring.write(noise[24_000:])  # as clear an echo as can be
    guard.take(SpeechBegan(24_000, 24_800, 0.9, 24_000), "barge_in")
    guard.hear(24_000 + 4800)
    assert told == []
    guard.hear(24_000 + 8000)
    assert [(round(score), stop) for score, stop in told] == [(1, 32_000)]


def test_what_was_played_is_read_back_in_its_place_whatever_was_dropped_or_is_forgotten() -> None:
    far_end = FarEnd(16_000)
    rng = np.random.default_rng(1)
    played = np.zeros(200_000, np.float32)
    at = 0
    while at < 190_000:
        at += int(rng.choice([0, 0, 0, 777, 5000]))  # silence
        frame = rng.normal(0, 0.1, int(rng.integers(1, 4000))).astype(np.float32)
        far_end.play(at, frame)
        played[at : at + len(frame)] = frame
        at += len(frame)
        if rng.random() < 0.2:
            played[max(at - 300, 0) : at] = 0
            at = max(at - 300, 0)
            far_end.drop(at)
        assert far_end.until == at
        start = max(at - 47_700, 0)  # three seconds are kept, but for what was dropped
        expected = np.concatenate([played[start:at], np.zeros(500)])
        assert np.array_equal(far_end.read(start, at + 500), expected)
    assert not far_end.read(-1000, at - 48_000).any()
    long = rng.normal(0, 0.1, 100_000).astype(np.float32)
    far_end.play(200_000, long)
    assert np.array_equal(far_end.read(252_000, 300_000), long[-48_000:])
