"""``turnscope audit``: cancels providers and tools at every await, and names what they then do wrong."""

import argparse
import inspect
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from turnscope._errors import ConfigError
from turnscope.core import CLOCK_HZ
from turnscope.sim import Audit, Exercise, audit, load_object, load_scenario
from turnscope.transports import read_audio

__all__ = ["add_to"]

DESCRIPTION = """\
Use providers and tools again and again, cancelled at another await each time, and name what they do wrong: who shields
itself without a deadline, swallows its cancellation, raises something else, blocks the event loop, takes time to end,
or leaves a task, an async generator, a socket or a thread behind. Each with the file and the line.

SUBJECT is the module:function of a function that makes a provider, a tool, an agent or a list of such; or a scenario
file, whose agent's providers are audited.
"""


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to those of the program."""
    parser = commands.add_parser(
        "audit",
        help="find out what providers and tools do when they are cancelled",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("subject", metavar="SUBJECT", help="module:function, or a scenario file")
    parser.add_argument("--text", help="what they are asked, or have to say")
    parser.add_argument("--audio", metavar="FILE", type=Path, help="a recording for them to hear")
    parser.add_argument(
        "--arguments", metavar="TOOL=JSON", action="append", default=[], help="what a tool is called with"
    )
    parser.add_argument(
        "--most", metavar="N", type=int, default=200, help="cancel at so many awaits at most (default: 200)"
    )
    parser.add_argument("--realtime", action="store_true", help="on the wall clock, with threads: for servers outside")
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> str | None:
    """Do it; returns how much is wrong, if anything is."""
    if options.most < 1:
        raise ConfigError(f"--most: must be at least 1, got {options.most}")
    exercise, given = _exercise(options), _given(options.subject)
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=options.quiet or not console.is_terminal) as progress:
        task = progress.add_task("cancelling", total=None)
        audits = audit(
            given,
            exercise=exercise,
            most=options.most,
            realtime=options.realtime,
            progress=lambda name, done, of: progress.update(task, description=name, completed=done, total=of),
        )
    for line in _lines(audits):
        print(line)
    wrong = sum(len(one.findings) for one in audits)
    return f"{wrong} fault{'' if wrong == 1 else 's'} found" if wrong else None


def _given(subject: str) -> object:
    if ":" in subject and not Path(subject).exists():
        found = load_object(subject)
        if not (inspect.isroutine(found) or inspect.isclass(found)):
            return found
        try:
            inspect.signature(found).bind()
        except TypeError as error:
            raise ConfigError(f"{subject}: must be callable without arguments: {error}") from error
        return found()
    return load_scenario(subject).agent


def _exercise(options: argparse.Namespace) -> Exercise:
    usual = Exercise()
    arguments: dict[str, str] = {}
    for given in options.arguments:
        name, equals, value = given.partition("=")
        if not equals:
            raise ConfigError(f"--arguments: must be TOOL=JSON, got {given!r}")
        arguments[name] = value
    audio = usual.audio if options.audio is None else read_audio(options.audio, CLOCK_HZ)
    return Exercise(audio, usual.text if options.text is None else options.text, arguments)


def _lines(audits: tuple[Audit, ...]) -> Iterator[str]:
    for one in audits:
        times = f"{one.cancellations} time{'' if one.cancellations == 1 else 's'}"
        ended = f"ended within {one.unwinding_s:.3f} s ({one.unwinding_wall_s * 1000:.1f} ms on the wall clock)"
        slowest = f", the slowest at {one.slowest}" if one.unwinding_s and one.slowest.file else ""
        yield f"{one.name} ({one.kind}): cancelled {times}, {ended}{slowest}"
        yield from (f"  {finding}" for finding in one.findings)
    if not any(one.findings for one in audits):
        yield "Nothing is wrong."
