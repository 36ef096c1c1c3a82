"""Two ends of a call in one process: one for a session, one for the program that plays the caller.

For tests and for embedding. It keeps no time: the caller's audio comes when it is sent, and the agent's is
played when it is taken.
"""

from collections import deque
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import trio

from turnscope._errors import ConfigError, TransportError
from turnscope.core import CLOCK_HZ, Samples, as_samples
from turnscope.transports._protocols import InputFrame, Playhead

__all__ = ["MemoryCaller", "MemoryTransport", "OutputCleared", "OutputFrame", "memory_pair"]


class OutputFrame(NamedTuple):
    """A piece of the agent's audio, as the session sent it.

    Attributes:
        samples: Shape ``(n,)`` at the transport's output rate.
        response_id: The response it belongs to.
    """

    samples: Samples
    response_id: str


class OutputCleared(NamedTuple):
    """Nothing more of this response may be heard: stop what is being played of it."""

    response_id: str


class _Line:
    """What both ends share."""

    def __init__(self, input_limit: int, lead: int) -> None:
        self.input_limit = input_limit
        self.lead = lead
        self.input: deque[InputFrame] = deque()
        self.output: deque[OutputFrame] = deque()
        self.cleared: dict[str, None] = {}
        self.input_samples = 0
        self.output_samples = 0
        self.hung_up = False
        self.closed = False
        self.input_changed: trio.lowlevel.ParkingLot = trio.lowlevel.ParkingLot()
        self.output_changed: trio.lowlevel.ParkingLot = trio.lowlevel.ParkingLot()


class MemoryTransport:
    """The session's end; a `Transport`. Made by `memory_pair`."""

    def __init__(self, line: _Line, input_hz: int, output_hz: int) -> None:
        self._line = line
        self._input_hz = input_hz
        self._output_hz = output_hz
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
        """How many samples of the agent's audio may wait for the caller to take them."""
        return self._line.lead

    async def receive(self) -> InputFrame | None:
        """What the caller sent next; None once all is received and the caller has hung up. See `Transport.receive`."""
        line = self._line
        await trio.lowlevel.checkpoint()
        while not line.input:
            if line.hung_up or line.closed:
                return None
            await line.input_changed.park()
        frame = line.input.popleft()
        line.input_samples -= frame.samples.size
        line.input_changed.unpark_all()
        return frame

    def send(self, samples: Samples, response_id: str) -> None:
        """Put samples where the caller can take them. See `Transport.send`."""
        line = self._line
        if line.hung_up or line.closed or not samples.size:
            return
        waiting = line.output_samples + samples.size
        if waiting > line.lead:
            raise TransportError(f"{waiting} samples would wait to be played; at most {line.lead} may")
        line.output.append(OutputFrame(samples, response_id))
        line.output_samples = waiting
        self._sent += samples.size
        line.output_changed.unpark_all()

    def clear(self, response_id: str) -> None:
        """Take back what the caller has not taken, and tell it before anything else. See `Transport.clear`."""
        line = self._line
        if line.hung_up or line.closed:
            return
        line.output = deque(frame for frame in line.output if frame.response_id != response_id)
        line.output_samples = sum(frame.samples.size for frame in line.output)
        line.cleared[response_id] = None
        line.output_changed.unpark_all()

    def playhead(self) -> Playhead:
        """What the caller has taken counts as heard. See `Transport.playhead`."""
        return Playhead(self._sent - self._line.output_samples, "acknowledged")

    def close(self) -> None:
        """The session is over: the caller's `receive` ends after what was sent. See `Transport.close`."""
        self._line.closed = True
        self._line.input_changed.unpark_all()
        self._line.output_changed.unpark_all()


class MemoryCaller:
    """The caller's end. Made by `memory_pair`."""

    def __init__(self, line: _Line) -> None:
        self._line = line
        self._said = 0

    async def send(self, samples: npt.NDArray[np.floating]) -> None:
        """Say something: the session receives it in pieces of at most the pair's limit. Copied.

        Waits while the session has not received what was said before. Does nothing once either end has closed; if
        cancelled, the pieces already taken in stay said.

        Args:
            samples: Shape ``(n,)`` at the transport's input rate.

        Raises:
            AudioError: The samples are not mono floating point, or not finite.
        """
        line = self._line
        rest = as_samples(samples).copy()
        await trio.lowlevel.checkpoint()
        while rest.size and not (line.hung_up or line.closed):
            room = line.input_limit - line.input_samples
            if room <= 0:
                await line.input_changed.park()
                continue
            line.input.append(InputFrame(rest[:room], self._said))
            taken = min(room, rest.size)
            line.input_samples += taken
            self._said += taken
            rest = rest[taken:]
            line.input_changed.unpark_all()

    async def receive(self) -> OutputFrame | OutputCleared | None:
        """What the agent says next, or an order to drop what it said; None once the session's end is closed.

        Taking a frame acknowledges it as heard. Orders to drop come ahead of all frames.
        """
        line = self._line
        await trio.lowlevel.checkpoint()
        while True:
            if line.cleared:
                response_id = next(iter(line.cleared))
                del line.cleared[response_id]
                return OutputCleared(response_id)
            if line.output:
                frame = line.output.popleft()
                line.output_samples -= frame.samples.size
                return frame
            if line.closed or line.hung_up:
                return None
            await line.output_changed.park()

    def hang_up(self) -> None:
        """End the call: the session receives what was said before, then the end. Idempotent."""
        self._line.hung_up = True
        self._line.input_changed.unpark_all()
        self._line.output_changed.unpark_all()


def memory_pair(
    *, input_hz: int = CLOCK_HZ, output_hz: int = CLOCK_HZ, input_limit_s: float = 1.0, lead_s: float = 0.1
) -> tuple[MemoryTransport, MemoryCaller]:
    """Two ends of one call.

    Args:
        input_hz: Rate of the caller's audio.
        output_hz: Rate of the agent's audio.
        input_limit_s: How much of the caller's audio may wait for the session; the caller's `send` waits beyond.
        lead_s: How much of the agent's audio may wait for the caller.

    Raises:
        ConfigError: A rate or a duration is not positive.
    """
    if min(input_hz, output_hz, input_limit_s, lead_s) <= 0:
        raise ConfigError(f"rates and limits must be positive: {input_hz}, {output_hz}, {input_limit_s}, {lead_s}")
    line = _Line(max(1, round(input_limit_s * input_hz)), max(1, round(lead_s * output_hz)))
    return MemoryTransport(line, input_hz, output_hz), MemoryCaller(line)
