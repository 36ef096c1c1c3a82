"""A program that speaks as espeak-ng does, for `test_corpus`: half a second of a tone between silences."""

import sys

import numpy as np

from turnscope.transports import write_wav

path = sys.argv[sys.argv.index("-w") + 1]
tone = np.sin(2 * np.pi * 220 * np.arange(8000) / 16_000).astype(np.float32) * np.float32(0.5)
silence = np.zeros(4000, np.float32)
write_wav(path, np.concatenate([silence, tone, silence]), 16_000)
