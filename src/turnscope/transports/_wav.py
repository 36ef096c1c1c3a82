"""A caller who is a recording: speaks it at the pace of Trio's clock and records what the agent answers on that clock.

In virtual time an hour of it takes seconds, and every position is exact.
"""

import os
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import trio

from turnscope._errors import ConfigError, TransportError
from turnscope.core import CLOCK_HZ, Samples, as_samples
from turnscope.transports._files import read_audio
from turnscope.transports._protocols import InputFrame, Playhead

__all__ = ["WavTransport"]


class _Block(NamedTuple):
    """Output samples and where on the clock they are played."""

    start: int
    samples: Samples
    response_id: str

    @property
    def stop(self) -> int:
        return self.start + self.samples.size


class WavTransport:
    """Plays a recording as the caller's audio and records the agent's.

    The stream begins with the first call of `receive` or `send`.

    Args:
        source: A file, read by `turnscope.transports.read_audio` at any rate and number of channels; or
            samples at `input_hz`.
        input_hz: Rate at which the session gets the caller's audio.
        output_hz: Rate at which it hands over the agent's.
        frame_s: Length of the pieces that `receive` gives. The last one of the call may be shorter.
        tail_s: How long the caller stays on the line after the recording, in silence.
        lead_s: How much of the agent's audio may wait to be played.

    Raises:
        AudioError: The file cannot be read, or the samples are not mono floating point.
        ConfigError: A duration is out of its range.
    """

    def __init__(
        self,
        source: str | os.PathLike[str] | npt.NDArray[np.floating],
        *,
        input_hz: int = CLOCK_HZ,
        output_hz: int = CLOCK_HZ,
        frame_s: float = 0.02,
        tail_s: float = 0.0,
        lead_s: float = 0.1,
    ) -> None:
        if not (frame_s > 0 and tail_s >= 0 and lead_s > 0):
            raise ConfigError(
                f"frame_s and lead_s must be positive and tail_s not negative: {frame_s}, {lead_s}, {tail_s}"
            )
        samples = as_samples(source) if isinstance(source, np.ndarray) else read_audio(source, input_hz)
        self._speech = samples.view()
        self._speech.flags.writeable = False
        self._input_hz = input_hz
        self._output_hz = output_hz
        self._frame = max(1, round(frame_s * input_hz))
        self._silence: Samples = np.zeros(self._frame, np.float32)
        self._silence.flags.writeable = False
        self._lead = max(1, round(lead_s * output_hz))
        self._next = 0
        self._stop = samples.size + round(tail_s * input_hz)
        self._output_stop = round(self._stop * output_hz / input_hz)
        self._began: float | None = None
        self._blocks: list[_Block] = []
        self._sent = 0

    @property
    def input_hz(self) -> int:
        """Sample rate of the caller's audio."""
        return self._input_hz

    @property
    def output_hz(self) -> int:
        """Sample rate of the agent's audio."""
        return self._output_hz

    @property
    def lead_samples(self) -> int:
        """How many samples of the agent's audio may wait to be played."""
        return self._lead

    @property
    def caller_audio(self) -> Samples:
        """The recording as the session gets it, at `input_hz`, without the silence that follows."""
        return self._speech

    async def receive(self) -> InputFrame | None:
        """The next frame, at the time when its last sample has been spoken; None at the end of the call.

        Times are counted from the stream's beginning, so a receiver that is late now and then gets its frames in a
        burst and the call does not drift. See `Transport.receive`.
        """
        start = self._next
        if start >= self._stop:
            await trio.lowlevel.checkpoint()
            return None
        stop = min(start + self._frame, self._stop)
        await trio.sleep_until(self._begin() + stop / self._input_hz)
        self._next = stop
        return InputFrame(self._input(start, stop), start)

    def send(self, samples: Samples, response_id: str) -> None:
        """Play samples from this moment of the clock on, or behind those that still wait. See `Transport.send`."""
        self._begin()
        now = self._position()
        if now >= self._output_stop or not samples.size:
            return
        start = max(now, self._queued_until())
        if start + samples.size - now > self._lead:
            raise TransportError(
                f"{start + samples.size - now} samples would wait to be played; at most {self._lead} may"
            )
        self._blocks.append(_Block(start, samples, response_id))
        self._sent += samples.size

    def clear(self, response_id: str) -> None:
        """Drop at once what was not played yet of a response; what waits behind it moves up. See `Transport.clear`."""
        now = self._position()
        if now >= self._output_stop:
            return
        waiting: list[_Block] = []
        while self._queued_until() > now:
            waiting.append(self._blocks.pop())
        for block in reversed(waiting):
            played = max(0, now - block.start)
            if block.response_id != response_id:
                self._blocks.append(block if played else block._replace(start=max(now, self._queued_until())))
            elif played:
                self._blocks.append(block._replace(samples=block.samples[:played]))

    def playhead(self) -> Playhead:
        """How far the recording of the agent has come; exact, as it is made on this clock. See `Transport.playhead`."""
        now = self._position()
        waiting = 0
        for block in reversed(self._blocks):
            if block.stop <= now:
                break
            waiting += block.stop - max(block.start, now)
        return Playhead(self._sent - waiting, "measured")

    def close(self) -> None:
        """Nothing is held that would have to be closed. See `Transport.close`."""

    def agent_audio(self) -> Samples:
        """What the caller has heard, at `output_hz`, from the beginning of the stream on.

        Zero where nothing was played. Ends with the last block, or with the call.
        """
        audio = np.zeros(min(self._queued_until(), self._output_stop), np.float32)
        for block in self._blocks:
            audio[block.start : block.stop] = block.samples[: max(0, audio.size - block.start)]
        return audio

    def _input(self, start: int, stop: int) -> Samples:
        speech = self._speech[start:stop]
        missing = stop - start - speech.size
        if not missing:
            return speech
        silence = self._silence[:missing]
        return np.concatenate([speech, silence]) if speech.size else silence

    def _begin(self) -> float:
        if self._began is None:
            self._began = trio.current_time()
        return self._began

    def _position(self) -> int:
        """The output sample that is played now; the last one for ever after the end of the call."""
        if self._began is None:
            return 0
        elapsed_s = trio.current_time() - self._began
        return min(round(elapsed_s * self._output_hz), self._output_stop)

    def _queued_until(self) -> int:
        return self._blocks[-1].stop if self._blocks else 0
