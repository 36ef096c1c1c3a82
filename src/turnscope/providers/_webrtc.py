"""WebRTC's audio processing as a stage of the ears: echo cancellation (AEC3), noise suppression, gain control.

The algorithms are those of the package ``pywebrtc-audio``; nothing here looks at a sample.
"""

from typing import Any

from turnscope._errors import ConfigError
from turnscope.core import CLOCK_HZ, Samples

__all__ = ["WebRTCAudio"]

INSTALL_HINT = 'pip install "turnscope[webrtc]"'


class WebRTCAudio:
    """Takes the agent's echo and steady noise out of the caller's audio.

    The canceller finds the delay of the echo by itself, and needs a second or two of the agent's speech to learn its
    way.

    Args:
        echo_cancellation: Take the agent's own voice out.
        noise_suppression: Take out what sounds all the time.
        noise_level: How much of it: 0 (6 dB), 1 (12 dB), 2 (18 dB) or 3 (21 dB).
        auto_gain: Bring quiet callers up.
        delay_s: How late an echo comes, as far as that is known; 0 to find out.

    Raises:
        ConfigError: A value is out of its range, or there is nothing to do.
    """

    name = "webrtc"

    def __init__(
        self,
        *,
        echo_cancellation: bool = True,
        noise_suppression: bool = True,
        noise_level: int = 1,
        auto_gain: bool = False,
        delay_s: float = 0.0,
    ) -> None:
        if not (echo_cancellation or noise_suppression or auto_gain):
            raise ConfigError("echo_cancellation, noise_suppression and auto_gain must not all be false")
        if noise_level not in (0, 1, 2, 3):
            raise ConfigError(f"noise_level must be from 0 to 3, got {noise_level}")
        if not 0 <= delay_s <= 1:
            raise ConfigError(f"delay_s must be from 0 to 1, got {delay_s}")
        self._options: dict[str, Any] = {
            "sample_rate": CLOCK_HZ,
            "echo_cancellation": echo_cancellation,
            "noise_suppression": noise_suppression,
            "ns_level": noise_level,
            "auto_gain_control": auto_gain,
            "stream_delay_ms": round(delay_s * 1000),
        }
        self._needs_far = echo_cancellation

    def open_stream(self) -> "_WebRTCStream":
        """See `AudioStage.open_stream`."""
        try:
            from pywebrtc_audio import AudioProcessor
        except ImportError as error:
            raise ConfigError(f"WebRTC's audio processing is not installed: {INSTALL_HINT}") from error
        return _WebRTCStream(AudioProcessor(**self._options), needs_far=self._needs_far)


class _WebRTCStream:
    """What one call has of it."""

    def __init__(self, processor: Any, *, needs_far: bool) -> None:
        self._processor = processor
        self._needs_far = needs_far

    def process(self, near: Samples, far: Samples) -> Samples:
        """See `turnscope.providers.AudioStageStream.process`."""
        processed: Samples = self._processor.process(near, far) if self._needs_far else self._processor.process(near)
        return processed
