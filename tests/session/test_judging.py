"""A detector is a witness: what it says counts at once, and what it does wrong harms nobody."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import trio

from tests.session.calls import agent, barge_in, cough, of_kind, speech
from tests.session.hostile import FAULTS, Hostile
from tests.session.watched import Watched
from turnscope import ConfigError, ProviderError
from turnscope.core import CLOCK_HZ, Decided, DetectorFailed, EvidenceReceived, Interrupted, TurnOpened
from turnscope.providers import Resources, Score
from turnscope.sim import Call, FakeDetector, HangUp, Moment, broken_promises, simulate


def decisions(call: Call) -> list[tuple[str, str]]:
    return [(event.verdict, event.evidence) for event in of_kind(call, Decided)]


def call_with(detector: Any, script: list[Any] | None = None, **changes: Any) -> Call:
    call = simulate(agent(detector=detector, echo_guard=False, **changes), barge_in() if script is None else script)
    assert broken_promises(call) == []
    assert call.tasks_left == 0
    return call


# What it says


def test_what_a_detector_hears_decides_before_there_is_a_word() -> None:
    without = of_kind(call_with(None), Decided)[0]
    opened = next(event for event in call_with(None).events if isinstance(event, TurnOpened) and event.challenges)
    decided = of_kind(call_with(FakeDetector(after_s=0.1, latency_s=0.02)), Decided)[0]
    assert (decided.verdict, decided.evidence) == ("confirm", "interruption 1.00")
    # Audio comes in frames of 20 ms, and then it thinks for 20 ms.
    enough = opened.onset + CLOCK_HZ // 10
    arrived = -(-enough // 320) * 320
    assert decided.sample == arrived + 320
    assert decided.sample < without.sample


def test_a_detector_that_hears_a_noise_keeps_invented_words_from_interrupting() -> None:
    script = [
        speech("two lattes please.", 0.2),
        speech("thank you", 0.5, "agent_starts"),
        HangUp(Moment(1.0, "previous")),
    ]
    assert decisions(call_with(None, script))[0][0] == "confirm"
    assert decisions(call_with(FakeDetector(0.0), script)) == [("dismiss", "interruption 0.00")]


def test_scores_are_in_the_log_with_the_sample_up_to_which_they_count() -> None:
    call = call_with(FakeDetector(0.4))
    told = [record for record in call.records if isinstance(record, EvidenceReceived)]
    onset = next(event.onset for event in call.events if isinstance(event, TurnOpened) and event.challenges)
    assert [(item.name, item.value) for item in told] == [("interruption", 0.4), ("noise", 0.6)]
    assert {item.stop for item in told} == {onset + CLOCK_HZ // 10}
    assert len({item.turn_id for item in told}) == 1


def test_a_detector_is_asked_only_about_who_speaks_over_the_agent() -> None:
    watched = Watched(FakeDetector(0.0))
    call_with(watched)
    assert len(watched.asked) == 1
    assert watched.open_now == 0


def test_a_stream_knows_where_in_its_audio_the_speech_begins() -> None:
    watched = Watched(FakeDetector(0.0))
    call_with(watched)
    assert watched.asked == [(CLOCK_HZ * 3 // 10,)]


def test_who_goes_on_after_a_pause_is_listened_to_anew() -> None:
    watched = Watched(FakeDetector(0.0, after_s=0.05))
    script = [
        speech("two lattes please.", 0.2),
        cough(0.5, "agent_starts", length_s=0.2),
        cough(0.25, "previous", length_s=0.2),
        HangUp(Moment(1.0, "previous")),
    ]
    call_with(watched, script)
    assert len(watched.asked) == 2
    assert watched.most_open == 1


def test_a_detector_at_another_rate_hears_at_that_rate() -> None:
    class Low(FakeDetector):
        input_hz = 8_000

        @asynccontextmanager
        async def open_stream(self, onset: int) -> AsyncGenerator[Any]:
            asked.append(onset)
            async with super().open_stream(onset) as stream:
                yield stream

    asked: list[int] = []
    call = call_with(Low(after_s=0.05))  # 800 samples of its own, so 0.1 s
    told = next(record for record in call.records if isinstance(record, EvidenceReceived))
    onset = next(event.onset for event in call.events if isinstance(event, TurnOpened) and event.challenges)
    assert asked == [2_400]
    assert told.stop == onset + CLOCK_HZ // 10


# What it does wrong


@pytest.mark.parametrize("where", ["open", "item", "send", "close"])
@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_a_detector_does_the_caller_interrupts_as_without_it(fault: str, where: str) -> None:
    without = call_with(None)
    call = call_with(Hostile(FakeDetector(0.5), fault, where, times=100))
    assert isinstance(call.turns[0].outcome, Interrupted)
    assert call.turns == without.turns


def test_a_detector_that_fails_is_named_and_asked_again_the_next_time() -> None:
    script = [
        speech("two lattes please.", 0.2),
        cough(0.4, "agent_starts"),
        cough(1.0, "previous"),
        HangUp(Moment(1.0, "previous")),
    ]
    call = call_with(Hostile(FakeDetector(0.0), "raises", times=1), script)
    failed = of_kind(call, DetectorFailed)
    assert [(event.provider, event.message) for event in failed] == [
        ("hostile-fake-detector", "OSError: the wire is cut")
    ]
    assert any(isinstance(record, EvidenceReceived) for record in call.records)


class Says(FakeDetector):
    """Says one thing at once."""

    def __init__(self, score: Score) -> None:
        super().__init__()
        self._score = score

    @asynccontextmanager
    async def open_stream(self, onset: int) -> AsyncGenerator[Any]:
        async with super().open_stream(onset) as stream:
            stream._scores = [self._score]
            yield stream


@pytest.mark.parametrize(
    ("score", "complaint"),
    [
        (Score("interruption", 1.5, 0), "ValueError: the score 'interruption' must be between 0 and 1, got"),
        (
            Score("interruption", float("nan"), 0),
            "ValueError: the score 'interruption' must be between 0 and 1, got",
        ),
        (Score("interruption", 1.0, 10**9), "ValueError: the score 'interruption' is about sample 1000000000, which"),
        (Score("interruption", 1.0, -1), "ValueError: the score 'interruption' is about sample -1, which"),
    ],
)
def test_a_score_that_cannot_be_is_a_failure_and_no_evidence(score: Score, complaint: str) -> None:
    call = call_with(Says(score))
    (failed,) = of_kind(call, DetectorFailed)
    assert failed.message.startswith(complaint)
    assert not any(isinstance(record, EvidenceReceived) for record in call.records)


class Unreachable(FakeDetector):
    @asynccontextmanager
    async def connect(self, resources: Resources) -> AsyncGenerator[FakeDetector]:
        raise ProviderError(self.name, "nobody answers")
        yield self


class NotInstalled(FakeDetector):
    @asynccontextmanager
    async def connect(self, resources: Resources) -> AsyncIterator[FakeDetector]:
        raise ConfigError("it is not installed")
        yield self


def test_a_call_goes_on_without_a_detector_that_cannot_be_reached() -> None:
    call = call_with(Unreachable())
    assert [event.message for event in of_kind(call, DetectorFailed)] == ["nobody answers"]
    assert isinstance(call.turns[0].outcome, Interrupted)


class Silent(FakeDetector):
    """Its server takes the call and says nothing."""

    @asynccontextmanager
    async def connect(self, resources: Resources) -> AsyncIterator[FakeDetector]:
        await trio.sleep_forever()
        yield self


def test_a_detector_that_does_not_connect_in_time_is_done_without() -> None:
    call = call_with(Silent(), connect_timeout_s=3.0)
    assert [event.message for event in of_kind(call, DetectorFailed)] == ["did not connect within 3 s"]
    assert isinstance(call.turns[0].outcome, Interrupted)


def test_a_detector_that_is_not_installed_is_said_before_the_call() -> None:
    with pytest.raises(ConfigError, match="it is not installed"):
        call_with(NotInstalled())


def test_a_session_ends_although_its_detector_shields_itself_for_ever() -> None:
    script = [
        speech("two lattes please.", 0.2),
        cough(0.4, "agent_starts"),
        HangUp(Moment(0.1, "previous")),
    ]
    call_with(Hostile(FakeDetector(), "shields_for_ever", "item"), script)


# Which one it is


def test_what_is_no_detector_is_refused() -> None:
    with pytest.raises(ConfigError, match="detector must be an InterruptionDetector, got str"):
        agent(detector="whisper")


def test_an_agent_of_fakes_has_no_detector_unless_it_is_given_one() -> None:
    assert agent().interruption_detector is None
    detector = FakeDetector()
    assert replace(agent(), detector=detector).interruption_detector is detector


async def test_leaving_the_block_leaves_no_task_of_a_detector() -> None:
    async with FakeDetector().open_stream(0) as stream, trio.open_nursery() as nursery:
        nursery.start_soon(stream.send_audio, np.zeros(1_600, np.float32))
        assert [score.name async for score in stream] == ["interruption", "noise"]
