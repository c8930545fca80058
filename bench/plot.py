"""A plot for each case: the first figures of its table as bars, with their range.

Belongs here: drawing, with matplotlib (the extra `bench`). Not here: figures.
"""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .arithmetic import spread
from .cases.case import Column
from .rounds import Result

_PANELS = 2
_ROW = 0.42
_OURS, _OTHERS = "#2563eb", "#94a3b8"


def plot_all(results: Sequence[Result], folder: Path) -> None:
    """`NAME.svg` for each case that has figures."""
    folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context():
        # The same figures make the same file.
        mpl.rcParams["svg.hashsalt"] = "tusd-py"
        mpl.rcParams["svg.fonttype"] = "none"
        for result in results:
            if result.readings:
                _plot(result).savefig(folder / f"{result.case.name}.svg", metadata={"Date": None})


def _plot(result: Result) -> Figure:
    columns = _panels(result)
    figure = Figure(
        figsize=(4.2 * len(columns) + 1.5, 1.3 + _ROW * len(result.readings)), layout="constrained"
    )
    figure.suptitle(result.case.name)
    every = figure.subplots(1, len(columns), sharey=True, squeeze=False)
    for axes, column in zip(every[0], columns, strict=True):
        _bars(axes, result, column)
    return figure


def _panels(result: Result) -> list[Column]:
    """Compared columns first: they are what the case is about."""
    measured = [
        column
        for column in result.case.columns
        if any(result.values(name, column.key) for name in result.readings)
    ]
    return sorted(measured, key=lambda column: not column.is_compared)[:_PANELS]


def _bars(axes: Axes, result: Result, column: Column) -> None:
    # The first row of the table is at the top.
    for place, name in enumerate(reversed(list(result.readings))):
        values = result.values(name, column.key)
        if not values:
            axes.barh(name, 0)
            continue
        found = spread(values)
        axes.barh(name, found.median, color=_OURS if name.startswith("tusd-py") else _OTHERS)
        if len(values) > 1:
            axes.plot([found.least, found.most], [place, place], color="black", linewidth=1)
        axes.annotate(
            f" {found.median:.{column.digits}f}",
            (max(found.most, found.median), place),
            va="center",
            fontsize=8,
        )
    axes.set_xlabel(column.heading)
    axes.margins(x=0.18)
    axes.set_xlim(left=0)
    axes.spines[["top", "right"]].set_visible(False)
