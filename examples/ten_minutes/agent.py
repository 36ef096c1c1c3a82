"""The agent of a coffee shop."""

from turnscope import Agent, PiperTTS, Rule, ScriptedLLM, SileroVAD, WhisperSTT


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
    )
