"""Packets of audio, in whatever order a network brings them → the same audio in order, without waiting for ever.

Sans-IO, like the Floor: packets and the time go in, frames come out, and `JitterBuffer.deadline` says when it wants to
be called next. Sequence numbers and timestamps wrap as those of RTP do (RFC 3550, §5.1 and appendix A.1).
"""

import math
from dataclasses import dataclass

from turnscope._errors import ConfigError
from turnscope.core._audio import Samples

__all__ = ["JitterBuffer", "JitterCounts", "JitterSettings", "OrderedFrame", "Packet"]

LARGEST_JUMP = 3000
"""Numbers further apart than this are of another stream, once two of them follow each other (RFC 3550, A.1)."""

FADE_PER_PACKET = 0.995
"""How fast an adaptive buffer forgets how late packets can be: by half in 140 packets, or 3 s."""


@dataclass(frozen=True, slots=True, eq=False)
class Packet:
    """A piece of audio as it came over a network.

    Attributes:
        sequence: Its number; they count up by one and wrap.
        timestamp: Time of its first sample, in samples; it may jump where nothing was sent, and wraps, too.
        samples: Shape ``(n,)``.
    """

    sequence: int
    timestamp: int
    samples: Samples


@dataclass(frozen=True, slots=True, eq=False)
class OrderedFrame:
    """A piece of audio in its place: `start` counts samples from the first packet on, and has gaps for what is lost."""

    samples: Samples
    start: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JitterSettings:
    """How long a missing packet is waited for.

    Attributes:
        gap_timeout_s: At most so long after a packet that should have come later. Then it is lost.
        depth: At most until so many packets are waiting behind it.
        adaptive: Wait no longer than twice as long as late packets have lately needed.
        min_timeout_s: With `adaptive`: but at least so long.
        sequence_bits: After how many bits sequence numbers wrap.
        timestamp_bits: After how many bits timestamps wrap.

    Raises:
        ConfigError: A value is out of its range; the message names it.
    """

    gap_timeout_s: float = 0.1
    depth: int = 10
    adaptive: bool = False
    min_timeout_s: float = 0.02
    sequence_bits: int = 16
    timestamp_bits: int = 32

    def __post_init__(self) -> None:
        for name in ("gap_timeout_s", "min_timeout_s"):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(f"{name} must be positive, got {getattr(self, name)}")
        if self.depth < 1:
            raise ConfigError(f"depth must be at least 1, got {self.depth}")
        for name in ("sequence_bits", "timestamp_bits"):
            if not 14 <= getattr(self, name) <= 64:
                raise ConfigError(f"{name} must be from 14 to 64, got {getattr(self, name)}")


@dataclass(slots=True)
class JitterCounts:
    """What became of the packets so far.

    Attributes:
        delivered: Given out, in order.
        reordered: Of these, such as came after a packet that they should have come before.
        lost: Never came, or not in time.
        late: Came after they had been given up, and were dropped. They are among the lost, too.
        duplicate: Had come already, and were dropped.
    """

    delivered: int = 0
    reordered: int = 0
    lost: int = 0
    late: int = 0
    duplicate: int = 0


