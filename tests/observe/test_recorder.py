import json
import logging
from pathlib import Path

import numpy as np
import pytest
import trio

from tests.session.calls import AGENT, REPLY, agent, barge_in
from tests.sim.random_calls import random_call
from turnscope import ConfigError, OpenAIChatLLM, open_session
from turnscope.core import (
    Evidence,
    FirstDecides,
    InterruptionSettings,
    Ruling,
    SessionEnded,
    Verdict,
    WordsPolicy,
    resample,
)
from turnscope.observe import Recorder, Recording, load_recording
from turnscope.session import Agent, Fact, Opening
from turnscope.sim import Call, CallerTransport, HangUp, Moment, simulate
from turnscope.transports import WavTransport


def recorded(folder: Path, spoken_to: Agent = AGENT, **options: bool) -> tuple[Call, Recording]:
    call = simulate(spoken_to, barge_in(), seed=3, recorder=Recorder(folder, **options))
    return call, load_recording(folder)


def all_bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


# What is recorded


@pytest.mark.feature("X7")
def test_a_recording_holds_the_events_the_inputs_and_both_tracks(tmp_path: Path) -> None:
    call, recording = recorded(tmp_path)
    assert recording.complete
    assert recording.events == call.events
    inputs = [record for record in call.records if record not in call.events]
    assert [decision.item for decision in recording.decisions] == inputs
    user, spoken = recording.tracks()
    assert len(user) == len(spoken) == len(call.user)
    assert np.abs(user - call.user).max() <= 1 / 32768  # 16 bits
    assert np.abs(spoken - call.agent).max() <= 1 / 32768


def test_the_callers_audio_is_kept_as_it_came_to_the_bit(tmp_path: Path) -> None:
    call, recording = recorded(tmp_path)
    received = recording.received()
    assert np.array_equal(received, call.user)
    assert [frame.offset for frame in recording.frames] == [frame.start for frame in recording.frames]
    assert recording.frames[10].at_s == pytest.approx(recording.frames[10].start / 16000 + 0.02)


def test_streams_say_what_providers_were_asked_and_gave_and_when(tmp_path: Path) -> None:
    call, recording = recorded(tmp_path)
    stt, llm, tts = ([s for s in recording.streams if s.kind == kind] for kind in ("stt", "llm", "tts"))
    assert [stream.turn_id for stream in stt] == [1, 2]
    assert stt[0].gave[-1][1].text == "two lattes please"  # type: ignore[union-attr]
    assert None in [count for _, count in stt[0].took]  # it was flushed
    assert llm[0].asked[0][-1].text == "two lattes please"
    first = llm[0].gave[0][0]
    asked = next(event for event in call.events if type(event).__name__ == "ModelAsked")
    assert llm[0].opened_s == asked.at
    assert first > llm[0].opened_s
    assert [stream.asked[0] for stream in tts] == [REPLY, "Fine, three."]
    assert len(recording.speech()) == sum(count for stream in tts for count, _ in stream.audio)
    assert {stream.ending for stream in llm} == {"finished"}
    assert tts[-1].closed_s is not None
    assert len(recording.windows) == len(call.user) // AGENT.vad.window_samples


@pytest.mark.parametrize("seed", [0, 7])
def test_recording_a_call_changes_nothing_of_it(tmp_path: Path, seed: int) -> None:
    held = random_call(seed)
    calls = [
        simulate(held.agent, held.script, seed=held.seed, drive=held.drive, frame_s=held.frame_s, recorder=recorder)
        for recorder in (None, Recorder(tmp_path / "a"), Recorder(tmp_path / "b"))
    ]
    assert calls[0].jsonl() == calls[1].jsonl()
    assert calls[0].agent.tobytes() == calls[1].agent.tobytes()
    assert all_bytes(tmp_path / "a") == all_bytes(tmp_path / "b")


