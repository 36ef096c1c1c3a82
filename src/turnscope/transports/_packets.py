"""A caller behind a network that brings packets: late, twice, in the wrong order, or not at all."""

from collections import deque

import trio

from turnscope.core import (
    CLOCK_HZ,
    JitterBuffer,
    JitterCounts,
    JitterSettings,
    OrderedFrame,
    Packet,
    Samples,
    as_samples,
)
from turnscope.transports._memory import MemoryCaller, MemoryTransport, OutputCleared, OutputFrame, memory_pair
from turnscope.transports._protocols import InputFrame, Playhead

__all__ = ["PacketCaller", "PacketInput", "PacketTransport", "packet_pair"]

LIMIT_S = 1.0
"""How much audio may wait for the session; the oldest is dropped beyond, and is a gap."""


class PacketInput:
    """Turns packets into the frames that `Transport.receive` gives. For transports that come over a network.

    Args:
        hz: Sample rate of the packets.
        settings: How long a missing packet is waited for.
    """

    def __init__(self, hz: int, settings: JitterSettings | None = None) -> None:
        self._hz = hz
        self._buffer = JitterBuffer(hz, settings)
        self._ready: deque[InputFrame] = deque()
        self._ready_samples = 0
        self._changed = trio.lowlevel.ParkingLot()
        self._over = False

    @property
    def counts(self) -> JitterCounts:
        """What became of the packets so far."""
        return self._buffer.counts

    def put(self, packet: Packet) -> None:
        """A packet has come. Never waits.

        Raises:
            AudioError: Its samples are not mono floating point, or not finite.
        """
        as_samples(packet.samples)
        if not self._over:
            self._take(self._buffer.receive(packet, self._now()))

    def end(self) -> None:
        """No more packets will come. Idempotent."""
        self._over = True
        self._take(self._buffer.flush())

    def _take(self, frames: list[OrderedFrame]) -> None:
        for frame in frames:
            self._ready.append(InputFrame(frame.samples, frame.start))
            self._ready_samples += frame.samples.size
        while self._ready_samples > LIMIT_S * self._hz and len(self._ready) > 1:
            self._ready_samples -= self._ready.popleft().samples.size
        self._changed.unpark_all()

    async def receive(self) -> InputFrame | None:
        """The next audio in order; None once everything was received after `end`. See `Transport.receive`."""
        await trio.lowlevel.checkpoint()
        while not self._ready:
            if self._over:
                return None
            deadline = self._buffer.deadline
            with trio.move_on_at(float("inf") if deadline is None else deadline / self._hz):
                await self._changed.park()
            self._take(self._buffer.advance(self._now()))
        frame = self._ready.popleft()
        self._ready_samples -= frame.samples.size
        return frame

    def _now(self) -> int:
        return round(trio.current_time() * self._hz)


class PacketTransport:
    """The session's end of a call whose audio comes in packets; a `Transport`. Made by `packet_pair`."""

    def __init__(self, line: MemoryTransport, packets: PacketInput) -> None:
        self._line = line
        self._packets = packets

    @property
    def input_hz(self) -> int:
        """Sample rate of the caller's audio."""
        return self._line.input_hz

    @property
    def output_hz(self) -> int:
        """Sample rate of the agent's audio."""
        return self._line.output_hz

    @property
    def lead_samples(self) -> int:
        """How many samples of the agent's audio may wait for the caller to take them."""
        return self._line.lead_samples

    @property
    def counts(self) -> JitterCounts:
        """What became of the caller's packets so far."""
        return self._packets.counts

    async def receive(self) -> InputFrame | None:
        """What the caller said next, in order. See `Transport.receive`."""
        return await self._packets.receive()

    def send(self, samples: Samples, response_id: str) -> None:
        """See `Transport.send`."""
        self._line.send(samples, response_id)

    def clear(self, response_id: str) -> None:
        """See `Transport.clear`."""
        self._line.clear(response_id)

    def playhead(self) -> Playhead:
        """See `Transport.playhead`."""
        return self._line.playhead()

    def close(self) -> None:
        """The session is over: the caller's `receive` ends after what was sent. Idempotent."""
        self._line.close()


class PacketCaller:
    """The caller's end. Made by `packet_pair`."""

    def __init__(self, line: MemoryCaller, packets: PacketInput) -> None:
        self._line = line
        self._packets = packets

    def send(self, packet: Packet) -> None:
        """A packet arrives at the session's end, in whatever order. See `PacketInput.put`."""
        self._packets.put(packet)

    async def receive(self) -> OutputFrame | OutputCleared | None:
        """What the agent says next. See `MemoryCaller.receive`."""
        return await self._line.receive()

    def hang_up(self) -> None:
        """End the call. Idempotent."""
        self._packets.end()
        self._line.hang_up()


def packet_pair(
    *,
    input_hz: int = CLOCK_HZ,
    output_hz: int = CLOCK_HZ,
    settings: JitterSettings | None = None,
    lead_s: float = 0.1,
) -> tuple[PacketTransport, PacketCaller]:
    """Two ends of one call whose caller is heard in packets, as over RTP; the agent is as in `memory_pair`.

    Args:
        input_hz: Rate of the caller's audio.
        output_hz: Rate of the agent's audio.
        settings: How long a missing packet is waited for.
        lead_s: How much of the agent's audio may wait for the caller.

    Raises:
        ConfigError: A rate or a duration is not positive.
    """
    line, caller = memory_pair(input_hz=input_hz, output_hz=output_hz, lead_s=lead_s)
    packets = PacketInput(input_hz, settings)
    return PacketTransport(line, packets), PacketCaller(caller, packets)
