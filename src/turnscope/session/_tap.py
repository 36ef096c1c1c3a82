"""What a session shows to a recorder: the audio both ways, what providers were given and gave, and each decision.

A tap changes nothing and delays nothing. What is shown to it is not to be changed afterwards.
"""

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import trio

from turnscope.core import Event, FloorInput, Order, Samples
from turnscope.providers import Compute, LLMItem, Score, SpeechChunk, Transcript
from turnscope.session._agent import Agent
from turnscope.transports import Transport

__all__ = [
    "AgentKnown",
    "AudioHeard",
    "Decision",
    "Fact",
    "FrameCleared",
    "FrameReceived",
    "FrameSent",
    "Given",
    "Opening",
    "StreamClosed",
    "StreamGave",
    "StreamKind",
    "StreamOpened",
    "StreamTook",
    "Tap",
    "TapGuard",
    "WindowJudged",
]

_logger = logging.getLogger("turnscope")

FINISH_S = 10.0
"""How long a session waits for its tap to finish, in seconds of the wall. After that, nobody waits for it."""

StreamKind = Literal["stt", "llm", "tts", "detector"]
"""Of which kind of provider a stream is."""

Given = Transcript | LLMItem | SpeechChunk | Score
"""What a stream of a provider gives."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A session begins.

    Attributes:
        session_id: Its name.
        metadata: What the application wants to find again.
        input_hz: Rate at which the transport gives the caller's audio.
        output_hz: Rate at which it takes the agent's.
        lead_samples: How much of the agent's audio it may hold.
    """

    session_id: str
    metadata: Mapping[str, str]
    input_hz: int
    output_hz: int
    lead_samples: int

    @classmethod
    def of(cls, session_id: str, metadata: Mapping[str, str], transport: Transport) -> "Opening":
        """The opening of a session over a transport."""
        return cls(session_id, metadata, transport.input_hz, transport.output_hz, transport.lead_samples)


@dataclass(frozen=True, slots=True)
class AgentKnown:
    """An agent speaks from the beginning, or may take over from now on."""

    agent: Agent


@dataclass(frozen=True, slots=True)
class Decision:
    """The Floor was told something, and this is what it ordered, in order."""

    item: FloorInput
    orders: Sequence[Order]


@dataclass(frozen=True, slots=True, eq=False)
class FrameReceived:
    """Audio of the caller came, at the session's time `at_s`. `start` is the index of its first sample."""

    at_s: float
    start: int
    samples: Samples


@dataclass(frozen=True, slots=True, eq=False)
class FrameSent:
    """Audio of the agent was handed to the transport.

    Attributes:
        at_s: The session's time.
        response_id: The response that it belongs to.
        position: Where its first sample is played, in samples of the session's time at the transport's rate.
        samples: The audio.
    """

    at_s: float
    response_id: str
    position: int
    samples: Samples


@dataclass(frozen=True, slots=True)
class FrameCleared:
    """The transport dropped what it held of a response: nothing that was sent is played from `position` on."""

    at_s: float
    response_id: str
    position: int


@dataclass(frozen=True, slots=True, eq=False)
class AudioHeard:
    """The caller's audio as it is heard: at 16 kHz, in its place on the session's clock. What is missing is silent."""

    start: int
    samples: Samples


@dataclass(frozen=True, slots=True)
class WindowJudged:
    """The VAD's word on the window that ends before sample `stop` of the session's clock."""

    stop: int
    probability: float


@dataclass(frozen=True, slots=True)
class StreamOpened:
    """A stream of a provider is asked for.

    Attributes:
        at_s: The session's time.
        stream: Its number.
        kind: What it is.
        provider: The provider's name.
        turn_id: For which turn; 0 if for none.
        attempt: For which of its answers; 0 if for none.
        hz: Rate of the audio that it takes or gives; 0 for none.
        asked: What it was opened with: messages and tools, or a text and how to speak it, or an onset.
    """

    at_s: float
    stream: int
    kind: StreamKind
    provider: str
    turn_id: int
    attempt: int
    hz: int
    asked: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class StreamTook:
    """A stream took so many samples of the caller's audio; with `flush`, it was told to settle what it had."""

    at_s: float
    stream: int
    count: int
    flush: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class StreamGave:
    """A stream gave something."""

    at_s: float
    stream: int
    item: Given


@dataclass(frozen=True, slots=True)
class StreamClosed:
    """A stream was left. `ending` is ``finished``, ``left`` before it had given all, or what went wrong."""

    at_s: float
    stream: int
    ending: str


Fact = (
    Opening
    | AgentKnown
    | Decision
    | Event
    | FrameReceived
    | AudioHeard
    | FrameSent
    | FrameCleared
    | WindowJudged
    | StreamOpened
    | StreamTook
    | StreamGave
    | StreamClosed
)
"""Whatever a tap is shown."""


class Tap(Protocol):
    """Is shown everything that a session is given and does. Make it quick: it is called in the midst of it."""

    def take(self, fact: Fact) -> None:
        """See one fact. It must not block. What it raises is logged, and then it is shown nothing more."""
        ...

    def finish(self) -> None:
        """There is no more. Called once, in a thread of its own, however the session ended; may wait for a disk."""
        ...


class TapGuard:
    """A tap that cannot do harm.

    Args:
        tap: The tap; None for nobody.
    """

    def __init__(self, tap: Tap | None) -> None:
        self._tap = tap
        self._failed: Tap | None = None
        self._began = False

    @property
    def looks(self) -> bool:
        """Somebody is shown anything."""
        return self._tap is not None

    def take(self, fact: Fact) -> None:
        """Show one fact."""
        if self._tap is not None:
            self._began = True
            try:
                self._tap.take(fact)
            except Exception:
                _logger.exception("%r raised, and is shown nothing more of this session", self._tap)
                self._failed, self._tap = self._tap, None

    async def finish(self, compute: Compute) -> None:
        """Have it finish, if it was shown anything. Takes no longer than `FINISH_S`."""
        tap, self._tap = self._tap or self._failed, None
        if tap is None or not self._began:
            return
        with trio.CancelScope(shield=True):  # its deadline is of wall time: a virtual one might be over at once
            await compute.run(lambda: _finish(tap), cost_s=0.0, name="recorder")


def _finish(tap: Tap) -> None:
    thread = threading.Thread(target=_finish_safely, args=(tap,), name=f"{tap!r} finishes", daemon=True)
    thread.start()
    thread.join(FINISH_S)
    if thread.is_alive():
        _logger.error("%r did not finish within %g s", tap, FINISH_S)


def _finish_safely(tap: Tap) -> None:
    try:
        tap.finish()
    except Exception:
        _logger.exception("%r could not finish", tap)
