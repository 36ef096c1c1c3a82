"""TALKS TO MODELS: protocols, one file per vendor, and the local defaults."""

from turnscope.providers._openai_chat import OpenAIChatLLM
from turnscope.providers._protocols import (
    LLM,
    STT,
    TTS,
    VAD,
    Compute,
    LLMConnection,
    LLMItem,
    Resources,
    SpeechChunk,
    STTConnection,
    STTStream,
    TextDelta,
    Transcript,
    TTSConnection,
    Usage,
    VADStream,
    VoiceOptions,
)
from turnscope.providers._scripted_llm import Rule, ScriptedLLM
from turnscope.providers._silero import SileroVAD
from turnscope.providers._spoken_forms import Neighbours, say
from turnscope.providers._spoken_text import Mark, SpokenWord, read_aloud

__all__ = [
    "LLM",
    "STT",
    "TTS",
    "VAD",
    "Compute",
    "LLMConnection",
    "LLMItem",
    "Mark",
    "Neighbours",
    "OpenAIChatLLM",
    "Resources",
    "Rule",
    "STTConnection",
    "STTStream",
    "ScriptedLLM",
    "SileroVAD",
    "SpeechChunk",
    "SpokenWord",
    "TTSConnection",
    "TextDelta",
    "Transcript",
    "Usage",
    "VADStream",
    "VoiceOptions",
    "read_aloud",
    "say",
]
