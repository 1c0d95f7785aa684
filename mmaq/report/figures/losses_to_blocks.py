"""What each method loses where it has no neighbours to lean on."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from mmaq.report import names
from mmaq.report.choose import KEY, keys_of
from mmaq.report.figures.ranking import LOWEST
from mmaq.report.figures.rows import MARKERS, legend, rows_of, split_keys
from mmaq.report.numbers import number
from mmaq.report.palette import LIGHT

FROM, TO = "random", "blocks"


def losses(rows: pd.DataFrame) -> pd.DataFrame:
    """R² on random folds, on blocks, and the loss between, greatest first.

    ``rows`` are R² of the benchmark. Columns method, protocol, modalities, random, blocks, lost; a
    method that lacks a split is left out.
    """
    pair = rows[rows["split"].isin((FROM, TO))]
    wide = pair.pivot(index=KEY, columns="split", values="value").reset_index()
    if not {FROM, TO} <= set(wide.columns):
        return pd.DataFrame(columns=[*KEY, FROM, TO, "lost"])
    wide = wide.dropna(subset=[FROM, TO])
    wide = wide.assign(lost=wide[FROM] - wide[TO])[[*KEY, FROM, TO, "lost"]]
    return wide.sort_values(["lost", *KEY], ascending=[False, True, True, True], ignore_index=True)


def losses_to_blocks(table: pd.DataFrame, width: int) -> Figure:
    """A line from each method's R² on random folds to that on blocks; ``table`` from ``losses``."""
    keys = keys_of(table)
    drawn = rows_of(keys, width, [FROM, TO, "lost"], 44)
    axes = drawn.axes
    lowest = max(float(table[[FROM, TO]].min().min()), LOWEST)
    axes.set(xlabel="R² on test stations", xlim=(min(lowest, 0.0) - 0.03, 1.0))
    for position, row in enumerate(table.itertuples(index=False)):
        y, colour = drawn.place(position), LIGHT[names.kind(row.method, row.protocol)]
        ends = [max(row.random, LOWEST), max(row.blocks, LOWEST)]
        axes.plot(ends, [y, y], color=colour, linewidth=2.2, alpha=0.6)
        for split, x in zip((FROM, TO), ends, strict=True):
            axes.plot(
                x, y, marker=MARKERS[split] if x > LOWEST else "<", markersize=5.5, color=colour,
                markeredgewidth=1.4, markerfacecolor=colour if split == FROM else LIGHT["paper"],
            )  # fmt: skip
        for column, value in enumerate((row.random, row.blocks)):
            drawn.write(column, y, number(value, 2), va="center", color=LIGHT["muted"])
        drawn.write(2, y, number(row.lost, 2), va="center", fontweight="bold")
    legend(drawn.figure, split_keys([FROM, TO]), 2, 2)
    return drawn.figure
