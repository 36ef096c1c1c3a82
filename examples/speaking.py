"""Have an agent speak of its own accord, and be told how that went."""

import trio

from turnscope import Agent, ScriptedLLM, simulate
from turnscope.session import Session
from turnscope.sim import FakeSTT, FakeTTS, FakeVAD, HangUp, Moment

llm = ScriptedLLM([], fallback="Is there anything else that I can do for you?")
agent = Agent(vad=FakeVAD(), stt=FakeSTT(), llm=llm, tts=FakeTTS())


async def application(session: Session) -> None:
    """Greet, ask, and say something that must not be cut off."""
    greeting = await session.say("Hello, and welcome.", speed=1.2)
    print("The greeting:", await greeting)

    question = await session.generate_reply(instructions="Ask whether there is anything else.")
    await trio.sleep(1.5)
    question.cancel("no_time")
    print("The question:", await question)

    notice = await session.say("We are closing now.", allow_interruptions=False, add_to_history=False)
    print("The notice:", await notice)


call = simulate(agent, [HangUp(Moment(10))], drive=application)
print("What the model knows of it:", [message.text for message in call.history])