class JitterBuffer:
    """Puts packets in order. Whatever comes in order is given out at once: it adds no delay of its own.

    Where a packet is missing, those behind it wait for it, until it comes, until `JitterSettings.gap_timeout_s` has
    passed since the first of them came, or until `JitterSettings.depth` of them wait. Then it is lost, and the audio
    goes on in its right place, with a gap. The stream begins with the first packet that comes.

    Args:
        hz: Sample rate, of timestamps, of `now` and of `deadline`.
        settings: How long to wait.
    """

    def __init__(self, hz: int, settings: JitterSettings | None = None) -> None:
        self.settings: JitterSettings = settings or JitterSettings()
        self.counts: JitterCounts = JitterCounts()
        self._timeout = round(self.settings.gap_timeout_s * hz)
        self._min_timeout = round(self.settings.min_timeout_s * hz)
        self._lateness = self._timeout / 2
        """How late packets have lately been, in samples; where nothing is known, as late as is waited for."""
        self._held: dict[int, tuple[int, Packet]] = {}
        """Packets that wait, with their arrival, by their sequence number as it would be if it did not wrap."""
        self._next: int | None = None
        self._given_up: dict[int, int] = {}
        """Numbers of lost packets, with the time at which they were missed."""
        self._restart_at: int | None = None
        self._timestamp = 0
        self._position = 0
        """The last packet's timestamp, and as it would be if it did not wrap and began with 0."""

    @property
    def deadline(self) -> int | None:
        """When `advance` wants to be called at the latest; None while nothing waits."""
        if not self._held:
            return None
        return min(arrival for arrival, _ in self._held.values()) + self._patience

    @property
    def _patience(self) -> int:
        if not self.settings.adaptive:
            return self._timeout
        return min(self._timeout, max(self._min_timeout, round(2 * self._lateness)))

    def receive(self, packet: Packet, now: int) -> list[OrderedFrame]:
        """Take a packet that has come at `now`; give out what is in order."""
        number = self._unwrapped(packet)
        if number is None:
            return self.advance(now)
        if self._next is None:
            self._next, self._timestamp = number, packet.timestamp
        if number < self._next:
            self._count_dropped(number, now)
        elif number in self._held:
            self.counts.duplicate += 1
        else:
            if self._held and number < max(self._held):
                self.counts.reordered += 1
                self._learn(now - min(arrival for other, (arrival, _) in self._held.items() if other > number))
            self._held[number] = now, packet
        return [*self._in_order(), *self.advance(now)]

    def advance(self, now: int) -> list[OrderedFrame]:
        """Give out what has waited for long enough."""
        frames: list[OrderedFrame] = []
        while self._held and (len(self._held) >= self.settings.depth or (self.deadline or 0) <= now):
            self._give_up()
            frames += self._in_order()
        return frames

    def flush(self) -> list[OrderedFrame]:
        """Nothing more will come: give out whatever waits."""
        frames: list[OrderedFrame] = []
        while self._held:
            self._give_up()
            frames += self._in_order()
        return frames

    def _unwrapped(self, packet: Packet) -> int | None:
        """The packet's number as if numbers did not wrap; None if it is of another stream, as far as is known."""
        span = 1 << self.settings.sequence_bits
        if self._next is None:
            return packet.sequence
        number = self._next + _signed(packet.sequence - self._next, span)
        if abs(number - self._next) <= LARGEST_JUMP:
            self._restart_at = None
            return number
        if packet.sequence != self._restart_at:
            self._restart_at = (packet.sequence + 1) % span
            return None
        self._restart_at = None
        self._held.clear()
        self._given_up.clear()
        self._next, self._timestamp = number, packet.timestamp  # goes on where the other stream has ended
        return number

    def _in_order(self) -> list[OrderedFrame]:
        frames: list[OrderedFrame] = []
        while self._next is not None and self._next in self._held:
            _, packet = self._held.pop(self._next)
            self._next += 1
            self._position += _signed(packet.timestamp - self._timestamp, 1 << self.settings.timestamp_bits)
            self._timestamp = packet.timestamp
            self._lateness *= FADE_PER_PACKET
            self.counts.delivered += 1
            frames.append(OrderedFrame(packet.samples, self._position))
        return frames

    def _give_up(self) -> None:
        following = min(self._held)
        missed_at = min(arrival for arrival, _ in self._held.values())
        for number in range(self._next or 0, following):
            self.counts.lost += 1
            self._given_up[number] = missed_at
        while len(self._given_up) > LARGEST_JUMP:
            del self._given_up[next(iter(self._given_up))]
        self._next = following

    def _count_dropped(self, number: int, now: int) -> None:
        missed_at = self._given_up.pop(number, None)
        if missed_at is None:
            self.counts.duplicate += 1
        else:
            self.counts.late += 1
            self._learn(now - missed_at)

    def _learn(self, lateness: int) -> None:
        self._lateness = max(self._lateness, float(lateness))


def _signed(difference: int, span: int) -> int:
    """A difference of two numbers that wrap at `span`: the shorter way round."""
    return (difference + span // 2) % span - span // 2
