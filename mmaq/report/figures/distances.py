"""Distances to the nearest training station, by split, beside those of the cells."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mmaq.report.figures.series import COLOURS, DASHES, LINE
from mmaq.report.palette import LIGHT
from mmaq.report.svg import PIXELS_PER_INCH, blank, place

HEIGHT = 250
STEPS = np.linspace(0.0, 1.0, 201)
"""Shares at which a distribution is drawn."""


def quantiles(rows: pd.DataFrame) -> pd.DataFrame:
    """Columns split, share and km: the distance that a share of a split's rows stays below."""
    return pd.concat(
        [
            pd.DataFrame({"split": split, "share": STEPS, "km": np.quantile(part["km"], STEPS)})
            for split, part in rows.groupby("split", sort=False)
        ],
        ignore_index=True,
    )


def distances(table: pd.DataFrame, words: dict[str, str], width: int) -> Figure:
    """A line a split, of ``words``, from ``quantiles``; the last of ``words`` is the broad one."""
    figure = blank(width, HEIGHT + 64 + LINE * len(words))
    axes = place(figure, 52, 14, width - 66, HEIGHT)
    for index, (split, label) in enumerate(words.items()):
        mine = table[table["split"] == split]
        last = index == len(words) - 1
        axes.plot(
            np.maximum(mine["km"], 0.1), mine["share"], label=label,
            color=LIGHT["ink"] if last else COLOURS[index],
            linestyle="-" if last else DASHES[index],
            linewidth=4.0 if last else 1.8, alpha=0.35 if last else 1.0,
        )  # fmt: skip
    axes.set(
        xscale="log", ylim=(0, 1), xlabel="km to the nearest training station",
        ylabel="share of stations, of cells",
    )  # fmt: skip
    axes.xaxis.set_major_formatter("{x:g}")
    wide, high = figure.get_size_inches() * PIXELS_PER_INCH
    figure.legend(
        loc="lower left", bbox_to_anchor=(8 / wide, 4 / high), borderaxespad=0, handlelength=3.2,
        labelspacing=0.25,
    )  # fmt: skip
    return figure
