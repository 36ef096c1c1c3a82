"""A scripted caller who can be asked beforehand what they will say, so that a simulated session waits for no frame."""

import numpy as np

from turnscope.core import CLOCK_HZ, Samples, to_samples
from turnscope.sim._caller import PAUSE_SAMPLES, CallerTransport, Moment
from turnscope.transports import InputFrame

__all__ = ["ForeseenCaller"]

MOST_SAMPLES = 5 * CLOCK_HZ
"""How much of the call is mixed at once at most."""

_NOTHING: Samples = np.zeros(0, np.float32)


class ForeseenCaller(CallerTransport):
    """A `CallerTransport` that is a `turnscope.transports.ForeseenTransport`, too."""

    @property
    def takes_ahead(self) -> bool:
        """What is sent is only kept; unless there is an echo of it, which is made of each frame."""
        return self._echo is None

    @property
    def frame_samples(self) -> int:
        """Length of its frames."""
        return self._frame

    def foresee(self, before: float) -> Samples:
        """See `turnscope.transports.ForeseenTransport.foresee`."""
        start = self._position
        self._notice_agent_stop(start + self._frame)  # the first of these frames is due: see `take_frame`
        self._place_steps()
        stop = min(self._max, start + MOST_SAMPLES, self._acts_at)
        due_s = min((before - self.time_at(start)) * CLOCK_HZ, MOST_SAMPLES)
        count = max(min(stop - start, round(due_s)) // self._frame, 0)
        while count and self.time_at(start + count * self._frame) >= before:
            count -= 1
        return self._mix(start, start + count * self._frame) if count else _NOTHING

    def take_foreseen(self, samples: Samples) -> InputFrame:
        """See `turnscope.transports.ForeseenTransport.take_foreseen`."""
        return self._give(samples)

    @property
    def _acts_at(self) -> int:
        """The sample of the call before which nothing more happens on the caller's side than is placed by now.

        That is so while the agent goes on as it does: in the frame that holds this sample a step may be placed, or
        what the agent does be noticed.
        """
        if self._echo is not None:
            return 0
        times = [self._max if self._hang_up_at is None else self._hang_up_at]
        for waiting in self._waiting.values():
            match waiting[0][1].moment if waiting else None:
                case Moment(after_s, "quiet"):
                    times.append(max(self._sent_until, self._quiet_from) + to_samples(after_s))
                case Moment(_, "agent_stops") if len(self._stops) < len(self._starts):
                    times.append(self._sent_until + PAUSE_SAMPLES - 1)
                case Moment(_, str()) | None:
                    pass
                case _:
                    return 0
        return min(times)
