import hashlib
import json
import logging
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import trio

import turnscope
from turnscope import PiperTTS, TurnscopeError, VoiceOptions, WhisperSTT, open_runtime
from turnscope.cli import main
from turnscope.cli._log import log_shown
from turnscope.core import CLOCK_HZ, Samples, resample
from turnscope.sim import load_scenario, write_call
from turnscope.transports import read_audio

ROOT = Path(__file__).parent.parent.parent
INTERRUPTED = ROOT / "examples/fakes/interrupted.scenario.toml"
DEMO = ROOT / "examples/barge_in/barge_in.scenario.toml"
FILES = ["agent.wav", "conversation.wav", "events.jsonl", "report.json", "timeline.html", "timeline.svg", "user.wav"]

Output = pytest.CaptureFixture[str]


def simulate(scenario: Path, out: Path, *more: str) -> int:
    return main(["simulate", str(scenario), "--out", str(out), *more])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def assert_one_line_of_error(output: Output) -> str:
    shown = output.readouterr()
    assert shown.out == ""
    assert re.fullmatch(r"turnscope: error: [^\n]+\n", shown.err)
    return shown.err


# What goes wrong on the way

BAD_DAY = ROOT / "examples/fakes/bad_day.scenario.toml"
WARNING = "turnscope: warning: turn 1: fake-tts: ConnectionError: the connection was lost\n"


def test_a_fault_that_a_scenario_plans_is_one_line_without_a_traceback(tmp_path: Path, capsys: Output) -> None:
    assert simulate(BAD_DAY, tmp_path, "--quiet") == 0
    assert capsys.readouterr().err == WARNING


def test_for_who_wants_to_see_it_a_fault_has_its_traceback(tmp_path: Path, capsys: Output) -> None:
    assert simulate(BAD_DAY, tmp_path, "--quiet", "--debug") == 0
    first, second, *_, last = capsys.readouterr().err.splitlines()
    assert (first + "\n", second) == (WARNING, "Traceback (most recent call last):")
    assert last == "turnscope._errors.ProviderError: fake-tts: ConnectionError: the connection was lost"


def test_a_mistake_in_the_program_has_its_traceback_always(capsys: Output) -> None:
    with log_shown(debug=False):
        try:
            raise ZeroDivisionError("never planned")
        except ZeroDivisionError as error:
            logging.getLogger("turnscope").error("hook %s raised", "count", exc_info=error)
    shown = capsys.readouterr().err
    assert shown.startswith("turnscope: error: hook count raised\nTraceback (most recent call last):\n")
    assert shown.endswith("ZeroDivisionError: never planned\n")


# What is written


def test_a_call_is_written_as_exactly_these_files(tmp_path: Path) -> None:
    assert simulate(INTERRUPTED, tmp_path / "new/out") == 0
    assert names(tmp_path) == ["new"]
    assert names(tmp_path / "new") == ["out"]
    assert names(tmp_path / "new/out") == FILES


def test_the_voices_are_16_khz_pcm_on_one_clock(tmp_path: Path) -> None:
    simulate(INTERRUPTED, tmp_path / "out")
    tracks = {}
    for name in ("user", "agent", "conversation"):
        path = tmp_path / f"out/{name}.wav"
        assert (soundfile.info(path).samplerate, soundfile.info(path).subtype) == (CLOCK_HZ, "PCM_16")
        tracks[name], _ = soundfile.read(path, dtype="int16")
    assert np.array_equal(tracks["conversation"], np.stack([tracks["user"], tracks["agent"]], axis=1))
    assert tracks["user"].any()
    assert tracks["agent"].any()


def test_report_and_events_tell_of_the_same_call(tmp_path: Path) -> None:
    simulate(INTERRUPTED, tmp_path / "out", "--seed", "5")
    report = json.loads((tmp_path / "out/report.json").read_text(encoding="utf-8"))
    events = [json.loads(line) for line in (tmp_path / "out/events.jsonl").read_text(encoding="utf-8").splitlines()]
    assert (report["scenario"], report["seed"], report["tasks_left"]) == ("interrupted", 5, 0)
    assert report["counts"]["interrupted"] == 1
    assert report["turns"][0]["heard"] == "Your order is two"
    assert [label["name"] for label in report["labels"]] == ["two lattes and a mocha please", "wait make that three"]
    assert [label["onset_sample"] for label in report["labels"]] == [8000, 86400]  # what the fake detector says too
    assert report["turns"][0]["labelled"]["label"] == 1
    assert sum(event.get("event") == "TurnEnded" for event in events) == report["counts"]["turns"]
    assert (tmp_path / "out/timeline.svg").read_text(encoding="utf-8").startswith("<svg")


