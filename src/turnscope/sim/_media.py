"""The way from a caller's mouth to the session: a microphone, a clock, a codec and a network, none of them perfect."""

import heapq
import math
import random
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
import trio

from turnscope._errors import ConfigError
from turnscope.core import (
    CLOCK_HZ,
    JitterCounts,
    JitterSettings,
    Packet,
    Resampler,
    Samples,
    db_to_gain,
    mulaw_decode,
    mulaw_encode,
)
from turnscope.sim._caller import CallerTransport
from turnscope.sim._distributions import Distribution, draw_s
from turnscope.transports import InputFrame, PacketInput, Playhead

__all__ = ["Codec", "Media", "MediaTransport", "Packets"]

Codec = Literal["mulaw"]
"""How audio is coded on its way: ``mulaw`` is telephony, 8 kHz and eight bits (ITU-T G.711)."""

CODEC_HZ = 8000


@dataclass(frozen=True, slots=True, kw_only=True)
class Packets:
    """A network that carries the caller's audio in packets, and a jitter buffer at its end.

    Attributes:
        loss: How many of the packets are lost, 0 to less than 1.
        burst: How many are lost in a row, on average; None if the fate of one says nothing about the next. The model
            is that of E. N. Gilbert, "Capacity of a Burst-Noise Channel" (1960).
        jitter_s: How much later than the fastest a packet comes. One that is overtaken comes in the wrong order.
        reordered: How many of them are held back by `held_back_s`.
        held_back_s: For how long, beside the jitter.
        duplicated: How many come twice, the second time with a jitter of its own.
        buffer: How long the jitter buffer waits.

    Raises:
        ConfigError: A value is out of its range; the message names it.
    """

    loss: float = 0.0
    burst: float | None = None
    jitter_s: Distribution = 0.0
    reordered: float = 0.0
    held_back_s: float = 0.04
    duplicated: float = 0.0
    buffer: JitterSettings = field(default_factory=JitterSettings)

    def __post_init__(self) -> None:
        for name in ("reordered", "duplicated"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} must be from 0 to 1, got {getattr(self, name)}")
        if not 0 <= self.loss < 1:
            raise ConfigError(f"loss must be from 0 to less than 1, got {self.loss}")
        burst = 1 / (1 - self.loss) if self.burst is None else self.burst
        if not 1 <= burst < math.inf or burst * (1 - self.loss) < self.loss:
            raise ConfigError(f"burst must be at least 1, and long enough for a loss of {self.loss}, got {self.burst}")
        if not 0 <= self.held_back_s < math.inf:
            raise ConfigError(f"held_back_s must not be negative, got {self.held_back_s}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """The way from the caller to the session, in the order of its parts. The way back is perfect.

    Attributes:
        gain_db: How much louder the microphone makes everything.
        clip_dbfs: Where it clips, in dB below full scale.
        drift_ppm: How much faster than the session's clock its own runs, in parts per million. Now and then there is a
            sample too many or too few.
        codec: How the audio is coded.
        delay_s: How long it takes.
        packets: What else the network does; None for one that does nothing.

    Raises:
        ConfigError: A value is out of its range; the message names it.
    """

    gain_db: float = 0.0
    clip_dbfs: float = 0.0
    drift_ppm: float = 0.0
    codec: Codec | None = None
    delay_s: float = 0.0
    packets: Packets | None = None

    def __post_init__(self) -> None:
        for name, least, most in (("gain_db", -100, 100), ("clip_dbfs", -100, 0), ("drift_ppm", -20_000, 20_000)):
            if not least <= getattr(self, name) <= most:
                raise ConfigError(f"{name} must be from {least} to {most}, got {getattr(self, name):g}")
        if self.codec is not None and self.codec not in get_args(Codec):
            raise ConfigError(f"codec must be one of {', '.join(get_args(Codec))}, got {self.codec!r}")
        if not 0 <= self.delay_s < math.inf:
            raise ConfigError(f"delay_s must not be negative, got {self.delay_s}")


class MediaTransport:
    """A scripted caller behind `media`; a `Transport`.

    Args:
        caller: The caller.
        media: What is between them and the session.
        seed: For what is drawn.
    """

    def __init__(self, caller: CallerTransport, media: Media, seed: int = 0) -> None:
        self._caller = caller
        self._device = _Device(media)
        self.input_hz: int = self._device.hz
        """Sample rate of the caller's audio."""
        self.output_hz: int = caller.output_hz
        """Sample rate of the agent's audio."""
        self.lead_samples: int = caller.lead_samples
        """As the caller's."""
        self._network = _Network(media, self.input_hz, seed) if media.packets is not None or media.delay_s else None

    @property
    def counts(self) -> JitterCounts | None:
        """What became of the caller's packets so far; None where there are none."""
        return None if self._network is None else self._network.arrived.counts

    async def receive(self) -> InputFrame | None:
        """See `turnscope.transports.Transport.receive`."""
        while (network := self._network) is not None:
            network.deliver(trio.current_time())
            due = math.inf if network.hung_up else self._caller.next_frame_at()
            with trio.move_on_at(min(due, network.next_arrival)):
                return await network.arrived.receive()
            if due <= trio.current_time():
                network.send(await self._next_frame())
        return await self._next_frame()

    async def _next_frame(self) -> InputFrame | None:
        """What leaves the caller's device next."""
        while (frame := await self._caller.receive()) is not None:
            coded = self._device.process(frame)
            if len(coded.samples):  # else the codec has to hear more first
                return coded
        return None

    def send(self, samples: Samples, response_id: str) -> None:
        """See `turnscope.transports.Transport.send`."""
        self._caller.send(samples, response_id)

    def clear(self, response_id: str) -> None:
        """See `turnscope.transports.Transport.clear`."""
        self._caller.clear(response_id)

    def playhead(self) -> Playhead:
        """See `turnscope.transports.Transport.playhead`."""
        return self._caller.playhead()

    def close(self) -> None:
        """See `turnscope.transports.Transport.close`."""
        self._caller.close()


class _Device:
    """Microphone, converter and codec."""

    def __init__(self, media: Media) -> None:
        self._gain = np.float32(db_to_gain(media.gain_db))
        self._most = np.float32(db_to_gain(media.clip_dbfs))
        self._pace = 1 + media.drift_ppm * 1e-6
        self._resampler = Resampler(CLOCK_HZ, CODEC_HZ) if media.codec is not None else None
        self.hz = CLOCK_HZ if media.codec is None else CODEC_HZ
        self._given = 0

    def process(self, frame: InputFrame) -> InputFrame:
        samples: Samples = np.clip(frame.samples * self._gain, -self._most, self._most)
        samples = self._at_own_pace(samples, frame.start)
        if self._resampler is not None:
            samples = mulaw_decode(mulaw_encode(self._resampler.process(samples)))
        start, self._given = self._given, self._given + len(samples)
        return InputFrame(samples, start)

    def _at_own_pace(self, samples: Samples, start: int) -> Samples:
        """What a converter makes of them whose clock is not the session's: it takes the nearest sample."""
        if self._pace == 1:
            return samples
        places = np.arange(math.ceil(start * self._pace), math.ceil((start + len(samples)) * self._pace))
        return samples[np.clip((places / self._pace).astype(np.int64) - start, 0, len(samples) - 1)]


class _Network:
    """Packets on their way, and the buffer in which they arrive."""

    def __init__(self, media: Media, hz: int, seed: int) -> None:
        self._packets = media.packets or Packets()
        self._delay_s = media.delay_s
        self._generator = random.Random(f"{seed} network")
        self.arrived = PacketInput(hz, self._packets.buffer)
        self.hung_up = False
        self._sequence = 0
        self._losing = False
        self._on_the_way: list[tuple[float, int, Packet]] = []
        """A heap, by times of arrival."""
        self._sent = 0

    @property
    def next_arrival(self) -> float:
        return self._on_the_way[0][0] if self._on_the_way else math.inf

    def send(self, frame: InputFrame | None) -> None:
        """Send a frame as a packet; None once there is nothing more."""
        if frame is None:
            self.hung_up = True
        else:
            packet = Packet(self._sequence % (1 << 16), frame.start % (1 << 32), frame.samples)
            self._sequence += 1
            for _ in range(self._copies()):
                self._put(packet)

    def deliver(self, now: float) -> None:
        """Have arrive what is due."""
        while self._on_the_way and self._on_the_way[0][0] <= now:
            self.arrived.put(heapq.heappop(self._on_the_way)[2])
        if self.hung_up and not self._on_the_way:
            self.arrived.end()

    def _put(self, packet: Packet) -> None:
        held_back_s = self._packets.held_back_s if self._generator.random() < self._packets.reordered else 0.0
        late_s = self._delay_s + draw_s(self._packets.jitter_s, self._generator) + held_back_s
        heapq.heappush(self._on_the_way, (trio.current_time() + late_s, self._sent, packet))
        self._sent += 1

    def _copies(self) -> int:
        """How many copies of the next packet come: none if it is lost."""
        packets, chance = self._packets, self._generator.random()
        if packets.burst is None:
            self._losing = chance < packets.loss
        elif self._losing:
            self._losing = chance >= 1 / packets.burst
        else:
            self._losing = chance < packets.loss / (packets.burst * (1 - packets.loss))
        twice = self._generator.random() < packets.duplicated
        return 0 if self._losing else 1 + twice
