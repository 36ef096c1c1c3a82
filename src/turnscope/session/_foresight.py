"""Ears that know beforehand what they will hear: in a simulation, where a script says it. They wait for no frame.

While nobody could tell, they hear many frames at once, ahead of time. What comes of it is the same to the sample.
"""

from typing import TYPE_CHECKING

from turnscope.core import CLOCK_HZ, Samples
from turnscope.session._blame import blame_transport
from turnscope.session._listening import CHUNK_SAMPLES
from turnscope.session._parts import Pace, Part
from turnscope.transports import ForeseenTransport

if TYPE_CHECKING:
    from turnscope.session._ears import Ears

__all__ = ["Foresight"]


class Foresight(Part):
    """Gives the ears each frame when it is due, or before.

    Args:
        ears: Hear it.
        source: Gives it.
    """

    def __init__(self, ears: "Ears", source: ForeseenTransport) -> None:
        super().__init__()
        self._ears = ears
        self._source = source
        with blame_transport():
            self.due = source.next_frame_at()

    def act(self, until: float, pace: Pace) -> bool:
        """See `Part.act`."""
        with blame_transport():
            ahead = self._foresee(until)
            frame = None if ahead is not None else self._source.take_frame()
        if ahead is not None:
            self._hear_ahead(ahead, pace)
        elif frame is not None:
            self._ears.take_in_time(frame)
        else:
            return False
        self.due = self._source.next_frame_at()
        return True

    def _foresee(self, until: float) -> Samples | None:
        """What to hear ahead of time, beside the frame that is due; None where that is to be heard alone."""
        ears, frame = self._ears, self._source.frame_samples
        if until <= self.due or ears.heard_until - ears.judged_until >= ears.window_samples:
            return None
        if ears.awaited:
            until = min(until, self.due + CHUNK_SAMPLES / CLOCK_HZ)
        ahead = self._source.foresee(until)
        if len(ahead) <= frame:
            return None
        calm = ears.calm_for(ahead, frame) // frame * frame
        return ahead[:calm] if calm > frame else None

    def _hear_ahead(self, samples: Samples, pace: Pace) -> None:
        """Hear whole frames, up to the first one in which there is an edge of speech: that one in its time."""
        ears, frame = self._ears, self._source.frame_samples
        begin, start, window = ears.heard_until, ears.judged_until, ears.window_samples
        audio = ears.unjudged(samples)
        settled = False
        for at in range(0, len(audio) - window + 1, window):
            stop = start + at + window

            def settle(stop: int = stop) -> None:
                """The frame that holds the end of this window is heard, and it is time for it."""
                nonlocal settled
                settled = True
                taken = self._source.take_foreseen(samples[: -(-(stop - begin) // frame) * frame])
                pace.settle_at(self._source.time_at(taken.start + len(taken.samples)))
                ears.keep_foreseen(taken, stop)

            try:
                ears.give_edges(ears.judge(audio[at : at + window]), stop - window, stop, settle)
            except Exception:
                if not settled:  # it fails when that frame has come
                    settle()
                raise
            if settled:
                ears.watch()
                return
        taken = self._source.take_foreseen(samples)
        if ears.awaited:
            pace.settle_at(self._source.time_at(taken.start + len(samples)))
        ears.keep_foreseen(taken, start + len(audio) // window * window)