def test_earlier_output_is_replaced_and_other_files_stay(tmp_path: Path) -> None:
    simulate(INTERRUPTED, tmp_path)
    wanted = (tmp_path / "agent.wav").read_bytes()
    (tmp_path / "agent.wav").write_bytes(b"old")
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    assert simulate(INTERRUPTED, tmp_path) == 0
    assert (tmp_path / "agent.wav").read_bytes() == wanted
    assert (tmp_path / "notes.txt").read_text(encoding="utf-8") == "mine"
    assert names(tmp_path) == sorted([*FILES, "notes.txt"])


class Broken(dict[str, object]):
    """A report that cannot be written to its end."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(turns=[])
        self._error = error

    def items(self) -> Iterator[tuple[str, object]]:  # type: ignore[override]
        yield "turns", []
        raise self._error


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), OSError(28, "No space left on device")], ids=["Ctrl-C", "full disk"]
)
@pytest.mark.parametrize("earlier", [True, False])
def test_when_writing_stops_halfway_nothing_has_changed(tmp_path: Path, error: BaseException, earlier: bool) -> None:
    out = tmp_path / "out"
    if earlier:
        out.mkdir()
        (out / "agent.wav").write_bytes(b"old")
    call = load_scenario(INTERRUPTED).run()
    with pytest.raises(KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else TurnscopeError):
        write_call(out, call, Broken(error), title="")
    assert names(tmp_path) == (["out"] if earlier else [])
    if earlier:
        assert [(path.name, path.read_bytes()) for path in out.iterdir()] == [("agent.wav", b"old")]


# What is shown


def test_the_timeline_the_summary_and_last_the_path_are_shown(tmp_path: Path, capsys: Output) -> None:
    simulate(INTERRUPTED, tmp_path / "out")
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == str(tmp_path / "out/conversation.wav")
    assert "Turn 1 was interrupted: user speaking (words: wait make)." in lines
    assert "    +40 ms  the agent has stepped back" in lines
    assert "            after its silence, agent.wav holds no sample of that turn" in lines
    assert "interrupted: 11.9 s, 2 turns, 1 completed, 1 interrupted, no task left." in lines
    assert any("caller" in line and "█" in line for line in lines)


def test_without_a_label_latencies_count_from_the_onset_that_was_detected(tmp_path: Path, capsys: Output) -> None:
    simulate(changed(tmp_path, "at_s = 0.5", "at_s = 0.5\nspeech = false"), tmp_path / "out")
    assert (
        "  the caller's speech in 'wait make that three' begins at 5.400 s (by the scenario)" in capsys.readouterr().out
    )
    text = (tmp_path / "bad.toml").read_text(encoding="utf-8")
    (tmp_path / "bad.toml").write_text(f"{text}speech = false\n", encoding="utf-8")
    simulate(tmp_path / "bad.toml", tmp_path / "out")
    lines = capsys.readouterr().out.splitlines()
    assert "  the caller's speech begins at 5.400 s (as it was detected)" in lines
    assert "    +40 ms  the agent has stepped back" in lines


def test_a_terminal_shows_how_far_the_call_has_come(
    tmp_path: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    simulate(INTERRUPTED, tmp_path / "out")
    assert re.search(r"12\.\d s of the call  ended", capsys.readouterr().err)


def test_a_reader_who_leaves_is_no_error(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "turnscope", "simulate", str(INTERRUPTED), "--out", str(tmp_path / "out")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1
    assert names(tmp_path / "out") == FILES


def test_quiet_shows_only_the_path(tmp_path: Path, capsys: Output) -> None:
    simulate(INTERRUPTED, tmp_path / "out", "--quiet")
    assert capsys.readouterr() == (f"{tmp_path / 'out/conversation.wav'}\n", "")


def test_the_version_and_help_can_be_asked_for(capsys: Output) -> None:
    for arguments, shown in ((["--version"], turnscope.__version__), (["simulate", "--help"], "conversation.wav")):
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert stopped.value.code == 0
        assert shown in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["simulate"], ["simulate", "a.toml"], ["dance"]])
def test_wrong_arguments_exit_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2


# What can go wrong


def changed(tmp_path: Path, old: str, new: str) -> Path:
    """The scenario with something else in it."""
    text = INTERRUPTED.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "bad.toml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path


BAD = {
    "unknown key": ("seed = 7", "sede = 7", "sede: unknown key"),
    "unknown provider": ('"scripted"', '"oracle"', "agent.llm.provider: unknown provider 'oracle'"),
    "negative time": ("at_s = 0.5", "at_s = -0.5", "caller[0].at_s: must not be negative"),
    "wrong type": ("at_s = 0.5", 'at_s = "soon"', "caller[0].at_s: must be a number"),
    "missing recording": ('words = "wait make that three"', 'audio = "no.wav"', "caller[1].audio: "),
    "broken recording": ('words = "wait make that three"', 'audio = "bad.toml"', "caller[1].audio: "),
    "no TOML": ("[agent]", "[agent", "not valid TOML"),
}


SERVED = """
version = 1
hang_up_after_s = 1.6
[agent]
vad = { provider = "fake" }
stt = { provider = "fake" }
tts = { provider = "fake" }
llm = { provider = "openai", model = "m", base_url = "http://127.0.0.1:9/v1" }
[[caller]]
words = "latte"
at_s = 0
"""
"""A model behind a port where nobody listens."""


@pytest.mark.parametrize(("old", "new", "complaint"), BAD.values(), ids=BAD)
def test_bad_input_is_one_line_and_exit_code_2_and_leaves_nothing(
    tmp_path: Path, capsys: Output, old: str, new: str, complaint: str
) -> None:
    assert simulate(changed(tmp_path, old, new), tmp_path / "deep/out") == 2
    error = assert_one_line_of_error(capsys)
    assert str(tmp_path / "bad.toml") in error
    assert complaint in error
    assert names(tmp_path) == ["bad.toml"]


def test_a_missing_scenario_is_bad_input(tmp_path: Path, capsys: Output) -> None:
    assert simulate(tmp_path / "no.toml", tmp_path / "out") == 2
    assert "no.toml: there is no such file" in assert_one_line_of_error(capsys)
    assert names(tmp_path) == []


def test_a_file_where_the_output_should_go_is_bad_input(tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "out").write_text("mine", encoding="utf-8")
    for out in ("out", "out/deeper"):
        assert simulate(INTERRUPTED, tmp_path / out) == 2
        assert "is not a folder" in assert_one_line_of_error(capsys)
    assert (tmp_path / "out").read_text(encoding="utf-8") == "mine"


def test_the_traceback_can_be_asked_for(tmp_path: Path) -> None:
    with pytest.raises(TurnscopeError, match="no such file"):
        simulate(tmp_path / "no.toml", tmp_path / "out", "--debug")


def test_a_turn_that_fails_is_written_down_and_exits_with_1(tmp_path: Path, capsys: Output) -> None:
    scenario = changed(tmp_path, 'when = "three"', 'when = "thirty"')
    scenario.write_text(
        scenario.read_text(encoding="utf-8").replace('when = "latte"', 'when = "tea"'), encoding="utf-8"
    )
    assert simulate(scenario, tmp_path / "out", "--quiet") == 1
    error = capsys.readouterr().err
    assert re.fullmatch(
        r"turnscope: warning: turn 1: scripted: no rule for [^\n]+\n"
        r"turnscope: failed: \S+bad\.toml: turn 1: failed: scripted: no rule for [^\n]+ \(at [\d.]+ s\)\n"
        r"turnscope: error: \S+bad\.toml: 1 failure\n",
        error,
    )
    assert names(tmp_path / "out") == FILES


def test_a_server_needs_real_time(tmp_path: Path, capsys: Output) -> None:
    scenario = tmp_path / "bad.toml"
    scenario.write_text(SERVED, encoding="utf-8")
    assert simulate(scenario, tmp_path / "out") == 2
    assert f"{scenario}: agent.llm: a server knows no virtual time" in assert_one_line_of_error(capsys)
    assert names(tmp_path) == ["bad.toml"]


@pytest.mark.realtime
def test_a_call_can_be_held_in_real_time(tmp_path: Path, capsys: Output) -> None:
    scenario = tmp_path / "served.toml"
    scenario.write_text(SERVED, encoding="utf-8")
    assert simulate(scenario, tmp_path / "out", "--realtime", "--quiet") == 1
    report = json.loads((tmp_path / "out/report.json").read_text(encoding="utf-8"))
    assert (report["seed"], report["counts"]["failed"], report["tasks_left"]) == (None, 1, 0)
    warning, failed, error = capsys.readouterr().err.splitlines()
    assert warning.startswith("turnscope: warning: turn 1: openai-chat: ")
    assert re.match(r"turnscope: failed: \S+served\.toml: turn 1: failed: openai-chat: ", failed)
    assert error.startswith("turnscope: error: ")


@pytest.mark.realtime
def test_ctrl_c_stops_a_call_and_leaves_nothing(tmp_path: Path, capsys: Output) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    presses = threading.Timer(0.3, signal.raise_signal, [signal.SIGINT])
    presses.start()
    try:
        assert simulate(INTERRUPTED, tmp_path / "out", "--realtime") == 130
    finally:
        presses.join()
        signal.signal(signal.SIGINT, before)
    assert capsys.readouterr() == ("", "turnscope: stopped\n")
    assert names(tmp_path) == []


# Again and again


def digests(scenario: Path, out: Path, hash_seed: str) -> dict[str, str]:
    """What a run in a process of its own writes."""
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "turnscope", "simulate", str(scenario), "--out", str(out), "--quiet"]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return {name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in names(out)}


def test_a_call_is_the_same_to_the_byte_in_every_process(tmp_path: Path) -> None:
    first = digests(INTERRUPTED, tmp_path / "1", "1")
    assert sorted(first) == FILES
    assert digests(INTERRUPTED, tmp_path / "1 again", "1") == first
    assert digests(INTERRUPTED, tmp_path / "2", "2") == first


@pytest.mark.models
def test_the_demo_is_the_same_to_the_byte_in_every_process(tmp_path: Path) -> None:
    first = digests(DEMO, tmp_path / "1", "1")
    assert sorted(first) == FILES
    assert digests(DEMO, tmp_path / "1 again", "1") == first
    assert digests(DEMO, tmp_path / "2", "2") == first


# The demo


async def transcribed(samples: Samples) -> str:
    async with open_runtime() as runtime, WhisperSTT().connect(runtime.resources) as ears, ears.open_stream() as stream:
        await stream.send_audio(samples)
        await stream.flush()
        async for item in stream:
            if item.is_final:
                return item.text
    raise AssertionError("no final transcript")


async def spoken(text: str) -> Samples:
    async with open_runtime() as runtime, PiperTTS().connect(runtime.resources) as voice:
        async with voice.open_stream(text, VoiceOptions()) as chunks:
            pieces = [chunk.samples async for chunk in chunks]
        return resample(np.concatenate(pieces), voice.output_hz, CLOCK_HZ)


def bare_words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


@pytest.mark.models
def test_in_the_demo_the_agent_is_interrupted_properly(tmp_path: Path) -> None:
    assert simulate(DEMO, tmp_path, "--quiet") == 0
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    agent = read_audio(tmp_path / "agent.wav", CLOCK_HZ)
    assert report["counts"]["turns"] == 2
    assert report["counts"]["interrupted"] == report["counts"]["interrupted_by_speech"] == 1
    assert report["counts"]["failed"] == report["counts"]["overlaps"] == report["counts"]["samples_lost"] == 0
    assert report["tasks_left"] == 0
    first, second = report["turns"]

    onset = report["labels"][1]["onset_sample"]  # the start of the caller's recording, and its label
    decision, second_starts = first["interruption"]["decision_sample"], second["audio_started_sample"]
    assert np.flatnonzero(read_audio(tmp_path / "user.wav", CLOCK_HZ)[second["onset_sample"] - 1600 :])[0] == (
        onset - (second["onset_sample"] - 1600)
    )
    assert first["interruption"]["yield_sample"] - onset <= 0.2 * CLOCK_HZ
    last = first["audio_started_sample"] + int(np.flatnonzero(agent[first["audio_started_sample"] : second_starts])[-1])
    assert last - decision <= 0.02 * CLOCK_HZ  # it was silent before: the reaction is a pause
    assert last - onset <= 0.2 * CLOCK_HZ

    assert first["user_text"] == "Can I have a large coffee and a muffin, please?"
    assert second["user_text"] == "Actually, make that a small coffee."  # from its first syllable
    assert second["heard"] == "No problem. A small coffee and a muffin."

    starts = first["audio_started_sample"] - CLOCK_HZ // 2  # Whisper is deaf to what begins at once
    wanted = bare_words(first["heard"])
    heard = bare_words(trio.run(transcribed, agent[starts:second_starts]))
    assert wanted in (heard, heard[:-1], [*heard, wanted[-1]])  # to the word in which the agent was cut off
    assert len(trio.run(spoken, first["unheard"])) >= 2 * CLOCK_HZ
