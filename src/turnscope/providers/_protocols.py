"""What a model must be able to do to take part in a conversation: a few small protocols.

A provider has two lifetimes. A *connection* lives as long as the session and pays once for
handshakes and weights; a *stream* lives inside one turn. Both are async context managers, so closing
is part of the type. All of them obey one contract, which the conformance suite checks:

- leaving a stream's context, or being cancelled anywhere in it, closes it and costs no virtual time;
- nothing is delivered after it was left, and no task, thread or socket stays behind;
- a failure is a `ProviderError` that names the provider; `trio.Cancelled` is never swallowed;
- several streams of one connection can be open at once.

CPU-bound work goes through `Resources.compute`, never through a thread of the provider's own.
"""

import math
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol, TypeVar, runtime_checkable

from turnscope._errors import ConfigError
from turnscope.core import Message, Samples, ToolCall, WordTiming

__all__ = [
    "LLM",
    "STT",
    "TTS",
    "VAD",
    "AudioStage",
    "AudioStageStream",
    "CalmSTTStream",
    "Compute",
    "LLMConnection",
    "LLMItem",
    "Resources",
    "STTConnection",
    "STTStream",
    "SpeechChunk",
    "TTSConnection",
    "TextDelta",
    "ToolSpec",
    "Transcript",
    "Usage",
    "VADStream",
    "VoiceOptions",
    "applies_volume",
]

T = TypeVar("T")


class Compute(Protocol):
    """Where CPU-bound work runs: worker threads in real time, inline at a modelled cost in virtual time."""

    async def run(self, work: Callable[[], T], *, cost_s: float, name: str) -> T:
        """Run `work` away from the event loop and return what it returns, or raise what it raises.

        A cancelled call returns at once; its result is dropped.

        Args:
            work: A function without arguments that never touches Trio.
            cost_s: How long it takes on the reference machine, as a pure function of the size of its input. It is
                what virtual time is charged; real time ignores it.
            name: Who asks, for reports: ``"whisper"``.
        """
        ...


@dataclass(frozen=True, slots=True)
class Resources:
    """What the runtime lends to the providers of all its sessions.

    Attributes:
        compute: Where CPU-bound work runs.
        cache: Things worth keeping for the whole process, such as model weights, by a name that says what they are.
    """

    compute: Compute
    cache: dict[str, object] = field(default_factory=dict)


@runtime_checkable
class VAD(Protocol):
    """Voice activity detection: how likely is each short window of audio to hold speech?"""

    @property
    def name(self) -> str:
        """The provider's name in events, errors and reports."""
        ...

    @property
    def input_hz(self) -> int:
        """Sample rate it takes."""
        ...

    @property
    def window_samples(self) -> int:
        """Length of the windows it takes."""
        ...

    def open_stream(self) -> "VADStream":
        """A detector with fresh state, for one continuous stream of audio."""
        ...


@runtime_checkable
class AudioStage(Protocol):
    """Something that the caller's audio passes before anybody hears it: noise suppression, echo cancellation, gain."""

    @property
    def name(self) -> str:
        """The stage's name in events."""
        ...

    def open_stream(self) -> "AudioStageStream":
        """What processes the audio of one call.

        Raises:
            ConfigError: Something that it needs is not installed; the message says how to install it.
        """
        ...


class AudioStageStream(Protocol):
    """One stage with its state. Synchronous, because it stands in the way of every sample.

    If it raises, or gives anything but as much sound as it was given, it is left out for the rest of the call.
    """

    def process(self, near: Samples, far: Samples) -> Samples:
        """Process 10 ms of the caller's audio.

        Args:
            near: What the microphone picked up, shape ``(160,)``, at 16 kHz.
            far: What the agent played at the same time, of the same shape.

        Returns:
            What is to be heard instead of `near`, of the same shape.
        """
        ...


class VADStream(Protocol):
    """One detector with its state. Synchronous, because it must answer well inside one window."""

    def process(self, window: Samples) -> float:
        """The probability, 0 to 1, that `window` holds speech. `window` has exactly `VAD.window_samples` samples."""
        ...


@dataclass(frozen=True, slots=True)
class Transcript:
    """What a stream has understood.

    Attributes:
        text: The words. Each item holds the whole text since the last final one, not an increment. May be empty.
        is_final: These words will not change; later items are about later audio.
        start: First sample that it is about, counted from the first one sent on its stream.
        stop: Sample after the last one that it is about.
        no_speech_probability: How likely the model thinks that nobody spoke, 0 to 1, if it says so.
        mean_log_probability: Mean log-probability of the tokens, if the model says so.
    """

    text: str
    is_final: bool
    start: int
    stop: int
    no_speech_probability: float | None = None
    mean_log_probability: float | None = None


@runtime_checkable
class STT(Protocol):
    """Speech to text."""

    @property
    def name(self) -> str:
        """The provider's name in events, errors and reports."""
        ...

    @property
    def input_hz(self) -> int:
        """Sample rate it takes."""
        ...

    def connect(self, resources: Resources) -> AbstractAsyncContextManager["STTConnection"]:
        """Load or dial what all streams of a session share."""
        ...


