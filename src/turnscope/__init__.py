"""A Trio-native framework for voice agents that can be interrupted.

Each turn of a conversation runs in a nursery and a cancel scope that own its listening, thinking and speaking: an
interruption cancels the scope, and everything of that turn is gone.

PYTEST_DONT_REWRITE: it has a plugin of pytest, which would warn whoever imports it before pytest begins.
"""

from turnscope._errors import (
    AudioError,
    ConfigError,
    ProtocolError,
    ProviderError,
    QueueFull,
    SessionClosed,
    ToolWithdrawn,
    TooManySessions,
    TransportError,
    TurnscopeError,
)
from turnscope._version import __version__
from turnscope.core import (
    Completed,
    Endpointing,
    Failed,
    HungUp,
    Interrupted,
    InterruptionSettings,
    Message,
    SilenceSettings,
    State,
    WordsPolicy,
)
from turnscope.providers import (
    EnergyVAD,
    OpenAIChatLLM,
    PiperTTS,
    Rule,
    ScriptedLLM,
    SileroVAD,
    VoiceOptions,
    WhisperSTT,
)
from turnscope.session import Agent, Session, Tool, ToolContext, load_lexicon, open_runtime, open_session, tool
from turnscope.sim import simulate
from turnscope.transports import WavTransport, memory_pair

__all__ = [
    "Agent",
    "AudioError",
    "Completed",
    "ConfigError",
    "Endpointing",
    "EnergyVAD",
    "Failed",
    "HungUp",
    "Interrupted",
    "InterruptionSettings",
    "Message",
    "OpenAIChatLLM",
    "PiperTTS",
    "ProtocolError",
    "ProviderError",
    "QueueFull",
    "Rule",
    "ScriptedLLM",
    "Session",
    "SessionClosed",
    "SilenceSettings",
    "SileroVAD",
    "State",
    "TooManySessions",
    "Tool",
    "ToolContext",
    "ToolWithdrawn",
    "TransportError",
    "TurnscopeError",
    "VoiceOptions",
    "WavTransport",
    "WhisperSTT",
    "WordsPolicy",
    "__version__",
    "load_lexicon",
    "memory_pair",
    "open_runtime",
    "open_session",
    "simulate",
    "tool",
]
