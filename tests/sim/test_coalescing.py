"""Frames that are handled many at once: the call is the same as with frames one by one, to the sample."""

import math
import random
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from tests.session.calls import AGENT, agent, barge_in, cough, speech
from tests.sim.random_calls import random_call
from turnscope import ProtocolError, ProviderError
from turnscope.core import Decided, Samples, SpeechBegins, SpeechEdgeSettings
from turnscope.observe import Recorder
from turnscope.providers import STTStream, Transcript
from turnscope.session import Session, open_runtime, open_session
from turnscope.sim import (
    LEVEL,
    AgentSays,
    AgentWords,
    Background,
    Call,
    FakeSTT,
    FakeVAD,
    HangUp,
    Happens,
    Moment,
    Play,
    Step,
    VirtualCompute,
    encode_words,
    read_words,
    run_virtual,
    simulate,
)
from turnscope.sim._wordcode import word_ends
from turnscope.testing import PlannedCall
from turnscope.testing.strategies import agents, call_settings, conversations, lines
from turnscope.transports import InputFrame, Playhead

ANCHORS = (
    "call",
    "agent_starts",
    "agent_stops",
    "previous",
    "quiet",
    AgentWords(2),
    AgentSays("lattes"),
    Happens(Decided),
)


def same(one: Call, other: Call) -> bool:
    return (
        one.jsonl() == other.jsonl()
        and np.array_equal(one.user, other.user)
        and np.array_equal(one.agent, other.agent)
        and one.history == other.history
        and [(placed.start, placed.stop) for placed in one.placed] == [(p.start, p.stop) for p in other.placed]
    )


def with_other_anchors(script: Sequence[Step], seed: int) -> list[Step]:
    """The same sounds at moments of every kind, by one or two people."""
    rng = random.Random(seed)
    steps: list[Step] = []
    for step in script[:-1]:
        anchor = rng.choice(ANCHORS)
        moment = step.moment if anchor == "call" else Moment(rng.choice([0.0, 0.1, 0.3, 1.0, 2.0]), anchor)
        steps.append(replace(step, moment=moment, speaker=rng.choice(["", "", "b"])))
    return [*steps, *script[-1:]]


def differs(seed: int) -> bool:
    """Whether the random call of this seed is another one with frames one by one."""
    drawn = random_call(seed)
    frame_s = random.Random(seed).choice([drawn.frame_s, drawn.frame_s, 0.005, 0.03, 0.06])
    script = drawn.script if seed % 2 else with_other_anchors(drawn.script, seed)
    calls = [
        simulate(
            drawn.agent,
            script,
            seed=drawn.seed,
            frame_s=frame_s,
            drive=drawn.drive,
            max_s=30.0,
            coalesce=coalesce,
        )
        for coalesce in (True, False)
    ]
    return not same(*calls)


def test_random_calls_are_the_same_with_frames_one_by_one() -> None:
    assert [seed for seed in range(12) if differs(seed)] == []


@call_settings(max_examples=30)
@given(conversations(agents(), lines=lines()))
def test_conversations_of_any_kind_are_the_same_with_frames_one_by_one(conversation: PlannedCall) -> None:
    assert same(*(conversation.hold(coalesce=coalesce) for coalesce in (True, False)))


@pytest.mark.slow
def test_a_thousand_random_calls_are_the_same_with_frames_one_by_one() -> None:
    assert [seed for seed in range(12, 1012) if differs(seed)] == []


class Counting(FakeVAD):
    """Says when each of its windows was judged."""

    def __init__(self, window_s: float) -> None:
        super().__init__(window_s)
        self.judged: list[float] = []

    def process(self, window: Samples) -> float:
        self.judged.append(trio.current_time())
        return super().process(window)


@pytest.mark.parametrize("window_s", [0.01, 0.016, 0.02, 0.032])
@pytest.mark.parametrize("frame_s", [0.01, 0.02, 0.03])
def test_windows_and_frames_of_any_length_give_the_same_call(window_s: float, frame_s: float) -> None:
    speaker = agent(vad=FakeVAD(window_s))
    calls = [simulate(speaker, barge_in(), frame_s=frame_s, coalesce=coalesce) for coalesce in (True, False)]
    assert same(*calls)


def test_frames_are_really_handled_many_at_once() -> None:
    vads = [Counting(0.02), Counting(0.02)]
    for vad, coalesce in zip(vads, (True, False), strict=True):
        simulate(agent(vad=vad), [speech("two lattes please.", 2.0), HangUp(Moment(10.0))], coalesce=coalesce)
    coalesced, one_by_one = (vad.judged for vad in vads)
    assert len(coalesced) == len(one_by_one) == 500
    assert len(set(one_by_one)) == 500
    assert len(set(coalesced)) < 100


