import re
from pathlib import Path

import pytest

from turnscope.cli import main

ROOT = Path(__file__).parent.parent.parent
INTERRUPTED = next((ROOT / "examples/fakes").glob("interrupted*.toml"))

Output = pytest.CaptureFixture[str]

EARS = """
[agent]
vad = { provider = "fake" }
stt = { provider = "fake" }
detector = "none"
"""


@pytest.fixture
def folder(tmp_path: Path, capsys: Output) -> Path:
    assert main(["simulate", str(INTERRUPTED), "--out", str(tmp_path / "out"), "--record", str(tmp_path / "r")]) == 0
    capsys.readouterr()
    return tmp_path / "r"


@pytest.mark.feature("X7")
def test_a_recording_is_replayed_and_found_identical(folder: Path, capsys: Output) -> None:
    assert main(["replay", str(folder)]) == 0
    assert re.fullmatch(r"identical: \d\d inputs, \d\d orders and events\n", capsys.readouterr().out)


def test_a_recording_of_other_decisions_is_found_out(folder: Path, capsys: Output) -> None:
    log = folder / "log.jsonl"
    lines = log.read_text(encoding="utf-8").replace('"type":"OpenTurn","turn_id":1,', '"type":"OpenTurn","turn_id":9,')
    log.write_text(lines, encoding="utf-8")
    assert main(["replay", str(folder)]) == 1
    shown = capsys.readouterr()
    assert "SpeechStarted: was OpenTurn(turn_id=9, listen_from" in shown.out
    assert "; now OpenTurn(turn_id=1, listen_from" in shown.out
    assert shown.err.startswith("turnscope: error: not what was recorded")


@pytest.mark.feature("X7")
def test_another_policy_is_told_with_its_evidence(folder: Path, capsys: Output) -> None:
    assert main(["replay", str(folder), "--set", "interruption.min_words=9"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "2 times the caller spoke; 1 would have gone differently"
    assert lines[1] == "5.400 s over turn 1"
    assert re.fullmatch(r"    was       stepped back 5\.440 s, confirm .* s, words: wait make, \"wait make\"", lines[2])
    assert re.fullmatch(
        r"    would be  .*, dismiss .* s, 4 of 9 words, .* \(as far as the recording can tell\)", lines[3]
    )
    assert lines[4].startswith("from ")


def test_a_policy_of_one_number_is_short_for_its_whole_table(folder: Path, capsys: Output) -> None:
    told = []
    for changes in (
        ["interruption.min_words=9"],
        ["interruption.policy.kind=min_words", "interruption.policy.min_words=9"],
    ):
        assert main(["replay", str(folder), *(part for change in changes for part in ("--set", change))]) == 0
        told.append(capsys.readouterr().out)
    assert told[0] == told[1]
    assert "4 of 9 words" in told[0]


def test_an_agent_file_is_a_policy_too(folder: Path, tmp_path: Path, capsys: Output) -> None:
    file = tmp_path / "agent.toml"
    file.write_text(EARS + 'interruption = { policy = { kind = "min_words", min_words = 9 } }\n', encoding="utf-8")
    assert main(["replay", str(folder), "--agent", str(file)]) == 0
    assert "4 of 9 words" in capsys.readouterr().out


def test_a_recording_is_computed_again(folder: Path, tmp_path: Path, capsys: Output) -> None:
    file = tmp_path / "agent.toml"
    file.write_text(EARS, encoding="utf-8")
    page = tmp_path / "again.html"
    assert main(["replay", str(folder), "--recompute", "--agent", str(file), "--html", str(page)]) == 0
    assert capsys.readouterr().out == "2 times the caller spoke; 0 went differently\n"
    assert "wait make that three" in page.read_text(encoding="utf-8")


def test_the_timeline_of_a_recording_is_written_as_a_page(folder: Path, tmp_path: Path) -> None:
    assert main(["replay", str(folder), "--html", str(tmp_path / "page.html")]) == 0
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "data:audio/flac" in page


def test_a_recording_that_was_cut_off_is_replayed_up_to_there(folder: Path, capsys: Output) -> None:
    log = folder / "log.jsonl"
    log.write_bytes(log.read_bytes()[:20000])
    assert main(["replay", str(folder)]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == "the recording was cut off; this is what came before"
    assert second.startswith("identical")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--set", "interruption.min_wrods=2"], "agent.interruption.min_wrods: unknown key"),
        (["--set", "interruption.min_words=0"], "agent.interruption.min_words: must be at least 1"),
        (
            ["--set", "interruption.min_words=2", "--set", "interruption.policy.kind=words"],
            "agent.interruption.policy: is a policy, and so is agent.interruption.min_words",
        ),
        (["--set", "stt.provider=fake"], "agent.stt: no decision goes by it"),
        (["--set", "nonsense"], "nonsense: must be KEY=VALUE"),
        (["--agent", "nowhere.toml"], "nowhere.toml: there is no such file"),
        (["--html", "nowhere/page.html"], "nowhere/page.html: cannot be written"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(folder: Path, capsys: Output, arguments: list[str], complaint: str) -> None:
    assert main(["replay", str(folder), *arguments]) in (1, 2)
    error = capsys.readouterr().err
    assert re.fullmatch(r"turnscope: error: [^\n]+\n", error)
    assert complaint in error


def test_a_recording_whose_speech_was_cut_off_does_not_pass_for_silence(
    folder: Path, tmp_path: Path, capsys: Output
) -> None:
    (tmp_path / "agent.toml").write_text(EARS, encoding="utf-8")
    speech = folder / "speech.f32"
    speech.write_bytes(speech.read_bytes()[:10000])
    assert main(["replay", str(folder), "--recompute", "--agent", str(tmp_path / "agent.toml")]) == 0
    assert "turn 1 failed: recorded-tts: its audio is not in the recording" in capsys.readouterr().out


def test_a_recording_does_not_share_its_folder_with_the_call(tmp_path: Path, capsys: Output) -> None:
    out = str(tmp_path / "out")
    assert main(["simulate", str(INTERRUPTED), "--out", out, "--record", f"{out}/../out"]) == 2
    assert f"--record {out}/../out: is --out, too" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_policy_that_would_have_decided_alike_on_other_grounds_is_told_as_that(
    tmp_path: Path, capsys: Output
) -> None:
    scenario, out, folder = ROOT / "examples/fakes/reactive.scenario.toml", tmp_path / "out", tmp_path / "r"
    assert main(["simulate", str(scenario), "--out", str(out), "--record", str(folder)]) == 0
    capsys.readouterr()
    assert main(["replay", str(folder), "--set", "interruption.min_words=2"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "3 times the caller spoke; 0 would have gone differently",
        "decided alike, on other grounds: at 6.060 s, was backchannel; would be 0 of 2 words",
    ]


def test_the_recordings_in_a_folder_are_named(folder: Path, capsys: Output) -> None:
    assert main(["replay", str(folder.parent)]) == 2
    assert capsys.readouterr().err.endswith("so this is no recording; there are recordings in its folders r\n")


def test_a_folder_without_a_recording_is_refused(tmp_path: Path, capsys: Output) -> None:
    assert main(["replay", str(tmp_path)]) == 2
    assert "this is no recording" in capsys.readouterr().err
