"""Holds one conversation in every case: the barge-in at every moment, a cut at every await, under many schedules."""

import functools
import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from turnscope._errors import ConfigError, TurnscopeError
from turnscope.core import to_samples
from turnscope.sim._agent_import import load_function, name_of
from turnscope.sim._barge_in import BargeIn, find_barge_in
from turnscope.sim._cases import Case
from turnscope.sim._rehearsal import Check, Hold, Rehearsal, Way
from turnscope.sim._scenario import Scenario
from turnscope.sim._shrinking import shrink
from turnscope.sim._targets import Target, make_target
from turnscope.sim._workers import LostJob, local_workers, run_jobs

__all__ = ["Breach", "Exploration", "explore"]


@dataclass(frozen=True, slots=True)
class Breach:
    """Something that was wrong with some of the conversations.

    Attributes:
        what: What, as it is said of the smallest case.
        case: The smallest case that was found: with the fewest steps of the caller, then the earliest barge-in, then
            the lowest seed.
        count: In how many conversations it was wrong, before the smallest was looked for.
        command: Holds that case again.
    """

    what: str
    case: Case
    count: int
    command: str


@dataclass(frozen=True, slots=True)
class Exploration:
    """What came of all cases.

    Attributes:
        name: What was explored.
        seeds: The schedules.
        barge_in: Whose words cut in, and where; None without moments.
        moments: At how many moments.
        awaits: At how many steps of the tasks of turns and tools a conversation was cut off, by seed.
        cases: How many conversations were held.
        distinct: In how many of them something else was said, heard or decided; times do not count.
        breaches: What was wrong, the most frequent first. Empty if every promise was kept.
    """

    name: str
    seeds: tuple[int, ...]
    barge_in: BargeIn | None
    moments: int
    awaits: Mapping[int, int]
    cases: int
    distinct: int
    breaches: tuple[Breach, ...]


@dataclass(frozen=True, slots=True)
class _Result:
    """What is kept of a case."""

    case: Case
    told: str
    broken: tuple[str, ...]
    awaits: int


@dataclass(frozen=True, slots=True)
class _Plan:
    """What every process has to know."""

    id: str
    target: Target
    checks: tuple[Check | str, ...]
    ways: Mapping[str, Way]

    @property
    def command(self) -> str:
        """Holds a case of it, when the case is written behind it."""
        names = (check if isinstance(check, str) else name_of(check) for check in self.checks)
        checks = "".join(f"--check {name} " for name in names)
        return f"turnscope explore {self.target.name} {checks}--only"

    def rehearse(self) -> Rehearsal:
        checks = [load_function(check) if isinstance(check, str) else check for check in self.checks]
        return Rehearsal(self.target.load(), checks, self.ways)


def explore(
    conversation: Scenario | Hold | str | os.PathLike[str],
    *,
    every_s: float | None = 0.01,
    ways: Sequence[str | Way] = (),
    stride: int = 1,
    schedules: int = 20,
    move: int | None = None,
    add: int | None = None,
    checks: Sequence[Check | str] = (),
    jobs: int = 1,
    progress: Callable[[int, int], object] | None = None,
) -> Exploration:
    """Hold a conversation in every case, and look for one in which a promise is broken.

    The cases are, under each of the schedules: the conversation as it is; with the barge-in at every moment at which
    it can be; and, in each of the `ways`, cut off before every step that a task of a turn or of a tool takes, which is
    after every await. The result is the same with any number of `jobs`.

    Args:
        conversation: A scenario, or its path; or a function that calls what it is given like `turnscope.sim.simulate`
            and returns the `Call`; or its name as ``"module:function"``.
        every_s: Seconds between two moments of the barge-in; None for no such cases.
        ways: How the conversation is cut off at awaits: names of `WAYS`, ``module:function``, or functions.
        stride: Cut off at every so many-th await only, for a quick look.
        schedules: So many seeds, from the conversation's own on.
        move: The step of the caller whose words are the barge-in. By default the first one that begins while the agent
            is heard; if there is none, the last one is given once more.
        add: The step whose words are given once more, instead of one that is moved.
        checks: What must hold, too, beside what `turnscope.sim.broken_promises` looks at: functions, or
            ``module:function``.
        jobs: How many processes. Each loads the models.
        progress: Is told how many cases were held, and of how many.

    Raises:
        ConfigError: An argument is wrong, or the conversation cannot be held in virtual time.
    """
    _check(every_s, stride, schedules, jobs, move, add)
    names = {way if isinstance(way, str) else name_of(way): way for way in ways}
    own_ways = {name: way for name, way in names.items() if not isinstance(way, str)}
    plan = _Plan(uuid4().hex, make_target(conversation), tuple(checks), own_ways)
    if jobs > 1:
        plan.target.check_can_travel()
    rehearsal = plan.rehearse()
    for name in names:
        rehearsal.way(name)
    seeds = tuple(range(rehearsal.seed, rehearsal.seed + schedules))
    barge_in = None if every_s is None else find_barge_in(rehearsal, move, add)
    moments = _moments(barge_in, every_s)
    plain = _hold_all(rehearsal, [Case(seed=seed) for seed in seeds])
    awaits = {result.case.seed: result.awaits for result in plain if names}
    batches = [[barge_in.at(sample, seed) for seed in seeds] for sample in moments if barge_in is not None]
    batches += _cuts(awaits, tuple(names), stride)
    tally = _Tally(progress, len(plain) + sum(map(len, batches)))
    for result in plain:
        tally.count(result)
    for results in _hold_batches(plan, rehearsal, batches, jobs):
        for result in results:
            tally.count(result)
    return Exploration(
        plan.target.name,
        seeds,
        barge_in,
        len(moments),
        awaits,
        tally.cases,
        len(tally.told),
        _breaches(tally, rehearsal, plan.command, stride),
    )


