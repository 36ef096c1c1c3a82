import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

from turnscope.cli import main
from turnscope.core import CLOCK_HZ, Samples
from turnscope.sim import Clip, encode_words, load_corpus, write_manifest
from turnscope.transports import write_wav

Output = pytest.CaptureFixture[str]

FAKES = """
[agent]
vad = { provider = "fake" }
stt = { provider = "fake" }
tts = { provider = "fake" }
"""


def spoken(text: str) -> Samples:
    lead = np.zeros(CLOCK_HZ // 2, np.float32)
    return np.concatenate([lead, encode_words(text)[0], lead])


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    write_wav(folder / "no.wav", spoken("no stop"), CLOCK_HZ)
    write_wav(folder / "yeah.wav", spoken("yeah"), CLOCK_HZ)
    write_wav(folder / "hush.wav", np.zeros(2 * CLOCK_HZ, np.float32), CLOCK_HZ)
    write_manifest(
        folder,
        [
            Clip(path="no.wav", label="interruption", onset_s=0.5, text="no stop", kind="word"),
            Clip(path="yeah.wav", label="backchannel", onset_s=0.5, text="yeah"),
            Clip(path="hush.wav", label="noise", kind="hush"),
            Clip(path="gone.wav", label="noise", split="dev"),
        ],
    )
    (tmp_path / "agent.toml").write_text(FAKES, encoding="utf-8")
    return folder


def evaluate(corpus: Path, *more: str) -> int:
    return main(["evaluate", str(corpus), "--agent", str(corpus.parent / "agent.toml"), "--quiet", *more])


def test_the_table_says_what_was_measured_with_its_interval_and_the_goal(corpus: Path, capsys: Output) -> None:
    assert evaluate(corpus) == 0
    table = capsys.readouterr().out
    assert re.search(r"interruptions yielded to +100\.0 % +20\.7 to 100\.0 % +1 of 1 +≥ 98 %", table)
    assert re.search(r"onset to yield, p95 +0\.\d\d s +n = 1 +≤ 0\.2 s", table)
    assert re.search(r"backchannels talked through +100\.0 % +20\.7 to 100\.0 % +1 of 1 +≥ 90 %", table)
    assert re.search(r"false stops a minute of noise +0\.00 +0\.00 to \d+\.\d\d +0\.0 min +≤ 0\.2", table)


def test_everything_can_be_had_as_json_and_a_line_per_clip_as_csv(corpus: Path, tmp_path: Path) -> None:
    assert evaluate(corpus, "--json", str(tmp_path / "all.json"), "--csv", str(tmp_path / "clips.csv")) == 0
    data = json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))
    assert data["yielded_to"]["count"] == 1
    assert [clip["path"] for clip in data["clips"]] == ["no.wav", "yeah.wav", "hush.wav"]
    with (tmp_path / "clips.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["path"], row["interrupted"]) for row in rows] == [
        ("no.wav", "True"),
        ("yeah.wav", "False"),
        ("hush.wav", "False"),
    ]


def test_the_same_corpus_gives_the_same_output_whatever_the_number_of_processes(
    corpus: Path, tmp_path: Path, capsys: Output
) -> None:
    shown = []
    for jobs in ("1", "2"):
        evaluate(corpus, "--jobs", jobs, "--json", str(tmp_path / f"{jobs}.json"))
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1]
    assert (tmp_path / "1.json").read_bytes() == (tmp_path / "2.json").read_bytes()


def test_a_bad_clip_is_named_and_makes_the_command_fail_after_all_others(corpus: Path, capsys: Output) -> None:
    assert evaluate(corpus, "--split", "all") == 1
    shown = capsys.readouterr()
    assert "1 of 1" in shown.out
    assert "1 of 4 clips could not be played; the first: gone.wav" in shown.err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--split", "train"], "no clip of the split train"),
        (["--jobs", "0"], "--jobs: must be at least 1"),
        (["--agent", "nowhere.toml"], "nowhere.toml: there is no such file"),
    ],
)
def test_what_was_given_wrongly_is_told_before_anything_is_played(
    corpus: Path, capsys: Output, arguments: list[str], complaint: str
) -> None:
    assert evaluate(corpus, *arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert complaint in shown.err


def test_a_wrong_line_of_the_manifest_is_told_with_file_line_and_key(corpus: Path, capsys: Output) -> None:
    manifest = corpus / "manifest.jsonl"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace('"backchannel"', '"nod"'), encoding="utf-8")
    assert evaluate(corpus) == 2
    assert f"{manifest}:2: label: Invalid enum value 'nod'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("table", "complaint"),
    [("", "agent: is missing"), ("[agent]\nvad = 3", "agent.vad"), ("[agent", "not valid TOML")],
)
def test_what_is_wrong_with_the_agent_is_told_with_its_file(
    corpus: Path, capsys: Output, table: str, complaint: str
) -> None:
    path = corpus.parent / "agent.toml"
    path.write_text(table, encoding="utf-8")
    assert evaluate(corpus) == 2
    error = capsys.readouterr().err
    assert str(path) in error
    assert complaint in error


def test_other_policies_can_be_compared(corpus: Path, capsys: Output) -> None:
    assert evaluate(corpus, "--frontier") == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(
        re.match(r"words, in two transcripts +100\.0 % +0\.\d\d s +0\.\d\d s +100\.0 % +0\.00", line) for line in lines
    )


@pytest.mark.models
@pytest.mark.feature(62, "X9")
def test_a_corpus_is_made_and_the_real_models_judge_it(tmp_path: Path, capsys: Output) -> None:
    assert main(["corpus", str(tmp_path / "made"), "--clips", "24", "--quiet"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'made' / 'manifest.jsonl'}\n"
    assert len(load_corpus(tmp_path / "made", ("test",))) >= 8
    assert main(["evaluate", str(tmp_path / "made"), "--quiet", "--json", str(tmp_path / "all.json")]) == 0
    data = json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))
    assert data["failed"] == []
    assert data["yielded_to"]["value"] >= 0.5
    assert data["onset_to_yield"]["p50_s"] <= 0.2
