"""``turnscope explore``: holds one conversation in every case, and finds the smallest one that breaks a promise."""

import argparse
import math
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from turnscope._errors import ConfigError
from turnscope.core import CLOCK_HZ
from turnscope.sim import (
    WAYS,
    Case,
    Check,
    Exploration,
    Rehearsal,
    check_folder,
    explore,
    load_conversation,
    load_function,
    report_call,
    write_call,
)

__all__ = ["add_to"]

DESCRIPTION = """\
Hold one conversation again and again, in virtual time: with the barge-in at every 10 ms at which it can be, cut off at
every await of its turns, and each of these under many orders of simultaneous things. Whatever is broken is shown with
the smallest case in which it is, and the command that holds that case again.

CONVERSATION is a scenario file, or the module:function of a function that is given something to call like
turnscope.simulate, calls it, and returns the call.
"""

ONE_SAMPLE_MS = 1000 / CLOCK_HZ


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to those of the program."""
    parser = commands.add_parser(
        "explore",
        help="hold a conversation with the barge-in at every moment",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("conversation", metavar="CONVERSATION", help="a scenario file, or module:function")
    parser.add_argument(
        "--every-ms", metavar="MS", type=float, default=10.0, help="between two barge-ins; 0 for none (default: 10)"
    )
    parser.add_argument("--awaits", action="store_true", help="also cut the conversation off at every await")
    parser.add_argument(
        "--ways",
        metavar="WAY,...",
        default="interrupt",
        help=f"how: {', '.join(WAYS)}, or module:function (default: interrupt)",
    )
    parser.add_argument("--stride", metavar="N", type=int, default=1, help="at every N-th await only (default: 1)")
    parser.add_argument(
        "--schedules", metavar="N", type=int, default=20, help="so many orders of simultaneous things (default: 20)"
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--move", metavar="STEP", type=int, help="the caller's step that is the barge-in, from 0")
    which.add_argument("--add", metavar="STEP", type=int, help="the caller's step whose words are given once more")
    parser.add_argument(
        "--check", metavar="MODULE:FUNCTION", action="append", default=[], help="must hold, too; is given the call"
    )
    parser.add_argument("--jobs", metavar="N", type=int, default=1, help="processes; the result stays the same")
    parser.add_argument("--only", metavar="CASE", help="hold this case only, as the report names it")
    parser.add_argument("--out", metavar="DIR", type=Path, help="with --only: folder for the files of that call")
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> str | None:
    """Do it; returns what was broken, if anything was."""
    _check(options)
    if options.only is not None:
        return _hold_one(options, [load_function(name) for name in options.check])
    if options.out is not None:
        raise ConfigError("--out: goes with --only")
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=options.quiet or not console.is_terminal) as progress:
        task = progress.add_task("holding conversations", total=None)
        result = explore(
            options.conversation,
            every_s=options.every_ms / 1000 or None,
            ways=options.ways.split(",") if options.awaits else (),
            stride=options.stride,
            schedules=options.schedules,
            move=options.move,
            add=options.add,
            checks=options.check,
            jobs=options.jobs,
            progress=lambda held, total: progress.update(task, completed=held, total=total),
        )
    for line in _lines(result):
        print(line)
    return f"{_count(len(result.breaches), 'promise')} broken" if result.breaches else None


def _check(options: argparse.Namespace) -> None:
    if options.every_ms != 0 and not ONE_SAMPLE_MS <= options.every_ms < math.inf:  # not a number, either
        raise ConfigError(f"--every-ms: must be 0, or at least {ONE_SAMPLE_MS:g} (a sample), got {options.every_ms:g}")
    for option in ("stride", "schedules", "jobs"):
        if getattr(options, option) < 1:
            raise ConfigError(f"--{option}: must be at least 1, got {getattr(options, option)}")


def _lines(result: Exploration) -> Iterator[str]:
    seeds = f"seeds {result.seeds[0]} to {result.seeds[-1]}"
    yield f"{result.name}: {_count(len(result.seeds), 'schedule')} ({seeds})"
    barge_in = result.barge_in
    if barge_in is not None:
        what = "moved" if barge_in.moved else "given once more"
        where = f"from {barge_in.start / CLOCK_HZ:.2f} to {barge_in.stop / CLOCK_HZ:.2f} s"
        yield f"  caller[{barge_in.step}] {what}, at {_count(result.moments, 'moment')} {where}"
    if result.awaits:
        fewest, most = min(result.awaits.values()), max(result.awaits.values())
        yield f"  {fewest if fewest == most else f'{fewest} to {most}'} awaits"
    yield f"  {_count(result.cases, 'conversation')} held, {result.distinct} of them distinct"
    for breach in result.breaches:
        yield f"broken in {_count(breach.count, 'conversation')}: {breach.what}"
        yield f"  the smallest: {breach.command}"
    if not result.breaches:
        yield "Every promise was kept."


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


# One case


def _hold_one(options: argparse.Namespace, checks: list[Check]) -> str | None:
    try:
        case = Case.parse(options.only)
    except ConfigError as error:
        raise ConfigError(f"--only: {error}") from error
    if options.out is not None:
        check_folder(options.out)
    take = Rehearsal(load_conversation(options.conversation), checks).hold(case)
    for line in take.broken:
        print(line)
    if options.out is not None and take.call is not None:
        name = f"{options.conversation} {case}"
        write_call(options.out, take.call, report_call(take.call, name, case.seed), title=name)
        print(options.out / "conversation.wav")
    if not take.broken:
        print("Every promise was kept.")
        return None
    return f"{_count(len(take.broken), 'complaint')} about {case}"
