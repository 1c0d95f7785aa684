"""Transfer tasks: what a power plant burns, and where its plume is."""

from __future__ import annotations

from mmaq.report import names
from mmaq.report.choose import KEY, measured, ordered, splits_of
from mmaq.report.figures.ranking import ranking
from mmaq.report.gallery import NARROW, WIDE, Gallery, Plot
from mmaq.report.material import Material, Section
from mmaq.report.tables import benchmark_tables
from mmaq.vocabulary import LEADING

HEADS = dict.fromkeys(names.SPLITS, "test")

SPLITS = dict.fromkeys(names.SPLITS, "plants that training has not seen")


def section(material: Material, gallery: Gallery) -> Section | None:
    """A table and a plot of the leading metric for each task that ran."""
    tables = benchmark_tables(material.table, tuple(LEADING))
    if not tables:
        return None
    plots = {table.task: _plot(material, table.task, gallery) for table in tables}
    return Section("transfer", "Transfer", {"tables": tables, "plots": plots, "splits": SPLITS})


def _plot(material: Material, task: str, gallery: Gallery) -> Plot | None:
    metric = LEADING[task]
    rows = measured(material.table, metric, task)
    if rows.empty:
        return None
    keys = ordered(rows, splits_of(rows)[0])
    label = f"{names.METRICS[metric]} on test scenes"
    return gallery.hang(
        f"{task}_{metric}", f"{names.TASKS[task]}: {label}, by method, with its interval",
        rows[[*KEY, "split", "value", "low", "high"]],
        ranking(rows, keys, WIDE, label, HEADS),
        ranking(rows, keys, NARROW, label, HEADS),
    )  # fmt: skip
