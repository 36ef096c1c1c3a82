"""Makes the caller's recordings of `examples/barge_in`, so that nobody's voice has to be licensed.

The words are spoken by the Piper voice of the extra `local` (its card says: CC0), slowly, and then played faster and
higher, so that the caller does not sound like the agent. The same versions give the same files::

    pip install "turnscope[local]"
    python tools/make_demo_audio.py

What it cannot make are the labels `speech_starts_s` in the scenario: they are set by a person who looks at the
waveform, for which ``--levels`` prints the first sounding milliseconds of each file.
"""

import argparse
from pathlib import Path

import numpy as np
import trio

from turnscope.core import CLOCK_HZ, Samples, resample
from turnscope.providers import PiperTTS, VoiceOptions
from turnscope.session import open_runtime
from turnscope.transports import read_audio, write_wav

FOLDER = Path(__file__).resolve().parent.parent / "examples/barge_in"

LINES = {
    "order.wav": "Can I have a large coffee and a muffin, please?",
    "change.wav": "Actually, make that a small coffee.",
}

HIGHER = 1.2
"""How much higher than the voice the caller speaks: a lighter voice, and no cartoon."""

PACE = 1.05
"""How fast the caller speaks, compared with the voice."""

PEAK = 0.5
LEAD_S = 0.1
"""Silence before the voice, as a recording has it: a label is needed to know where the speech begins."""


async def spoken(text: str) -> Samples:
    """`text` in the caller's voice, at 16 kHz, without silence around it."""
    async with open_runtime() as runtime, PiperTTS().connect(runtime.resources) as voice:
        pieces: list[Samples] = []
        async with voice.open_stream(text, VoiceOptions(speed=PACE / HIGHER)) as chunks:
            async for chunk in chunks:
                pieces.append(chunk.samples)
        played_faster = resample(np.concatenate(pieces), round(voice.output_hz * HIGHER / 50) * 50, CLOCK_HZ)
    loud = np.flatnonzero(np.abs(played_faster) > 1e-3 * np.abs(played_faster).max())
    trimmed = played_faster[loud[0] : loud[-1] + 1]
    scaled: Samples = trimmed * np.float32(PEAK / np.abs(trimmed).max())
    return scaled


async def make() -> None:
    """Write all files."""
    lead = np.zeros(round(LEAD_S * CLOCK_HZ), np.float32)
    for name, text in LINES.items():
        samples = np.concatenate([lead, await spoken(text), lead])
        write_wav(FOLDER / name, samples, CLOCK_HZ)
        print(f"{name}: {len(samples) / CLOCK_HZ:.2f} s")


def show_levels(name: str, count: int = 60) -> None:
    """Print the level of each of the first `count` milliseconds in which the file is not silent."""
    samples = read_audio(FOLDER / name, CLOCK_HZ)
    step = CLOCK_HZ // 1000
    first = int(np.flatnonzero(samples)[0]) // step
    for at in range(first - 2, first + count):
        block = samples[at * step : (at + 1) * step]
        level = 20 * np.log10(max(float(np.sqrt(np.mean(block**2))), 1e-5))
        print(f"{at:5d} ms {level:7.1f} dBFS  {'#' * round(max(level + 80, 0) / 2)}")


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--levels", metavar="FILE", choices=LINES, help="print the beginning of a file, for labelling")
    arguments = parser.parse_args()
    if arguments.levels:
        show_levels(arguments.levels)
    else:
        trio.run(make)


if __name__ == "__main__":
    main()
