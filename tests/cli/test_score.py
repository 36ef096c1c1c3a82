"""`turnscope score`, typed as people type it."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from tests.observe.calls import barge_in
from turnscope.cli import main
from turnscope.core import CLOCK_HZ
from turnscope.transports import write_wav

Output = pytest.CaptureFixture[str]


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """A call as `turnscope simulate` writes it."""
    call = barge_in()
    write_wav(tmp_path / "user.wav", call.user, CLOCK_HZ)
    write_wav(tmp_path / "agent.wav", call.agent, CLOCK_HZ)
    write_wav(tmp_path / "conversation.wav", np.stack([call.user, call.agent], axis=1), CLOCK_HZ)
    (tmp_path / "events.jsonl").write_text(call.jsonl(), encoding="utf-8")
    return tmp_path


def score(folder: Path, *arguments: str) -> int:
    known = {path.name: str(path) for path in folder.iterdir()}
    return main(["score", "--vad", "energy", *(known.get(argument, argument) for argument in arguments)])


def test_two_recordings_give_both_panels(recorded: Path, capsys: Output) -> None:
    assert score(recorded, "user.wav", "agent.wav") == 0
    table = capsys.readouterr().out
    assert re.search(r"L_Y +yield latency, mean +0\.\d{3} s +n = 1\n", table)
    assert re.search(r"R_Y +interruptions yielded to +100\.0 % +1 of 1\n", table)
    assert re.search(r"S_BC +backchannels talked through +– +0 of 0\n", table)
    assert re.search(r"stop latency, mean +0\.\d{3} s +n = 1\n", table)
    assert "how it stopped" not in table


def test_one_recording_with_two_channels_gives_the_same(recorded: Path, capsys: Output) -> None:
    score(recorded, "user.wav", "agent.wav")
    apart = capsys.readouterr().out
    assert score(recorded, "conversation.wav") == 0
    assert capsys.readouterr().out == apart


@pytest.mark.feature("X6", 34)
def test_with_the_events_each_stop_is_taken_apart(recorded: Path, capsys: Output) -> None:
    assert score(recorded, "user.wav", "agent.wav", "events.jsonl", "--json", str(recorded / "score.json")) == 0
    table = capsys.readouterr().out
    assert re.search(r"turn 1 +\d\.\d\d s( +\+\d+ ms){5}\n", table)
    (stop,) = json.loads((recorded / "score.json").read_text(encoding="utf-8"))["stops"]
    assert 0 < stop["onset_to_yield_s"] < stop["onset_to_decision_s"]
    assert stop["onset_to_last_sample_s"] <= 0.2
    assert stop["cancel_to_last_task_s"] <= 0.01


@pytest.mark.models
def test_where_the_usual_detector_finds_no_speech_the_other_one_is_named(recorded: Path, capsys: Output) -> None:
    assert score(recorded, "user.wav", "agent.wav", "--vad", "silero") == 0  # words in code sound like no voice
    told = "is not silent, but silero finds no speech in it; --vad energy goes by how loud it is"
    assert capsys.readouterr().err.splitlines() == [
        f"turnscope: warning: the caller's track {told}",
        f"turnscope: warning: the agent's track {told}",
    ]
    write_wav(recorded / "nobody.wav", np.zeros(CLOCK_HZ, np.float32), CLOCK_HZ)
    assert score(recorded, "nobody.wav", "nobody.wav", "--vad", "silero") == 0
    assert capsys.readouterr().err == ""


def test_labels_and_ticks_are_taken(recorded: Path, capsys: Output) -> None:
    (recorded / "labels.tsv").write_text("0\t30\tnoise\n", encoding="utf-8")
    assert score(recorded, "user.wav", "agent.wav", "--labels", "labels.tsv", "--tick", "0.2") == 0
    assert "the caller: 1 noise" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["user.wav"], "user.wav: must have two channels, the caller left and the agent right; it has 1"),
        (["events.jsonl"], "FILE: must be one recording"),
        (["user.wav", "agent.wav", "user.wav"], "FILE: must be one recording"),
        (["user.wav", "nowhere.wav"], "nowhere.wav: there is no such file"),
        (["conversation.wav", "--tick", "0"], "--tick: must be from 0.001"),
        (["conversation.wav", "--agent-gap", "-1"], "--agent-gap: must be from 0"),
        (["conversation.wav", "--labels", "nowhere.tsv"], "nowhere.tsv: cannot be read"),
    ],
)
def test_what_was_given_wrongly_is_told_in_a_line(
    recorded: Path, capsys: Output, arguments: list[str], complaint: str
) -> None:
    assert score(recorded, *arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert complaint in shown.err


def test_a_file_that_cannot_be_written_is_named(recorded: Path, capsys: Output) -> None:
    assert score(recorded, "conversation.wav", "--json", str(recorded / "no" / "where.json")) == 1
    assert "where.json: cannot be written" in capsys.readouterr().err
