"""Holds one conversation again and again, each time with something else about it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import trio

from turnscope._errors import ConfigError
from turnscope.core import CLOCK_HZ
from turnscope.session import Agent, Session
from turnscope.sim._agent_import import load_function
from turnscope.sim._caller import Moment, Play, Step
from turnscope.sim._cases import Case
from turnscope.sim._fakes import FakeVAD
from turnscope.sim._kept_ears import KeptVAD
from turnscope.sim._promises import broken_promises
from turnscope.sim._simulate import Call, simulate
from turnscope.sim._virtual import VirtualCompute
from turnscope.sim._work_memory import WorkMemory

__all__ = ["WAYS", "Check", "Hold", "LikeSimulate", "Rehearsal", "Take", "Way"]

LONGER_S = 30.0
"""A conversation that is changed may last so much longer than it did unchanged. Some wait for what never comes."""

LikeSimulate = Callable[..., Call]
"""Something to be called like `turnscope.sim.simulate`."""

Hold = Callable[[LikeSimulate], Call]
"""Holds a conversation: calls what it is given once, like `turnscope.sim.simulate`, and returns what that returns."""

Check = Callable[[Call], Sequence[str] | None]
"""Says what is wrong with a call, one line each. It may also raise an `AssertionError`."""

Way = Callable[[Session], object]
"""A way to cut a conversation off: a plain function that is called with the session and does not wait."""


def _interrupt(session: Session) -> None:
    session.interrupt("explored")


def _interrupt_speech(session: Session) -> None:
    session.interrupt_speech("explored")


def _user_turn(session: Session) -> None:
    session.start_user_turn()


def _end(session: Session) -> None:
    session.end("explored", finish="nothing")


WAYS: Mapping[str, Way] = MappingProxyType(
    {"interrupt": _interrupt, "interrupt_speech": _interrupt_speech, "user_turn": _user_turn, "end": _end}
)
"""Ways to cut a conversation off that any application has."""


@dataclass(frozen=True, slots=True, eq=False)
class Take:
    """One holding of the conversation.

    Attributes:
        case: What was different about it.
        call: What came of it; None if it could not be held to its end.
        broken: What was wrong with it, one line each.
        awaits: How many steps the tasks of turns and tools have taken.
        script: What the caller was to do.
    """

    case: Case
    call: Call | None
    broken: tuple[str, ...]
    awaits: int
    script: tuple[Step, ...]

    @property
    def told(self) -> str:
        """What was said by whom, and how each turn ended; not when."""
        if self.call is None:
            return repr(self.broken)
        turns = [
            (turn.origin, turn.text, turn.reply, turn.outcome and turn.outcome.kind, getattr(turn.outcome, "heard", ""))
            for turn in self.call.turns
        ]
        return repr((turns, [(overlap.text, overlap.evidence) for overlap in self.call.overlaps]))


class Rehearsal:
    """A conversation that can be held in any of its cases.

    What models compute is computed once, and what they load is loaded before the first case.

    Args:
        hold: Holds the conversation.
        checks: What is wrong with a call, beside `turnscope.sim.broken_promises`.
        ways: What the ways of cases mean, if they are not names of `WAYS` or ``module:function``.
    """

    def __init__(self, hold: Hold, checks: Sequence[Check] = (), ways: Mapping[str, Way] | None = None) -> None:
        self._hold = hold
        self._checks = (broken_promises, *checks)
        self._ways = {**WAYS, **(ways or {})}
        self._memory = WorkMemory()
        self._cache: dict[str, object] = {}
        self._ears: KeptVAD | None = None
        self._longest_s: float | None = None
        self.seed: int = 0
        """The conversation's own."""
        self.plain: Take = self._warm_up()
        """How it goes with its own seed, when nothing is changed."""

    def _warm_up(self) -> Take:
        plain = self.hold(None)
        if self._cache:  # what was loaded now took time, and takes none in any case
            plain = self.hold(None)
        if plain.call is not None:
            self._longest_s = len(plain.call.user) / CLOCK_HZ + LONGER_S
        return plain

    def with_kept_ears(self, agent: Agent) -> Agent:
        """An agent like it, whose detector of speech is asked about the same audio once."""
        if isinstance(agent.vad, FakeVAD):  # faster than any memory
            return agent
        if self._ears is None or self._ears.vad is not agent.vad:
            self._ears = KeptVAD(agent.vad)
        return replace(agent, vad=self._ears)

    def way(self, name: str) -> Way:
        """The way to cut the conversation off that has this name.

        Raises:
            ConfigError: There is none.
        """
        if name not in self._ways:
            self._ways[name] = find_way(name)
        return self._ways[name]

    def hold(self, case: Case | None) -> Take:
        """Hold the conversation; without a case, as it is."""
        holding = _Holding(self, case)
        broken: list[str] = []
        call: Call | None = None
        try:
            call = self._hold(holding.simulate)
        except ConfigError:
            raise
        except Exception as error:
            broken.append(f"the call could not be held: {type(error).__name__}: {error}")
        if holding.script is None:
            raise ConfigError("the conversation was not held: what it is given has to be called like simulate")
        if call is not None:
            broken += [line for check in self._checks for line in _complaints(check, call)]
        return Take(holding.case, call, tuple(broken), holding.awaits.count, holding.script)


