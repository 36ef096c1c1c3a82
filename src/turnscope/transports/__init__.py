"""MOVES AUDIO: between a caller and a session."""

from turnscope.transports._files import read_audio, read_channels, write_wav
from turnscope.transports._memory import MemoryCaller, MemoryTransport, OutputCleared, OutputFrame, memory_pair
from turnscope.transports._packets import PacketCaller, PacketInput, PacketTransport, packet_pair
from turnscope.transports._protocols import ForeseenTransport, InputFrame, Playhead, Provenance, Transport
from turnscope.transports._wav import WavTransport

__all__ = [
    "ForeseenTransport",
    "InputFrame",
    "MemoryCaller",
    "MemoryTransport",
    "OutputCleared",
    "OutputFrame",
    "PacketCaller",
    "PacketInput",
    "PacketTransport",
    "Playhead",
    "Provenance",
    "Transport",
    "WavTransport",
    "memory_pair",
    "packet_pair",
    "read_audio",
    "read_channels",
    "write_wav",
]
