"""A corpus: recordings of what callers do while an agent speaks, and a manifest that says what each of them is.

Only reads and writes; what a corpus is for is in `_evaluation`, how one can be made in `_corpus_making`.
"""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import msgspec

from turnscope._errors import ConfigError, why_unreadable

__all__ = ["MANIFEST", "Clip", "Label", "Split", "load_corpus", "write_manifest"]

MANIFEST = "manifest.jsonl"
"""The file in a corpus's folder that lists its clips, one JSON object a line."""

Label = Literal["interruption", "backchannel", "noise", "echo"]
"""What a clip is, and so what an agent should do about it."""

Split = Literal["train", "dev", "test"]
"""What a clip may be used for: to fit something, to choose among settings, or to report and nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """One line of a manifest.

    Attributes:
        path: The recording, relative to the corpus's folder. For an ``echo`` it is the impulse response of the way from
            the agent's loudspeaker to the caller's microphone, at its true level.
        label: ``interruption`` (the agent should yield), ``backchannel`` (it should talk on), ``noise`` (likewise; it
            is counted by the minute) or ``echo``.
        onset_s: Where the speech begins, in seconds; of a noise, what precedes it is not counted.
        end_s: Where it ends; None for the end of the recording.
        kind: What sort of its label: ``word``, ``sentence``, ``cough``.
        text: What is said.
        speaker: Who says it.
        room: Where.
        noise: What else is heard.
        snr_db: How much louder the speech is than the noise, in dB; None where there is no noise.
        split: What the clip may be used for.
        source: Where it comes from.
        licence: On what terms.
    """

    path: str
    label: Label
    onset_s: float = 0.0
    end_s: float | None = None
    kind: str = ""
    text: str = ""
    speaker: str = ""
    room: str = ""
    noise: str = ""
    snr_db: float | None = None
    split: Split = "test"
    source: str = ""
    licence: str = ""

    def __post_init__(self) -> None:
        if not self.path:
            raise ConfigError("path: must not be empty")
        if not 0 <= self.onset_s < 3600:
            raise ConfigError(f"onset_s: must be a number of seconds from 0 to 3600, got {self.onset_s}")
        if self.end_s is not None and not self.onset_s < self.end_s <= 3600:
            raise ConfigError(f"end_s: must be after onset_s ({self.onset_s:g}), got {self.end_s}")


def load_corpus(folder: str | os.PathLike[str], splits: Sequence[Split] | None = None) -> tuple[Clip, ...]:
    """The clips of a corpus, in the order of its manifest.

    Args:
        folder: Where ``manifest.jsonl`` is.
        splits: Only clips of these; None for all.

    Raises:
        ConfigError: There is no manifest, a line of it is wrong, or no clip is left. The message names the file, the
            line and the key.
    """
    path = Path(folder) / MANIFEST
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({why_unreadable(error)})") from error
    clips = [_clip(line, f"{path}:{number}") for number, line in enumerate(lines, 1) if line.strip()]
    _refuse_twins(clips, path)
    kept = tuple(clip for clip in clips if splits is None or clip.split in splits)
    if not kept:
        raise ConfigError(f"{path}: no clip" + ("" if splits is None else f" of the split {', '.join(splits)}"))
    return kept


def _clip(line: str, where: str) -> Clip:
    try:
        table = msgspec.json.decode(line)
        if not isinstance(table, dict):
            raise ConfigError("must be a JSON object")
        unknown = sorted(table.keys() - Clip.__dataclass_fields__.keys())
        if unknown:
            raise ConfigError(f"{unknown[0]}: unknown key; known are {', '.join(Clip.__dataclass_fields__)}")
        return msgspec.convert(table, Clip)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `$")
        key = place.strip(".`")
        raise ConfigError(f"{where}: {f'{key}: ' if key else ''}{message}") from error
    except (ConfigError, msgspec.DecodeError) as error:
        raise ConfigError(f"{where}: {error}") from error


def _refuse_twins(clips: Sequence[Clip], path: Path) -> None:
    seen: set[str] = set()
    for clip in clips:
        if clip.path in seen:
            raise ConfigError(f"{path}: path: {clip.path} is listed twice")
        seen.add(clip.path)


def write_manifest(folder: str | os.PathLike[str], clips: Iterable[Clip]) -> Path:
    """Write the manifest of a corpus; keys that say nothing are left out. Returns its path."""
    path = Path(folder) / MANIFEST
    empty = {"", None}
    lines = [
        json.dumps({key: value for key, value in asdict(clip).items() if value not in empty}, ensure_ascii=False)
        for clip in clips
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    return path
