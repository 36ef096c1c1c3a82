"""``turnscope evaluate``: plays a corpus to an agent that is speaking, and says how well it judges interruptions."""

import argparse
import functools
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from turnscope._errors import ConfigError
from turnscope.cli._evaluation_table import evaluation_lines, frontier_lines
from turnscope.cli._files import write_file
from turnscope.sim import (
    Clip,
    ClipResult,
    MakeAgent,
    Observed,
    agent_to_evaluate,
    evaluation_to_dict,
    frontier,
    load_corpus,
    observe_clips,
    play_clips,
    summarize,
    table_csv,
)

__all__ = ["add_to"]

DESCRIPTION = """\
Play each clip of a corpus to an agent that is speaking, in a session of its own and in virtual time with the real
models, and measure: how many interruptions it yields to and how fast, how many backchannels it talks through, and how
often noise and its own echo stop it. A corpus is a folder with a manifest.jsonl: see `turnscope corpus`.
"""

SPLITS = ("train", "dev", "test", "all")


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to those of the program."""
    parser = commands.add_parser(
        "evaluate",
        help="measure how well an agent judges interruptions",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("corpus", metavar="CORPUS", type=Path, help="folder with a manifest.jsonl")
    parser.add_argument("--split", choices=SPLITS, default="test", help="which clips (default: test)")
    parser.add_argument(
        "--agent", metavar="FILE.toml", type=Path, help="a file with a table [agent], such as a scenario"
    )
    parser.add_argument(
        "--jobs", metavar="N", type=int, default=1, help="processes; the result stays the same (default 1)"
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="write everything to this file, every clip included")
    parser.add_argument("--csv", metavar="FILE", type=Path, help="write one line per clip to this file")
    parser.add_argument(
        "--frontier",
        action="store_true",
        help="also tell what other policies would have made of it (twice as long)",
    )
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> str | None:
    """Do it; returns what went wrong with clips, if anything did."""
    if options.jobs < 1:
        raise ConfigError(f"--jobs: must be at least 1, got {options.jobs}")
    clips = load_corpus(options.corpus, None if options.split == "all" else (options.split,))
    make_agent = functools.partial(agent_to_evaluate, options.agent)
    make_agent()  # what is wrong with it is said before anything is computed
    results = _play(options, clips, make_agent)
    evaluation = summarize(results)
    for line in evaluation_lines(evaluation):
        print(line)
    if options.json is not None:
        write_file(
            options.json, json.dumps(evaluation_to_dict(evaluation, results), ensure_ascii=False, indent=2) + "\n"
        )
    if options.csv is not None:
        write_file(options.csv, table_csv(map(_row, results)))
    if options.frontier:
        for line in frontier_lines(frontier(_observe(options, clips, make_agent))):
            print(line)
    if not evaluation.failed:
        return None
    path, error = evaluation.failed[0]
    return f"{len(evaluation.failed)} of {len(clips)} clips could not be played; the first: {path}: {error}"


def _play(options: argparse.Namespace, clips: Sequence[Clip], make_agent: MakeAgent) -> list[ClipResult]:
    results: list[ClipResult] = []
    with Progress(console=Console(stderr=True, quiet=options.quiet), transient=True) as progress:
        task = progress.add_task("playing clips", total=len(clips))
        for result in play_clips(options.corpus, clips, make_agent, jobs=options.jobs):
            results.append(result)
            progress.advance(task)
            if result.error:
                progress.console.print(f"{result.clip.path}: {result.error}", markup=False, highlight=False)
    return results


def _observe(options: argparse.Namespace, clips: Sequence[Clip], make_agent: MakeAgent) -> list[Observed]:
    seen: list[Observed] = []
    with Progress(console=Console(stderr=True, quiet=options.quiet), transient=True) as progress:
        task = progress.add_task("observing clips", total=len(clips))
        for observed in observe_clips(options.corpus, clips, make_agent, jobs=options.jobs):
            seen += [observed] if observed is not None else []
            progress.advance(task)
    return seen


def _row(result: ClipResult) -> dict[str, Any]:
    return {**asdict(result.clip), **{key: value for key, value in asdict(result).items() if key != "clip"}}
