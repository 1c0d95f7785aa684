"""How often the 90 % intervals hold the measurement, and how wide they are.

What the benchmark table has, over all stations and by group, is taken from it, with its interval.
Only fifths of the predicted level, which it has not, are computed here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from mmaq.report.choose import KEY, Key, among, of
from mmaq.statistics.bootstrap import interval
from mmaq.statistics.resamples import draw

NOMINAL = 0.9

DRAWS = 500

LEVELS = 5

COLUMNS = [*KEY, "value", "low", "high", "width", "width_low", "width_high", "stations"]


class Coverage(NamedTuple):
    """Share of measurements inside their interval and mean width, µg/m³, with 95 % bounds."""

    value: float
    low: float
    high: float
    width: float
    width_low: float
    width_high: float
    stations: int


def coverage(rows: pd.DataFrame) -> Coverage:
    """Coverage of predictions with columns site_id, measured, low and high (µg/m³).

    Bounds are of a bootstrap over stations, each with its predictions of all runs.
    """
    inside, width = rows["measured"].between(rows["low"], rows["high"]), rows["high"] - rows["low"]
    by_station = (
        pd.DataFrame({"site": rows["site_id"], "inside": inside, "width": width, "n": 1.0})
        .groupby("site")
        .sum()
        .to_numpy(float)
    )
    drawn = draw(np.arange(len(by_station)), DRAWS).sums(by_station.T).T
    shares = drawn[:, :2] / drawn[:, 2:]
    total = by_station.sum(axis=0)
    value, width = total[:2] / total[2]
    low, high = interval(np.array([[value, width]]), shares[:, None], len(by_station))
    return Coverage(value, low[0], high[0], width, low[1], high[1], len(by_station))


def by_level(rows: pd.DataFrame, keys: list[Key]) -> pd.DataFrame:
    """Coverage in each fifth of a method's predictions; ``x`` is their mean, µg/m³."""
    found = []
    for key in keys:
        mine = of(rows, key)
        fifth = pd.qcut(mine["prediction"].rank(method="first"), min(LEVELS, len(mine)))
        for _, part in mine.groupby(fifth, observed=True):
            found.append((*key, *coverage(part), part["prediction"].mean()))
    return pd.DataFrame(found, columns=[*COLUMNS, "x"])


def by_group(table: pd.DataFrame, keys: list[Key], split: str) -> pd.DataFrame:
    """Coverage in each group of stations, and in all of them ("all"), from the benchmark table.

    Columns are the method's, group, value, low, high, width, width_low and width_high.
    """
    asked = (table["task"] == "no2") & (table["split"] == split) & (table["label_fraction"] == 1.0)
    rows = among(table[asked & (table["status"] == "ok") & table["value"].notna()], keys)
    shares, widths = (
        rows.loc[rows["metric"] == metric, [*KEY, "group", "value", "low", "high"]]
        for metric in ("coverage90", "width90")
    )
    widths = widths.rename(columns={"value": "width", "low": "width_low", "high": "width_high"})
    return shares.merge(widths, on=[*KEY, "group"], how="left")