@pytest.mark.parametrize("hz", [8000, 16000])
async def test_the_agents_track_is_what_the_far_end_played_also_of_what_was_cleared(tmp_path: Path, hz: int) -> None:
    transport = WavTransport(np.zeros(4 * hz, np.float32), input_hz=hz, output_hz=hz, lead_s=0.1)
    abrupt = agent(interruption=InterruptionSettings(fade_s=0.0))  # a fade would cover what was cleared
    async with open_session(abrupt, transport, recorder=Recorder(tmp_path)) as session:
        await session.say(REPLY)
        await trio.sleep(1.003)
        session.interrupt()
        await session.wait_ended()
    recording = load_recording(tmp_path)
    assert any("cleared" in line for line in (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines())
    played, heard = transport.agent_audio(), recording.tracks()[1]
    expected = played if hz == 16000 else resample(played, hz, 16000)
    assert np.abs(heard[: len(expected)] - expected[: len(heard)]).max() <= 2 / 32768
    assert not heard[len(expected) :].any()


def test_audio_can_be_left_out(tmp_path: Path) -> None:
    call, recording = recorded(tmp_path, audio=False)
    assert [path.name for path in tmp_path.iterdir()] == ["log.jsonl"]
    assert recording.events == call.events
    assert not recording.received().any()
    assert not np.concatenate(recording.tracks()).any()


# What is not


def test_texts_can_be_left_out_and_then_no_word_is_in_it(tmp_path: Path) -> None:
    private = agent(instructions="Be secretive about lattes.")
    call, recording = recorded(tmp_path, private, texts=False, audio=False)
    written = all_bytes(tmp_path).decode()
    for word in ("latte", "please", "three", "Your", "soon", "Fine", "secretive"):
        assert word not in written
    assert [type(event) for event in recording.events] == [type(event) for event in call.events]
    assert [event.sample for event in recording.events] == [event.sample for event in call.events]
    with pytest.raises(ConfigError, match="without texts"):
        recording.floor_settings()


class Rude:
    """A policy of the application's own, with a secret."""

    def __init__(self) -> None:
        self.key = "sk-hidden"

    def judge(self, evidence: Evidence) -> Ruling:
        return Ruling(Verdict.CONFIRM, "rude")

    def __deepcopy__(self, memo: object) -> "Rude":
        return self


def test_keys_and_what_an_application_has_made_are_not_recorded(tmp_path: Path) -> None:
    llm = OpenAIChatLLM("some-model", api_key="sk-hidden", base_url="http://localhost/v1?key=sk-hidden")
    policy = FirstDecides([Rude(), WordsPolicy()])
    with_secrets = agent(llm=llm, interruption=InterruptionSettings(policy=policy))
    simulate(with_secrets, [HangUp(Moment(0.2))], recorder=Recorder(tmp_path))
    recording = load_recording(tmp_path)
    assert b"sk-hidden" not in all_bytes(tmp_path)
    with pytest.raises(ConfigError, match=r"Rude, which is code"):
        recording.floor_settings()


# What goes wrong


def test_a_folder_with_a_recording_is_refused(tmp_path: Path) -> None:
    recorded(tmp_path)
    with pytest.raises(ConfigError, match="holds a recording already"):
        Recorder(tmp_path)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be made"):
        Recorder(tmp_path / "file/folder")


def test_what_there_is_no_room_for_is_counted_and_the_call_is_the_same(tmp_path: Path) -> None:
    plain = simulate(AGENT, barge_in(), seed=3)
    recorder = Recorder(tmp_path, backlog_bytes=3000)  # not even one frame and its line, at times
    call = simulate(AGENT, barge_in(), seed=3, recorder=recorder)
    assert call.jsonl() == plain.jsonl()
    assert recorder.lost_samples > 0
    assert recorder.lost_lines > 0
    recording = load_recording(tmp_path)
    assert recording.lost_lines > 0


def test_a_disk_that_fails_stops_the_recording_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = Recorder(tmp_path / "a")
    (tmp_path / "a").rmdir()
    call = simulate(AGENT, barge_in(), seed=3, recorder=recorder)
    assert call.jsonl() == simulate(AGENT, barge_in(), seed=3).jsonl()
    assert recorder.failure is not None
    assert "cannot be written" in caplog.text


async def test_a_recording_is_complete_when_its_session_is_cancelled(tmp_path: Path) -> None:
    with trio.move_on_after(1.0):
        async with open_session(AGENT, CallerTransport(barge_in()), recorder=Recorder(tmp_path)):
            await trio.sleep_forever()
    recording = load_recording(tmp_path)
    assert recording.complete
    assert isinstance(recording.events[-1], SessionEnded)
    header = (tmp_path / "received.wav").read_bytes()[40:44]
    assert int.from_bytes(header, "little") == len(recording.received()) * 4


class Raises:
    """A recorder that breaks at the first fact after the opening, and cannot finish either."""

    def __init__(self) -> None:
        self.taken: list[Fact] = []
        self.finished = 0

    def take(self, fact: Fact) -> None:
        self.taken.append(fact)
        if not isinstance(fact, Opening):
            raise ValueError("no disk")

    def finish(self) -> None:
        self.finished += 1
        raise ValueError("no disk")


def test_a_recorder_that_raises_is_shown_nothing_more_and_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    recorder = Raises()
    call = simulate(AGENT, barge_in(), seed=3, recorder=recorder)
    assert call.jsonl() == simulate(AGENT, barge_in(), seed=3).jsonl()
    assert len(recorder.taken) == 2
    assert recorder.finished == 1
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2


# Reading


@pytest.mark.feature("X7")
def test_a_recording_that_was_cut_off_is_read_up_to_there(tmp_path: Path) -> None:
    _, whole = recorded(tmp_path)
    log = tmp_path / "log.jsonl"
    data = log.read_bytes()
    for size in (len(data) // 3, len(data) // 2, len(data) - 1):
        log.write_bytes(data[:size])
        part = load_recording(tmp_path)
        assert not part.complete
        assert part.decisions == whole.decisions[: len(part.decisions)]
        assert part.events == whole.events[: len(part.events)]
    assert len(part.events) == len(whole.events)


@pytest.mark.parametrize(
    ("line", "damage", "complaint"),
    [
        (1, b'{"recording":99}', "its format is 99"),
        (4, b"\x00\x00\x00", "Expecting value"),
        (5, b'{"event":{"type":"StateChanged"}}', "StateChanged"),
        (5, b'{"event":{"type":"Nonsense"}}', "Nonsense"),
        (5, b'{"input":{"type":"SessionOpened","sample":"x"},"orders":[]}', "SessionOpened.sample must be int"),
        (5, b'{"whatever":1}', "'whatever' is not known"),
        (5, b'{"stream":99,"at_s":1.0,"closed":"left"}', "stream 99 was not opened"),
    ],
)
def test_a_damaged_recording_is_refused_with_file_and_line(
    tmp_path: Path, line: int, damage: bytes, complaint: str
) -> None:
    recorded(tmp_path)
    log = tmp_path / "log.jsonl"
    lines = log.read_bytes().split(b"\n")
    lines[line - 1] = damage
    log.write_bytes(b"\n".join(lines))
    with pytest.raises(ConfigError, match=f"log.jsonl:{line}: damaged: .*{complaint}") as error:
        load_recording(tmp_path)
    assert "\n" not in str(error.value)


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="this is no recording"):
        load_recording(tmp_path)
    (tmp_path / "log.jsonl").touch()
    with pytest.raises(ConfigError, match="cut off before the session began"):
        load_recording(tmp_path)


def test_text_that_is_not_unicode_is_kept(tmp_path: Path) -> None:
    async def say_half(session: object) -> None:
        await session.send_text("half \ud83d")  # type: ignore[attr-defined]

    call = simulate(AGENT, barge_in(), seed=3, drive=say_half, recorder=Recorder(tmp_path))
    assert load_recording(tmp_path).events == call.events
    for line in (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines():
        json.loads(line)
