"""``turnscope sweep``: plays a corpus to an agent under every setting of a grid, on many workers."""

import argparse
import importlib.util
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from turnscope._errors import ConfigError, TurnscopeError
from turnscope.cli._sweep_lines import sweep_lines
from turnscope.sim import (
    ClipResult,
    SweptSetting,
    Workers,
    check_folder,
    clips_csv,
    dask_workers,
    load_corpus,
    load_grid,
    local_workers,
    sweep,
    sweep_rows,
    table_csv,
    write_parquet,
    write_plot,
)

__all__ = ["add_to"]

DESCRIPTION = """\
Play every clip of a corpus to an agent under every combination of the settings that a grid file lists, and write a
table with a row for each. What is done is kept: a sweep that was killed goes on with --resume.

  cases.jsonl    what came of each case, as it is done
  sweep.csv      a row for each setting
  clips.csv      a row for each case
  sweep.parquet  the same as sweep.csv (--parquet)
  sweep.png      yield latency against backchannel selectivity, and the frontier (--plot)
"""

SPLITS = ("train", "dev", "test", "all")


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to those of the program."""
    parser = commands.add_parser(
        "sweep",
        help="measure an agent under every setting of a grid",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("corpus", metavar="CORPUS", type=Path, help="folder with a manifest.jsonl")
    parser.add_argument(
        "--grid", metavar="FILE.toml", type=Path, required=True, help="a file with a table [grid] of lists of values"
    )
    parser.add_argument(
        "--agent", metavar="FILE.toml", type=Path, help="a file with a table [agent], if the grid has none"
    )
    parser.add_argument("--split", choices=SPLITS, default="dev", help="which clips (default: dev)")
    parser.add_argument(
        "--out", metavar="DIR", type=Path, help="folder for the files (default: the grid's name and -sweep, here)"
    )
    parser.add_argument("--jobs", metavar="N", type=int, help="processes (default: one for each core)")
    parser.add_argument("--dask", metavar="ADDRESS", help="a Dask scheduler, whose workers do it instead")
    parser.add_argument("--resume", action="store_true", help="go on with what is in the folder")
    parser.add_argument("--parquet", action="store_true", help="write sweep.parquet, too (needs turnscope[parquet])")
    parser.add_argument("--plot", action="store_true", help="draw sweep.png (needs turnscope[plots])")
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> str | None:
    """Do it; returns what went wrong with cases, if anything did."""
    _check_packages(options)
    clips = load_corpus(options.corpus, None if options.split == "all" else (options.split,))
    grid = load_grid(options.grid, options.agent)
    workers = _workers(options)
    folder: Path = options.out or Path(f"{options.grid.name.removesuffix('.toml').removesuffix('.grid')}-sweep")
    kept = _prepared(folder, resume=options.resume)
    with _Shown(quiet=options.quiet) as shown:
        swept = sweep(grid, options.corpus, clips, workers, kept, shown.update)
    rows = sweep_rows(grid.keys, swept)
    _write(folder, rows, swept, options)
    for line in sweep_lines(grid.keys, rows):
        print(line)
    print(folder / "sweep.csv")
    return _failures(swept)


def _check_packages(options: argparse.Namespace) -> None:
    """Find out before anything is played whether everything is there that is needed after it."""
    for wanted, package, extra in (
        (options.parquet, "pyarrow", "parquet"),
        (options.plot, "matplotlib", "plots"),
        (options.dask, "distributed", "dask"),
    ):
        if wanted and importlib.util.find_spec(package) is None:
            raise ConfigError(f'--{extra.rstrip("s")}: {package} is not installed: pip install "turnscope[{extra}]"')


def _workers(options: argparse.Namespace) -> Workers:
    if options.dask is not None and options.jobs is not None:
        raise ConfigError("--jobs: says how many processes; with --dask the cluster does")
    if options.jobs is not None and options.jobs < 1:
        raise ConfigError(f"--jobs: must be at least 1, got {options.jobs}")
    return local_workers(options.jobs or os.cpu_count() or 1) if options.dask is None else dask_workers(options.dask)


def _prepared(folder: Path, *, resume: bool) -> Path:
    """The file for the results, in a folder that is there."""
    check_folder(folder)
    kept = folder / "cases.jsonl"
    if kept.exists() and not resume:
        raise ConfigError(f"{kept}: is there already: go on with --resume, or name another folder with --out")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TurnscopeError(f"{folder}: cannot be made ({error.strerror})") from error
    return kept


class _Shown:
    """Progress on the terminal."""

    def __init__(self, *, quiet: bool) -> None:
        self._progress = Progress(
            TextColumn("playing"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True, quiet=quiet),
            transient=True,
        )
        self._task = self._progress.add_task("playing", total=None)

    def __enter__(self) -> "_Shown":
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def update(self, done: int, total: int, result: ClipResult | None) -> None:
        """Show how far it has come, and what has failed."""
        self._progress.update(self._task, completed=done, total=total)
        if result is not None and result.error:
            self._progress.console.print(f"{result.clip.path}: {result.error}", markup=False, highlight=False)


def _write(
    folder: Path, rows: Sequence[Mapping[str, Any]], swept: Sequence[SweptSetting], options: argparse.Namespace
) -> None:
    try:
        (folder / "sweep.csv").write_text(table_csv(rows), encoding="utf-8", newline="\n")
        (folder / "clips.csv").write_text(clips_csv(swept), encoding="utf-8", newline="\n")
        if options.parquet:
            write_parquet(folder / "sweep.parquet", rows)
        if options.plot:
            write_plot(folder / "sweep.png", rows, f"{options.grid.name}, {options.corpus.name} ({options.split})")
    except OSError as error:
        raise TurnscopeError(f"{folder}: cannot be written ({error.strerror})") from error


def _failures(swept: Sequence[SweptSetting]) -> str | None:
    failed = [(number, result) for number, each in enumerate(swept, 1) for result in each.results if result.error]
    if not failed:
        return None
    number, first = failed[0]
    cases = sum(len(each.results) for each in swept)
    return f"{len(failed)} of {cases} cases failed; the first: setting {number}, {first.clip.path}: {first.error}"
