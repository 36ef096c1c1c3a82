"""Records a session into a folder: what it was given, what it did and decided, as it happens. Delays nothing.

The format is described in ``docs/replay.md``.
"""

import json
import os
import platform
from pathlib import Path

import numpy as np
import trio

from turnscope._errors import ConfigError
from turnscope._version import __version__
from turnscope.core import CLOCK_HZ, Event, Samples, to_pcm16
from turnscope.observe._plain import to_plain
from turnscope.observe._spool import Spool, SpoolFile
from turnscope.providers import SpeechChunk
from turnscope.session import (
    Agent,
    AgentKnown,
    AudioHeard,
    Decision,
    Fact,
    FrameCleared,
    FrameReceived,
    FrameSent,
    Opening,
    StreamClosed,
    StreamGave,
    StreamOpened,
    StreamTook,
    WindowJudged,
)

__all__ = ["FORMAT", "LOG", "Recorder"]

FORMAT = 1
"""Of a recording. It grows when a reader of the old one would be wrong."""

LOG, RECEIVED, CALLER, AGENT, SPEECH = "log.jsonl", "received.wav", "caller.wav", "agent.wav", "speech.f32"

BACKLOG_BYTES = 64 << 20
"""So much may wait for the disk: about five minutes of a call."""


class Recorder:
    """Records one session, given to `turnscope.session.open_session` or `turnscope.sim.simulate`.

    Everything is handed to a thread that writes it. What the disk is too slow for is lost and counted; a recording that
    ends abruptly can be read up to there.

    Neither headers nor keys nor any other argument of a provider is written, only its name: what a recording holds of
    settings is what `Agent` has as plain values. A class of the application's own is only named, too.

    Args:
        folder: Where to; it is made, and must not hold a recording.
        audio: False leaves out all audio; how much there was, and when, stays.
        texts: False leaves out what was said and written. Such a recording cannot be replayed: decisions depend on it.
        backlog_bytes: How much may wait for the disk.

    Raises:
        ConfigError: The folder cannot be made, or holds a recording already.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        audio: bool = True,
        texts: bool = True,
        backlog_bytes: int = BACKLOG_BYTES,
    ) -> None:
        self.folder: Path = Path(folder)
        self.lost_lines: int = 0
        """Lines of the log that there was no room for."""
        self.lost_samples: int = 0
        """Samples of audio that there was no room for."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"{self.folder}: cannot be made ({error.strerror})") from error
        if (self.folder / LOG).exists():
            raise ConfigError(f"{self.folder}: holds a recording already")
        self._audio = audio
        self._texts = texts
        self._spool = Spool(self.folder, backlog_bytes)
        self._untold = 0
        """Lines that were lost since the last one that was not."""
        self._ends = {RECEIVED: 0, SPEECH: 0}
        """Samples in files that only grow."""
        self._rates: dict[int, int] = {}

    @property
    def failure(self) -> OSError | None:
        """Why nothing more could be written, if so."""
        return self._spool.failure

    def __repr__(self) -> str:
        return f"Recorder({str(self.folder)!r})"

    def take(self, fact: Fact) -> None:
        """Record one fact. See `turnscope.session.Tap.take`."""
        match fact:
            case FrameReceived(at_s, start, samples):
                self._line({"received": [at_s, start, len(samples), self._append(RECEIVED, samples)]})
            case AudioHeard(start, samples):
                self._place(CALLER, start, samples)
            case FrameSent(at_s, response_id, position, samples):
                self._line({"sent": [at_s, response_id, position, len(samples)]})
                self._place(AGENT, position, samples)
            case FrameCleared(at_s, response_id, position):
                self._line({"cleared": [at_s, response_id, position]})
                self._place(AGENT, position, np.zeros(0, np.float32), cut=True)
            case WindowJudged(stop, probability):
                self._line({"window": [stop, probability]})
            case Decision(item, orders):
                self._line({"input": self._plain(item), "orders": self._plain(list(orders))})
            case Event():
                self._line({"event": self._plain(fact)})
            case StreamOpened() | StreamTook() | StreamGave() | StreamClosed():
                self._stream(fact)
            case AgentKnown(agent):
                self._line({"agent": agent.name, "settings": self._settings(agent)}, needed=True)
            case Opening():
                self._begin(fact)

    def finish(self) -> None:
        """Everything was recorded: write what waits. See `turnscope.session.Tap.finish`."""
        self._line({"end": {"lost_lines": self.lost_lines, "lost_samples": self.lost_samples}}, needed=True)
        self._spool.close()

    # What is written

    def _begin(self, opening: Opening) -> None:
        files = [SpoolFile(LOG)]
        if self._audio:
            files += [
                SpoolFile(RECEIVED, opening.input_hz, "float32"),
                SpoolFile(CALLER, CLOCK_HZ, "pcm16"),
                SpoolFile(AGENT, opening.output_hz, "pcm16"),
                SpoolFile(SPEECH),
            ]
        self._spool.start(files)
        self._line(
            {
                "recording": FORMAT,
                "turnscope": __version__,
                "python": platform.python_version(),
                "trio": trio.__version__,
                "numpy": np.__version__,
                "session": opening.session_id,
                "metadata": dict(opening.metadata) if self._texts else {},
                "input_hz": opening.input_hz,
                "output_hz": opening.output_hz,
                "lead_samples": opening.lead_samples,
                "audio": self._audio,
                "texts": self._texts,
            },
            needed=True,
        )

    def _settings(self, agent: Agent) -> dict[str, object]:
        """An agent's settings; of its providers, stages and tools only the names."""
        named = {name: getattr(agent, name).name for name in ("vad", "stt", "llm", "tts")}
        detector = agent.interruption_detector
        named["detector"] = "none" if detector is None else detector.name
        plain = {
            name: self._plain(getattr(agent, name))
            for name in Agent.__dataclass_fields__
            if name not in (*named, "stages", "tools", "name")
        }
        lists: dict[str, object] = {
            "stages": [stage.name for stage in agent.stages],
            "tools": [
                {
                    "name": tool.name,
                    "on_interruption": tool.on_interruption,
                    "keep_s": tool.keep_s,
                    "announce": tool.announce,
                }
                for tool in agent.tools
            ],
        }
        return {**named, **lists, **plain, "floor": self._plain(agent.floor_settings)}

    def _stream(self, fact: StreamOpened | StreamTook | StreamGave | StreamClosed) -> None:
        match fact:
            case StreamOpened(at_s, stream, kind, provider, turn_id, attempt, hz, asked):
                opened = {"kind": kind, "provider": provider, "turn": turn_id, "attempt": attempt, "hz": hz}
                self._line({"stream": stream, "at_s": at_s, "opened": {**opened, "asked": self._plain(asked)}})
            case StreamTook(at_s, stream, count, flush):
                self._line({"stream": stream, "at_s": at_s, "took": "flush" if flush else count})
            case StreamGave(at_s, stream, item):
                line = {"stream": stream, "at_s": at_s, "gave": self._plain(item)}
                if isinstance(item, SpeechChunk):
                    line["samples"] = [len(item.samples), self._append(SPEECH, item.samples)]
                self._line(line)
            case StreamClosed(at_s, stream, ending):
                told = ending if self._texts or ending in ("finished", "left") else "failed"
                self._line({"stream": stream, "at_s": at_s, "closed": told})

    def _plain(self, value: object) -> object:
        return to_plain(value, texts=self._texts)

    def _line(self, data: dict[str, object], *, needed: bool = False) -> None:
        told = _encoded({"lost": self._untold}) if self._untold else b""
        if self._spool.put(LOG, told + _encoded(data), needed=needed):
            self._untold = 0
        else:
            self.lost_lines += 1
            self._untold += 1

    def _append(self, name: str, samples: Samples) -> int | None:
        """Add audio, as it is, to the end of a file; returns where, in samples, or None if it is not there."""
        if not self._audio:
            return None
        at = self._ends[name]
        if not self._spool.put(name, samples.astype("<f4", copy=False).tobytes()):
            self.lost_samples += len(samples)
            return None
        self._ends[name] += len(samples)
        return at

    def _place(self, name: str, position: int, samples: Samples, *, cut: bool = False) -> None:
        """Put audio into its place in a file, which then holds nothing after it if it is to be `cut`."""
        if self._audio and not self._spool.put(name, _pcm16(samples), 2 * position, cut=cut):
            self.lost_samples += len(samples)


def _pcm16(samples: Samples) -> bytes:
    return to_pcm16(samples.astype(np.float32, copy=False)).astype("<i2", copy=False).tobytes()


_AS_TEXT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def _encoded(data: dict[str, object]) -> bytes:
    try:
        return _AS_TEXT.encode(data).encode() + b"\n"
    except UnicodeEncodeError:  # half of a surrogate pair, which only an escape can stand for
        return json.dumps(data, separators=(",", ":")).encode() + b"\n"
