"""``turnscope simulate``: holds the call of a scenario file, shows what happened, and writes it down."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.status import Status

from turnscope.cli._output import check_folder, write_call
from turnscope.cli._summary import summary
from turnscope.core import CLOCK_HZ, Failed, StateChanged
from turnscope.observe import make_report, render_timeline
from turnscope.session import Record, Sink
from turnscope.sim import Call, Play, load_scenario

__all__ = ["add_to"]

DESCRIPTION = """\
Hold the conversation that a scenario file describes, in virtual time: as fast as this machine can compute it, and the
same to the sample each time. Then show it as a timeline, and write six files:

  conversation.wav   both voices as heard: the caller left, the agent right
  user.wav           the caller alone
  agent.wav          the agent alone, as heard
  events.jsonl       everything that happened, one JSON object a line
  report.json        turns, interruptions and latencies
  timeline.svg       the timeline as a picture
"""


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to those of the program."""
    parser = commands.add_parser(
        "simulate",
        help="hold the call that a scenario file describes",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("scenario", metavar="SCENARIO.toml", type=Path, help="the agent, and what the caller does")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="folder for the six files")
    parser.add_argument(
        "--seed", metavar="N", type=int, help="for the order of simultaneous things (default: the file's)"
    )
    parser.add_argument(
        "--realtime", action="store_true", help="run on the wall clock, with threads, as a live call does"
    )
    parser.add_argument("--quiet", action="store_true", help="show no progress and no timeline, only where the call is")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> str | None:
    """Do it; returns what went wrong inside the call, if anything did."""
    check_folder(options.out)
    scenario = load_scenario(options.scenario)
    seed: int = scenario.seed if options.seed is None else options.seed
    with _progress(quiet=options.quiet) as sinks:
        call = scenario.run(realtime=options.realtime, seed=seed, sinks=sinks)
    report = make_report(
        call.events,
        call.user,
        call.agent,
        scenario=scenario.name,
        seed=None if options.realtime else seed,
        tasks_left=call.tasks_left,
        labels=_labels(call),
    )
    write_call(options.out, call, report, title=scenario.name)
    if not options.quiet:
        console = Console()
        console.print(render_timeline(call.events, call.user, call.agent))
        for line in summary(report):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    print(options.out / "conversation.wav")
    return _failure(call)


def _labels(call: Call) -> list[tuple[str, int]]:
    """Where the caller's speech begins according to the scenario: a name, and the sample of the call."""
    return [
        (placed.step.name, placed.start + placed.step.speech_start)
        for placed in call.placed
        if isinstance(placed.step, Play) and placed.step.speech_start is not None
    ]


def _failure(call: Call) -> str | None:
    failed = [turn for turn in call.turns if isinstance(turn.outcome, Failed)]
    if not failed:
        return None
    assert isinstance(failed[0].outcome, Failed)
    more = f" (and {len(failed) - 1} more failed)" if len(failed) > 1 else ""
    return f"turn {failed[0].turn_id} failed: {failed[0].outcome.provider}: {failed[0].outcome.message}{more}"


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
