"""A scripted caller: what they do, when, and the transport that makes a session hear it.

Everything is placed to the sample, on the session's clock.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import trio

from turnscope._errors import ConfigError
from turnscope.core import CLOCK_HZ, Samples, to_samples
from turnscope.sim._background import Background
from turnscope.sim._reactions import Reaction, Reactions
from turnscope.transports import InputFrame, Playhead

__all__ = ["CallerTransport", "HangUp", "Moment", "Placed", "Play", "Step", "convolved"]

PAUSE_SAMPLES = CLOCK_HZ // 4
"""The agent has stopped speaking when nothing of it was heard for so long; shorter gaps lie inside its speech."""


ANCHORS = ("call", "agent_starts", "agent_stops", "previous", "quiet")
"""What a moment can be counted from, apart from what the caller reacts to."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When a step of the script happens: `after_s` after its anchor.

    Attributes:
        after_s: Seconds after the anchor.
        anchor: ``call`` (the call's first sample), ``agent_starts`` or ``agent_stops`` (first sample of, or after, the
            agent's `reply`-th stretch of speech), ``previous`` (the end of the step before), ``quiet`` (the end of the
            last sound that either side has made); or something that they react to.
        reply: Which stretch of the agent's speech, counted from 1; None for the next one after the beginning of the
            step before. For words that they react to, in which reply, and for what happens, which time in the call.
    """

    after_s: float
    anchor: str | Reaction = "call"
    reply: int | None = None

    def __post_init__(self) -> None:
        if isinstance(self.anchor, str) and self.anchor not in ANCHORS:
            raise ConfigError(f"anchor must be call, agent_starts, agent_stops, previous or quiet, got {self.anchor!r}")
        if not self.after_s >= 0:
            raise ConfigError(f"after_s must not be negative, got {self.after_s}")
        if self.reply is not None and self.reply < 1:
            raise ConfigError(f"reply counts from 1, got {self.reply}")


@dataclass(frozen=True, slots=True, eq=False)
class Play:
    """The caller's side gives a sound, mixed with whatever else it gives.

    Attributes:
        audio: At 16 kHz.
        moment: When its first sample is.
        speech_start: Index of the first sample that is speech, labelled by hand; None when it is no speech.
        name: For reports.
        speaker: Who it is, where several people are on the caller's side: their steps do not wait for each other.
    """

    audio: Samples
    moment: Moment
    speech_start: int | None = 0
    name: str = ""
    speaker: str = ""


@dataclass(frozen=True, slots=True)
class HangUp:
    """The caller hangs up, for all of them."""

    moment: Moment
    speaker: str = ""


Step = Play | HangUp
"""One line of a caller's script."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A step that has happened, or will: the sample of its beginning, and of its end."""

    step: Step
    start: int
    stop: int


