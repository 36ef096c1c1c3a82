"""Whisper as a detector of interruptions: it is asked again and again what the first second of speech sounds like.

Decides which window is looked at when, and delivers scores. What a window looks like is in `_whisper_glance`; nothing
here leaves the event loop except through `Compute`.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import numpy as np
import trio

from turnscope._errors import ConfigError, ProviderError
from turnscope.core import CLOCK_HZ, Samples, as_samples
from turnscope.providers._detector_protocol import Score
from turnscope.providers._protocols import Compute, Resources
from turnscope.providers._pure import Pure
from turnscope.providers._whisper import WhisperSTT
from turnscope.providers._whisper_glance import Glance, Glancer, glance_cost_s, together
from turnscope.providers._worked_stream import WorkedStream

__all__ = ["WhisperDetector"]

NAME = "whisper-detector"

FIRST_S = 0.19
"""So much speech is looked at first; before that, it could still be anything."""

STEP_S = 0.064
"""So much new speech asks for another look."""

LAST_S = 1.6
"""After so much speech there are words, and they say more."""

LOOKS = 3
"""So many looks in a row speak together. One alone is often mistaken."""

LEAD_S = 0.2
"""How much of what precedes the speech is looked at, too: detectors of speech are late at soft consonants."""


class WhisperDetector:
    """An `InterruptionDetector` by Whisper tiny.en and a small network over what its encoder hears.

    From 0.19 s of speech on, the beginning of it is looked at every 64 ms: one pass of the encoder over a window of a
    few seconds, and one step of the decoder. A network of one hidden layer, trained on recordings and on a made corpus
    (`tools/train_detector.py`), then gives three shares that add up to 1: ``interruption``, ``backchannel`` and
    ``noise``. Each is the mean of the last three looks. A look that would come too late is left out.

    It shares its weights with `WhisperSTT` and needs the same packages. English only.
    """

    @property
    def name(self) -> str:
        """``"whisper-detector"``."""
        return NAME

    @property
    def input_hz(self) -> int:
        """16,000."""
        return CLOCK_HZ

    @asynccontextmanager
    async def connect(self, resources: Resources) -> AsyncIterator["WhisperDetectorConnection"]:
        """Load the model, or find it in `resources`.

        Raises:
            ConfigError: A package, the weights or a file of them is missing; the message names the command to install.
            ProviderError: The model is there and cannot be loaded.
        """
        glancer = resources.cache.get(NAME)
        if not isinstance(glancer, Glancer):
            decoder = await WhisperSTT().load(resources)
            glancer = resources.cache.setdefault(NAME, Glancer(decoder))
            assert isinstance(glancer, Glancer)
        yield WhisperDetectorConnection(glancer.look, resources.compute)


class WhisperDetectorConnection:
    """The loaded model, for the streams of one session."""

    def __init__(self, look: Callable[[Samples, float], Glance], compute: Compute) -> None:
        self._look = look
        self._compute = compute

    @asynccontextmanager
    async def open_stream(self, onset: int) -> AsyncIterator["WhisperDetectorStream"]:
        """A stream for one stretch of speech."""
        stream = WhisperDetectorStream(self._look, self._compute, onset)
        try:
            yield stream
        finally:
            stream.close()


class WhisperDetectorStream(WorkedStream[Score]):
    """One stretch of speech, looked at again and again while it is young.

    It has no task of its own: whoever iterates runs the model, always on all that has come by *now*.
    """

    def __init__(self, look: Callable[[Samples, float], Glance], compute: Compute, onset: int) -> None:
        if onset < 0:
            raise ConfigError(f"onset: must not be negative, got {onset}")
        super().__init__(compute, NAME, "this detector's stream")
        self._look = look
        self._onset = onset
        self._start = max(0, onset - round(LEAD_S * CLOCK_HZ))
        self._received = 0
        self._chunks: list[Samples] = []
        self._looked_until = onset + round((FIRST_S - STEP_S) * CLOCK_HZ)
        self._looks: list[Glance] = []
        self._given: list[Score] = []

    async def send_audio(self, samples: Samples) -> None:
        """Give the next samples, any number of them. Never waits for the model or for a reader.

        Raises:
            AudioError: `samples` is not mono floating point.
            ProviderError: The stream is closed.
        """
        await trio.lowlevel.checkpoint()
        if self._closed:
            raise ProviderError(NAME, "the stream is closed")
        samples = as_samples(samples)
        begin = max(0, self._start - self._received)
        room = max(0, self._onset + round(LAST_S * CLOCK_HZ) - self._received)
        self._chunks.append(samples[begin:room].copy())
        self._received += len(samples)
        self._wake.set()

    def _forget(self) -> None:
        self._chunks.clear()
        self._given.clear()

    async def _step(self) -> Score | None:
        if self._given:
            return self._given.pop(0)
        until = min(self._received, self._onset + round(LAST_S * CLOCK_HZ))
        if until - self._looked_until < round(STEP_S * CLOCK_HZ):
            await self._wait_for_work()
        else:
            self._looked_until = until
            await self._look_at(until)
        return None

    async def _look_at(self, until: int) -> None:
        window = np.concatenate(self._chunks) if self._chunks else np.zeros(0, np.float32)
        self._chunks = [window]
        spoken_s = (until - self._onset) / CLOCK_HZ
        cost_s = glance_cost_s(len(window) / CLOCK_HZ)
        glance = await self._work(Pure(self._look, window, spoken_s), cost_s, "looking at the sound failed")
        if glance is None:
            return
        self._looks = [*self._looks[-(LOOKS - 1) :], glance]
        if len(self._looks) == LOOKS:
            self._given = [Score(name, value, until) for name, value in together(self._looks).scores()]
