"""TALKS TO MODELS: protocols, one file per vendor, and the local defaults."""

from turnscope.providers._detector_protocol import DetectorConnection, DetectorStream, InterruptionDetector, Score
from turnscope.providers._energy import EnergyVAD
from turnscope.providers._openai_chat import OpenAIChatLLM
from turnscope.providers._piper import PiperTTS
from turnscope.providers._protocols import (
    LLM,
    STT,
    TTS,
    VAD,
    AudioStage,
    AudioStageStream,
    CalmSTTStream,
    Compute,
    LLMConnection,
    LLMItem,
    Resources,
    SpeechChunk,
    STTConnection,
    STTStream,
    TextDelta,
    ToolSpec,
    Transcript,
    TTSConnection,
    Usage,
    VADStream,
    VoiceOptions,
    applies_volume,
)
from turnscope.providers._pure import Pure
from turnscope.providers._scripted_llm import Rule, ScriptedCall, ScriptedLLM
from turnscope.providers._silero import SileroVAD
from turnscope.providers._webrtc import WebRTCAudio
from turnscope.providers._whisper import WhisperSTT
from turnscope.providers._whisper_detector import WhisperDetector

__all__ = [
    "LLM",
    "STT",
    "TTS",
    "VAD",
    "AudioStage",
    "AudioStageStream",
    "CalmSTTStream",
    "Compute",
    "DetectorConnection",
    "DetectorStream",
    "EnergyVAD",
    "InterruptionDetector",
    "LLMConnection",
    "LLMItem",
    "OpenAIChatLLM",
    "PiperTTS",
    "Pure",
    "Resources",
    "Rule",
    "STTConnection",
    "STTStream",
    "Score",
    "ScriptedCall",
    "ScriptedLLM",
    "SileroVAD",
    "SpeechChunk",
    "TTSConnection",
    "TextDelta",
    "ToolSpec",
    "Transcript",
    "Usage",
    "VADStream",
    "VoiceOptions",
    "WebRTCAudio",
    "WhisperDetector",
    "WhisperSTT",
    "applies_volume",
]
