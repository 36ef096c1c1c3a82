"""``turnscope score``: measures a recorded call, anybody's, by the definitions of the field."""

import argparse
import functools
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from turnscope._errors import ConfigError
from turnscope.cli._files import write_file
from turnscope.cli._score_table import score_lines
from turnscope.core import CLOCK_HZ, Event, Samples
from turnscope.observe import AGENT_GAP_S, USER_GAP_S, find_speech, read_events, read_labels, score_call, score_to_dict
from turnscope.providers import VAD, EnergyVAD, SileroVAD
from turnscope.transports import read_audio, read_channels

__all__ = ["add_to"]

DESCRIPTION = """\
Score a recorded call by its two tracks: how fast the agent answers, how fast it falls silent when it is interrupted,
and what it rightly talks through. The numbers are those of the τ-voice panel and of Full-Duplex-Bench.

  turnscope score user.wav agent.wav                 two recordings that begin at the same time
  turnscope score conversation.wav                   one with two channels, the caller left and the agent right
  turnscope score user.wav agent.wav events.jsonl    and what a Turnscope session logged
"""

VADS: Mapping[str, Callable[[], VAD]] = MappingProxyType(
    {
        "silero": SileroVAD,
        "energy": functools.partial(EnergyVAD, adapt_s=10.0),  # a voice without a pause is not soon taken for noise
    }
)

_NO_VOICE = "is not silent, but silero finds no speech in it; --vad energy goes by how loud it is"


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to those of the program."""
    parser = commands.add_parser(
        "score",
        help="measure a recorded call by the definitions of the field",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", metavar="FILE", type=Path, nargs="+", help="one or two recordings, and events.jsonl")
    parser.add_argument(
        "--labels", metavar="FILE", type=Path, help="what the caller's sounds are: JSON, or Audacity's labels"
    )
    parser.add_argument("--vad", choices=sorted(VADS), default="silero", help="who finds speech (default: silero)")
    parser.add_argument(
        "--user-gap",
        metavar="SECONDS",
        type=float,
        default=USER_GAP_S,
        help=f"pauses of the caller up to this are none (default: {USER_GAP_S:g})",
    )
    parser.add_argument(
        "--agent-gap",
        metavar="SECONDS",
        type=float,
        default=AGENT_GAP_S,
        help=f"pauses of the agent up to this are none (default: {AGENT_GAP_S:g})",
    )
    parser.add_argument(
        "--tick",
        metavar="SECONDS",
        type=float,
        help="round to such ticks for the τ-voice panel, as its authors do with 0.2 (default: exact)",
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="write everything to this file")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> str | None:
    user, agent, events = _read(options.files)
    for option in ("user_gap", "agent_gap"):
        if not 0 <= getattr(options, option) <= 60:
            name = option.replace("_", "-")
            raise ConfigError(f"--{name}: must be from 0 to 60 seconds, got {getattr(options, option)}")
    if options.tick is not None and not 0.001 <= options.tick <= 10:
        raise ConfigError(f"--tick: must be from 0.001 to 10 seconds, got {options.tick}")
    score = score_call(
        user,
        agent,
        VADS[options.vad](),
        labels=() if options.labels is None else read_labels(options.labels),
        events=events,
        user_gap_s=options.user_gap,
        agent_gap_s=options.agent_gap,
        tick_s=options.tick,
    )
    for line in score_lines(score):
        print(line)
    for who, track, found in (("caller", user, score.caller), ("agent", agent, score.agent)):
        if options.vad == "silero" and not found and find_speech(track, VADS["energy"]()):
            print(f"turnscope: warning: the {who}'s track {_NO_VOICE}", file=sys.stderr)
    if options.json is not None:
        write_file(options.json, json.dumps(score_to_dict(score), ensure_ascii=False, indent=2) + "\n")
    return None


def _read(files: Sequence[Path]) -> tuple[Samples, Samples, tuple[Event, ...]]:
    """Both tracks, and the events if there are any."""
    logs = [path for path in files if path.suffix == ".jsonl"]
    recordings = [path for path in files if path.suffix != ".jsonl"]
    if len(logs) > 1 or len(recordings) not in (1, 2):
        raise ConfigError(
            "FILE: must be one recording with two channels or two recordings, and at most one .jsonl; "
            f"got {', '.join(map(str, files))}"
        )
    events = read_events(logs[0]) if logs else ()
    if len(recordings) == 2:
        return read_audio(recordings[0], CLOCK_HZ), read_audio(recordings[1], CLOCK_HZ), events
    channels = read_channels(recordings[0], CLOCK_HZ)
    if len(channels) != 2:
        raise ConfigError(
            f"{recordings[0]}: must have two channels, the caller left and the agent right; it has {len(channels)}"
        )
    return channels[0], channels[1], events
