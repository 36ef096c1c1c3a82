"""``turnscope simulate``: holds the call of a scenario file, shows what happened, and writes it down."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.status import Status

from turnscope._errors import ConfigError
from turnscope.cli._summary import summary
from turnscope.core import CLOCK_HZ, StateChanged
from turnscope.observe import Recorder, render_timeline
from turnscope.session import Record, Sink
from turnscope.sim import Scenario, check_folder, load_scenarios, report_call, write_call

__all__ = ["add_to"]

DESCRIPTION = """\
Hold the conversation that a scenario file describes, in virtual time: as fast as this machine can compute it, and the
same to the sample each time. Then show it as a timeline, and write seven files:

  conversation.wav   both voices as heard: the caller left, the agent right
  user.wav           the caller alone
  agent.wav          the agent alone, as heard
  events.jsonl       everything that happened, one JSON object a line
  report.json        turns, interruptions and latencies
  timeline.svg       the timeline as a picture
  timeline.html      the timeline as a page: a click plays from there

A file with several sets of parameters has a folder for each of its runs. Where a call is not as its file expects it,
that is said on standard error, one line each, and the exit code is 1.
"""


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to those of the program."""
    parser = commands.add_parser(
        "simulate",
        help="hold the call that a scenario file describes",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("scenario", metavar="FILE.scenario.toml", type=Path, help="the agent, and what the caller does")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="folder for the files")
    parser.add_argument(
        "--seed", metavar="N", type=int, help="for the order of simultaneous things (default: the file's)"
    )
    parser.add_argument(
        "--realtime", action="store_true", help="run on the wall clock, with threads, as a live call does"
    )
    parser.add_argument(
        "--run", metavar="NAME", dest="run_name", help="of a file with several sets of parameters, only this one"
    )
    parser.add_argument("--record", metavar="DIR", type=Path, help="record the session into this folder, for a replay")
    parser.add_argument("--quiet", action="store_true", help="show no progress and no timeline, only where the call is")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> str | None:
    """Do it; returns that something was not as expected, if it was not."""
    check_folder(options.out)
    if options.record is not None and options.record.resolve() == options.out.resolve():
        raise ConfigError(f"--record {options.record}: is --out, too; both would write agent.wav there")
    scenarios = _chosen(load_scenarios(options.scenario), options)
    failures = 0
    for scenario in scenarios:
        failures += _hold(scenario, _run_folder(options.out, scenario), options)
    return f"{options.scenario}: {failures} failure{'' if failures == 1 else 's'}" if failures else None


def _run_folder(folder: Path, scenario: Scenario) -> Path:
    """Where the files of a run go: those of one run of several into a folder inside."""
    return folder / scenario.variant.replace("/", "_") if scenario.variant else folder


def _chosen(scenarios: list[Scenario], options: argparse.Namespace) -> list[Scenario]:
    """The runs of the file that are asked for."""
    if options.run_name is None:
        return scenarios
    chosen = [scenario for scenario in scenarios if scenario.variant == options.run_name]
    if not chosen:
        known = ", ".join(scenario.variant for scenario in scenarios if scenario.variant)
        which = f"known are {known}" if known else "there is only one, without a name"
        raise ConfigError(f"{options.scenario}: no run is called {options.run_name!r}; {which}")
    return chosen


def _hold(scenario: Scenario, folder: Path, options: argparse.Namespace) -> int:
    """Hold one call, write it down, and say how it went. Returns how often it was not as expected."""
    seed: int = scenario.seed if options.seed is None else options.seed
    with _progress(quiet=options.quiet) as sinks:
        recorder = None if options.record is None else Recorder(_run_folder(options.record, scenario))
        call = scenario.run(realtime=options.realtime, seed=seed, sinks=sinks, recorder=recorder)
    report = report_call(call, scenario.name, None if options.realtime else seed)
    write_call(folder, call, report, title=scenario.name)
    if not options.quiet:
        console = Console()
        console.print(render_timeline(call.events, call.user, call.agent))
        for line in summary(report):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    failures = scenario.check(call)
    for failure in failures:
        print(f"turnscope: failed: {failure.message}", file=sys.stderr)
    print(folder / "conversation.wav")
    return len(failures)


# Progress


class _Watch:
    """A sink that says on the terminal how far the call has come, and what the session is doing."""

    STEP_SAMPLES = CLOCK_HZ // 10

    def __init__(self, status: Status) -> None:
        self._status = status
        self._state = "initial"
        self._shown_until = 0

    def __call__(self, record: Record) -> None:
        """Take the next event, or input of the Floor."""
        state = record.new if isinstance(record, StateChanged) else self._state
        if state == self._state and record.sample < self._shown_until:
            return
        self._state, self._shown_until = state, record.sample + self.STEP_SAMPLES
        self._status.update(f"{record.sample / CLOCK_HZ:6.1f} s of the call  {state}")


@contextmanager
def _progress(*, quiet: bool) -> Iterator[tuple[Sink, ...]]:
    """Sinks that show progress while the block runs; none where nobody would see it."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield ()
        return
    with console.status("loading") as status:
        yield (_Watch(status),)
