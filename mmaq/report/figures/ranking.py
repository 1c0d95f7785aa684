"""Methods ranked by a metric, with intervals, on every split."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmaq.report import names
from mmaq.report.choose import Key, of, splits_of
from mmaq.report.figures.rows import MARKERS, kind_keys, legend, rows_of, split_keys
from mmaq.report.numbers import number
from mmaq.report.palette import LIGHT

LOWEST = -0.25
"""R² below this is drawn at the edge with an arrow; the number beside it says how far."""


def ranking(
    rows: pd.DataFrame, keys: list[Key], width: int, label: str, heads: dict[str, str]
) -> Figure:
    """Dot and interval of a metric whose best is 1, by method, in the order of ``keys``.

    ``rows`` has one row a method and split, with columns method, protocol, modalities, split,
    value, low, high; ``width`` is in CSS pixels; ``label`` names the metric,
    ``heads`` the column of each split.
    """
    splits = splits_of(rows)
    phone, marks = width < 500, len(splits)
    columns = [heads[split] for split in splits]
    lines = -(-marks // 2) if phone else 1  # of the legend of splits
    drawn = rows_of(keys, width, columns, (96 if phone else 50) + 16 * lines, marks)
    axes = drawn.axes
    axes.set(xlabel=label, xlim=(_lowest(rows) - 0.03, 1.0))
    axes.axvline(0.0, color=LIGHT["muted"], linewidth=0.8)
    for position, key in enumerate(keys):
        mine = of(rows, key).set_index("split")
        for order, split in enumerate(splits):
            if split not in mine.index:
                continue
            height = drawn.place(position, order, marks)
            _mark(axes, height, split, key, mine.loc[split], filled=order == 0)
            words = number(mine.loc[split, "value"], 2)
            drawn.write(order, drawn.place(position), words, va="center")
    if marks > 1:
        legend(drawn.figure, split_keys(splits), 2, 2 if phone else marks)
    kinds = kind_keys(keys)
    legend(drawn.figure, kinds, 6 + 16 * lines, 1 if phone else len(kinds))
    return drawn.figure


def _lowest(rows: pd.DataFrame) -> float:
    lowest = float(rows["low"].fillna(rows["value"]).min()) if len(rows) else 0.0
    return min(max(lowest, LOWEST), 0.0)


def _mark(axes: Axes, y: float, split: str, key: Key, row: Any, filled: bool) -> None:
    colour, edge = LIGHT[names.kind(*key[:2])], axes.get_xlim()[0]
    if pd.notna(row.low) and row.high > edge:
        axes.plot([max(row.low, edge), row.high], [y, y], color=colour, linewidth=1.8, alpha=0.75)
    axes.plot(
        max(row.value, edge), y, marker=MARKERS[split] if row.value > edge else "<",
        markersize=5.5, color=colour, clip_on=False, markeredgewidth=1.4,
        markerfacecolor=colour if filled else LIGHT["paper"],
    )  # fmt: skip
