"""Lines with intervals, one a method."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmaq.report.choose import Key, of
from mmaq.report.figures.series import LINE, legend, style
from mmaq.report.palette import LIGHT
from mmaq.report.svg import blank, place

WIDTH, HEIGHT = 356, 230


def lines(rows: pd.DataFrame, keys: Sequence[Key], title: str, x: str, y: str) -> tuple[
    Figure, Axes
]:  # fmt: skip
    """A line for each method through its values, an upright interval at each.

    ``rows`` has columns method, protocol, modalities, x, value, low, high; ``x`` and ``y`` are the
    labels of the axes, with their units. The axes are given for what else a plot wants.
    """
    figure = blank(WIDTH, HEIGHT + 88 + LINE * len(keys))
    axes = place(figure, 52, 30, WIDTH - 66, HEIGHT)
    for index, key in enumerate(keys):
        mine = of(rows, key).sort_values("x")
        axes.plot(mine["x"], mine["value"], linewidth=1.8, **style(index))
        bounds = mine[["low", "high"]].to_numpy(float)
        known = np.isfinite(bounds).all(axis=1)
        axes.vlines(
            mine["x"][known], *bounds[known].T, color=style(index)["color"], linewidth=1.2,
            alpha=0.7,
        )  # fmt: skip
    axes.set(xlabel=x, ylabel=y)
    axes.annotate(
        title, (0, 1), xytext=(0, 8), xycoords="axes fraction", textcoords="offset points",
        fontweight="bold",
    )  # fmt: skip
    legend(figure, keys, lines=True)
    return figure, axes


def target(axes: Axes, level: float, words: str, asked: tuple[float, float]) -> None:
    """A thin line at the nominal level, and the band in which values should lie."""
    axes.axhspan(*asked, color=LIGHT["line"], alpha=0.4, linewidth=0, zorder=0)
    axes.axhline(level, color=LIGHT["muted"], linewidth=1.0, linestyle=(0, (4, 2)))
    axes.annotate(
        words, (1, level), xytext=(-2, 3), xycoords=axes.get_yaxis_transform(), ha="right",
        textcoords="offset points", color=LIGHT["muted"], fontsize="small",
    )  # fmt: skip
