"""What each stretch of a caller's speech is: a turn, a nod, a cough. By a person's labels, or by the words understood.

What the agent made of it does not count: that is what is to be scored.
"""

import csv
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal, cast

import msgspec

from turnscope._errors import ConfigError, why_unreadable
from turnscope.core import BACKCHANNELS, Event, Samples, content_words, to_samples
from turnscope.observe._picture import Phrase, picture
from turnscope.observe._spans import Span

__all__ = ["CallerKind", "CallerSegment", "caller_segments", "read_labels", "segments_by_words"]

CallerKind = Literal["speech", "backchannel", "vocal_tic", "non_directed", "noise"]
"""What a caller does: speaks to the agent, says "go on", coughs or hems, speaks to others; or there is only noise."""

_NAMES: Mapping[str, CallerKind] = MappingProxyType(
    {
        "speech": "speech",
        "turn": "speech",
        "interruption": "speech",
        "backchannel": "backchannel",
        "vocal_tic": "vocal_tic",
        "non_directed": "non_directed",
        "noise": "noise",
    }
)
"""What labels may say."""


@dataclass(frozen=True, slots=True)
class CallerSegment:
    """A stretch of the caller's track.

    Attributes:
        start: Its first sample, at 16 kHz.
        stop: The sample after its last.
        kind: What it is.
        text: Its words, if they are known.
    """

    start: int
    stop: int
    kind: CallerKind = "speech"
    text: str = ""


class _Label(msgspec.Struct, forbid_unknown_fields=True):
    """One label of a JSON file."""

    start_s: float
    end_s: float
    kind: str
    text: str = ""


def read_labels(path: str | os.PathLike[str]) -> tuple[CallerSegment, ...]:
    """What a person wrote about a caller's track.

    Args:
        path: A JSON file with a list of objects ``{"start_s": 1.2, "end_s": 1.6, "kind": "backchannel"}``, where a
            ``text`` may stand, too. Or a table of start, end and label with tabs between them, as Audacity exports it,
            whose label is the kind, or the kind, a colon and the words. The kinds are those of `CallerKind`; ``turn``
            and ``interruption`` are other words for ``speech``.

    Returns:
        The labels in the order of time.

    Raises:
        ConfigError: The file cannot be read, or a label is wrong. The message names the file and the place in it.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({why_unreadable(error)})") from error
    rows = _json_rows(text, path) if path.suffix.lower() == ".json" else _table_rows(text, path)
    return tuple(sorted((_segment(row, where) for where, row in rows), key=lambda each: (each.start, each.stop)))


def _json_rows(text: str, path: Path) -> list[tuple[str, _Label]]:
    try:
        listed = msgspec.json.decode(text, type=list[_Label])
    except msgspec.DecodeError as error:
        raise ConfigError(f"{path}: {error}") from error
    return [(f"{path}: label {number}", row) for number, row in enumerate(listed, 1)]


def _table_rows(text: str, path: Path) -> list[tuple[str, _Label]]:
    rows: list[tuple[str, _Label]] = []
    for number, row in enumerate(csv.reader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE), 1):
        if not row or row[0].startswith("\\"):  # Audacity writes frequencies on lines of their own
            continue
        where = f"{path}:{number}"
        if len(row) != 3:
            raise ConfigError(f"{where}: must be start, end and label with tabs between them, got {len(row)} columns")
        try:
            start_s, end_s = float(row[0]), float(row[1])
        except ValueError:
            raise ConfigError(f"{where}: start and end must be seconds, got {row[0]!r} and {row[1]!r}") from None
        kind, _, words = row[2].partition(":")
        rows.append((where, _Label(start_s, end_s, kind.strip(), words.strip())))
    return rows


def _segment(row: _Label, where: str) -> CallerSegment:
    if row.kind not in _NAMES:
        raise ConfigError(f"{where}: kind: must be one of {', '.join(_NAMES)}, got {row.kind!r}")
    if not 0 <= row.start_s < row.end_s < 1e6:  # also NaN
        raise ConfigError(f"{where}: end_s: must be after start_s, and both at least 0; got {row.start_s}, {row.end_s}")
    return CallerSegment(to_samples(row.start_s), to_samples(row.end_s), _NAMES[row.kind], row.text)


def caller_segments(speech: Iterable[Span], labels: Sequence[CallerSegment] = ()) -> tuple[CallerSegment, ...]:
    """What the caller does, in the order of time: what is labelled, and the speech that no label touches.

    Args:
        speech: Where the caller's track has speech.
        labels: What a person wrote. Where they labelled something, only that counts, with the times they gave.
    """
    free = [
        CallerSegment(span.start, span.stop)
        for span in speech
        if not any(label.start < span.stop and span.start < label.stop for label in labels)
    ]
    return tuple(sorted([*labels, *free], key=lambda each: (each.start, each.stop)))


def segments_by_words(
    speech: Sequence[Span],
    agent_speech: Sequence[Span],
    events: Iterable[Event],
    agent: Samples,
    lexicon: frozenset[str] = BACKCHANNELS,
) -> tuple[CallerSegment, ...]:
    """What the caller does, by the words that a session understood, as its events tell them.

    Speech that begins while the agent speaks, and of which nothing but words of `lexicon` was understood, is a
    backchannel; speech that the session listened to without finding a word is noise; everything else is speech.
    Whether the agent stopped for it does not count.

    Args:
        speech: Where the caller's track has speech.
        agent_speech: Where the agent's has.
        events: All events of the session.
        agent: The agent's track, at 16 kHz.
        lexicon: What says "go on".
    """
    length = max([len(agent), *(span.stop for span in speech)])
    phrases = [p for p in picture(events, agent, length).phrases if p.who == "caller" and p.note != "typed"]
    heard: dict[int, list[Phrase]] = {}
    for phrase in phrases:
        shares = [min(phrase.stop, span.stop) - max(phrase.start, span.start) for span in speech]
        if shares and max(shares) > 0:
            heard.setdefault(shares.index(max(shares)), []).append(phrase)
    return tuple(
        _by_words(span, heard.get(index), _covers(agent_speech, span.start), lexicon)
        for index, span in enumerate(speech)
    )


def _by_words(
    span: Span, phrases: Sequence[Phrase] | None, over_the_agent: bool, lexicon: frozenset[str]
) -> CallerSegment:
    text = " ".join(phrase.heard for phrase in phrases or () if phrase.heard)
    kind = "speech"
    if phrases and not text:
        kind = "noise"
    elif text and over_the_agent and not content_words(text, lexicon):
        kind = "backchannel"
    return CallerSegment(span.start, span.stop, cast(CallerKind, kind), text)


def _covers(speech: Iterable[Span], sample: int) -> bool:
    return any(span.start <= sample < span.stop for span in speech)
