"""``[media]`` of a scenario file: the way from the caller to the session, and the echo in their microphone."""

from pathlib import Path

import msgspec
import numpy as np

from turnscope._errors import AudioError, ConfigError
from turnscope.core import CLOCK_HZ, JitterSettings, Samples, db_to_gain
from turnscope.sim._corpus_rooms import ROOMS, echo_path
from turnscope.sim._distributions import DistributionTable, read_distribution
from turnscope.sim._media import Codec, Media, Packets
from turnscope.sim._scenario_moments import check_seconds
from turnscope.sim._tables import at_key
from turnscope.transports import read_audio

__all__ = ["EchoTable", "MediaTable", "PacketsTable", "read_echo", "read_media"]


class PacketsTable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The table ``[media.packets]``: as in `Packets`, and below them as in `JitterSettings`."""

    loss: float = 0.0
    burst: float | None = None
    jitter_s: float | DistributionTable = 0.0
    reordered: float = 0.0
    held_back_s: float = 0.04
    duplicated: float = 0.0
    gap_timeout_s: float = 0.1
    depth: int = 10
    adaptive: bool = False
    min_timeout_s: float = 0.02


class EchoTable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The table ``[media.echo]``: what the caller's microphone hears of the agent."""

    audio: str | None = None
    room: str | None = None
    loss_db: float = 0.0
    delay_s: float = 0.0


class MediaTable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The table ``[media]``: as in `Media`."""

    gain_db: float = 0.0
    clip_dbfs: float = 0.0
    drift_ppm: float = 0.0
    codec: Codec | None = None
    delay_s: float = 0.0
    packets: PacketsTable | None = None
    echo: EchoTable | None = None


def read_media(table: MediaTable | None, *, word_coded: bool) -> Media | None:
    """The way that ``[media]`` describes; None if there is no such table.

    Args:
        table: As TOML gives it.
        word_coded: Whether what is said is word code.

    Raises:
        ConfigError: Something in it is wrong. The message begins with the key path.
    """
    if table is None:
        return None
    if table.codec is not None and word_coded:
        raise ConfigError("media.codec: what fakes say and understand does not survive 8 kHz; use a real stt")
    given = {name: getattr(table, name) for name in ("gain_db", "clip_dbfs", "drift_ppm", "codec", "delay_s")}
    packets = None if table.packets is None else _packets(table.packets, "media.packets")
    try:
        return Media(**given, packets=packets)
    except ConfigError as error:
        raise ConfigError(at_key("media", str(error), given)) from error


def read_echo(table: EchoTable | None, folder: Path) -> Samples | None:
    """The impulse response that ``[media.echo]`` describes, at 16 kHz; None if there is no such table.

    Raises:
        ConfigError: Something in it is wrong. The message begins with the key path.
        AudioError: The recording of it is missing or broken; the message is alike.
    """
    if table is None:
        return None
    key = "media.echo"
    if (table.audio is None) == (table.room is None):
        raise ConfigError(f"{key}: must have exactly one of audio and room")
    if table.room is not None and table.room not in ROOMS:
        raise ConfigError(f"{key}.room: unknown room {table.room!r}; one of {', '.join(ROOMS)}")
    if not -60 <= table.loss_db <= 100:
        raise ConfigError(f"{key}.loss_db: must be from -60 to 100, got {table.loss_db:g}")
    check_seconds(f"{key}.delay_s", table.delay_s)
    if table.room is not None:
        response = echo_path(table.room, table.loss_db)
    else:
        try:
            response = read_audio(folder / str(table.audio), CLOCK_HZ) * np.float32(db_to_gain(-table.loss_db))
        except AudioError as error:
            raise AudioError(f"{key}.audio: {error}") from error
    return np.concatenate([np.zeros(round(table.delay_s * CLOCK_HZ), np.float32), response])


def _packets(table: PacketsTable, key: str) -> Packets:
    own = ("loss", "burst", "reordered", "held_back_s", "duplicated")
    buffer = ("gap_timeout_s", "depth", "adaptive", "min_timeout_s")
    jitter_s = read_distribution(table.jitter_s, f"{key}.jitter_s")
    try:
        settings = JitterSettings(**{name: getattr(table, name) for name in buffer})
        return Packets(**{name: getattr(table, name) for name in own}, jitter_s=jitter_s, buffer=settings)
    except ConfigError as error:
        raise ConfigError(at_key(key, str(error), dict.fromkeys((*own, *buffer)))) from error
