"""Let a language model answer: name any server that speaks OpenAI's chat protocol, such as Ollama's.

``LLM_URL=http://localhost:11434/v1 LLM_MODEL=llama3.2 python examples/own_server.py``
"""

import os

from turnscope import Agent, OpenAIChatLLM, PiperTTS, ScriptedLLM, SileroVAD, WhisperSTT, simulate
from turnscope.providers import LLM
from turnscope.sim import HangUp, Moment, Play, Step
from turnscope.transports import read_audio

url = os.environ.get("LLM_URL")


def language_model() -> LLM:
    if url is None:
        print("LLM_URL is not set, so a script answers.")
        return ScriptedLLM([], fallback="A large coffee and a muffin, coming up.")
    return OpenAIChatLLM(os.environ.get("LLM_MODEL", "llama3.2"), base_url=url, api_key=os.environ.get("LLM_KEY"))


agent = Agent(
    vad=SileroVAD(),
    stt=WhisperSTT(),
    llm=language_model(),
    tts=PiperTTS(),
    instructions="You take orders in a coffee shop. Answer in one short sentence, without any formatting.",
    provider_timeout_s=20,  # a local server may have to load the model first
)

order = read_audio("examples/barge_in/order.wav", 16_000)
script: list[Step] = [Play(order, Moment(0.5)), HangUp(Moment(3.0, "agent_stops"))]
call = simulate(agent, script, realtime=url is not None)  # a server knows nothing of virtual time

for message in call.history:
    print(f"{message.role}: {message.text}")
for turn in call.turns:
    print(f"first text after {turn.latency.first_token_s} s, first audio after {turn.latency.first_audio_s} s")