def _check(every_s: float | None, stride: int, schedules: int, jobs: int, move: int | None, add: int | None) -> None:
    if every_s is not None and not to_samples(every_s) >= 1:
        raise ConfigError(f"every_s must be at least one sample long, got {every_s}")
    for name, value in (("stride", stride), ("schedules", schedules), ("jobs", jobs)):
        if value < 1:
            raise ConfigError(f"{name} must be at least 1, got {value}")
    if move is not None and add is not None:
        raise ConfigError("a step can be moved or added, not both")


def _moments(barge_in: BargeIn | None, every_s: float | None) -> range:
    """Samples of the call, on a grid that begins with the call."""
    if barge_in is None or every_s is None:
        return range(0)
    step = to_samples(every_s)
    return range(-(-barge_in.start // step) * step, barge_in.stop, step)


def _cuts(awaits: Mapping[int, int], ways: Sequence[str], stride: int, size: int = 20) -> list[list[Case]]:
    cases = [
        Case(seed=seed, awaits=step, way=way)
        for way in ways
        for seed, count in awaits.items()
        for step in range(1, count + 1, stride)
    ]
    return [cases[start : start + size] for start in range(0, len(cases), size)]


# Processes


def _hold_batches(
    plan: _Plan, rehearsal: Rehearsal, batches: Sequence[Sequence[Case]], jobs: int
) -> Iterator[list[_Result]]:
    """Hold all cases, here or in other processes, and give what came of them, batch by batch, in any order.

    Raises:
        TurnscopeError: A batch could not be held.
    """
    if jobs == 1:
        for batch in batches:
            yield _hold_all(rehearsal, batch)
        return
    for index, results in run_jobs(local_workers(jobs), functools.partial(_work, plan), batches):
        if isinstance(results, LostJob):
            raise TurnscopeError(f"{batches[index][0]} and what follows could not be held: {results.reason}")
        yield results


_rehearsals: dict[str, Rehearsal] = {}
"""Of a worker process."""


def _work(plan: _Plan, cases: Sequence[Case]) -> list[_Result]:
    if plan.id not in _rehearsals:
        _rehearsals.clear()
        _rehearsals[plan.id] = plan.rehearse()
    return _hold_all(_rehearsals[plan.id], cases)


def _hold_all(rehearsal: Rehearsal, cases: Sequence[Case]) -> list[_Result]:
    results = []
    for case in cases:
        take = rehearsal.hold(case)
        told = hashlib.blake2b(take.told.encode(), digest_size=12).hexdigest()
        results.append(_Result(case, told, take.broken, take.awaits))
    return results


# What came of them


@dataclass(slots=True)
class _Tally:
    progress: Callable[[int, int], object] | None
    total: int
    cases: int = 0
    told: set[str] = field(default_factory=set)
    broken: dict[str, list[Case]] = field(default_factory=dict)
    """The cases in which something was wrong, by what kind of thing it was."""

    def count(self, result: _Result) -> None:
        self.cases += 1
        self.told.add(result.told)
        for kind in dict.fromkeys(kind_of(line) for line in result.broken):
            self.broken.setdefault(kind, []).append(result.case)
        if self.progress is not None:
            self.progress(self.cases, self.total)


def kind_of(line: str) -> str:
    """What is the same in two complaints about the same: all but their numbers, and what they quote."""
    return re.sub(r"\d+(\.\d+)?", "#", re.sub(r"'[^']*'|\"[^\"]*\"", "'…'", line))


def _breaches(tally: _Tally, rehearsal: Rehearsal, command: str, stride: int) -> tuple[Breach, ...]:
    found = []
    for kind, cases in sorted(tally.broken.items(), key=lambda item: (-len(item[1]), item[0])):

        def fails(case: Case, kind: str = kind) -> bool:
            return any(kind_of(line) == kind for line in rehearsal.hold(case).broken)

        case = shrink(cases, rehearsal.plain.script, stride, fails)
        what = next(line for line in rehearsal.hold(case).broken if kind_of(line) == kind)
        found.append(Breach(what, case, len(cases), f"{command} {case}"))
    return tuple(found)
