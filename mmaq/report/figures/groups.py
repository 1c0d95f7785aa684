"""A figure of each group of stations, for several methods."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from mmaq.report.choose import Key, of
from mmaq.report.figures.series import LINE, legend, style
from mmaq.report.palette import LIGHT
from mmaq.report.svg import blank, place

WIDTH, LEFT, STEP = 356, 108, 11


def by_group(
    rows: pd.DataFrame, keys: Sequence[Key], groups: dict[str, str], title: str, label: str,
    reference: float | None = None, lowest: float | None = None,
    asked: tuple[float, float] | None = None,
) -> Figure:  # fmt: skip
    """Dots and intervals: a band for each group, in it a line for each method.

    Args:
        rows: columns method, protocol, modalities, group, value, low, high.
        keys: methods, in the order of the series.
        groups: words for each group, in the order from the top.
        title: stands above the plot.
        label: of the axis, with its unit.
        reference: where to draw a line for the eye.
        lowest: values below are drawn at the edge, with an arrow.
        asked: ends of the band in which values should lie.
    """
    band = STEP * len(keys) + 12
    height = band * len(groups)
    figure = blank(WIDTH, 34 + height + 54 + LINE * len(keys))
    axes = place(figure, LEFT, 30, WIDTH - LEFT - 14, height)
    axes.set(ylim=(len(groups) - 0.5, -0.5), xlabel=label)
    axes.grid(False, axis="y")
    axes.set_yticks(range(len(groups)), groups.values(), color=LIGHT["ink"])
    axes.tick_params(axis="y", length=0)
    axes.annotate(
        title, (0, 1), xytext=(0, 8), xycoords="axes fraction", textcoords="offset points",
        fontweight="bold",
    )  # fmt: skip
    for position in range(1, len(groups), 2):
        axes.axhspan(position - 0.5, position + 0.5, color=LIGHT["panel"], zorder=0)
    if asked is not None:
        axes.axvspan(*asked, color=LIGHT["line"], alpha=0.4, linewidth=0, zorder=0)
    if reference is not None:
        axes.axvline(reference, color=LIGHT["muted"], linewidth=1.0)
    for index, key in enumerate(keys):
        mine = of(rows, key).set_index("group")
        offset = (index - (len(keys) - 1) / 2) * STEP / band
        for position, group in enumerate(groups):
            if group not in mine.index:
                continue
            row, y = mine.loc[group], position + offset
            edge = -math.inf if lowest is None else lowest
            beyond = row["value"] < edge
            if pd.notna(row["low"]) and not beyond:
                ends = [max(row["low"], edge), row["high"]]
                axes.plot(ends, [y, y], color=style(index)["color"], linewidth=1.6)
            drawn = style(index) | {"linestyle": ""} | ({"marker": "<"} if beyond else {})
            axes.plot(max(row["value"], edge), y, **drawn)
    legend(figure, keys, lines=False)
    return figure
