"""Where speech begins and ends, from the probabilities that a voice activity detector gives.

Only counts windows; what an edge means for the conversation is decided by the Floor.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Literal

from turnscope._errors import ConfigError, ProtocolError
from turnscope.core._audio import to_samples

__all__ = [
    "BARGE_IN_EDGES",
    "TURN_EDGES",
    "Environment",
    "EnvironmentProfile",
    "SpeechBegan",
    "SpeechEdge",
    "SpeechEdgeSettings",
    "SpeechEdges",
    "SpeechEnded",
]

HYSTERESIS = 0.15
"""How far below its threshold speech is released, unless the settings say otherwise; Silero's tools use the same."""

LOWEST_RELEASE = 0.01
"""A release threshold of 0 would never be undercut: speech would never end."""

DIP_S = 0.064
"""Beginning speech may fall below the release threshold for so long and still be the same speech.

Two windows of 32 ms: the closure of a "p" or a "t" inside a word. A dip is forgiven, not counted as speech.
"""

_DIP = to_samples(DIP_S)

LONGEST_S = 10.0
"""No duration here is longer. It is there to catch milliseconds where seconds are meant."""


def _check_number(name: str, value: object, low: float, high: float, unit: str = "") -> None:
    usable = isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high
    if not usable:  # also NaN, which is in no range
        raise ConfigError(f"{name} must be a number from {low:g} to {high:g}{unit}, got {value!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechEdgeSettings:
    """What counts as speech.

    Attributes:
        threshold: A window with this probability or more can begin speech.
        release_threshold: Once speech has begun, a window with this probability or more goes on with it. None for
            0.15 less than `threshold`, but at least 0.01.
        min_speech_s: How much speech there must be before it is said to have begun. Less is a click or a cough.
        min_silence_s: How long there must be no speech before it is said to have ended. Less is a pause in a word.
        prefix_padding_s: How much audio before the onset belongs to the speech for those who listen, because
            detectors are late at soft consonants.

    Raises:
        ConfigError: A value is out of its range; the message names it.
    """

    threshold: float = 0.5
    release_threshold: float | None = None
    min_speech_s: float = 0.25
    min_silence_s: float = 0.5
    prefix_padding_s: float = 0.3

    def __post_init__(self) -> None:
        _check_number("threshold", self.threshold, LOWEST_RELEASE, 1.0)
        if self.release_threshold is not None:
            _check_number("release_threshold", self.release_threshold, LOWEST_RELEASE, 1.0)
            if self.release_threshold > self.threshold:
                raise ConfigError(
                    f"release_threshold must be at most threshold ({self.threshold:g}), got {self.release_threshold:g}"
                )
        for name in ("min_speech_s", "min_silence_s", "prefix_padding_s"):
            _check_number(name, getattr(self, name), 0.0, LONGEST_S, " seconds")

    @property
    def release(self) -> float:
        """The release threshold in force: `release_threshold`, or what follows from `threshold`."""
        if self.release_threshold is not None:
            return self.release_threshold
        return max(self.threshold - HYSTERESIS, LOWEST_RELEASE)

    @classmethod
    def for_environment(cls, profile: "EnvironmentProfile | str") -> "SpeechEdgeSettings":
        """Settings for a kind of surroundings, by its member or its name.

        Raises:
            ConfigError: There is no profile of that name.
        """
        try:
            return _ENVIRONMENTS[EnvironmentProfile(profile)]
        except ValueError:
            names = ", ".join(member.value for member in EnvironmentProfile)
            raise ConfigError(f"environment must be one of {names}; got {profile!r}") from None


Environment = Literal["quiet", "normal", "noisy"]
"""Where the caller is: the values of `EnvironmentProfile`, as settings and scenarios write them."""


class EnvironmentProfile(Enum):
    """Where the caller is."""

    QUIET = "quiet"
    NORMAL = "normal"
    NOISY = "noisy"


_ENVIRONMENTS = {
    EnvironmentProfile.QUIET: SpeechEdgeSettings(threshold=0.4, min_speech_s=0.2, min_silence_s=0.4),
    EnvironmentProfile.NORMAL: SpeechEdgeSettings(threshold=0.5, min_speech_s=0.25, min_silence_s=0.5),
    EnvironmentProfile.NOISY: SpeechEdgeSettings(threshold=0.7, min_speech_s=0.35, min_silence_s=0.6),
}

TURN_EDGES = SpeechEdgeSettings(threshold=0.4, min_speech_s=0.22, min_silence_s=0.2)
"""What starts and ends an utterance while the agent is silent. Nothing hurries: listeners hear what came before.

Measured with Silero's windows of 32 ms: none of 200 synthetic coughs and clicks of 80 ms began speech (at 0.19 s, 2 %
of the coughs did), noise began it 0.12 times a minute, and 0.3 % of 690 utterances of one word or more were missed. On
telephone audio a higher threshold loses more of the short words. Silero holds on for 0.1 s after a voice has stopped,
so the silence is really 0.3 s.
"""

BARGE_IN_EDGES = SpeechEdgeSettings(threshold=0.4, min_speech_s=0.032, min_silence_s=0.2)
"""What counts as somebody speaking while the agent is audible: one window of Silero, because the agent must have
stepped back 0.2 s after the onset, and stepping back for nothing can be made good.

Measured with Silero: confirmed 35 ms (median) and 119 to 122 ms (95th percentile) after an onset by level, in quiet
and in office noise; 0.2 false starts a minute in noise. With two windows these are 67 ms, 151 to 165 ms, and 0.1.
"""


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    """Somebody speaks.

    Attributes:
        onset: First sample of the first window of the speech.
        confirmed_at: Sample after the window that made it sure.
        confidence: Mean probability of the speech so far, 0 to 1.
        audio_start: First sample that listeners should hear: `onset` less the prefix padding, but never before the
            first window, nor before the end of the speech before.
    """

    onset: int
    confirmed_at: int
    confidence: float
    audio_start: int


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """Nobody speaks any more.

    Attributes:
        end: Sample after the last window of the speech.
        confirmed_at: Sample after the window that made it sure.
    """

    end: int
    confirmed_at: int


SpeechEdge = SpeechBegan | SpeechEnded
"""What `SpeechEdges.receive` gives."""


class SpeechEdges:
    """Turns the windows of one stream into edges, which alternate and begin with `SpeechBegan`.

    *Beginning.* The first window with `threshold` or more is a candidate's onset. From there, windows with `release`
    or more are speech. When they add up to `min_speech_s`, speech has begun. A dip below `release` is forgiven up to
    64 ms at a time, though not counted; a longer one drops the candidate.

    *Ending.* Windows with `release` or more keep the speech up. When the last of them ended `min_silence_s` ago,
    and at least one window lies since, the speech has ended there.

    Durations are met to the window: an edge is confirmed at the end of the first window that fulfils them. Windows may
    leave gaps, where audio was lost: a gap is silence. If it was long enough to end speech, that is what the window
    after it says, and new speech begins with a later window at the earliest.

    Args:
        settings: What counts as speech.
    """

    __slots__ = (
        "_audio_floor",
        "_in_speech",
        "_last_stop",
        "_min_silence",
        "_min_speech",
        "_onset",
        "_position",
        "_prefix",
        "_release",
        "_settings",
        "_speech",
        "_threshold",
        "_weight",
    )

    def __init__(self, settings: SpeechEdgeSettings) -> None:
        self._settings = settings
        # Read once: `receive` is called for every window of every session.
        self._threshold = settings.threshold
        self._release = settings.release
        self._min_speech = to_samples(settings.min_speech_s)
        self._min_silence = to_samples(settings.min_silence_s)
        self._prefix = to_samples(settings.prefix_padding_s)
        self._position: int | None = None  # end of the last window
        self._audio_floor = 0  # no listener hears what lies before
        self._in_speech = False
        self._onset: int | None = None
        self._last_stop = 0  # end of the last window of speech
        self._speech = 0  # samples of speech since the onset
        self._weight = 0.0  # their probabilities, times their number

    @property
    def settings(self) -> SpeechEdgeSettings:
        """What counts as speech."""
        return self._settings

    @property
    def in_speech(self) -> bool:
        """Speech has begun and not ended."""
        return self._in_speech

    @property
    def current_onset(self) -> int | None:
        """First sample of the speech that goes on, or of the candidate that may become it; None in silence."""
        return self._onset

    @property
    def confidence(self) -> float:
        """Mean probability, 0 to 1, of the windows of speech since `current_onset`; 0.0 in silence."""
        return self._weight / self._speech if self._speech else 0.0

    def receive(self, probability: float, start: int, stop: int) -> SpeechEdge | None:
        """Take the next window.

        Args:
            probability: How likely it holds speech, 0 to 1.
            start: Its first sample on the session's clock.
            stop: Sample after its last one.

        Returns:
            The edge that became sure with this window, if one did.

        Raises:
            ProtocolError: The probability is none, or the window is empty or begins before the end of the one before.
        """
        self._check(probability, start, stop)
        if self._position is None:
            self._audio_floor = start
        self._position = stop
        if self._in_speech:
            return self._continue_speech(probability, start, stop)
        return self._watch_for_speech(probability, start, stop)

    def _check(self, probability: float, start: int, stop: int) -> None:
        if not 0.0 <= probability <= 1.0:  # also NaN
            raise ProtocolError(f"a probability of speech is 0 to 1, got {probability}")
        if stop <= start:
            raise ProtocolError(f"a window must not be empty: it begins at {start} and ends at {stop}")
        if self._position is not None and start < self._position:
            raise ProtocolError(
                f"windows must not overlap: one begins at {start}, one before ended at {self._position}"
            )

    def _continue_speech(self, probability: float, start: int, stop: int) -> SpeechEnded | None:
        spoken = probability >= self._release
        silent_until = start if spoken else stop
        if silent_until > self._last_stop and silent_until - self._last_stop >= self._min_silence:
            ended = SpeechEnded(self._last_stop, stop)
            self._audio_floor = self._last_stop
            self._in_speech = False
            self._forget()
            if probability >= self._threshold:  # only after a gap in the audio
                self._count(probability, start, stop)
            return ended
        if spoken:
            self._count(probability, start, stop)
        return None

    def _watch_for_speech(self, probability: float, start: int, stop: int) -> SpeechBegan | None:
        if self._onset is not None and probability < self._release:
            if stop - self._last_stop > _DIP:
                self._forget()
            return None
        if self._onset is not None and start - self._last_stop > _DIP:  # a gap in the audio
            self._forget()
        if self._onset is None and probability < self._threshold:
            return None
        onset = self._count(probability, start, stop)
        if self._speech < self._min_speech:
            return None
        self._in_speech = True
        return SpeechBegan(onset, stop, self.confidence, max(onset - self._prefix, self._audio_floor))

    def _count(self, probability: float, start: int, stop: int) -> int:
        """A window of speech: add it up, and say where its speech began."""
        if self._onset is None:
            self._onset = start
        self._last_stop = stop
        self._speech += stop - start
        self._weight += probability * (stop - start)
        return self._onset

    def _forget(self) -> None:
        self._onset = None
        self._speech = 0
        self._weight = 0.0
