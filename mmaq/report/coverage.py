"""How often the 90 % intervals hold the measurement, and how wide they are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from mmaq.report.choose import KEY, Key, of
from mmaq.report.stations import groups_of
from mmaq.statistics.bootstrap import bounds, draw_weights

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
    """Coverage of predictions with columns site_id, measured, prediction and radius (µg/m³).

    Bounds are of a bootstrap over stations, each with its predictions of all seeds.
    """
    inside = (rows["measured"] - rows["prediction"]).abs() <= rows["radius"]
    by_station = (
        pd.DataFrame(
            {"site": rows["site_id"], "inside": inside, "width": 2 * rows["radius"], "n": 1.0}
        )
        .groupby("site")
        .sum()
        .to_numpy(float)
    )
    drawn = draw_weights(np.arange(len(by_station)).astype(str), DRAWS) @ by_station
    shares = drawn[:, :2] / drawn[:, 2:]
    low, high = bounds(shares)
    total = by_station.sum(axis=0)
    value, width = total[:2] / total[2]
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


def by_group(rows: pd.DataFrame, keys: list[Key], sites: pd.DataFrame) -> pd.DataFrame:
    """Coverage in each group of stations, and in all of them ("all")."""
    rows = rows[["site_id", "measured", "prediction", "radius", *KEY]]
    grouped = pd.concat([rows.merge(groups_of(sites)), rows.assign(group="all")])
    found = [
        (*key, *coverage(part), group)
        for key in keys
        for group, part in of(grouped, key).groupby("group")
    ]
    return pd.DataFrame(found, columns=[*COLUMNS, "group"])
