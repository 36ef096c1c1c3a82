"""The table of a sweep: a row for each setting, and which are on the frontier. The same results, the same bytes."""

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from turnscope._errors import ConfigError
from turnscope.sim._clip_result import ClipResult
from turnscope.sim._evaluation import Evaluation, summarize
from turnscope.sim._sweeping import SweptSetting

__all__ = ["clips_csv", "pareto", "sweep_rows", "table_csv", "write_parquet"]

Value = str | int | float | bool | None
Row = Mapping[str, Value]


def sweep_rows(keys: Sequence[str], swept: Sequence[SweptSetting]) -> tuple[Row, ...]:
    """A row for each setting: its number, its values as JSON text, and what was measured; None where nothing was.

    Args:
        keys: The grid's.
        swept: What came of it.
    """
    rows: list[dict[str, Value]] = []
    for number, each in enumerate(swept, 1):
        named = dict(zip(keys, each.setting.values, strict=True))
        rows.append({"setting": number, **named, **_measured(summarize(each.results), len(each.results))})
    for name, x, y in (
        ("on_frontier", "L_Y_mean_s", "S_BC"),
        ("on_decision_frontier", "decision_p50_s", "talked_through"),
    ):
        best = pareto([(_float(row[x]), _float(row[y])) for row in rows])
        for index, row in enumerate(rows):
            row[name] = index in best
    return tuple(rows)


def _measured(evaluation: Evaluation, clips: int) -> dict[str, Value]:
    panel = evaluation.interaction
    shares = {
        "R_Y": panel.yield_rate,
        "S_BC": panel.rate("backchannel"),
        "S_noise": panel.rate("noise"),
        "yielded_to": evaluation.yielded_to,
        "talked_through": evaluation.talked_through,
    }
    row: dict[str, Value] = {"clips": clips, "failed": len(evaluation.failed)}
    for name, share in shares.items():
        low, high = share.interval
        known = bool(share.of)
        row[name] = share.value if known else None
        row |= {f"{name}_low": low if known else None, f"{name}_high": high if known else None, f"{name}_of": share.of}
    return row | {
        "L_Y_mean_s": _number(panel.yield_latency.mean),
        "L_Y_p50_s": _number(panel.yield_latency.p50),
        "L_Y_p95_s": _number(panel.yield_latency.p95),
        "decision_p50_s": _number(evaluation.onset_to_decision.p50),
        "decision_p95_s": _number(evaluation.onset_to_decision.p95),
        "silence_p50_s": _number(evaluation.onset_to_silence.p50),
        "noise_stops_a_minute": _number(evaluation.noise_stops.value),
        "echo_stops_a_minute": _number(evaluation.echo_stops.value),
        "early": evaluation.early.count,
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _float(value: Value) -> float:
    return math.nan if value is None else float(value)


def pareto(points: Sequence[tuple[float, float]]) -> frozenset[int]:
    """Which points no other one beats: the first number is better when lower, the second when higher.

    A point with NaN in it is never among them; equal points are among them together.
    """
    known = [(index, x, y) for index, (x, y) in enumerate(points) if not (math.isnan(x) or math.isnan(y))]
    return frozenset(
        index for index, x, y in known if not any(a <= x and b >= y and (a, b) != (x, y) for _, a, b in known)
    )


def table_csv(rows: Iterable[Row]) -> str:
    """Rows as CSV; what is unknown is empty, and numbers are exact."""
    listed = list(rows)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(listed[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(listed)
    return text.getvalue()


def clips_csv(swept: Iterable[SweptSetting]) -> str:
    """A line for each case: the number of its setting, the clip, and what came of it."""
    return table_csv(_case(number, result) for number, each in enumerate(swept, 1) for result in each.results)


def _case(number: int, result: ClipResult) -> Row:
    measured = asdict(result)
    clip = measured.pop("clip")
    return {"setting": number, **clip, "understood": measured.pop("text"), **measured}


def write_parquet(path: Path, rows: Sequence[Row]) -> None:
    """Write rows as a Parquet file.

    Raises:
        ConfigError: `pyarrow` is not installed.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise ConfigError('parquet: pyarrow is not installed: pip install "turnscope[parquet]"') from error
    parquet.write_table(pyarrow.Table.from_pylist(list(rows)), path)
