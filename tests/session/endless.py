"""A caller who never stops interrupting, for soaks: it keeps nothing of what was said."""

import numpy as np
import trio

from turnscope.core import CLOCK_HZ, Samples
from turnscope.sim import encode_words
from turnscope.transports import InputFrame, Playhead

__all__ = ["EndlessInterrupter"]

ORDER = encode_words("two lattes please.", words_per_s=6)[0]
TALK_OVER_S = 0.3


class EndlessInterrupter:
    """Speaks when it has been silent for 1.5 s or the agent has spoken for 0.3 s; hangs up after so many utterances."""

    input_hz = output_hz = CLOCK_HZ
    lead_samples = 0

    def __init__(self, utterances: int, frame_s: float = 0.1) -> None:
        self.left = utterances
        self._frame = round(frame_s * CLOCK_HZ)
        self._position = 0
        self._start: float | None = None
        self._speech: Samples = ORDER[:0]
        self._agent_since: int | None = None
        self._silent_since = 0

    async def receive(self) -> InputFrame | None:
        if self._start is None:
            self._start = trio.current_time()
        start, stop = self._position, self._position + self._frame
        await trio.sleep_until(self._start + stop / CLOCK_HZ)
        if self.left == 0 and not len(self._speech):
            return None
        if not len(self._speech) and self._wants_to_speak(start):
            self.left -= 1
            self._speech = ORDER
            self._agent_since = None
        frame = np.zeros(self._frame, dtype=np.float32)
        piece, self._speech = self._speech[: self._frame], self._speech[self._frame :]
        frame[: len(piece)] = piece
        if len(piece):
            self._silent_since = stop
        self._position = stop
        return InputFrame(frame, start)

    def _wants_to_speak(self, now: int) -> bool:
        if self._agent_since is not None:
            return now - self._agent_since >= TALK_OVER_S * CLOCK_HZ
        return now - self._silent_since >= 1.5 * CLOCK_HZ

    def send(self, samples: Samples, response_id: str) -> None:
        answering = not len(self._speech) and self._position - self._silent_since > CLOCK_HZ // 5
        if self._agent_since is None and answering:
            self._agent_since = self._position

    def clear(self, response_id: str) -> None:
        pass

    def playhead(self) -> Playhead:
        return Playhead(0, "measured")

    def close(self) -> None:
        pass
