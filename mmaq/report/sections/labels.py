"""Label efficiency: R² over the share of the labels."""

from __future__ import annotations

import pandas as pd
from matplotlib.ticker import NullLocator

from mmaq.report import names
from mmaq.report.choose import KEY, among, ordered, splits_of
from mmaq.report.figures.lines import lines
from mmaq.report.figures.ranking import LOWEST
from mmaq.report.figures.series import LIMIT
from mmaq.report.gallery import Gallery, Plot
from mmaq.report.material import Material, Section
from mmaq.report.numbers import share


def section(material: Material, gallery: Gallery) -> Section | None:
    """A line for each method that was fitted on several shares of the labels."""
    table = material.table
    rows = table[(table["task"] == "no2") & (table["metric"] == "r2") & (table["group"] == "all")]
    rows = rows[(rows["status"] == "ok") & rows["value"].notna()]
    rows = rows.rename(columns={"label_fraction": "x"})
    several = rows.groupby([*KEY, "split"])["x"].transform("nunique") > 1
    rows = rows[several]
    made = [_plot(rows[rows["split"] == split], split, gallery) for split in splits_of(rows)]
    return Section("labels", "Labels", made) if made else None


def _plot(rows: pd.DataFrame, split: str, gallery: Gallery) -> Plot:
    all_labels = rows[rows["x"] == rows["x"].max()]
    keys = ordered(all_labels, split)[:LIMIT]
    drawn = among(rows, keys)
    figure, axes = lines(drawn, keys, names.SPLITS[split].capitalize(), "share of the labels", "R²")
    ticks = sorted(drawn["x"].unique())
    axes.set_xscale("log")
    axes.set_xticks(ticks, [share(tick) for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    lowest = float(drawn["low"].fillna(drawn["value"]).min())
    axes.set_ylim(max(lowest, LOWEST) - 0.03, min(float(drawn["high"].max()) + 0.05, 1.0))
    words = f"R² by share of the labels, a line a method, {split}"
    data = rows[[*KEY, "x", "value", "low", "high"]].rename(columns={"x": "label_fraction"})
    return gallery.hang(f"label_efficiency_{split}", words, data, figure)
