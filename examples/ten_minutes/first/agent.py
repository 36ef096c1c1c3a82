"""The agent of a coffee shop."""

from turnscope import Agent, InterruptionSettings, PiperTTS, Rule, ScriptedLLM, SileroVAD, WhisperSTT
from turnscope.core import MinWords


def make_agent() -> Agent:
    return Agent(
        vad=SileroVAD(),
        stt=WhisperSTT(),
        llm=ScriptedLLM(
            [
                Rule("stop|wait", "Sorry, go on."),
                Rule("lattes", "Two lattes and a large mocha with oat milk. They will be ready in ten minutes."),
            ]
        ),
        tts=PiperTTS(),
        interruption=InterruptionSettings(policy=MinWords(3)),  # so that no "mm-hm" and no "yes" interrupts it
    )
