"""Which figures a page has, given what there is to draw."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from markupsafe import Markup

from mmaq.errors import TableError
from mmaq.report import names
from mmaq.report.figures.agreement import agreement
from mmaq.report.figures.curves import curves, panels
from mmaq.report.figures.ranking import ranking
from mmaq.report.figures.stations import error_map, level_map
from mmaq.report.figures.times import times
from mmaq.report.svg import drawing, inline, save
from mmaq.report.tables import measured

MAIN = "r2_by_method"
WIDE, NARROW = 900, 366
PREFERRED = (("gbm", "reference"), ("gbm_pixels", "reference"), ("gbm_geo", "reference"))
PANELS = 3


@dataclass
class Charts:
    """SVG elements by what they show; empty or ``None`` where there was nothing to draw."""

    ranking: Markup | None = None
    ranking_narrow: Markup | None = None
    agreement: dict[str, list[Markup]] = field(default_factory=dict)
    error_map: Markup | None = None
    error_map_of: str = ""
    level_map: Markup | None = None
    losses: list[Markup] = field(default_factory=list)
    times: Markup | None = None
    times_narrow: Markup | None = None


def draw_charts(
    table: pd.DataFrame, predictions: pd.DataFrame, sites: pd.DataFrame, losses: pd.DataFrame,
    timings: pd.DataFrame, folder: Path,
) -> Charts:  # fmt: skip
    """Draw all figures; the main picture is also saved into ``folder`` as SVG and PNG."""
    charts = Charts()
    with drawing():
        _draw_ranking(charts, measured(table, "r2"), folder)
        if len(predictions):
            _draw_agreement(charts, table, predictions)
            _draw_error_map(charts, table, predictions, sites)
        known = sites[sites["no2"].notna()]
        charts.level_map = inline(
            level_map(*(known[name].to_numpy() for name in ("lon", "lat", "no2"))),
            "level-map", "Map of the stations, coloured by measured NO2",
        )  # fmt: skip
        for index, (title, columns) in enumerate(panels(losses)):
            charts.losses.append(
                inline(curves(losses, title, columns), f"loss-{index}", f"{title} by epoch")
            )
        if len(timings):
            description = "Wall time of each rule"
            charts.times = inline(times(timings, WIDE), "times", description)
            charts.times_narrow = inline(times(timings, NARROW), "times-narrow", description)
    return charts


def _draw_ranking(charts: Charts, rows: pd.DataFrame, folder: Path) -> None:
    if rows.empty:
        return
    wide, description = ranking(rows, WIDE), "R² of each method on each split, with its interval"
    charts.ranking = inline(wide, "ranking", description)
    charts.ranking_narrow = inline(ranking(rows, NARROW), "ranking-narrow", description)
    save(wide, folder / f"{MAIN}.svg")
    save(wide, folder / f"{MAIN}.png")


def once(predictions: pd.DataFrame, method: str, protocol: str, split: str) -> pd.DataFrame:
    """A method's predictions on ``split``, a station once: by the first seed that tests it."""
    rows = predictions[
        (predictions["method"] == method)
        & (predictions["protocol"] == protocol)
        & (predictions["split"] == split)
    ]
    return rows.sort_values(["seed", "fold"], kind="stable").drop_duplicates("site_id")


def _leader(table: pd.DataFrame, predictions: pd.DataFrame) -> tuple[str, str] | None:
    """Fine-tuned MMAQ, else the best learned row, else the best reference, that has predictions."""
    available = set(_keys(predictions))
    if ("mmaq", "finetune") in available:
        return "mmaq", "finetune"
    r2 = measured(table, "r2").sort_values("value", ascending=False)
    keys = [key for key in _keys(r2) if key in available]
    learned = [key for key in keys if names.is_learned(key[0])]
    others = [key for key in keys if names.kind(*key) == "reference"]
    return next(iter([*learned, *others]), None)


def _draw_agreement(charts: Charts, table: pd.DataFrame, predictions: pd.DataFrame) -> None:
    leader, available = _leader(table, predictions), set(_keys(predictions))
    wanted = [key for key in (leader, *PREFERRED) if key is not None]
    wanted = [key for key in dict.fromkeys(wanted) if key in available][:PANELS]
    rows = predictions[[key in wanted for key in _keys(predictions)]]
    limit = _ten_up(rows["no2"].quantile(0.999))
    error = _ten_up((rows["prediction"] - rows["no2"]).abs().max())
    for split in names.SPLITS:
        drawn: list[Markup] = []
        for method, protocol in wanted:
            points = once(rows, method, protocol, split)
            if points.empty:
                continue
            words = f"{names.label(method, protocol)}: measured NO2 over predicted, {split}"
            name = f"agreement-{split}-{len(drawn)}"
            drawn.append(inline(agreement(points, method, protocol, limit, error), name, words))
        if drawn:
            charts.agreement[split] = drawn


def _keys(rows: pd.DataFrame) -> list[tuple[str, str]]:
    return list(zip(rows["method"], rows["protocol"], strict=True))


def _ten_up(value: float) -> float:
    """The next ten, for the end of an axis."""
    return float(np.ceil(value / 10) * 10) or 10.0


def _draw_error_map(
    charts: Charts, table: pd.DataFrame, predictions: pd.DataFrame, sites: pd.DataFrame
) -> None:
    leader = _leader(table, predictions)
    if leader is None:
        return
    mine = predictions[
        (predictions["method"] == leader[0]) & (predictions["protocol"] == leader[1])
    ]
    split = next(split for split in names.SPLITS if split in set(mine["split"]))
    points = once(predictions, *leader, split).merge(sites[["site_id", "lon", "lat"]], how="left")
    if points["lon"].isna().any():
        lost = points.loc[points["lon"].isna(), "site_id"].iloc[0]
        raise TableError(
            "predictions", f"site {lost!r} is not in the site table", "Run `mmaq evaluate` again"
        )
    error = (points["prediction"] - points["no2"]).to_numpy()
    charts.error_map = inline(
        error_map(points["lon"].to_numpy(), points["lat"].to_numpy(), error),
        "error-map", "Map of the stations, coloured by the error of the prediction",
    )  # fmt: skip
    charts.error_map_of = f"{names.label(*leader)}, {names.SPLITS[split]}"
