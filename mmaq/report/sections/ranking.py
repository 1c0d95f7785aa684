"""All methods ranked by R², a plot for each pollutant."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from mmaq.report import names
from mmaq.report.choose import KEY, Key, among, measured, ordered, splits_of
from mmaq.report.figures.ranking import ranking
from mmaq.report.gallery import NARROW, WIDE, Gallery, Plot
from mmaq.report.material import Material, Section
from mmaq.vocabulary import POLLUTANTS

MAIN = "r2_by_method"

HEADS = {split: split for split in names.SPLITS}

FIRST = 20
"""Rows of the plot that is seen at once; references and ceilings below it are kept."""

COLUMNS = [*KEY, "split", "value", "low", "high"]


@dataclass(frozen=True)
class Ranking:
    """A pollutant's plot; ``rest`` is the plot of all methods where the first leaves some out."""

    task: str
    plot: Plot
    rest: Plot | None
    count: int


def section(material: Material, gallery: Gallery) -> Section | None:
    """R² by method, best first."""
    rankings = [
        _ranking(rows, task, gallery)
        for task in POLLUTANTS
        if len(rows := measured(material.table, "r2", task))
    ]
    if not rankings:
        return None
    return Section("ranking", "Ranking", {"rankings": rankings, "best": FIRST})


def _ranking(rows: pd.DataFrame, task: str, gallery: Gallery) -> Ranking:
    keys = ordered(rows, splits_of(rows)[0])
    first = [key for place, key in enumerate(keys) if place < FIRST or _is_measure(key)]
    name = MAIN if task == "no2" else f"{MAIN}_{task}"
    plot = _plot(rows, first, name, task, gallery)
    rest = _plot(rows, keys, f"{name}_all", task, gallery) if len(first) < len(keys) else None
    return Ranking(task, plot, rest, len(keys))


def _is_measure(key: Key) -> bool:
    """Whether the row is one that others are measured against."""
    return names.kind(*key[:2]) in ("reference", "ceiling")


def _plot(rows: pd.DataFrame, keys: list[Key], name: str, task: str, gallery: Gallery) -> Plot:
    rows = among(rows, set(keys))
    wide, narrow = (
        ranking(rows, keys, width, "R² on test stations", HEADS) for width in (WIDE, NARROW)
    )
    return gallery.hang(
        name, f"R² of {names.TASKS[task]} by method on each split, with its interval",
        rows[COLUMNS], wide, narrow, picture=name == MAIN,
    )  # fmt: skip
