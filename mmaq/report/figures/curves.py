"""Loss curves of the pretraining run."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mmaq.report.figures.series import COLOURS, DASHES
from mmaq.report.svg import blank, place

WIDTH, HEIGHT = 340, 262

PLACE = ("epoch", "step", "lr")

TITLES = {
    "loss": "Total loss", "term": "Terms of the loss", "sigma": "Loss weights",
    "rank": "Effective rank of embeddings", "spread": "Spread of embeddings",
    "correlation": "Correlation between dimensions",
}  # fmt: skip


def panels(losses: pd.DataFrame) -> list[tuple[str, list[str]]]:
    """What to draw from a table of losses: title and columns of each panel.

    The total, its terms, the learned weights (columns named ``sigma...``) and what watches the
    embeddings for collapse (``rank...``, ``spread...``, ``correlation...``) each have their own
    axis, because their sizes differ.
    """
    numeric = [name for name in losses if name not in PLACE and losses[name].notna().any()]
    kinds: dict[str, list[str]] = {title: [] for title in TITLES.values()}
    for name in numeric:
        kinds[TITLES.get(name.split("_")[0], TITLES["term"])].append(name)
    return [(title, columns) for title, columns in kinds.items() if columns]


def curves(losses: pd.DataFrame, title: str, columns: Sequence[str]) -> Figure:
    """Lines of ``columns`` over the epoch (the step where the table has no epoch)."""
    axis = "epoch" if "epoch" in losses else "step"
    rows = losses.groupby(axis, as_index=False)[list(columns)].mean()
    keys = -(-len(columns) // 2)
    figure = blank(WIDTH, HEIGHT + 18 * keys)
    axes = place(figure, 52, 34, WIDTH - 64, HEIGHT - 84)
    for index, column in enumerate(columns):
        values = rows[[axis, column]].dropna()
        axes.plot(
            values[axis], values[column], color=COLOURS[index % 6], linewidth=1.8,
            linestyle=DASHES[(index + index // 6) % 6], label=column,
            marker="o" if len(values) < 3 else "", markersize=4,
        )  # fmt: skip
    positive = rows[list(columns)].min().min() > 0
    spread = rows[list(columns)].max().max() / rows[list(columns)].min().min() if positive else 1.0
    if spread > 50:
        axes.set_yscale("log")
    axes.set_xlabel(axis)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.annotate(
        title, (0, 1), xytext=(0, 8), xycoords="axes fraction", textcoords="offset points",
        fontweight="bold",
    )  # fmt: skip
    if len(columns) > 1:
        figure.legend(
            loc="lower left", ncols=2, bbox_to_anchor=(0.02, 0.0), borderaxespad=0,
            handlelength=2.6, labelspacing=0.3,
        )  # fmt: skip
    return figure
