"""Reads what a recorder has written, also what is cut off in the middle; says where a file is damaged."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from turnscope._errors import ConfigError, ProtocolError
from turnscope.core import CLOCK_HZ, Event, FloorSettings, Order, Samples, input_from_dict, resample
from turnscope.observe._plain import from_plain, has_code
from turnscope.observe._recorder import AGENT, CALLER, FORMAT, LOG, RECEIVED, SPEECH
from turnscope.observe._spool import HEADER_BYTES
from turnscope.session import Decision, Given

__all__ = ["RecordedFrame", "RecordedStream", "Recording", "load_recording"]

Json = dict[str, Any]

NAMED = ("vad", "stt", "llm", "tts", "detector", "stages", "tools", "floor")
"""What is written of an agent beside its settings: names, and the settings once more as the Floor has them."""


@dataclass(frozen=True, slots=True)
class RecordedFrame:
    """Audio of the caller as it came: see `turnscope.session.FrameReceived`.

    Attributes:
        at_s: The session's time.
        start: Index of its first sample since the stream began.
        count: How many samples.
        offset: Where they are in ``received.wav``; None if they were not recorded.
    """

    at_s: float
    start: int
    count: int
    offset: int | None


@dataclass(slots=True)
class RecordedStream:
    """What a provider was asked, and what it gave.

    Attributes:
        number: Counts the streams of the session.
        kind: ``stt``, ``llm``, ``tts`` or ``detector``.
        provider: The provider's name.
        turn_id: For which turn; 0 for none.
        attempt: For which of its answers; 0 for none.
        hz: Rate of the audio that it takes or gives.
        asked: See `turnscope.session.StreamOpened`; empty if texts were left out.
        opened_s: When it was opened, in seconds of the session's time.
        gave: When it gave what. The audio of a chunk is empty: see `audio`.
        audio: For each of `gave`: how many samples, and where they are in ``speech.f32``, if it is speech.
        took: When it took how many samples; None for a flush.
        closed_s: When it was left; None if that is not in the recording.
        ending: How.
    """

    number: int
    kind: str
    provider: str
    turn_id: int
    attempt: int
    hz: int
    asked: tuple[Any, ...]
    opened_s: float
    gave: list[tuple[float, Given]] = field(default_factory=list)
    audio: list[tuple[int, int | None]] = field(default_factory=list)
    took: list[tuple[float, int | None]] = field(default_factory=list)
    closed_s: float | None = None
    ending: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """A session that was recorded. Made by `load_recording`.

    Attributes:
        folder: Where it is.
        header: Versions, rates and options: the first line of the log.
        settings: Of each agent, as plain data.
        decisions: What the Floor was told and ordered, in order.
        events: What happened, in order.
        frames: The caller's audio as it came.
        windows: The ends of the VAD's windows, in samples, and the probabilities of speech in them.
        streams: What providers were given and gave.
        lost_lines: Lines of the log that the recorder had no room for.
        complete: It was recorded to its end.
    """

    folder: Path
    header: Json
    settings: dict[str, Json]
    decisions: tuple[Decision, ...]
    events: tuple[Event, ...]
    frames: tuple[RecordedFrame, ...]
    windows: tuple[tuple[int, float], ...]
    streams: tuple[RecordedStream, ...]
    lost_lines: int
    complete: bool

    @property
    def agent(self) -> str:
        """Who spoke first."""
        return next(iter(self.settings))

    def floor_settings(self) -> dict[str, FloorSettings]:
        """What the Floor decided by, for each agent.

        Raises:
            ConfigError: They hold code of the application's own, or texts were left out.
        """
        if not self.header["texts"]:
            raise ConfigError(f"{self.folder}: was recorded without texts, which decisions depend on")
        for name, plain in self.settings.items():
            if (code := has_code(plain["floor"])) is not None:
                raise ConfigError(
                    f"{self.folder}: agent {name!r} decided by {code}, which is code of your own: give it"
                )
        return {name: from_plain(plain["floor"]) for name, plain in self.settings.items()}

    def agent_settings(self) -> dict[str, Any]:
        """Every setting of the first agent that is plain data, as arguments of `turnscope.session.Agent`.

        Raises:
            ConfigError: One of them is code of the application's own.
        """
        told = {name: plain for name, plain in self.settings[self.agent].items() if name not in NAMED}
        try:
            return {name: from_plain(plain) for name, plain in told.items()}
        except ProtocolError as error:
            raise ConfigError(f"{self.folder}: {error}") from error

    def tracks(self) -> tuple[Samples, Samples]:
        """The caller and the agent, at 16 kHz on one clock and of one length; zero if audio was left out."""
        user = self._pcm16(CALLER)
        agent = self._pcm16(AGENT)
        hz = int(self.header["output_hz"])
        if hz != CLOCK_HZ and len(agent):
            agent = resample(agent, hz, CLOCK_HZ)
        last = max((event.sample for event in self.events), default=0)
        length = max(len(user), len(agent)) or last
        return _padded(user, length), _padded(agent, length)

    def received(self) -> Samples:
        """All samples of ``received.wav``, at the transport's rate: see `frames`."""
        received: Samples = self._read(RECEIVED, "<f4", HEADER_BYTES)
        return received

    def speech(self) -> Samples:
        """All samples of ``speech.f32``: see `RecordedStream.audio`."""
        speech: Samples = self._read(SPEECH, "<f4", 0)
        return speech

    def _pcm16(self, name: str) -> Samples:
        samples: Samples = self._read(name, "<i2", HEADER_BYTES).astype(np.float32) / np.float32(32768)
        return samples

    def _read(self, name: str, kind: str, skipped: int) -> Any:
        path = self.folder / name
        if not self.header["audio"]:
            return np.zeros(0, kind)
        try:
            data = path.read_bytes()[skipped:]
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
        width = np.dtype(kind).itemsize
        return np.frombuffer(data[: len(data) // width * width], kind)


def load_recording(folder: str | os.PathLike[str]) -> Recording:
    """Read a recording. One that was cut off, as by a crash, is read up to there.

    Raises:
        ConfigError: There is none, or it is damaged: the message names the file and the line.
    """
    path = Path(folder) / LOG
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        within = ", ".join(sorted(log.parent.name for log in Path(folder).glob(f"*/{LOG}")))
        others = f"; there are recordings in its folders {within}" if within else ""
        raise ConfigError(f"{path}: there is no such file, so this is no recording{others}") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    reader = _Reader(Path(folder))
    for number, line in enumerate(lines[:-1], 1):  # what follows the last line break was cut off
        try:
            reader.take(json.loads(line), first=number == 1)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, ProtocolError) as error:
            raise ConfigError(f"{path}:{number}: damaged: {_reason(error)}") from error
    return reader.recording(path)


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error} is missing"
    return " ".join(str(error).split())


