"""A picture of a sweep: each setting as a point, and the frontier of those that no other one beats."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from turnscope._errors import ConfigError

__all__ = ["write_plot"]

PANELS = (
    ("L_Y_mean_s", "S_BC", "on_frontier", "yield latency L_Y, mean, s", "backchannel selectivity S_BC"),
    (
        "decision_p50_s",
        "talked_through",
        "on_decision_frontier",
        "onset to decision, median, s",
        "backchannels that did not interrupt",
    ),
)
"""Two ways to see the same trade: by what is heard, and by what is decided (which a pause hides)."""


def write_plot(path: Path, rows: Sequence[Mapping[str, Any]], title: str) -> None:
    """Write the picture, as PNG or whatever else the file's name says.

    Args:
        path: Where to.
        rows: Of `sweep_rows`.
        title: What was swept.

    Raises:
        ConfigError: `matplotlib` is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError('plot: matplotlib is not installed: pip install "turnscope[plots]"') from error
    figure = Figure(figsize=(11, 5), layout="constrained")
    FigureCanvasAgg(figure)  # without pyplot: no window, no state
    figure.suptitle(title)
    dots = None
    for axes, (x, y, frontier, x_label, y_label) in zip(figure.subplots(1, 2), PANELS, strict=True):
        dots = _draw(axes, [row for row in rows if row[x] is not None and row[y] is not None], (x, y, frontier)) or dots
        axes.set(xlabel=x_label, ylabel=y_label, ylim=(-0.05, 1.05))
        axes.margins(x=0.12)
        axes.grid(alpha=0.3)
    if dots is not None:
        figure.colorbar(dots, ax=figure.axes, label="interruptions yielded to", shrink=0.8)
    figure.savefig(path, dpi=120, metadata={"Software": None} if path.suffix.lower() == ".png" else None)


def _draw(axes: Any, rows: Sequence[Mapping[str, Any]], names: tuple[str, str, str]) -> Any:
    """The points of one panel, their numbers, and the line through the best; returns what the colours belong to."""
    if not rows:
        axes.text(0.5, 0.5, "nothing was measured", ha="center", transform=axes.transAxes)
        return None
    x, y, frontier = names
    best = sorted({(row[x], row[y]) for row in rows if row[frontier]})
    axes.plot(*zip(*best, strict=True), color="0.4", linewidth=1, zorder=1, label="frontier", drawstyle="steps-post")
    dots = axes.scatter(
        [row[x] for row in rows],
        [row[y] for row in rows],
        c=[0.0 if row["yielded_to"] is None else row["yielded_to"] for row in rows],
        vmin=0,
        vmax=1,
        cmap="viridis",
        edgecolors=["black" if row[frontier] else "0.7" for row in rows],
        zorder=2,
    )
    together: dict[tuple[float, float], list[str]] = {}
    for row in rows:
        together.setdefault((row[x], row[y]), []).append(str(row["setting"]))
    for place, numbers in together.items():
        axes.annotate(", ".join(numbers), place, xytext=(5, 4), textcoords="offset points", fontsize=8)
    axes.legend(loc="lower right")
    return dots