def find_way(name: str) -> Way:
    """One of `WAYS`, or ``module:function``.

    Raises:
        ConfigError: There is none of this name.
    """
    if ":" in name:
        return load_function(name)
    if name not in WAYS:
        raise ConfigError(f"unknown way {name!r}: must be one of {', '.join(WAYS)}, or module:function")
    return WAYS[name]


def _complaints(check: Check, call: Call) -> Sequence[str]:
    try:
        return check(call) or ()
    except AssertionError as error:
        said = str(error).splitlines() or ["it failed"]  # pytest adds lines of its own
        return (f"{getattr(check, '__name__', 'check')}: {said[0]}",)


class _Holding:
    """Stands in for `turnscope.sim.simulate` once, and changes what it is told to."""

    def __init__(self, rehearsal: Rehearsal, case: Case | None) -> None:
        self._rehearsal = rehearsal
        self._given = case
        self.case = case or Case(seed=0)
        self.script: tuple[Step, ...] | None = None
        self.awaits = _Awaits()

    def simulate(
        self,
        agent: Agent,
        script: Sequence[Step],
        *,
        seed: int = 0,
        realtime: bool = False,
        compute: VirtualCompute | None = None,
        max_s: float = 600.0,
        cache: dict[str, object] | None = None,
        opened: Callable[[Session], object] | None = None,
        instruments: tuple[trio.abc.Instrument, ...] = (),
        **others: Any,
    ) -> Call:
        """See `turnscope.sim.simulate`."""
        if realtime:
            raise ConfigError("a conversation can be explored in virtual time only")
        if self.script is not None:
            raise ConfigError("the conversation was held twice")
        rehearsal = self._rehearsal
        if self._given is None:
            self.case = Case(seed=seed)
            rehearsal.seed = seed
        self.script = tuple(script)
        if self.case.way:
            self.awaits.cut(self.case.awaits, rehearsal.way(self.case.way))
        if not agent.tools and opened is None and others.get("drive") is None:  # nobody who could hand over
            agent = rehearsal.with_kept_ears(agent)
        compute = compute or VirtualCompute()
        compute.memory = rehearsal._memory

        def open_both(session: Session) -> None:
            self.awaits.session = session
            if opened is not None:
                opened(session)

        return simulate(
            agent,
            changed(self.script, self.case),
            seed=self.case.seed,
            compute=compute,
            max_s=max_s if rehearsal._longest_s is None else min(max_s, rehearsal._longest_s),
            cache=rehearsal._cache,
            opened=open_both,
            coalesce=self.case.at is not None,  # else every await counts
            instruments=(*instruments, self.awaits),
            **others,
        )


def changed(script: Sequence[Step], case: Case) -> list[Step]:
    """The caller's script, as it is in `case`.

    Raises:
        ConfigError: There is no such step, or it holds no sound.
    """
    for index in (case.move, case.add, *case.drop):
        if index is not None and not index < len(script):
            raise ConfigError(f"caller[{index}]: there are {len(script)} steps")
    steps = dict(enumerate(script))
    extra: list[Step] = []
    if case.at is not None:
        index = case.move if case.add is None else case.add
        step = steps[index or 0]
        if not isinstance(step, Play):
            raise ConfigError(f"caller[{index}]: only a sound can be moved or added")
        cut_in = replace(step, moment=Moment(case.at / CLOCK_HZ))
        if case.add is None:
            steps[index or 0] = cut_in
        else:
            extra.append(cut_in)
    return [*(step for index, step in steps.items() if index not in case.drop), *extra]


class _Awaits(trio.abc.Instrument):
    """Counts the steps that the tasks of turns and tools take, and acts before one of them."""

    def __init__(self) -> None:
        self.session: Session | None = None
        self.count = 0
        self._at = 0
        self._way: Way | None = None
        self._counted: dict[trio.lowlevel.Task, bool] = {}

    def cut(self, at: int, way: Way) -> None:
        """Act before the `at`-th step."""
        self._at, self._way = at, way

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """See `trio.abc.Instrument`."""
        if self.session is None or not self._counts(task):
            return
        self.count += 1
        if self.count == self._at and self._way is not None:
            self._way(self.session)

    def _counts(self, task: trio.lowlevel.Task) -> bool:
        if task not in self._counted:
            parent = task.parent_nursery
            self._counted[task] = task.name.startswith(("turn ", "tool ")) or (
                parent is not None and self._counts(parent.parent_task)
            )
        return self._counted[task]
