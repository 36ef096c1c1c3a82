"""From the caller's sound to words, in order, with nothing cut off; and the same call is the same, to the byte."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
import trio

from tests.session.calls import AGENT, REPLY, agent, barge_in, of_kind, speech
from turnscope.core import (
    CLOCK_HZ,
    AttemptStarted,
    ClauseReady,
    Endpointing,
    Samples,
    SpeechEnds,
    TranscriptUpdated,
    WordsHeard,
    to_samples,
)
from turnscope.observe import EventLog
from turnscope.providers import Resources, Transcript
from turnscope.session import open_session
from turnscope.sim import HangUp, Moment, Step, encode_words, run_virtual, simulate
from turnscope.transports import WavTransport, read_audio, write_wav


class Listener:
    """An STT that writes down every sample that it is given, and understands nothing."""

    name = "listener"
    input_hz = CLOCK_HZ

    def __init__(self) -> None:
        self.heard: list[Samples] = []
        self._flushed = trio.lowlevel.ParkingLot()

    @asynccontextmanager
    async def connect(self, resources: Resources) -> AsyncGenerator["Listener"]:
        yield self

    @asynccontextmanager
    async def open_stream(self) -> AsyncGenerator["Listener"]:
        yield self

    async def send_audio(self, samples: Samples) -> None:
        await trio.lowlevel.checkpoint()
        self.heard.append(samples)

    async def flush(self) -> None:
        await trio.lowlevel.checkpoint()

    def __aiter__(self) -> AsyncIterator[Transcript]:
        return self

    async def __anext__(self) -> Transcript:
        await trio.sleep_forever()
        raise AssertionError


@pytest.mark.feature(41)
def test_the_listener_is_given_the_first_syllable_and_the_pre_roll_of_300_ms_before_it() -> None:
    listener = Listener()
    call = simulate(agent(stt=listener), [speech("two lattes please.", 1.0), HangUp(Moment(3.0))])
    heard = np.concatenate(listener.heard)
    pre_roll = to_samples(0.3)
    start = CLOCK_HZ - pre_roll
    assert not heard[:pre_roll].any()
    assert np.array_equal(heard, call.user[start : start + len(heard)])
    spoken = encode_words("two lattes please.", words_per_s=5)[0]
    assert np.array_equal(heard[pre_roll : pre_roll + len(spoken) - 800], spoken[:-800])


@pytest.mark.feature(45)
def test_interim_and_final_transcripts_of_both_roles_come_in_order() -> None:
    call = simulate(AGENT, [speech("two lattes please.", 0.2), HangUp(Moment(0.5, "agent_stops"))])
    caller = [(event.text, event.is_final) for event in of_kind(call, TranscriptUpdated)]
    assert caller == [
        ("two", False),
        ("two lattes", False),
        ("two lattes please", False),
        ("two lattes please", True),
    ]
    clauses = "".join(
        event.text for event in of_kind(call, ClauseReady)
    )  # the agent's words as they are about to be said
    assert clauses.strip() == REPLY
    (heard,) = of_kind(call, WordsHeard)  # and as they were heard
    assert " ".join(word.text for word in heard.words) == REPLY.replace(",", "").replace(".", "")
    assert [word.start for word in heard.words] == sorted(word.start for word in heard.words)
    order = [type(event) for event in call.events if isinstance(event, (TranscriptUpdated, ClauseReady, WordsHeard))]
    assert order == [TranscriptUpdated] * 4 + [ClauseReady] * len(of_kind(call, ClauseReady)) + [WordsHeard]


@pytest.mark.feature(43)
@pytest.mark.parametrize(
    ("text", "delay_s"),
    [("two lattes please?", 0.5), ("two lattes please", 0.84), ("two lattes and", 1.35), ("two lattes,", 1.265)],
)
def test_silence_ends_a_turn_the_sooner_the_more_its_words_look_complete(text: str, delay_s: float) -> None:
    assert Endpointing().delay(text, settled=True, longest_pause=0) == pytest.approx(to_samples(delay_s), abs=1)


@pytest.mark.feature(43)
@pytest.mark.parametrize(("pause_s", "turns"), [(0.7, 1), (3.0, 2)])
def test_a_pause_in_the_middle_of_a_sentence_is_not_its_end_unless_it_is_too_long(pause_s: float, turns: int) -> None:
    script: list[Step] = [
        speech("could I have two lattes and", 0.2),
        speech("one mocha please.", pause_s, "previous"),
        HangUp(Moment(6.0, "previous")),
    ]
    call = simulate(AGENT, script)
    assert len(call.turns) == turns
    assert len(of_kind(call, AttemptStarted)) == turns
    ends = [event for event in of_kind(call, SpeechEnds) if event.profile == "turn"]
    assert len(ends) == 2


@pytest.mark.feature(53)
def test_a_recording_in_gives_the_same_recording_and_the_same_log_out_every_time(tmp_path: Path) -> None:
    silence = np.zeros(4 * CLOCK_HZ, np.float32)
    order, wait = (encode_words(text, words_per_s=5)[0] for text in ("two lattes please.", "wait make it three."))
    write_wav(tmp_path / "in.wav", np.concatenate([silence[:8000], order, silence[:35_000], wait, silence]), CLOCK_HZ)

    async def main(compute: object = None) -> tuple[bytes, str]:
        transport, log = WavTransport(tmp_path / "in.wav"), EventLog()
        async with open_session(AGENT, transport, sinks=(log,)) as session:
            await session.wait_ended()
        write_wav(tmp_path / "out.wav", transport.agent_audio(), CLOCK_HZ)
        return (tmp_path / "out.wav").read_bytes(), log.text()

    first, second = (run_virtual(main, seed=5) for _ in range(2))
    assert first == second
    assert '"kind":"interrupted"' in first[1]
    assert read_audio(tmp_path / "out.wav", CLOCK_HZ).any()


@pytest.mark.feature(53)
def test_another_order_of_ready_tasks_gives_the_same_tracks() -> None:
    calls = [simulate(AGENT, barge_in(), seed=seed) for seed in range(3)]
    assert all(np.array_equal(call.agent, calls[0].agent) for call in calls)
    assert all(np.array_equal(call.user, calls[0].user) for call in calls)