class CallerTransport:
    """Plays a script to a session and records what the session says.

    Args:
        script: Steps in order; each is placed once its anchor is known. Those at a time of the call happen then, all
            others not before the step before them, of the same speaker, is placed.
        frame_s: Length of the frames it gives.
        max_s: It hangs up after so long at the latest.
        lead_s: How much may be sent before it is played, as to a real loudspeaker. For real time; in virtual time
            nothing is late, and nothing has to be early.
        echo: The impulse response, at 16 kHz, of the way from the caller's loudspeaker to their microphone; None where
            they wear headphones.
        background: What goes on around them.
    """

    input_hz = CLOCK_HZ
    output_hz = CLOCK_HZ

    def __init__(
        self,
        script: Sequence[Step],
        *,
        frame_s: float = 0.02,
        max_s: float = 600.0,
        lead_s: float = 0.0,
        echo: Samples | None = None,
        background: Sequence[Background] = (),
    ) -> None:
        self._waiting: dict[str, deque[tuple[int, Step]]] = {}
        """Steps that are not placed, by speakers."""
        self._previous: dict[int, int] = {}
        """For each step, which one of the same speaker is before it."""
        self._latest: dict[str, int] = {}
        self._frame = to_samples(frame_s)
        self._max = to_samples(max_s)
        self.lead_samples: int = to_samples(lead_s)
        self._echo = echo
        self._start: float | None = None
        self._position = 0
        self._placed: dict[int, Placed] = {}
        """By their place in the script."""
        self._sounding: list[tuple[int, Samples]] = []
        self._quiet_from = 0
        """Sample after the last one that the caller gives, as far as it is placed."""
        self._hang_up_at: int | None = None
        self._user: list[tuple[int, Samples]] = []
        """What was given that is not silent, and where it begins."""
        self._agent: list[tuple[int, Samples]] = []
        self._starts: list[int] = []
        self._stops: list[int] = []
        self._sent_until = 0
        self._handed_over = 0
        self._background = tuple(background)
        self.reactions: Reactions = Reactions()
        """What they react to: it has to be told what happens."""
        for index, step in enumerate(script):
            self._take(index, step)
        self._steps = len(script)

    def add(self, step: Step) -> None:
        """One step more, after all others, while the call goes on. What should have happened by now happens now."""
        index, self._steps = self._steps, self._steps + 1
        self._take(index, step)

    # The transport

    def next_frame_at(self) -> float:
        """Trio's time at which the last sample of the next frame is due. Asking for it begins the call."""
        return self.time_at(self._position + self._frame)

    def time_at(self, sample: int) -> float:
        """Trio's time at a sample of the call. Asking for it begins the call."""
        if self._start is None:
            self._start = trio.current_time()
        return self._start + sample / CLOCK_HZ

    async def receive(self) -> InputFrame | None:
        """The caller's next frame, when its last sample is due; None once they have hung up."""
        await trio.sleep_until(self.next_frame_at())
        return self.take_frame()

    def take_frame(self) -> InputFrame | None:
        """The next frame for whoever asks when its last sample is due; None once they have hung up."""
        start, stop = self._position, self._position + self._frame
        self._notice_agent_stop(stop)
        self._place_steps()
        if stop > self._max or (self._hang_up_at is not None and stop > self._hang_up_at):
            return None
        return self._give(self._mix(start, stop))

    def _give(self, samples: Samples) -> InputFrame:
        start, self._position = self._position, self._position + len(samples)
        if samples.any():  # most of a call is silence: memory for it is kept by nobody, and not touched in `tracks`
            self._user.append((start, samples))
        if self._sounding:
            self._sounding = [sound for sound in self._sounding if sound[0] + len(sound[1]) > self._position]
        return InputFrame(samples, start)

    def send(self, samples: Samples, response_id: str) -> None:
        """Record what the session says, at the time at which it says it."""
        if self._start is None:
            self._start = trio.current_time()
        at = max(round((trio.current_time() - self._start) * CLOCK_HZ), self._sent_until)
        if not self._starts or at - self._sent_until >= PAUSE_SAMPLES:
            self._notice_agent_stop(at)
            self._starts.append(at)
        self._agent.append((at, samples))
        self._handed_over += len(samples)
        self._sent_until = at + len(samples)
        if self._echo is not None and len(self._echo) and len(samples):
            self._sounding.append((at, convolved(samples, self._echo)))

    def clear(self, response_id: str) -> None:
        """Drop what was sent ahead and is not played yet; without a lead that is nothing."""
        now = 0 if self._start is None else round((trio.current_time() - self._start) * CLOCK_HZ)
        while self.lead_samples and self._agent and self._sent_until > now:
            at, samples = self._agent.pop()
            kept = samples[: max(now - at, 0)]
            self._sent_until = at + len(kept)
            if len(kept):
                self._agent.append((at, kept))

    def playhead(self) -> Playhead:
        """What was handed over is heard at once."""
        now = 0 if self._start is None else round((trio.current_time() - self._start) * CLOCK_HZ)
        return Playhead(self._handed_over - max(self._sent_until - now, 0), "measured")

    def close(self) -> None:
        """Nothing is held that would have to be closed."""

    # What was said

    @property
    def placed(self) -> tuple[Placed, ...]:
        """The steps that were placed, in order."""
        return tuple(placed for _, placed in sorted(self._placed.items()))

    @property
    def agent_starts(self) -> tuple[int, ...]:
        """First samples of the agent's stretches of speech."""
        return tuple(self._starts)

    def tracks(self) -> tuple[Samples, Samples]:
        """What the caller and what the agent gave, on one clock and of one length."""
        length = max(self._position, self._sent_until)
        user, agent = np.zeros(length, np.float32), np.zeros(length, np.float32)
        for at, samples in self._user:
            user[at : at + len(samples)] = samples
        for at, samples in self._agent:
            agent[at : at + len(samples)] = samples
        return user, agent

    # Placing

    def _take(self, index: int, step: Step) -> None:
        """Take a step into the script."""
        if step.speaker in self._latest:
            self._previous[index] = self._latest[step.speaker]
        self._latest[step.speaker] = index
        self.reactions.expect(step.moment.anchor)
        if step.moment.anchor == "call":
            self._place(index, step, max(to_samples(step.moment.after_s), self._position))
        else:
            self._waiting.setdefault(step.speaker, deque()).append((index, step))

    def _notice_agent_stop(self, now: int) -> None:
        if len(self._stops) < len(self._starts) and now - self._sent_until >= PAUSE_SAMPLES:
            self._stops.append(self._sent_until)

    def _place_steps(self) -> None:
        for waiting in self._waiting.values():
            while waiting and (start := self._resolve(*waiting[0])) is not None:
                index, step = waiting.popleft()
                self._place(index, step, max(start, self._position))

    def _place(self, index: int, step: Step, start: int) -> None:
        if isinstance(step, HangUp):
            self._hang_up_at = start if self._hang_up_at is None else min(start, self._hang_up_at)
            self._placed[index] = Placed(step, start, start)
        else:
            self._placed[index] = Placed(step, start, start + len(step.audio))
            self._sounding.append((start, step.audio))
            self._quiet_from = max(self._quiet_from, start + len(step.audio))

    def _resolve(self, index: int, step: Step) -> int | None:
        moment = step.moment
        after = to_samples(moment.after_s)
        previous = self._placed.get(self._previous.get(index, -1))
        since = -1 if previous is None else previous.start
        if not isinstance(moment.anchor, str):
            now = self._position + self._frame
            noticed = self.reactions.moment(moment.anchor, since=since, nth=moment.reply, now=now)
            return None if noticed is None else noticed + after
        match moment.anchor:
            case "previous":
                return after + (0 if previous is None else previous.stop)
            case "quiet":
                start = max(self._sent_until, self._quiet_from) + after
                return start if start < self._position + self._frame else None
            case anchor:
                times = self._starts if anchor == "agent_starts" else self._stops
                if moment.reply is not None:
                    return times[moment.reply - 1] + after if len(times) >= moment.reply else None
                later = bisect_right(times, since)
                return times[later] + after if later < len(times) else None

    def _mix(self, start: int, stop: int) -> Samples:
        frame = np.zeros(stop - start, dtype=np.float32)
        for begin, audio in self._sounding:
            end = begin + len(audio)
            if begin < stop and end > start:
                low, high = max(begin, start), min(end, stop)
                frame[low - start : high - start] += audio[low - begin : high - begin]
        for sound in self._background:
            sound.add_to(frame, start)
        return frame


def convolved(samples: Samples, response: npt.NDArray[np.floating]) -> Samples:
    """What a way with this impulse response makes of `samples`, with the response's tail."""
    length = len(samples) + len(response) - 1
    size = 1 << (length - 1).bit_length()
    spectrum = np.fft.rfft(samples, size) * np.fft.rfft(response, size)
    return np.fft.irfft(spectrum, size)[:length].astype(np.float32)
