"""`turnscope sweep`, typed as people type it, on processes and on a real Dask cluster, some of which are killed."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.sim.test_sweeping import GRID, corpus
from turnscope.cli import main
from turnscope.sim import write_manifest

Output = pytest.CaptureFixture[str]
TABLES = ("sweep.csv", "clips.csv")
PATIENCE_S = 300.0
"""A process that has not come so far by then has failed; a busy machine takes its time."""
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
"""For other processes, which begin elsewhere."""

needs_dask = pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None, reason='needs Dask: pip install "turnscope[dask]"'
)


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a corpus and a grid, where we are."""
    (tmp_path / "corpus").mkdir()
    write_manifest(tmp_path / "corpus", corpus(tmp_path / "corpus"))
    (tmp_path / "policies.toml").write_text(GRID, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """The tables of a sweep that nobody has disturbed."""
    folder = tmp_path_factory.mktemp("calm")
    write_manifest(folder, corpus(folder))
    (folder / "policies.toml").write_text(GRID, encoding="utf-8")
    out = folder / "out"
    grid = ["--grid", str(folder / "policies.toml")]
    assert main(["sweep", str(folder), *grid, "--split", "test", "--quiet", "--jobs", "1", "--out", str(out)]) == 0
    return tables(out)


def arguments(*more: str) -> list[str]:
    return ["sweep", "corpus", "--grid", "policies.toml", "--split", "test", "--quiet", *more]


def tables(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in TABLES]


@contextmanager
def started(*more: str) -> Iterator[subprocess.Popen[str]]:
    """The command in a process of its own, which is gone at the end of the block."""
    command = [sys.executable, "-m", "turnscope", *arguments(*more)]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=ENVIRONMENT)
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE_S)  # waits for all who hold the pipes: its workers, too


def wait_for_cases(folder: Path, count: int, process: subprocess.Popen[str]) -> None:
    """Until so many cases were kept."""
    kept, until = folder / "cases.jsonl", time.monotonic() + PATIENCE_S
    while not kept.exists() or kept.read_bytes().count(b"\n") < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until, "nothing was played"
        time.sleep(0.01)


def test_it_says_what_was_measured_and_where_the_table_is(there: Path, capsys: Output) -> None:
    assert main(arguments("--jobs", "1")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["R_Y", "L_Y", "S_BC", "S_noise", "decision", "talked", "thr.", "stops/min", "failed"]
    assert lines[2].split()[:3] == ["*", "2", "100.0"]
    assert any('interruption.policy = {"kind": "words"}' in line for line in lines)
    assert lines[-1] == os.path.join("policies-sweep", "sweep.csv")
    assert main(arguments("--jobs", "1")) == 2
    assert "cases.jsonl: is there already: go on with --resume" in capsys.readouterr().err
    before = tables(there / "policies-sweep")
    assert main(arguments("--jobs", "1", "--resume")) == 0
    assert tables(there / "policies-sweep") == before


def test_a_bad_clip_is_in_the_table_and_makes_the_command_fail_after_all_others(there: Path, capsys: Output) -> None:
    (there / "corpus" / "wait.wav").unlink()
    assert main(arguments("--jobs", "1", "--out", "out")) == 1
    shown = capsys.readouterr()
    assert "2 of 10 cases failed; the first: setting 1, wait.wav" in shown.err
    assert shown.out.splitlines()[-1] == os.path.join("out", "sweep.csv")
    assert (there / "out" / "clips.csv").read_text(encoding="utf-8").count("there is no such file") == 2


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        (["--jobs", "0"], "--jobs: must be at least 1"),
        (["--agent", "nowhere.toml"], "agent: is given twice"),
        (["--split", "train"], "no clip of the split train"),
        (["--out", "policies.toml"], "policies.toml is not a folder"),
    ],
)
def test_what_was_given_wrongly_is_told_before_anything_is_played(
    there: Path, capsys: Output, more: list[str], complaint: str
) -> None:
    assert main(arguments(*more)) == 2
    assert complaint in capsys.readouterr().err
    assert not (there / "policies-sweep").exists()


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        (["--plot"], 'matplotlib is not installed: pip install "turnscope[plots]"'),
        (["--parquet"], 'pyarrow is not installed: pip install "turnscope[parquet]"'),
        (["--dask", "tcp://127.0.0.1:1"], 'distributed is not installed: pip install "turnscope[dask]"'),
    ],
)
def test_a_missing_package_is_told_with_the_command_that_installs_it(
    there: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch, more: list[str], complaint: str
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(arguments(*more)) == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.realtime
@pytest.mark.feature("X8")
def test_a_sweep_that_was_killed_goes_on_and_ends_as_if_nothing_had_been(there: Path, calm: list[bytes]) -> None:
    with started("--jobs", "1", "--out", "killed") as process:
        wait_for_cases(there / "killed", 2, process)
        process.kill()
    assert not (there / "killed" / "sweep.csv").exists()
    assert main(arguments("--jobs", "2", "--out", "killed", "--resume")) == 0
    assert tables(there / "killed") == calm


@contextmanager
def cluster() -> Iterator[tuple[str, list[int]]]:
    """A Dask cluster's address, and the process ids of its workers."""
    command = [sys.executable, str(Path(__file__).parent / "dask_cluster.py")]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True, env=ENVIRONMENT)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, "tests/cli/dask_cluster.py has ended without a word: run it to see why"
        told = json.loads(line)
        yield told["address"], told["pids"]
    finally:
        process.communicate("", timeout=PATIENCE_S)


@needs_dask
@pytest.mark.models
@pytest.mark.realtime
@pytest.mark.feature("X8")
def test_a_cluster_that_loses_a_worker_gives_the_same_table_to_the_byte(there: Path, calm: list[bytes]) -> None:
    with cluster() as (address, workers), started("--dask", address, "--out", "cluster", "--plot") as process:
        wait_for_cases(there / "cluster", 2, process)
        os.kill(workers[0], signal.SIGKILL)
        assert (there / "cluster" / "cases.jsonl").read_bytes().count(b"\n") < 10, "it was killed in the middle"
        out, err = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, err
    assert out.splitlines()[-1] == os.path.join("cluster", "sweep.csv")
    assert tables(there / "cluster") == calm
    assert (there / "cluster" / "sweep.png").stat().st_size > 10_000


@needs_dask
@pytest.mark.models
def test_a_scheduler_that_does_not_answer_is_named(there: Path) -> None:
    with started("--dask", "tcp://127.0.0.1:1") as process:
        _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert "turnscope: error: tcp://127.0.0.1:1: no scheduler answers" in err.splitlines()[-1]