@pytest.mark.parametrize(
    "script",
    [
        [cough(0.5), *barge_in()],
        [speech("two lattes please.", 0.2), cough(0.6, "agent_starts"), HangUp(Moment(0.3, "agent_stops"))],
        [Play(np.zeros(0, np.float32), Moment(3.0)), HangUp(Moment(0.013, "previous"))],
    ],
    ids=["a cough first", "a cough over the answer", "nothing but silence"],
)
@pytest.mark.parametrize("seed", range(3))
def test_calls_with_little_in_them_are_the_same(script: list[Step], seed: int) -> None:
    assert same(*(simulate(AGENT, script, seed=seed, coalesce=coalesce) for coalesce in (True, False)))


def test_sound_in_the_background_is_mixed_to_the_same_bits() -> None:
    noise = np.random.default_rng(0).normal(0, 0.003, 4_321).astype(np.float32)
    background = (Background(noise, start=1_234), Background(noise, start=30_000, stop=31_111))
    calls = [simulate(AGENT, barge_in(), background=background, coalesce=coalesce) for coalesce in (True, False)]
    assert same(*calls)


class _FailsLate(FakeVAD):
    """Raises an error at its 150th window, or gives what is no probability."""

    def __init__(self, gives: float | None) -> None:
        super().__init__(0.02)
        self._gives = gives
        self._windows = 0

    def process(self, window: Samples) -> float:
        self._windows += 1
        if self._windows < 150:
            return super().process(window)
        if self._gives is None:
            raise ValueError("cannot go on")
        return self._gives


@pytest.mark.parametrize("gives", [None, 1.5, math.nan])
@pytest.mark.parametrize("coalesce", [True, False])
def test_a_detector_that_fails_in_frames_to_come_fails_when_they_have_come(coalesce: bool, gives: float | None) -> None:
    ended: list[float] = []

    async def watch(session: object) -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.append(trio.current_time())

    with pytest.raises((ProviderError, ProtocolError), match=r"cannot go on|a probability of speech"):
        simulate(agent(vad=_FailsLate(gives)), [HangUp(Moment(9.0))], drive=watch, coalesce=coalesce)
    assert ended == [3.0]


