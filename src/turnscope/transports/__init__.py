"""MOVES AUDIO: between a caller and a session."""

from turnscope.transports._files import read_audio, write_wav
from turnscope.transports._protocols import InputFrame, Playhead, Provenance, Transport

__all__ = ["InputFrame", "Playhead", "Provenance", "Transport", "read_audio", "write_wav"]
