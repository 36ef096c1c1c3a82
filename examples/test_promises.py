"""How to test what the application does, over many seeds: ``pytest examples/test_promises.py``."""

import pytest
import trio

from turnscope import Agent, Completed, Interrupted, ScriptedLLM, Session, simulate
from turnscope.core import TurnStarted
from turnscope.sim import Call, FakeSTT, FakeTTS, FakeVAD, HangUp, Moment, Play, Step, broken_promises, encode_words

agent = Agent(
    vad=FakeVAD(),
    stt=FakeSTT(),
    llm=ScriptedLLM([], fallback="Our opening hours are from nine to five on every day of the week."),
    tts=FakeTTS(first_audio_s=0.2),
)
SCRIPT: list[Step] = [Play(encode_words("when do you open")[0], Moment(2.0)), HangUp(Moment(2.0, "quiet"))]


async def application(session: Session) -> None:
    """Greet the caller, and stop the answer to their question after 1.5 s, as if they had clicked on a button."""
    greeting = await session.say("Hello.")
    assert isinstance(await greeting.wait_for_playout(), Completed)
    async with session.events() as events:
        async for event in events:
            if isinstance(event, TurnStarted) and event.origin == "speech":
                break
    await trio.sleep(1.5)
    session.interrupt("user_clicked_stop")


def hold_call(seed: int) -> Call:
    return simulate(agent, SCRIPT, seed=seed, drive=application)


@pytest.mark.parametrize("seed", range(10))
def test_every_promise_is_kept_whatever_the_order_of_tasks(seed: int) -> None:
    assert broken_promises(hold_call(seed)) == []


def test_the_same_seed_gives_the_same_call() -> None:
    first, second = hold_call(3), hold_call(3)
    assert first.jsonl() == second.jsonl()
    assert first.agent.tobytes() == second.agent.tobytes()


def test_a_click_stops_the_answer() -> None:
    greeting, answer = hold_call(1).turns
    assert greeting.origin == "say"
    assert isinstance(answer.outcome, Interrupted)
    assert answer.outcome.cause.reason == "user_clicked_stop"
    assert answer.outcome.heard == "Our opening"
