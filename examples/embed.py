"""Embed an agent in a Trio program: greet the caller, then show everything that happens until they hang up."""

import trio

import turnscope
from turnscope.providers import PiperTTS, Rule, ScriptedLLM, SileroVAD, WhisperSTT
from turnscope.transports import WavTransport

agent = turnscope.Agent(
    vad=SileroVAD(),
    stt=WhisperSTT(),
    llm=ScriptedLLM([Rule("two", "Two coffees, and a tea."), Rule("", "Your order is one coffee and one tea.")]),
    tts=PiperTTS(),
)


async def main() -> None:
    transport = WavTransport("examples/barge_in/caller.wav", out="out/embed.wav")
    async with turnscope.open_session(agent, transport) as session:
        handle = await session.say("Hello, how can I help?", allow_interruptions=True)
        print(await handle.wait_for_playout())  # Completed(...) or Interrupted(heard=..., cause=...)
        async with session.events() as events:
            async for event in events:
                print(f"{event.at:7.3f} s  {event}")


trio.run(main)
