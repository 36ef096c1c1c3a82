"""Tasks that shield themselves for ever: what is promised about them, and the private names of Trio that it takes."""

import threading

import pytest
import trio
import trio.testing

from tests.session.calls import AGENT, agent, child_tasks, of_kind, wait_for_event
from tests.session.hostile import Hostile
from turnscope import ProviderError
from turnscope.core import Interrupted, ProviderQuarantined, SpeechStartsPlaying, TurnEnded
from turnscope.session import Record, Session, open_session, unblock
from turnscope.sim import CallerTransport, Fault, Faulty, HangUp, Moment, broken_promises, simulate

# The private names


async def test_a_task_that_shields_itself_can_be_unblocked_from_outside() -> None:
    endings: list[str] = []

    async def shielded(name: str) -> None:
        with trio.CancelScope(shield=True):
            try:
                await trio.sleep_forever()
            except trio.Cancelled:
                endings.append(name)
                raise

    async def parent() -> None:
        with trio.CancelScope(shield=True):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(shielded, "first")
                nursery.start_soon(shielded, "second")

    with trio.move_on_after(10) as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(parent)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
            await trio.lowlevel.cancel_shielded_checkpoint()
            [task] = nursery.child_tasks
            unblock(task)
    assert sorted(endings) == ["first", "second"]
    assert not scope.cancelled_caught


async def test_a_task_that_cannot_be_unblocked_now_is_left_alone() -> None:
    """A task in a worker thread that may not be abandoned: unblocking it must not break Trio."""
    release = threading.Event()

    def wait_for_release() -> None:
        release.wait()

    with trio.move_on_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, wait_for_release)
            await trio.testing.wait_all_tasks_blocked()
            [task] = nursery.child_tasks
            unblock(task)
            release.set()


# The promises


SILENT = [HangUp(Moment(60))]


async def leave_with_zombie(where: str, join_deadline_s: float) -> tuple[float, list[Record]]:
    """Leave a session whose synthesizer has shielded itself for ever. Returns how long that took."""
    records: list[Record] = []
    stuck = agent(tts=Hostile(AGENT.tts, "shields_for_ever", where), join_deadline_s=join_deadline_s)
    before = sum(1 for _ in child_tasks(trio.lowlevel.current_task()))
    async with open_session(stuck, CallerTransport(SILENT), sinks=(records.append,)) as session:
        await session.say("Hello there.")
        await trio.sleep(2)
        left_at = trio.current_time()
    took_s = trio.current_time() - left_at
    assert sum(1 for _ in child_tasks(trio.lowlevel.current_task())) == before
    return took_s, records


@pytest.mark.parametrize("where", ["open", "item", "close"])
@pytest.mark.parametrize("join_deadline_s", [0.25, 1.0])
async def test_a_provider_that_shields_for_ever_cannot_keep_the_block_from_being_left(
    where: str, join_deadline_s: float
) -> None:
    took_s, records = await leave_with_zombie(where, join_deadline_s)
    assert join_deadline_s <= took_s <= 2 * join_deadline_s
    [ended] = [record for record in records if isinstance(record, TurnEnded)]
    assert ended.outcome.kind == "hung_up"


async def test_a_task_that_shields_itself_again_and_again_is_unblocked_again_and_again() -> None:
    tries: list[float] = []

    async def shields_five_times(inner: object) -> None:
        for _ in range(5):
            with trio.CancelScope(shield=True):
                try:
                    await trio.sleep_forever()
                except trio.Cancelled:
                    tries.append(trio.current_time())
        raise RuntimeError("enough")

    hostile = Faulty(AGENT.tts, [Fault(kind=shields_five_times)])
    async with open_session(agent(tts=hostile), CallerTransport(SILENT)) as session:
        await session.say("Hello there.")
        await trio.sleep(2)
        left_at = trio.current_time()
    assert len(tries) == 5
    assert 5.0 <= trio.current_time() - left_at <= 8.0  # a join deadline for each try


def test_one_zombie_is_named_and_cannot_be_heard_and_the_session_goes_on() -> None:
    async def drive(session: Session) -> None:
        await session.send_text("two lattes")
        await trio.sleep(2)
        session.interrupt()
        await trio.sleep(3)
        await session.send_text("wait")

    hostile = Hostile(AGENT.tts, "shields_for_ever")
    call = simulate(agent(tts=hostile), [HangUp(Moment(10))], seed=1, drive=drive)
    assert broken_promises(call) == []
    first, second = of_kind(call, TurnEnded)
    assert isinstance(first.outcome, Interrupted)
    assert (first.joined, first.blamed) == (False, hostile.name)
    assert first.sample == first.outcome.cause.decision + 16_000
    assert (second.outcome.kind, second.joined) == ("completed", True)
    assert [event.provider for event in of_kind(call, ProviderQuarantined)] == [hostile.name]


def test_the_answer_after_a_zombie_waits_for_it_no_longer_than_the_join_deadline() -> None:
    async def drive(session: Session) -> None:
        await session.send_text("two lattes")
        await trio.sleep(2)
        await session.send_text("wait")
        started = await wait_for_event(session, lambda event: isinstance(event, SpeechStartsPlaying))
        assert started.at == pytest.approx(3 + 0.2 + 0.1, abs=0.2)

    call = simulate(agent(tts=Hostile(AGENT.tts, "shields_for_ever")), [HangUp(Moment(10))], seed=1, drive=drive)
    second = call.turns[1]
    assert second.attempt_started == 3 * 16_000


def test_a_second_zombie_ends_the_session_with_an_error() -> None:
    ended: list[TurnEnded] = []

    def keep(record: Record) -> None:
        if isinstance(record, TurnEnded):
            ended.append(record)

    async def drive(session: Session) -> None:
        for text in ("two lattes", "wait", "and another one"):
            await session.send_text(text)
            await trio.sleep(4)
        await session.send_text("this is never answered")

    stuck = agent(tts=Hostile(AGENT.tts, "shields_for_ever", times=10))
    with pytest.raises(ProviderError, match="did not stop"):
        simulate(stuck, [HangUp(Moment(30))], seed=1, drive=drive, sinks=(keep,))
    assert [(event.turn_id, event.joined) for event in ended] == [(1, False), (2, False), (3, True)]
