"""Voices for a corpus: the local synthesizer played faster and slower, and programs that speak, if there are any.

No voice is part of a corpus's code: who has more voices, or people, has a better corpus.
"""

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import trio

from turnscope._errors import AudioError, ConfigError
from turnscope.core import CLOCK_HZ, Samples, resample
from turnscope.providers import PiperTTS, VoiceOptions
from turnscope.session import open_runtime
from turnscope.sim._corpus import Split
from turnscope.transports import read_audio

__all__ = ["ENGINES", "Speaker", "find_speakers", "part", "trimmed"]

PIPER_SIZES = (0.82, 0.87, 0.92, 0.97, 1.02, 1.07, 1.12, 1.17, 1.22, 1.28, 1.34, 1.42)
"""How much higher the same recording of a voice is played: pitch and formants move together, as with a smaller body."""

FLITE_VOICES = ("awb", "kal16", "rms", "slt")
ESPEAK_VOICES = (
    "en-gb+m2",
    "en-gb+f2",
    "en-us+f1",
    "en-us+f4",
    "en-us+m1",
    "en-us+m3",
    "en-us+m7",
    "en-gb-scotland+f3",
)

SHARES: dict[Split, float] = {"train": 0.4, "dev": 0.2, "test": 0.4}


def part(names: Iterable[str]) -> dict[str, Split]:
    """Share names out among the splits by their hashes, two fifths for training and two for the test."""
    ranked = sorted(names, key=lambda name: hashlib.blake2b(name.encode(), digest_size=8).digest())
    shared: dict[str, Split] = {}
    for rank, name in enumerate(ranked):
        place = (rank + 0.5) / len(ranked)
        shared[name] = "train" if place < SHARES["train"] else "dev" if place < 1 - SHARES["test"] else "test"
    return shared


@dataclass(frozen=True, slots=True)
class Speaker:
    """Somebody who can say anything.

    Attributes:
        name: Who.
        pitch_hz: About how high they speak, for what a synthesizer cannot say.
        say: A text and a pace (1 is the voice's own) as audio at 16 kHz.
    """

    name: str
    pitch_hz: float
    say: Callable[[str, float], Samples]


def trimmed(samples: Samples, below_db: float = 32.0) -> Samples:
    """A voice without the silence around it: what is more than `below_db` under its peak, at both ends."""
    frames = len(samples) // 80
    if frames == 0:
        return samples
    level = np.abs(samples[: frames * 80]).reshape(frames, 80).max(axis=1)
    loud = np.flatnonzero(level > level.max() * 10 ** (-below_db / 20))
    return samples[loud[0] * 80 : (loud[-1] + 1) * 80]


def find_speakers(engines: Iterable[str]) -> list[Speaker]:
    """The speakers of some engines (`ENGINES`).

    Raises:
        ConfigError: An engine is unknown, or not installed; the message says what to install.
    """
    speakers: list[Speaker] = []
    for engine in engines:
        if engine not in ENGINES:
            raise ConfigError(f"voices: unknown engine {engine!r}; known are {', '.join(ENGINES)}")
        speakers += ENGINES[engine]()
    return speakers


def _piper() -> list[Speaker]:
    spoken: dict[tuple[str, float], Samples] = {}

    def say(text: str, speed: float) -> Samples:
        key = (text, round(speed, 3))
        if key not in spoken:
            spoken[key] = trio.run(_piper_says, text, key[1])
        return spoken[key]

    def as_size(size: float) -> Callable[[str, float], Samples]:
        return lambda text, pace: trimmed(resample(say(text, pace / size), round(PIPER_HZ * size / 50) * 50, CLOCK_HZ))

    say("Hello.", 1.0)  # that a model is missing is said at once
    return [Speaker(f"piper-joe-{round(100 * size)}", 110 * size, as_size(size)) for size in PIPER_SIZES]


PIPER_HZ = 22_050
_PIPER_CACHE: dict[str, object] = {}


async def _piper_says(text: str, speed: float) -> Samples:
    async with open_runtime(cache=_PIPER_CACHE) as runtime, PiperTTS().connect(runtime.resources) as voice:
        if voice.output_hz != PIPER_HZ:
            raise ConfigError(f"voices: piper: the default voice speaks at {voice.output_hz} Hz, not {PIPER_HZ}")
        pieces: list[Samples] = []
        async with voice.open_stream(text, VoiceOptions(speed=speed)) as chunks:
            async for chunk in chunks:
                pieces.append(chunk.samples)
    return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)


def _flite() -> list[Speaker]:
    program = _program("flite")

    def by(voice: str) -> Callable[[str, float], Samples]:
        return lambda text, pace: _told(
            lambda path: [
                program,
                "-voice",
                voice,
                "--setf",
                f"duration_stretch={1 / pace:.3f}",
                "-t",
                text,
                "-o",
                path,
            ]
        )

    return [Speaker(f"flite-{voice}", 170 if voice == "slt" else 110, by(voice)) for voice in FLITE_VOICES]


def _espeak() -> list[Speaker]:
    program = _program("espeak-ng")

    def by(voice: str) -> Callable[[str, float], Samples]:
        return lambda text, pace: _told(
            lambda path: [program, "-v", voice, "-s", f"{165 * pace:.0f}", "-w", path, text]
        )

    return [Speaker(f"espeak-{voice}", 180 if "+f" in voice else 105, by(voice)) for voice in ESPEAK_VOICES]


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise ConfigError(f"voices: the program {name} is not installed, or not on the PATH")
    return found


def _told(command: Callable[[str], list[str]]) -> Samples:
    """What a program writes that speaks into a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        try:
            subprocess.run(command(str(path)), check=True, capture_output=True, timeout=30)
            return trimmed(read_audio(path, CLOCK_HZ))
        except (OSError, subprocess.SubprocessError, AudioError) as error:
            raise ConfigError(f"voices: {command('')[0]} does not speak: {error}") from error


ENGINES: dict[str, Callable[[], list[Speaker]]] = {"espeak-ng": _espeak, "flite": _flite, "piper": _piper}
"""Who can speak: ``piper`` is the local synthesizer, the others are programs."""
