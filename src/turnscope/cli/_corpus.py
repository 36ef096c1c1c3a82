"""``turnscope corpus``: makes a folder of labelled clips to evaluate an agent with."""

import argparse
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from turnscope.sim import ENGINES, check_folder, make_corpus

__all__ = ["add_to"]

DESCRIPTION = """\
Make a corpus: WAV files of interruptions, backchannels, noises and echoes, and a manifest.jsonl that says what each of
them is. Voices, noises and rooms are synthesized. Speakers, rooms and noises of the clips of the test are those of no
other clip.
"""


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to those of the program."""
    parser = commands.add_parser(
        "corpus",
        help="make labelled clips to evaluate an agent with",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("out", metavar="DIR", type=Path, help="folder for the corpus")
    parser.add_argument("--clips", metavar="N", type=int, default=1000, help="about how many (default: 1000)")
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="another seed is another corpus (default: 0)")
    parser.add_argument(
        "--voices",
        metavar="NAME,...",
        default="piper",
        help=f"who speaks, of {', '.join(ENGINES)}; all but piper are programs (default: piper)",
    )
    parser.add_argument("--quiet", action="store_true", help="show no progress, only where the corpus is")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> str | None:
    check_folder(options.out, argument="DIR")
    console = Console(stderr=True, quiet=options.quiet)
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("making clips", total=None)
        make_corpus(
            options.out,
            clips=options.clips,
            seed=options.seed,
            engines=options.voices.split(","),
            progress=lambda done, total: progress.update(task, completed=done, total=total),
        )
    print(options.out / "manifest.jsonl")
    return None
