"""The report of a call that was simulated, and the files that it is kept in: all of them or none."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import numpy as np

from turnscope._errors import ConfigError, TurnscopeError
from turnscope.core import CLOCK_HZ
from turnscope.observe import make_report, timeline_html, timeline_svg
from turnscope.sim._caller import Play
from turnscope.sim._simulate import Call
from turnscope.transports import write_wav

__all__ = ["check_folder", "report_call", "write_call"]


def report_call(call: Call, name: str, seed: int | None) -> dict[str, object]:
    """The report of a call, with latencies from where its script says that the caller's speech begins.

    Args:
        call: The conversation.
        name: What it is called.
        seed: With which it was held; None in real time.

    Returns:
        See `turnscope.observe.make_report`.
    """
    labels = [
        (placed.step.name, placed.start + placed.step.speech_start)
        for placed in call.placed
        if isinstance(placed.step, Play) and placed.step.speech_start is not None
    ]
    return make_report(
        call.events, call.user, call.agent, scenario=name, seed=seed, tasks_left=call.tasks_left, labels=labels
    )


def check_folder(folder: Path, argument: str = "--out") -> None:
    """Find out, before a long call is held, that its files can be written.

    Raises:
        ConfigError: `folder` is not a folder, or cannot be made or written in.
    """
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not existing.is_dir():
        raise ConfigError(f"{argument} {folder}: {existing} is not a folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise ConfigError(f"{argument} {folder}: {existing} cannot be written in")


def write_call(folder: Path, call: Call, report: Mapping[str, object], *, title: str) -> None:
    """Write a call's tracks, apart and together, its events, its report, and its timeline as a picture and a page.

    They are made in a folder beside `folder`, which then takes its place. If `folder` exists, they are made inside it
    and replace the files of these names in it; others stay.

    Args:
        folder: Where to; its parents are made.
        call: The conversation.
        report: Its report, as JSON data.
        title: Its name, for the picture.

    Raises:
        TurnscopeError: A file cannot be written.
    """
    where = folder.absolute() if folder.exists() else folder.absolute().parent
    made = where / f".{folder.absolute().name}.{uuid4().hex}.tmp"
    try:
        made.mkdir(parents=True)
        write_wav(made / "conversation.wav", np.stack([call.user, call.agent], axis=1), CLOCK_HZ)
        write_wav(made / "user.wav", call.user, CLOCK_HZ)
        write_wav(made / "agent.wav", call.agent, CLOCK_HZ)
        _write_text(made / "events.jsonl", call.jsonl())
        _write_text(made / "report.json", json.dumps(report, ensure_ascii=False, indent=2) + "\n")
        _write_text(made / "timeline.svg", timeline_svg(call.events, call.user, call.agent, title))
        _write_text(made / "timeline.html", timeline_html(call.events, call.user, call.agent, title))
        _move(made, folder)
    except OSError as error:
        raise TurnscopeError(f"{folder}: cannot be written ({error.strerror})") from error
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _move(made: Path, folder: Path) -> None:
    if not folder.exists():
        made.rename(folder)
        return
    for file in sorted(made.iterdir()):
        file.replace(folder / file.name)


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