class _Attentive(FakeSTT):
    """Does not say for how long nothing will come of what it hears, and notes when it hears it."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[float, int]] = []

    @asynccontextmanager
    async def open_stream(self) -> AsyncGenerator[Any]:
        async with super().open_stream() as stream:
            yield _Noted(stream, self.heard)


class _Noted:
    def __init__(self, stream: STTStream, heard: list[tuple[float, int]]) -> None:
        self._stream = stream
        self._heard = heard
        self.flush = stream.flush

    async def send_audio(self, samples: Samples) -> None:
        self._heard.append((trio.current_time(), len(samples)))
        await self._stream.send_audio(samples)

    def __aiter__(self) -> AsyncIterator[Transcript]:
        return aiter(self._stream)


def test_a_recognizer_that_promises_nothing_is_given_each_frame_when_it_has_come() -> None:
    heard: list[list[tuple[float, int]]] = []
    for coalesce in (True, False):
        stt = _Attentive()
        simulate(agent(stt=stt), barge_in(), coalesce=coalesce)
        heard.append(stt.heard)
    assert heard[0] == heard[1]
    assert len(heard[0]) > 50


@pytest.mark.parametrize("handed_over_at", [1.0, 1.041, 1.5])
def test_what_a_hand_over_to_smaller_windows_leaves_unjudged_is_judged_in_its_time(handed_over_at: float) -> None:
    first = agent(vad=FakeVAD(0.05))
    second = replace(first, name="other", vad=FakeVAD(0.01), barge_in_edges=SpeechEdgeSettings(min_speech_s=0.01))

    async def hand_over(session: Session) -> None:
        await trio.sleep(handed_over_at)
        await session.hand_over(second)

    script: list[Step] = [speech("two lattes please.", 1.0), HangUp(Moment(2.0))]
    assert same(*(simulate(first, script, drive=hand_over, coalesce=coalesce) for coalesce in (True, False)))


class _OwnTransport:
    """Plays at once whatever it is given, and says that it may not be given anything ahead."""

    input_hz = output_hz = 16_000
    lead_samples = 0

    def __init__(self) -> None:
        self.sent: list[tuple[float, int]] = []

    async def receive(self) -> InputFrame | None:
        await trio.sleep_forever()

    def send(self, samples: Samples, response_id: str) -> None:
        self.sent.append((trio.current_time(), len(samples)))

    def clear(self, response_id: str) -> None: ...

    def playhead(self) -> Playhead:
        return Playhead(sum(length for _, length in self.sent), "estimated")

    def close(self) -> None: ...


def test_a_transport_that_does_not_say_that_it_knows_the_call_is_given_each_frame_when_it_is_due() -> None:
    transport = _OwnTransport()

    async def main(compute: VirtualCompute) -> None:
        async with (
            open_runtime(compute=compute) as runtime,
            open_session(AGENT, transport, runtime=runtime) as session,
        ):
            await (await session.say("Your order is two lattes, and it is ready soon.")).wait_for_playout()

    run_virtual(main, seed=0)
    assert max(length for _, length in transport.sent) == 320
    assert len({time for time, _ in transport.sent}) == len(transport.sent) > 50


@pytest.mark.parametrize("frame_s", [0.02, 0.03, 0.06])
@pytest.mark.parametrize("recorded", [True, False])
def test_calls_with_an_echo_and_recorded_calls_are_the_same(tmp_path: Path, frame_s: float, recorded: bool) -> None:
    echo = np.array([0.0] * 100 + [0.1, 0.05], np.float32)
    calls = [
        simulate(
            AGENT,
            barge_in(),
            frame_s=frame_s,
            echo=None if recorded else echo,
            recorder=Recorder(tmp_path / str(coalesce)) if recorded else None,
            coalesce=coalesce,
        )
        for coalesce in (True, False)
    ]
    assert same(*calls)
    if recorded:
        logs = [(tmp_path / str(coalesce) / "log.jsonl").read_text().splitlines()[1:] for coalesce in (True, False)]
        assert logs[0] == logs[1]


@given(st.data())
@call_settings(max_examples=30)
def test_a_fake_recognizer_never_stays_calm_beyond_a_word_that_can_be_read(data: st.DataObject) -> None:
    """Also where two voices, mixed, spell what neither has said."""
    voices = [
        encode_words(data.draw(st.sampled_from(["two", "stop now", "x" * 200])), words_per_s=5)[0] for _ in range(2)
    ]
    offset = data.draw(st.integers(0, 2000))
    mixed = np.zeros(max(len(voices[0]), offset + len(voices[1])), np.float32)
    mixed[: len(voices[0])] += voices[0]
    mixed[offset : offset + len(voices[1])] += voices[1]
    calm = min((end - 1 for end in word_ends(mixed)), default=len(mixed))
    assert read_words(mixed[:calm]) == []
    for start in range(0, calm, 97):
        assert read_words(mixed[:start]) == []


def test_a_word_within_what_looks_like_a_longer_one_is_seen_coming() -> None:
    longer, word = (encode_words(text, words_per_s=50, gap_s=0)[0] for text in ("x" * 255, "stop"))
    audio = np.concatenate([longer[:32], word, np.full(2040, LEVEL, np.float32)])
    assert read_words(audio[: 32 + len(word)]) == [("stop", 32 + len(word))]
    assert min(word_ends(audio)) == 32 + len(word)


@pytest.mark.parametrize("busy_until", [0.18, 0.2, 0.22, 0.24, 0.26])
def test_a_deadline_that_an_edge_sets_to_its_own_time_is_as_early_however_frames_are_handled(busy_until: float) -> None:
    def order(seed: int, coalesce: bool) -> list[str]:
        happened: list[str] = []
        begun, scope = trio.Event(), trio.CancelScope()

        def sink(record: object) -> None:
            if isinstance(record, SpeechBegins) and not begun.is_set():
                begun.set()
                scope.deadline = trio.current_time()

        async def wait() -> None:
            await begun.wait()
            happened.append("woken")

        async def run_out() -> None:
            with scope:
                await trio.sleep_forever()
            happened.append("deadline")

        async def drive(session: Session) -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(wait)
                nursery.start_soon(run_out)
                await trio.sleep_until(busy_until)

        script: list[Step] = [speech("two lattes please.", 0.2), HangUp(Moment(2.0))]
        simulate(AGENT, script, drive=drive, sinks=(sink,), coalesce=coalesce, seed=seed)
        return happened

    assert [order(seed, coalesce=True) for seed in range(8)] == [order(seed, coalesce=False) for seed in range(8)]
