"""A detector of speech that remembers what it has made of the same audio before."""

import hashlib

from turnscope.core import Samples
from turnscope.providers import VAD, VADStream

__all__ = ["KeptVAD"]


class KeptVAD:
    """A detector whose probabilities are kept, for calls in which the caller begins with the same.

    What a stream says of a window depends on all windows before it. So that is what an answer is kept for; the detector
    itself is asked from the first window on that is new, and is given all before it first.

    Args:
        vad: Who is asked.
    """

    def __init__(self, vad: VAD) -> None:
        self.name: str = vad.name
        self.input_hz: int = vad.input_hz
        self.window_samples: int = vad.window_samples
        self.vad: VAD = vad
        self._kept: dict[bytes, float] = {}

    def open_stream(self) -> "_KeptStream":
        """See `turnscope.providers.VAD.open_stream`."""
        return _KeptStream(self.vad.open_stream(), self._kept)


class _KeptStream:
    def __init__(self, stream: VADStream, kept: dict[bytes, float]) -> None:
        self._stream = stream
        self._kept = kept
        self._heard = b""
        """Stands for all windows so far."""
        self._behind: list[Samples] = []
        """What the detector has still to be given."""

    def process(self, window: Samples) -> float:
        """See `turnscope.providers.VADStream.process`."""
        self._heard = hashlib.blake2b(self._heard + window.tobytes(), digest_size=16).digest()
        known = self._kept.get(self._heard)
        if known is not None:
            self._behind.append(window.copy())
            return known
        for earlier in self._behind:
            self._stream.process(earlier)
        self._behind.clear()
        self._kept[self._heard] = self._stream.process(window)
        return self._kept[self._heard]
