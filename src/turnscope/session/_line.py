"""What is on its way to the caller, and how much later than planned they hear it. Read off the transport's playhead."""

from bisect import bisect_right

from turnscope.core import Samples
from turnscope.session._blame import blame_transport
from turnscope.session._clock import SessionClock
from turnscope.transports import Provenance, Transport

__all__ = ["Line"]

TOLERANCE_S = 0.005
"""Delays that differ by no more than this are one delay: playheads are told in steps."""

MOST_LAGS = 1000
"""So many changes of the delay are remembered, which is more than the words of a reply need."""


class Line:
    """The way to a caller, over a transport that may hold audio. If it holds none (no lead), all is heard as planned.

    Positions are samples of the output, at the transport's rate, on the session's clock.

    Args:
        transport: The transport.
        clock: The session's.
    """

    def __init__(self, transport: Transport, clock: SessionClock) -> None:
        self._transport = transport
        self._clock = clock
        self._hz = transport.output_hz
        self._lead = transport.lead_samples
        self._handed_over = 0
        self._playhead = 0
        self._lags: list[tuple[int, int]] = []
        """From which planned position on, and how many samples later than planned."""
        self.moved_at: int = 0
        """When the playhead was last seen to move, or something to play was first seen."""

    @property
    def provenance(self) -> Provenance:
        """How it is known what the caller has heard."""
        return self._transport.playhead().provenance

    @property
    def waiting(self) -> int:
        """Samples that were handed over and are still to be heard."""
        return self._handed_over - self._played() if self._lead else 0

    def has_room(self, count: int) -> bool:
        """Whether so many more samples may be handed over."""
        return not self._lead or self.waiting + count <= self._lead

    def send(self, samples: Samples, response_id: str) -> None:
        """Hand samples over."""
        if not self.waiting:
            self.moved_at = self._clock.position(self._hz)
        with blame_transport():
            self._transport.send(samples, response_id)
        self._handed_over += len(samples)

    def clear(self, response_id: str) -> None:
        """Have everything of a response dropped that was not heard yet."""
        with blame_transport():
            self._transport.clear(response_id)

    def look(self, sent: int) -> None:
        """See how far the far end has come, when what was handed over ends at the planned position `sent`."""
        if not self._lead:
            return
        now, playhead = self._clock.position(self._hz), self._played()
        if playhead != self._playhead:
            self._playhead, self.moved_at = playhead, now
        waiting = self._handed_over - playhead
        if waiting:
            self._note(sent - waiting, max(now - (sent - waiting), 0))

    def heard_at(self, position: int) -> int:
        """Where a sample that was planned for `position` is heard."""
        index = bisect_right(self._lags, position, key=lambda lag: lag[0]) - 1
        return position + (self._lags[index][1] if index >= 0 else 0)

    def _played(self) -> int:
        with blame_transport():
            return self._transport.playhead().sample

    def _note(self, position: int, lag: int) -> None:
        before = self._lags[-1][1] if self._lags else 0
        if abs(lag - before) <= TOLERANCE_S * self._hz:
            return
        while self._lags and self._lags[-1][0] >= position:  # it stood still there, or was cleared
            self._lags.pop()
        self._lags.append((position, lag))
        del self._lags[:-MOST_LAGS]
