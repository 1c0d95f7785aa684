"""How far one method stands from each other, paired by station."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mmaq.report import names
from mmaq.report.choose import Key
from mmaq.report.figures.rows import legend, rows_of
from mmaq.report.numbers import signed
from mmaq.report.palette import LIGHT

SHAPES = {"better": ">", "worse": "<", "open": "o"}

BY_STATION, BY_BLOCK = 4.0, 1.2


def differences(rows: pd.DataFrame, key: Key, width: int) -> Figure:
    """R² of ``key`` minus that of each other method, with both paired intervals.

    ``rows`` has columns method, protocol, modalities (of the other), difference, low, high,
    block_low, block_high and verdict.
    """
    keys: list[Key] = list(
        rows[["method", "protocol", "modalities"]].itertuples(index=False, name=None)
    )
    drawn = rows_of(keys, width, ["R² gap", "verdict"], 64 if width < 500 else 44)
    axes = drawn.axes
    axes.axvline(0.0, color=LIGHT["muted"], linewidth=1.0)
    axes.set_xlabel(f"R² of {names.label(*key[:2])} minus theirs")
    for position, row in enumerate(rows.itertuples(index=False)):
        y, colour = drawn.place(position), LIGHT[names.kind(row.method, row.protocol)]
        axes.plot([row.block_low, row.block_high], [y, y], color=colour, linewidth=BY_BLOCK)
        axes.plot([row.low, row.high], [y, y], color=colour, linewidth=BY_STATION, alpha=0.45)
        axes.plot(
            row.difference, y, marker=SHAPES[row.verdict], markersize=6, color=colour,
            markeredgewidth=1.4,
            markerfacecolor=LIGHT["paper"] if row.verdict == "open" else colour,
        )  # fmt: skip
        drawn.write(0, y, signed(row.difference, 2), va="center")
        drawn.write(1, y, row.verdict, va="center", color=LIGHT["muted"])
    ink = LIGHT["ink"]
    keys_drawn = [
        Line2D([], [], color=ink, linewidth=BY_STATION, alpha=0.45, label="95 % over stations"),
        Line2D([], [], color=ink, linewidth=BY_BLOCK, label="95 % over whole blocks"),
    ]
    legend(drawn.figure, keys_drawn, 2, 1 if drawn.form.stacked else 2)
    return drawn.figure
