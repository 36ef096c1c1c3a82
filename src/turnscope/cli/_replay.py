"""``turnscope replay``: decides again what was decided in a recording, by the same settings or by others."""

import argparse
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

from turnscope.cli._files import write_file
from turnscope.core import CLOCK_HZ, Decided, Emit, Failed, Order
from turnscope.observe import Recording, load_recording, timeline_html
from turnscope.sim import (
    Compared,
    Difference,
    Replay,
    Ruled,
    agent_of,
    agent_table,
    changed_settings,
    parse_changes,
    recompute,
    replay,
)

__all__ = ["add_to"]

DESCRIPTION = """\
Tell the recorded inputs of a session to a Floor again: it decides the same, to the last order and event, and that is
checked. With --set or --agent, it decides by other settings, and what would have gone differently is listed.

With --recompute, the call is held once more, in virtual time: the recorded audio passes through the ears and the
recognizer of --agent, while the language model, the synthesizer and the tools say what they said in the recording.
"""


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to those of the program."""
    parser = commands.add_parser(
        "replay",
        help="replay the decisions of a recording, also under another policy",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("recording", metavar="FOLDER", type=Path, help="what a Recorder has written")
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        dest="changes",
        help="a key of the agent table, such as interruption.min_words=2; several are allowed",
    )
    parser.add_argument("--agent", metavar="FILE.toml", type=Path, help="a file with a table [agent] to decide by")
    parser.add_argument("--recompute", action="store_true", help="hold the call again, from the recorded audio")
    parser.add_argument("--html", metavar="FILE", type=Path, help="write the timeline of the call as a page")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> str | None:
    """Do it; returns that it was not the same, if it was not and nothing was changed."""
    recording = load_recording(options.recording)
    if not recording.complete:
        print("the recording was cut off; this is what came before")
    agent = {} if options.agent is None else agent_table(options.agent)
    folder = Path() if options.agent is None else options.agent.parent
    table = parse_changes(options.changes)
    if options.recompute:
        _recompute(options, recording, parse_changes(options.changes, agent), folder)
        return None
    if options.html is not None:
        write_file(options.html, timeline_html(recording.events, *recording.tracks(), options.recording.name))
    if not (agent or table):
        return _check(recording, replay(recording))
    settings = changed_settings(recording.floor_settings(), agent, folder, strict=False)
    for line in _told(replay(recording, changed_settings(settings, table, Path()))):
        print(line)
    return None


def _recompute(options: argparse.Namespace, recording: Recording, table: dict[str, Any], folder: Path) -> None:
    again = recompute(recording, agent_of(recording, table, folder))
    call = again.call
    if options.html is not None:
        title = f"{options.recording.name}, held again"
        write_file(options.html, timeline_html(call.events, call.user, call.agent, title))
    changed = again.changed
    print(f"{len(again.pairs)} times the caller spoke; {len(changed)} went differently")
    for was, now in changed:
        first = was or now
        assert first is not None
        print(f"{_time(first.onset)}")
        print(f"    was   {'nothing' if was is None else _ruled(was)}")
        print(f"    is    {'nothing' if now is None else _ruled(now)}")
    for turn in call.turns:
        if isinstance(turn.outcome, Failed):
            print(f"turn {turn.turn_id} failed: {turn.outcome.provider}: {turn.outcome.message}")


def _check(recording: Recording, again: Replay) -> str | None:
    count = sum(len(decision.orders) for decision in recording.decisions)
    if again.identical:
        print(f"identical: {again.inputs} inputs, {count} orders and events")
        return None
    for difference in again.differences:
        print(_difference(difference))
    return "not what was recorded: another version of Turnscope, or a damaged recording"


def _pair(difference: Difference) -> tuple[Order | None, Order | None]:
    """The first two orders that differ."""
    return next((was, now) for was, now in zip_longest(difference.was, difference.now) if was != now)


def _ground(order: Order | None) -> object:
    """Why something was decided, where an order tells that; else all that it tells."""
    return order.event.evidence if isinstance(order, Emit) and isinstance(order.event, Decided) else order


def _difference(difference: Difference) -> str:
    at, told = _time(difference.item.sample), type(difference.item).__name__
    was, now = _pair(difference)
    return f"{at}  input {difference.index}, {told}: was {was or 'nothing'}; now {now or 'nothing'}"


def _names(orders: tuple[Order, ...]) -> list[str]:
    return [type(order.event).__name__ if isinstance(order, Emit) else type(order).__name__ for order in orders]


def _told(again: Replay) -> Iterator[str]:
    changed = again.changed
    yield f"{len(again.compared)} times the caller spoke; {len(changed)} would have gone differently"
    for each in changed:
        yield from _compared(each)
    if not again.differences:
        return
    first = again.differences[0]
    alike = _names(first.was) == _names(first.now)
    if alike and not changed:
        was, now = map(_ground, _pair(first))
        yield f"decided alike, on other grounds: at {_time(first.item.sample)}, was {was}; would be {now}"
        return
    if not changed:
        before, after = (", ".join(_names(orders)) or "nothing" for orders in (first.was, first.now))
        yield f"{_time(first.item.sample)}  other orders: was {before}; would be {after}"
    yield f"from {_time(_parting(again))} on it would have been another conversation"


def _parting(again: Replay) -> int:
    """When the other settings first have made a difference."""
    times = [time for each in again.changed for time in (each.was.decided, each.would.decided) if time is not None]
    return min([again.differences[0].item.sample, *times])


def _compared(each: Compared) -> Iterator[str]:
    over = "" if each.was.over is None else f" over turn {each.was.over}"
    yield f"{_time(each.was.onset)}{over}"
    yield f"    was       {_ruled(each.was)}"
    yield f"    would be  {_ruled(each.would)}{'' if each.certain else '  (as far as the recording can tell)'}"


def _ruled(ruled: Ruled) -> str:
    parts = [] if ruled.yielded is None else [f"stepped back {_time(ruled.yielded)}"]
    when = "" if ruled.decided is None else f" {_time(ruled.decided)}"
    parts.append(f"{ruled.verdict or 'undecided'}{when}")
    if ruled.evidence:
        parts.append(ruled.evidence)
    if ruled.text:
        parts.append(f'"{ruled.text}"')
    return ", ".join(parts)


def _time(sample: int) -> str:
    return f"{sample / CLOCK_HZ:.3f} s"