class _Reader:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._header: Json = {}
        self._settings: dict[str, Json] = {}
        self._decisions: list[Decision] = []
        self._events: list[Event] = []
        self._frames: list[RecordedFrame] = []
        self._windows: list[tuple[int, float]] = []
        self._streams: dict[int, RecordedStream] = {}
        self._lost = 0
        self._complete = False

    def take(self, line: Json, *, first: bool) -> None:
        if first:
            self._begin(line)
            return
        match line:
            case {"input": data, "orders": orders}:
                self._decisions.append(Decision(_input(data), _orders(orders)))
            case {"event": data}:
                self._events.append(_event(data))
            case {"received": [at_s, start, count, offset]}:
                self._frames.append(RecordedFrame(at_s, start, count, offset))
            case {"window": [stop, probability]}:
                self._windows.append((stop, probability))
            case {"stream": number}:
                self._stream(number, line)
            case {"agent": str(name), "settings": dict(settings)}:
                self._settings[name] = settings
            case {"lost": count}:
                self._lost += count
            case {"end": dict(counts)}:
                self._complete, self._lost = True, max(self._lost, int(counts["lost_lines"]))
            case {"sent": _} | {"cleared": _}:
                pass  # what came of it is in the track
            case _:
                raise ValueError(f"a line with {', '.join(map(repr, line))} is not known")

    def _begin(self, line: Json) -> None:
        if line.get("recording") != FORMAT:
            raise ValueError(f"its format is {line.get('recording')!r}, and this Turnscope reads {FORMAT}")
        self._header = line

    def _stream(self, number: int, line: Json) -> None:
        at_s = line["at_s"]
        if "opened" in line:
            told = line["opened"]
            asked = from_plain(told["asked"])
            known = told["kind"], told["provider"], told["turn"], told["attempt"], told["hz"]
            self._streams[number] = RecordedStream(number, *known, asked, at_s)
            return
        if number not in self._streams:
            if self._lost:
                return
            raise ValueError(f"stream {number} was not opened")
        stream = self._streams[number]
        match line:
            case {"gave": data}:
                stream.gave.append((at_s, from_plain(data)))
                count, offset = line.get("samples", (0, None))
                stream.audio.append((count, offset))
            case {"took": count}:
                stream.took.append((at_s, None if count == "flush" else count))
            case {"closed": ending}:
                stream.closed_s, stream.ending = at_s, ending

    def recording(self, path: Path) -> Recording:
        if not self._settings:
            raise ConfigError(f"{path}: it was cut off before the session began")
        return Recording(
            self._folder,
            self._header,
            self._settings,
            tuple(self._decisions),
            tuple(self._events),
            tuple(self._frames),
            tuple(self._windows),
            tuple(self._streams.values()),
            self._lost,
            self._complete,
        )


def _input(data: Json) -> Any:
    values = dict(data)
    return input_from_dict({"input": values.pop("type"), **values})


def _orders(data: list[Json]) -> tuple[Order, ...]:
    orders: tuple[Order, ...] = from_plain(data)
    return orders


def _event(data: Json) -> Event:
    event = from_plain(data)
    if not isinstance(event, Event):
        raise ValueError(f"{data.get('type')!r} is no event")
    return event


def _padded(samples: Samples, length: int) -> Samples:
    return np.concatenate([samples, np.zeros(max(length - len(samples), 0), np.float32)])
