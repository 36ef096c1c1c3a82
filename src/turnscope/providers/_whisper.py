"""Whisper on this machine as an `STT`: a growing window, decoded again and again until it is settled.

Decides which window is decoded when, and delivers the results. What happens inside a window is in
`_whisper_decode`; nothing here leaves the event loop except through `Compute`.
"""

from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import trio

from turnscope._errors import ConfigError, ProviderError
from turnscope.core import CLOCK_HZ, Samples, as_samples
from turnscope.providers._protocols import Compute, Resources, Transcript
from turnscope.providers._pure import Pure
from turnscope.providers._whisper_decode import (
    NOTHING_HEARD,
    Heard,
    WhisperDecoder,
    decoding_cost_s,
    load_whisper,
)
from turnscope.providers._worked_stream import WorkedStream

__all__ = ["WhisperSTT"]

NAME = "whisper"

LOAD_COST_S = 0.9
"""Measured: importing 0.1 s, checking the digests 0.25, loading 0.5."""

MAX_SEGMENT_SAMPLES = 25 * CLOCK_HZ
"""What Whisper can take, less the silence that it needs at the end, and a margin for a second opinion."""

CUT_SEARCH_SAMPLES = 5 * CLOCK_HZ
_CUT_STEP_SAMPLES = CLOCK_HZ // 50
_CUT_QUIET_STEPS = 10

MAX_LOAD = 0.5
"""Share of one core that the interim transcripts of one stream may take, by the modelled cost."""

MAX_BACKLOG_SAMPLES = 300 * CLOCK_HZ
MAX_BACKLOG_SEGMENTS = 64
"""How much may wait for a reader: past either, nobody reads, and the sender is told so."""


@dataclass(frozen=True, slots=True)
class _Window:
    """A range of the stream that is to be decoded."""

    start: int
    samples: Samples
    is_final: bool

    @property
    def stop(self) -> int:
        return self.start + len(self.samples)


class WhisperSTT:
    """Speech to text by Whisper in CTranslate2's format, in this process: the embedded default is tiny.en, int8.

    Args:
        model_path: Folder of a CTranslate2 model with 80 mel bands; None for the packaged tiny.en. Thresholds and
            modelled costs are those of tiny.en.
        partial_interval_s: How much new audio asks for the next interim transcript. The first one comes after as
            much. Long windows are decoded less often, so that a stream never takes more than half a core.
        language: Whisper's code of the language spoken. An English-only model takes only ``"en"``.

    Raises:
        ConfigError: An argument is out of range.
    """

    def __init__(
        self, model_path: Path | None = None, *, partial_interval_s: float = 0.3, language: str = "en"
    ) -> None:
        if not 0.05 <= partial_interval_s <= 25:
            raise ConfigError(f"partial_interval_s: must be between 0.05 and 25, not {partial_interval_s}")
        self._model_path = None if model_path is None else Path(model_path)
        self._interval_samples = round(partial_interval_s * CLOCK_HZ)
        self._language = language

    @property
    def name(self) -> str:
        """``"whisper"``."""
        return NAME

    @property
    def input_hz(self) -> int:
        """16,000."""
        return CLOCK_HZ

    @property
    def is_packaged(self) -> bool:
        """It is the packaged tiny.en, which `turnscope.providers.WhisperDetector` is made for."""
        return self._model_path is None

    @asynccontextmanager
    async def connect(self, resources: Resources) -> AsyncIterator["WhisperConnection"]:
        """Load the model, or find it in `resources`.

        Raises:
            ConfigError: A package, the weights or a file of them is missing; the message names the command to install.
            ProviderError: The model is there and cannot be loaded.
        """
        decoder = await self.load(resources)
        yield WhisperConnection(decoder.decode, resources.compute, self._interval_samples)

    async def load(self, resources: Resources) -> WhisperDecoder:
        """The model, loaded once for all sessions of a runtime. For providers that share it; see `connect`."""
        key = f"{NAME}:{self._model_path or 'tiny.en'}:{self._language}"
        # Sessions that connect at the same time must not load the weights once each.
        lock = resources.cache.setdefault(f"{NAME}:lock", trio.Lock())
        assert isinstance(lock, trio.Lock)
        async with lock:
            cached = resources.cache.get(key)
            if isinstance(cached, WhisperDecoder):
                return cached
            try:
                decoder = await resources.compute.run(
                    lambda: load_whisper(self._model_path, self._language), cost_s=LOAD_COST_S, name=NAME
                )
            except ConfigError:
                raise
            except Exception as error:
                raise ProviderError(NAME, f"the model cannot be loaded: {error}") from error
            resources.cache[key] = decoder
            return decoder


class WhisperConnection:
    """The loaded model, for the streams of one session."""

    def __init__(self, decode: Callable[[Samples], Heard], compute: Compute, interval_samples: int) -> None:
        self._decode = decode
        self._compute = compute
        self._interval_samples = interval_samples

    @asynccontextmanager
    async def open_stream(self) -> AsyncIterator["WhisperStream"]:
        """A stream for one turn."""
        stream = WhisperStream(self._decode, self._compute, self._interval_samples)
        try:
            yield stream
        finally:
            stream.close()


