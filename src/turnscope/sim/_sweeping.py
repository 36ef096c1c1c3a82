"""Plays a corpus to every agent of a grid, on many workers, and keeps what comes of each case.

The table that follows depends on the results alone: not on who did them, in which order, or how often it took.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from turnscope.sim._clip_result import ClipResult
from turnscope.sim._corpus import Clip
from turnscope.sim._evaluating import ClipJob, play_clip, work
from turnscope.sim._grid import Grid, Setting
from turnscope.sim._kept_cases import KeptCases, case_key, digest
from turnscope.sim._workers import LostJob, Workers, run_jobs

__all__ = ["SweptSetting", "sweep"]

Progress = Callable[[int, int, ClipResult | None], object]
"""Is told how many cases are done, of how many, and what came of the last one."""


@dataclass(frozen=True, slots=True)
class SweptSetting:
    """A setting, and what came of every clip under it.

    Attributes:
        setting: The setting.
        results: In the order of the clips.
    """

    setting: Setting
    results: tuple[ClipResult, ...]


def sweep(
    grid: Grid,
    folder: Path,
    clips: Sequence[Clip],
    workers: Workers,
    kept: Path,
    progress: Progress | None = None,
) -> tuple[SweptSetting, ...]:
    """Play every clip to the agent of every setting.

    Args:
        grid: The settings.
        folder: The corpus's.
        clips: Which of its clips.
        workers: Who does it.
        kept: A file for what came of each case. What is in it already is not done again, unless it failed.
        progress: Is told of each case.

    Returns:
        What came of it, in the order of the grid and of the clips. A case that failed says why in its result.

    Raises:
        TurnscopeError: The file cannot be used, or there are no workers any more.
    """
    recordings = {clip.path: digest(folder / clip.path) for clip in clips}
    cases = {
        case_key(setting, clip, recordings[clip.path]): (setting, clip) for setting in grid.settings for clip in clips
    }
    file = KeptCases(kept)
    try:
        left = [key for key in cases if key not in file.results or file.results[key].error]
        done = len(cases) - len(left)
        if progress is not None:
            progress(done, len(cases), None)
        for key, result in _played({key: cases[key] for key in left}, folder.absolute(), workers):
            file.keep(key, result)
            done += 1
            if progress is not None:
                progress(done, len(cases), result)
    finally:
        file.close()
    return tuple(
        SweptSetting(setting, tuple(file.results[case_key(setting, clip, recordings[clip.path])] for clip in clips))
        for setting in grid.settings
    )


def _played(
    cases: Mapping[str, tuple[Setting, Clip]], folder: Path, workers: Workers
) -> Iterator[tuple[str, ClipResult]]:
    """What comes of cases, as they are done."""
    keys = list(cases)
    jobs = [ClipJob(play_clip, setting.make_agent, folder, clip) for setting, clip in cases.values()]
    for index, result in run_jobs(workers, work, jobs):
        if isinstance(result, LostJob):
            yield keys[index], ClipResult(clip=jobs[index].clip, error=result.reason)
        else:
            yield keys[index], result
