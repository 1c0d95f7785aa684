"""Reliability of the 90 % intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mmaq.report import coverage as reliability
from mmaq.report import names
from mmaq.report.choose import KEY, Key, among, leading, measured, of, present, splits_of, whole
from mmaq.report.figures.groups import by_group
from mmaq.report.figures.lines import lines, target
from mmaq.report.gallery import Gallery, Plot
from mmaq.report.material import Material, Section
from mmaq.report.numbers import interval, number
from mmaq.report.stations import shown_groups

METHODS = 4

ASKED = (0.85, 0.95)
"""Where the coverage of a 90 % interval should lie."""


@dataclass(frozen=True)
class Calibrated:
    """A method's coverage, width and score on one split, as text, from the benchmark table."""

    words: str
    split: str
    coverage: str
    bounds: str
    width: str
    width_bounds: str
    score: str
    score_bounds: str
    within: bool


@dataclass(frozen=True)
class Reliability:
    """Plots of one split."""

    split: str
    plots: list[Plot]


def section(material: Material, gallery: Gallery) -> Section | None:
    """Coverage and width: the table's, then by predicted level and by group."""
    calibrated = _calibrated(material.table)
    rows = whole(material.predictions)
    rows = rows[_bounded(rows)]
    keys = leading(material.table, METHODS, present(rows))
    rows = among(rows, keys)
    plots = [
        Reliability(split, _plots(rows[rows["split"] == split], split, keys, material, gallery))
        for split in splits_of(rows)
    ]
    if not calibrated and not plots:
        return None
    return Section("intervals", "Intervals", {"table": calibrated, "plots": plots})


def _bounded(rows: pd.DataFrame) -> pd.Series:
    """Whether all predictions of a row's method and split have one, as the benchmark asks too."""
    finite = pd.Series(np.isfinite(rows["high"].to_numpy(float)), index=rows.index)
    return finite.groupby([rows[name] for name in (*KEY, "split")]).transform("all")


def _calibrated(table: pd.DataFrame) -> list[Calibrated]:
    shares, widths, scores = (
        measured(table, name) for name in ("coverage90", "width90", "interval_score90")
    )
    lines = []
    order = {split: place for place, split in enumerate(names.SPLITS)}
    shares = shares.assign(place=shares["split"].map(order))
    for row in shares.sort_values(["place", *KEY]).itertuples(index=False):
        key = row.method, row.protocol, row.modalities
        lines.append(
            Calibrated(
                names.full(key), names.SPLITS[row.split],
                number(row.value, 3), interval(row.low, row.high, 3),
                *_text(widths, key, row.split), *_text(scores, key, row.split),
                ASKED[0] <= row.value <= ASKED[1],
            )
        )  # fmt: skip
    return lines


def _text(rows: pd.DataFrame, key: Key, split: str) -> tuple[str, str]:
    """A figure of ``key`` on ``split``, µg/m³, and its interval."""
    mine = of(rows, key)
    mine = mine[mine["split"] == split]
    if mine.empty:
        return number(None, 1), ""
    found = mine.iloc[0]
    return number(found["value"], 1), interval(found["low"], found["high"], 1)


def _plots(
    rows: pd.DataFrame, split: str, keys: list[Key], material: Material, gallery: Gallery
) -> list[Plot]:
    keys = [key for key in keys if len(of(rows, key))]
    levels = reliability.by_level(rows, keys)
    figure, axes = lines(
        levels, keys, "Coverage by predicted level", "predicted, µg/m³", "share inside"
    )
    target(axes, reliability.NOMINAL, "nominal, 90 %", ASKED)
    low = float(levels["low"].min())
    axes.set_ylim(max(min(low - 0.03, 0.75), 0.0), 1.005)
    coverage = gallery.hang(
        f"coverage_by_level_{split}", f"Coverage of 90 % intervals by predicted level, {split}",
        levels, figure,
    )  # fmt: skip
    widths = levels.assign(value=levels["width"], low=levels["width_low"],
                           high=levels["width_high"])  # fmt: skip
    figure, axes = lines(
        widths, keys, "Width by predicted level", "predicted, µg/m³", "width, µg/m³"
    )
    axes.set_ylim(0.0, 1.1 * float(widths["high"].max()))
    width = gallery.hang(
        f"width_by_level_{split}", f"Width of 90 % intervals by predicted level, {split}",
        widths, figure,
    )  # fmt: skip
    grouped = reliability.by_group(material.table, keys, split)
    words = {"all": "all stations"} | shown_groups(material.sites, set(grouped["group"]))
    figure = by_group(
        grouped, keys, words, "Coverage by group", "share inside",
        reference=reliability.NOMINAL, asked=ASKED,
    )  # fmt: skip
    groups = gallery.hang(
        f"coverage_by_group_{split}", f"Coverage of 90 % intervals by group of stations, {split}",
        grouped, figure,
    )  # fmt: skip
    return [coverage, width, groups]
