"""The stages that the caller's audio passes, 10 ms at a time. One that fails is left out; the call goes on."""

from collections.abc import Callable

import numpy as np

from turnscope.core import Samples, to_samples
from turnscope.providers import AudioStage, AudioStageStream
from turnscope.session._far_end import FarEnd

__all__ = ["Stages"]

FRAME = to_samples(0.01)


class Stages:
    """A chain of stages.

    Args:
        stages: In the order in which audio passes them.
        far_end: What the agent plays.
        on_failure: Told the name of a stage that is left out from now on, and why.
    """

    def __init__(self, stages: tuple[AudioStage, ...], far_end: FarEnd, on_failure: Callable[[str, str], None]) -> None:
        self._streams: list[tuple[str, AudioStageStream]] = [(stage.name, stage.open_stream()) for stage in stages]
        self._far_end = far_end
        self._on_failure = on_failure
        self._waiting: Samples = np.zeros(0, np.float32)

    @property
    def none(self) -> bool:
        """There are none, and nothing waits for one."""
        return not self._streams and not len(self._waiting)

    def process(self, samples: Samples, start: int) -> Samples:
        """Take the next audio, and give what has passed: whole frames only.

        Args:
            samples: At 16 kHz.
            start: Place of the first sample that has not passed yet, on the session's clock.
        """
        if not self._streams:
            return np.concatenate([self.flush(), samples]) if len(self._waiting) else samples
        audio = np.concatenate([self._waiting, samples])
        whole = len(audio) // FRAME * FRAME
        passed = [self._pass(audio[at : at + FRAME], start + at) for at in range(0, whole, FRAME)]
        self._waiting = audio[whole:]
        return np.concatenate(passed) if passed else np.zeros(0, np.float32)

    def flush(self) -> Samples:
        """What waits for a frame to be whole, as it came: nothing follows it without a gap."""
        waiting, self._waiting = self._waiting, np.zeros(0, np.float32)
        return waiting

    def _pass(self, frame: Samples, start: int) -> Samples:
        far = self._far_end.read(start, start + FRAME)
        for name, stream in list(self._streams):
            try:
                passed = np.asarray(stream.process(frame.copy(), far), np.float32)
                if passed.shape != frame.shape or not np.isfinite(passed).all():
                    raise ValueError(f"gave samples of shape {passed.shape}, or such as are no numbers")
            except Exception as error:
                self._streams = [(other, kept) for other, kept in self._streams if kept is not stream]
                self._on_failure(name, f"{type(error).__name__}: {error}")
            else:
                frame = passed
        return frame