class WhisperStream(WorkedStream[Transcript]):
    """One turn's transcription.

    It has no task of its own: whoever iterates runs the decoding, one window at a time, always the most urgent one
    there is *now*. So nothing is decoded that nobody will read, an interim window that came too late is never decoded,
    and cancelling the reader cancels the work. A final window stays until its transcript is handed over.
    """

    def __init__(self, decode: Callable[[Samples], Heard], compute: Compute, interval_samples: int) -> None:
        super().__init__(compute, NAME, "this Whisper stream")
        self._decode = decode
        self._interval_samples = interval_samples
        self._settling: deque[_Window] = deque()
        self._segment_start = 0
        self._chunks: list[Samples] = []
        self._segment_samples = 0
        self._interim_samples = 0  # how much of the open segment the last interim window held
        self._latest: tuple[int, int, Heard] | None = None

    async def send_audio(self, samples: Samples) -> None:
        """Give the next samples, any number of them. Never waits for the decoding or for a reader.

        Raises:
            AudioError: `samples` is not mono floating point.
            ProviderError: Minutes of audio wait for a reader, or the stream is closed.
        """
        await trio.lowlevel.checkpoint()
        self._check_open()
        self._append(as_samples(samples).copy())
        while self._segment_samples > MAX_SEGMENT_SAMPLES:
            self._settle(_quietest_cut(self._join()))
        self._announce()

    def calm_for(self, samples: Samples) -> int:
        """See `turnscope.providers.CalmSTTStream`: a window is decoded when enough is new."""
        new_samples = self._segment_samples - self._interim_samples
        calm = min(self._interval_samples - new_samples - 1, MAX_SEGMENT_SAMPLES - self._segment_samples)
        return min(max(calm, 0), len(samples))

    async def flush(self) -> None:
        """Settle everything sent so far: one final transcript follows, also for nothing at all.

        Raises:
            ProviderError: Too many final transcripts wait for a reader, or the stream is closed.
        """
        await trio.lowlevel.checkpoint()
        self._check_open()
        self._settle(self._segment_samples)
        self._announce()

    def _forget(self) -> None:
        self._settling.clear()
        self._chunks.clear()

    async def _step(self) -> Transcript | None:
        """Decode the most urgent window; if that fails, what it failed on is still to be transcribed."""
        window = self._due()
        if window is None:
            await self._wait_for_work()
            return None
        heard = await self._hear(window)
        if heard is None:
            return None
        self._latest = (window.start, window.stop, heard)
        if window.is_final:
            self._settling.popleft()
        elif window.start == self._segment_start:
            self._interim_samples = len(window.samples)
        return Transcript(
            heard.text,
            window.is_final,
            window.start,
            window.stop,
            heard.no_speech_probability,
            heard.mean_log_probability,
        )

    async def _hear(self, window: _Window) -> Heard | None:
        """Decode, unless it is known already; None when the stream was closed meanwhile."""
        if len(window.samples) == 0:
            return NOTHING_HEARD
        if self._latest is not None and self._latest[:2] == (window.start, window.stop):
            return self._latest[2]
        cost_s = decoding_cost_s(len(window.samples) / CLOCK_HZ)
        return await self._work(Pure(self._decode, window.samples), cost_s, "decoding failed")

    def _due(self) -> _Window | None:
        """The window to decode now: what is to be settled first, then the open segment if enough of it is new."""
        if self._settling:
            return self._settling[0]
        if not self._interim_is_due():
            return None
        return _Window(self._segment_start, self._join(), is_final=False)

    def _interim_is_due(self) -> bool:
        cost_samples = decoding_cost_s(self._segment_samples / CLOCK_HZ) * CLOCK_HZ
        new_samples = self._segment_samples - self._interim_samples
        return new_samples >= max(self._interval_samples, cost_samples / MAX_LOAD)

    def _announce(self) -> None:
        if self._settling or self._interim_is_due():
            self._wake.set()

    def _append(self, samples: Samples) -> None:
        self._chunks.append(samples)
        self._segment_samples += len(samples)

    def _join(self) -> Samples:
        """The open segment in one piece, which later chunks do not touch: a worker may still be reading it."""
        if len(self._chunks) != 1:
            self._chunks = [np.concatenate(self._chunks) if self._chunks else np.zeros(0, np.float32)]
        return self._chunks[0]

    def _settle(self, count: int) -> None:
        """Make the first `count` samples of the open segment final; the rest is the next open segment."""
        segment = self._join()
        self._settling.append(_Window(self._segment_start, segment[:count], is_final=True))
        self._segment_start += count
        self._chunks = [segment[count:]]
        self._segment_samples = len(segment) - count
        self._interim_samples = 0

    def _check_open(self) -> None:
        if self._closed:
            raise ProviderError(NAME, "the stream is closed")
        waiting_samples = self._segment_start + self._segment_samples - self._settled_until()
        if len(self._settling) >= MAX_BACKLOG_SEGMENTS or waiting_samples > MAX_BACKLOG_SAMPLES:
            raise ProviderError(NAME, "nobody reads the transcripts of this stream: too much audio waits to be decoded")

    def _settled_until(self) -> int:
        return self._settling[0].start if self._settling else self._segment_start


def _quietest_cut(segment: Samples) -> int:
    """Where to cut a segment that grew too long: in the middle of its quietest fifth of a second.

    Looks at the last 5 s before `MAX_SEGMENT_SAMPLES`, because a cut inside a word loses the word.
    """
    first = MAX_SEGMENT_SAMPLES - CUT_SEARCH_SAMPLES
    steps = segment[first:MAX_SEGMENT_SAMPLES].reshape(-1, _CUT_STEP_SAMPLES)
    power = np.square(steps, dtype=np.float64).mean(axis=1)
    quiet = np.convolve(power, np.ones(_CUT_QUIET_STEPS), mode="valid")
    return first + (int(quiet.argmin()) + _CUT_QUIET_STEPS // 2) * _CUT_STEP_SAMPLES
