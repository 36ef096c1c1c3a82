"""A conversation can be cut off at any step of any of its turns, in any of five ways, and every promise holds.

One conversation, which has a bit of everything, is held again and again, and cut off at one of the steps that the tasks
of its turns make.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import pytest
import trio

from tests.session.calls import REPLY, agent, cough, speech
from turnscope.core import (
    AttemptCancelled,
    CallerHungUp,
    Decided,
    Interrupted,
    Speculation,
    SpeculationAdmitted,
    SpeculationDropped,
    TextReceived,
)
from turnscope.providers import Rule, ScriptedLLM
from turnscope.session import Agent, Session
from turnscope.sim import Call, HangUp, LikeSimulate, Moment, Rehearsal, Step, broken_promises, explore, simulate

NOTHING: tuple[list[str], list[int]] = ([], [])
"""Nothing went wrong, and every cut had an effect."""

GREETING = "Welcome to the shop."

CHATTY = agent(
    echo_guard=False,  # it has no part in turns, and takes two thirds of the time
    llm=ScriptedLLM(
        [Rule(when="wait", reply="Fine, that makes three large ones, and I bring them to your table in ten minutes.")],
        fallback=REPLY,
        tokens_per_s=40,
    ),
)

GUESSING = replace(
    CHATTY, speculation=Speculation(policy="discard", while_speaking=True, stable_s=0.15, synthesize=True)
)
"""The same, and it guesses: wrongly, rightly, and rightly until the caller goes on after all."""

SCRIPT: list[Step] = [
    speech("hello there", 0.3, "agent_starts"),  # over protected speech: held, and answered after it
    speech("two lattes please", 1.0, "previous"),  # goes on when the answer has been begun, but not heard
    cough(0.7, "agent_starts"),
    speech("mm-hm", 0.9, "previous"),
    speech("wait three", 0.5, "previous"),
    HangUp(Moment(7.2, "previous")),
]


@dataclass(frozen=True)
class Way:
    """One way to cut a conversation off, and how one sees, right afterwards, that it was."""

    act: Callable[[Session], None]
    landed: Callable[[Session, int | None], bool]


def _holder(session: Session) -> int | None:
    holder = session._floor._holder
    return None if holder is None else holder.turn_id


def _holder_was_cut(session: Session, holder: int | None) -> bool:
    """Whoever held the floor has its outcome already. Where nobody did, there was nothing to interrupt."""
    turn = session._turns.known.get(holder or 0)
    return turn is None or turn.ending.outcome is not None


def _left(session: Session) -> int:
    """How many turns go on. One that has its outcome and is about to be gone does not."""
    return sum(not turn.scope.cancel_called and turn.ending.outcome is None for turn in session._turns.known.values())


WAYS = {
    "interrupt": Way(lambda session: session.interrupt("sweep"), _holder_was_cut),
    "interrupt_speech": Way(lambda session: session.interrupt_speech("sweep"), _holder_was_cut),
    "typed_words": Way(
        lambda session: session._watcher.feed(
            TextReceived(session.now(), session._floor.next_turn_id, "wait, something else")
        ),
        lambda session, holder: _left(session) == 1 or session._floor.typed_input_waits,
    ),
    "hang_up": Way(
        lambda session: session._watcher.feed(CallerHungUp(session.now())), lambda session, holder: _left(session) == 0
    ),
    "cancel_the_session": Way(
        lambda session: session._life._nursery.cancel_scope.cancel(),
        lambda session, holder: session._life._nursery.cancel_scope.cancel_called,
    ),
}


class Cut:
    """Cuts a session off, and remembers when that had no effect."""

    def __init__(self, way: Way) -> None:
        self.missed: list[int] = []
        self._way = way

    def __call__(self, session: Session) -> None:
        holder = _holder(session)
        self._way.act(session)
        if not self._way.landed(session, holder):
            self.missed.append(session.now())


def hold(who: Agent, simulate: LikeSimulate = simulate) -> Call:
    """Hold the conversation. Up to the cut it is the same each time, as the seed is."""

    async def drive(session: Session) -> None:
        await session.say(GREETING, allow_interruptions=False)
        await trio.sleep_forever()

    return simulate(who, SCRIPT, seed=1, frame_s=0.04, max_s=18, drive=drive)


def sweep(way: str, stride: int, who: Agent = CHATTY) -> tuple[list[str], list[int]]:
    """What went wrong in which of the conversations, and when cutting them off had no effect."""
    cut = Cut(WAYS[way])
    found = explore(partial(hold, who), every_s=None, ways=[cut], stride=stride, schedules=1)
    assert found.cases > found.awaits[1] // stride
    return [f"{breach.case}: {breach.what}" for breach in found.breaches], cut.missed


def test_the_conversation_that_is_cut_off_has_a_bit_of_everything(
    record_testsuite_property: Callable[[str, object], None],
) -> None:
    rehearsal = Rehearsal(partial(hold, CHATTY))
    call = hold(CHATTY)
    record_testsuite_property("steps", rehearsal.plain.awaits)

    assert broken_promises(call) == []
    assert [(turn.origin, turn.text, turn.outcome.kind) for turn in call.turns if turn.outcome] == [
        ("say", GREETING, "completed"),
        ("speech", "hello there two lattes please", "interrupted"),
        ("speech", "wait three", "completed"),
    ]
    assert isinstance(call.turns[1].outcome, Interrupted)
    assert [overlap.evidence for overlap in call.overlaps] == ["no words", "backchannel"]
    assert [event.verdict for event in call.events if isinstance(event, Decided)] == [
        "hold",
        "confirm",  # they go on
        "dismiss",
        "dismiss",
        "confirm",
    ]
    assert [event.turn_id for event in call.events if isinstance(event, AttemptCancelled)] == [2]
    assert rehearsal.plain.awaits >= 300


def test_a_conversation_can_be_interrupted_at_every_other_step_of_a_turn() -> None:
    assert sweep("interrupt", stride=2) == NOTHING


@pytest.mark.parametrize("way", [way for way in WAYS if way != "interrupt"])
def test_a_conversation_can_be_cut_off_at_many_steps_of_a_turn(way: str) -> None:
    assert sweep(way, stride=8) == NOTHING


@pytest.mark.feature(46)
def test_the_conversation_with_guesses_has_right_and_wrong_ones() -> None:
    call = hold(GUESSING)
    assert broken_promises(call) == []
    assert len([event for event in call.events if isinstance(event, SpeculationAdmitted)]) == 3
    assert len([event for event in call.events if isinstance(event, SpeculationDropped)]) == 1
    assert [event.turn_id for event in call.events if isinstance(event, AttemptCancelled)] == [2]


@pytest.mark.feature(46)
@pytest.mark.parametrize("way", WAYS)
def test_a_conversation_with_guesses_can_be_cut_off_at_many_steps_of_a_turn(way: str) -> None:
    assert sweep(way, stride=16, who=GUESSING) == NOTHING


@pytest.mark.slow
@pytest.mark.parametrize("who", [CHATTY, GUESSING], ids=["plain", "guessing"])
@pytest.mark.parametrize("way", WAYS)
def test_a_conversation_can_be_cut_off_at_any_step_of_a_turn(way: str, who: Agent) -> None:
    assert sweep(way, stride=1, who=who) == NOTHING
