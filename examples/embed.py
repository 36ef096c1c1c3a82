"""Embed an agent in a Trio program: greet a caller, who cuts in, and show what happens until they hang up."""

import numpy as np
import trio

from turnscope import Agent, PiperTTS, Rule, ScriptedLLM, SileroVAD, WavTransport, WhisperSTT, open_session
from turnscope.transports import read_audio

agent = Agent(
    vad=SileroVAD(),
    stt=WhisperSTT(),
    llm=ScriptedLLM([Rule("coffee", "A large coffee and a muffin, coming up.")], fallback="Pardon?"),
    tts=PiperTTS(),
)


async def main() -> None:
    order = read_audio("examples/barge_in/order.wav", 16_000)
    caller = WavTransport(np.concatenate([np.zeros(32_000, np.float32), order]), tail_s=6)
    async with open_session(agent, caller) as session, session.events() as events:
        greeting = await session.say("Hello, and welcome to our little coffee shop. What can I do for you?")
        async for event in events:
            print(f"{event.at:7.3f} s  {event}")
    print("The greeting:", greeting.outcome)


trio.run(main)
