"""A sweep in lines for people."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = ["sweep_lines"]


def sweep_lines(keys: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A line for each setting, those on the frontier with a star; then what the numbers stand for."""
    yield (
        f"{'':2}{'':4}{'R_Y':>9}{'L_Y':>10}{'S_BC':>9}{'S_noise':>9}{'decision':>11}{'talked thr.':>13}"
        f"{'stops/min':>11}{'failed':>8}"
    )
    for row in rows:
        star = "*" if row["on_frontier"] else " "
        yield (
            f"{star} {row['setting']:>4}{_share(row['R_Y']):>9}{_time(row['L_Y_mean_s']):>10}"
            f"{_share(row['S_BC']):>9}{_share(row['S_noise']):>9}{_time(row['decision_p50_s']):>11}"
            f"{_share(row['talked_through']):>13}{_number(row['noise_stops_a_minute']):>11}{row['failed']:>8}"
        )
    yield ""
    for row in rows:
        yield f"  {row['setting']:>4}  " + ", ".join(f"{key} = {row[key]}" for key in keys)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def _time(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f} s"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