class STTConnection(Protocol):
    """What the STT streams of one session share."""

    def open_stream(self) -> AbstractAsyncContextManager["STTStream"]:
        """A stream for one turn."""
        ...


class STTStream(Protocol):
    """One turn's transcription. One task sends while another iterates."""

    async def send_audio(self, samples: Samples) -> None:
        """Give the next samples, any number of them. May wait (the sender holds a place in a ring buffer)."""
        ...

    async def flush(self) -> None:
        """The speaker paused: settle everything sent so far.

        One final transcript follows, also when nothing was understood (its text is then empty); it
        covers all that was sent before and is not final yet. More audio may be sent afterwards.
        """
        ...

    def __aiter__(self) -> AsyncIterator[Transcript]:
        """Interim and final transcripts as they come. Ends only when the stream's context is left."""
        ...


@runtime_checkable
class CalmSTTStream(Protocol):
    """What an `STTStream` can do, too, to be given audio in larger pieces where time is not real.

    Its `send_audio` must take no time.
    """

    def calm_for(self, samples: Samples) -> int:
        """How many of the next samples may come late and at once, because nothing will come of them before.

        Args:
            samples: What comes next, shape ``(n,)``. It is not sent yet.
        """
        ...


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of a model's text."""

    text: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that one request has used."""

    input_tokens: int
    output_tokens: int


LLMItem = TextDelta | ToolCall | Usage
"""What a language model streams. A tool call comes when it is complete; any number of them ends an answer."""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool, as a model is told of it.

    Attributes:
        name: What the model calls it by: letters, digits, ``_`` and ``-``, at most 64 of them.
        description: What it does and when to use it.
        parameters: JSON Schema of the object with its arguments.
    """

    name: str
    description: str
    parameters: Mapping[str, object]


@runtime_checkable
class LLM(Protocol):
    """A language model that streams its answer."""

    @property
    def name(self) -> str:
        """The provider's name in events, errors and reports."""
        ...

    def connect(self, resources: Resources) -> AbstractAsyncContextManager["LLMConnection"]:
        """Dial what all requests of a session share."""
        ...


class LLMConnection(Protocol):
    """What the requests of one session share."""

    def open_stream(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()
    ) -> AbstractAsyncContextManager[AsyncIterator[LLMItem]]:
        """Ask for the next message after `messages`; iterating gives its pieces.

        Args:
            messages: The conversation so far. Tool calls in it are followed by their results.
            tools: What the model may call. One that cannot call tools may ignore them.
        """
        ...


@dataclass(frozen=True, slots=True)
class VoiceOptions:
    """How to speak.

    Attributes:
        voice: The synthesizer's name for a voice; None for its default.
        speed: 1.0 is the voice's own pace, 2.0 twice as fast.
        volume: Linear gain, 1.0 as synthesized. The session applies it, unless the synthesizer does (`applies_volume`).

    Raises:
        ConfigError: The voice has no name, or speed or volume are out of range.
    """

    voice: str | None = None
    speed: float = 1.0
    volume: float = 1.0

    def __post_init__(self) -> None:
        if self.voice == "":
            raise ConfigError("voice must have a name; None is the synthesizer's default")
        if not 0 < self.speed < math.inf:
            raise ConfigError(f"speed must be positive and finite, got {self.speed}")
        if not 0 <= self.volume < math.inf:
            raise ConfigError(f"volume must be a finite number from 0 up, got {self.volume}")


@dataclass(frozen=True, slots=True, eq=False)
class SpeechChunk:
    """The next piece of synthesized speech.

    Attributes:
        samples: Audio at the connection's `TTSConnection.output_hz`.
        words: Words known by now and not given before, at `output_hz`, counted from the first sample of the request.
            They may come before, with, or after their audio; a synthesizer without timings gives none.
    """

    samples: Samples
    words: tuple[WordTiming, ...] = ()


@runtime_checkable
class TTS(Protocol):
    """Text to speech."""

    @property
    def name(self) -> str:
        """The provider's name in events, errors and reports."""
        ...

    def connect(self, resources: Resources) -> AbstractAsyncContextManager["TTSConnection"]:
        """Load or dial what all requests of a session share."""
        ...


class TTSConnection(Protocol):
    """What the requests of one session share.

    One that applies `VoiceOptions.volume` itself says so with an attribute ``applies_volume = True``; the audio of any
    other is scaled by the session.
    """

    @property
    def output_hz(self) -> int:
        """Sample rate of the speech it makes."""
        ...

    def open_stream(self, text: str, options: VoiceOptions) -> AbstractAsyncContextManager[AsyncIterator[SpeechChunk]]:
        """Speak `text`; iterating gives the audio in order, as soon as it exists."""
        ...


def applies_volume(connection: TTSConnection) -> bool:
    """Whether the audio that `connection` makes has `VoiceOptions.volume` already."""
    return bool(getattr(connection, "applies_volume", False))
