"""A call in which nobody speaks for a while, another agent takes over, and the session is ended."""

from dataclasses import replace

import trio

from turnscope import Agent, Rule, ScriptedLLM, Session, SilenceSettings, simulate
from turnscope.core import AgentChanged, Event, StateChanged, TurnEnded
from turnscope.sim import FakeSTT, FakeTTS, FakeVAD, HangUp, Moment, Play, Step, encode_words

BARISTA = Agent(
    name="barista",
    vad=FakeVAD(),
    stt=FakeSTT(),
    llm=ScriptedLLM([Rule(when="latte", reply="Two lattes, coming up.")], fallback="Pardon?"),
    tts=FakeTTS(),
    silence=SilenceSettings(after_s=4, say="Are you still there?", times=2),
    session_timeout_s=600,
)
MANAGER = replace(BARISTA, name="manager", llm=ScriptedLLM([], fallback="How can I help?"), silence=None)
SCRIPT: list[Step] = [Play(encode_words("two lattes please")[0], Moment(0.2)), HangUp(Moment(60))]


async def run_call(session: Session) -> None:
    """The application."""
    await trio.sleep(18)
    await session.hand_over(MANAGER)
    await session.say("I am sorry. Goodbye, and come again. We are open until six.")
    await trio.sleep(2)
    session.end("closing time", finish="sentence")
    await session.wait_ended()


def tell(event: Event) -> str:
    """An event in a few words."""
    match event:
        case StateChanged(new=new, trigger=trigger):
            return f"{new} ({trigger})"
        case AgentChanged(old=old, new=new):
            return f"{new} instead of {old}"
        case TurnEnded(outcome=outcome):
            return f"{outcome.kind}: {outcome.heard}"
    return ""


def main() -> None:
    """Hold the call, and print what happened."""
    for event in simulate(BARISTA, SCRIPT, drive=run_call).events:
        if text := tell(event):
            print(f"{event.at:7.3f} s  {text}")


if __name__ == "__main__":
    main()
