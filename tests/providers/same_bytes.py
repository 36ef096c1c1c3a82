"""What the local models make of fixed texts, as hashes on standard output: one run of `test_same_bytes.py`.

Usage: python same_bytes.py SHUFFLE_SEED COUNT
"""

import hashlib
import json
import random
import sys

import numpy as np
import trio
import trio.testing

from turnscope.core import Samples, resample
from turnscope.providers import PiperTTS, Resources, SileroVAD, VoiceOptions, WhisperSTT
from turnscope.sim import VirtualCompute

NUMBERS = "one two three four five six seven eight nine ten".split()
DRINKS = "lattes mochas coffees teas espressos".split()
TEXTS = [f"I would like {number} {drink}, please." for number in NUMBERS for drink in DRINKS]


def digest(*parts: bytes) -> str:
    return hashlib.sha256(b"|".join(parts)).hexdigest()


async def speak(tts, text: str) -> tuple[Samples, list]:  # type: ignore[no-untyped-def, type-arg]
    chunks = []
    async with tts.open_stream(text, VoiceOptions()) as speech:
        async for chunk in speech:
            chunks.append(chunk)
    return np.concatenate([chunk.samples for chunk in chunks]), [word for chunk in chunks for word in chunk.words]


async def understand(stt, audio: Samples, stop_after: int | None = None) -> list[str]:  # type: ignore[no-untyped-def]
    heard: list[str] = []
    async with stt.open_stream() as stream:
        for start in range(0, len(audio), 1600):
            await stream.send_audio(audio[start : start + 1600])
            await trio.sleep(0.1)
            if stop_after is not None and start >= stop_after:
                return heard
        await stream.flush()
        async for transcript in stream:
            heard.append(repr(transcript))
            if transcript.is_final:
                break
    return heard


async def main(seed: int, count: int) -> dict[str, str]:
    order, chance = random.Random(seed), random.Random(seed + 1)
    texts = TEXTS[:: len(TEXTS) // count]
    order.shuffle(texts)
    resources = Resources(VirtualCompute())
    made: dict[str, str] = {}
    async with PiperTTS().connect(resources) as tts, WhisperSTT().connect(resources) as stt:
        for text in texts:
            if chance.random() < 0.3:  # somebody interrupts
                with trio.move_on_after(0.02):
                    await speak(tts, text)
            speech, words = await speak(tts, text)
            audio = resample(speech, tts.output_hz, 16_000)
            if chance.random() < 0.3:
                await understand(stt, audio, stop_after=chance.randrange(len(audio)))
            vad = SileroVAD().open_stream()
            windows = [audio[at : at + 512] for at in range(0, len(audio) - 511, 512)]
            probabilities = np.array([vad.process(window) for window in windows])
            transcripts = await understand(stt, audio)
            timings, heard = repr(words).encode(), repr(transcripts).encode()
            made[text] = digest(speech.tobytes(), timings, probabilities.tobytes(), heard)
    return made


if __name__ == "__main__":
    made = trio.run(main, int(sys.argv[1]), int(sys.argv[2]), clock=trio.testing.MockClock(autojump_threshold=0))
    print(json.dumps(dict(sorted(made.items()))))
