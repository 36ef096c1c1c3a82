"""An announcement that finishes: what the caller says over it is held, and answered afterwards."""

import trio

from turnscope import Agent, ScriptedLLM, simulate
from turnscope.core import Decided, TurnStarted
from turnscope.session import Session
from turnscope.sim import FakeSTT, FakeTTS, FakeVAD, HangUp, Moment, Play, Step, encode_words


def says(words: str, moment: Moment) -> Step:
    return Play(encode_words(words)[0], moment)


async def drive(session: Session) -> None:
    """Say what must be heard, and later something that cannot wait."""
    await session.say("This call is recorded for quality and training purposes.", allow_interruptions=False)
    await trio.sleep(9)
    await session.say("The office is closing now.", allow_interruptions=False, priority=1)


agent = Agent(
    vad=FakeVAD(),
    stt=FakeSTT(),
    llm=ScriptedLLM([], fallback="Your parcel is on its way, and it will be with you tomorrow between ten and twelve."),
    tts=FakeTTS(),
)
call = simulate(
    agent,
    [says("where is my parcel", Moment(1.0, "agent_starts")), HangUp(Moment(1.5, "quiet"))],
    drive=drive,
)
for event in call.events:
    match event:
        case Decided():
            print(f"{event.at:.2f} s: {event.verdict}, because: {event.evidence}")
        case TurnStarted():
            print(f"{event.at:.2f} s: turn {event.turn_id} ({event.origin})")
for turn in call.turns:
    print(turn.turn_id, turn.text, "->", turn.outcome)
