"""Error by country, area and station type."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from mmaq.report import names
from mmaq.report.choose import KEY, among, leading, present, splits_of
from mmaq.report.figures.groups import by_group
from mmaq.report.figures.ranking import LOWEST
from mmaq.report.gallery import Gallery, Plot
from mmaq.report.material import Material, Section
from mmaq.report.stations import shown_groups

METHODS = 4

LABELS = {"r2": "R²", "mae": "MAE, µg/m³", "bias": "bias, µg/m³"}


@dataclass(frozen=True)
class Groups:
    """Plots of one split, one a metric."""

    split: str
    plots: list[Plot]


def section(material: Material, gallery: Gallery) -> Section | None:
    """R², MAE and bias of the leading methods in each group, by split."""
    table = material.table
    rows = table[(table["task"] == "no2") & (table["group"] != "all") & table["value"].notna()]
    rows = rows[(rows["label_fraction"] == 1.0) & (rows["status"] == "ok")]
    groups = shown_groups(material.sites, set(rows["group"]))
    keys = leading(table, METHODS, present(rows))
    if not groups or not keys:
        return None
    rows = among(rows, keys)
    made = [
        Groups(split, [_plot(rows[rows["split"] == split], split, metric, keys, groups, gallery)
                       for metric in LABELS if metric in set(rows["metric"])])
        for split in splits_of(rows)
    ]  # fmt: skip
    return Section("groups", "By group", made)


def _plot(
    rows: pd.DataFrame, split: str, metric: str, keys: list[tuple[str, str, str]],
    groups: dict[str, str], gallery: Gallery,
) -> Plot:  # fmt: skip
    rows = rows[rows["metric"] == metric][[*KEY, "group", "value", "low", "high"]]
    figure = by_group(
        rows, keys, groups, names.METRICS[metric], LABELS[metric],
        reference=None if metric == "mae" else 0.0, lowest=LOWEST if metric == "r2" else None,
    )  # fmt: skip
    words = f"{names.METRICS[metric]} of the leading methods by group of stations, {split}"
    return gallery.hang(f"{metric}_by_group_{split}", words, rows, figure)
