"""Figures of the transfer tasks from what was predicted scene by scene."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from mmaq.statistics.bootstrap import Estimate
from mmaq.statistics.counts import Counts, Metrics, estimate_counts
from mmaq.statistics.metrics import (
    CLASS_METRICS,
    PIXEL_METRICS,
    PIXELS,
    class_metrics,
    confusion_cells,
    pixel_metrics,
)
from mmaq.statistics.paired import ENTRY, compare_counts
from mmaq.vocabulary import FUEL_CLASSES, LEADING

METRICS: dict[str, tuple[tuple[str, ...], Metrics]] = {
    "fuel": (CLASS_METRICS, class_metrics), "plume": (PIXEL_METRICS, pixel_metrics)
}  # fmt: skip
"""Names of a task's metrics, and how they follow from sums of counts."""


def estimate(task: str, outcomes: pd.DataFrame, draws: int) -> Estimate:
    """Metrics of a method's test predictions, pooled over its runs, which test other places.

    Args:
        task: of ``METRICS``.
        outcomes: columns run, fold, location, and the classes or numbers of pixels.
        draws: resamples of the places.
    """
    return estimate_counts(count(task, outcomes, "run"), *METRICS[task], draws)


def count(task: str, outcomes: pd.DataFrame, apart: str) -> Counts:
    """What adds up over the scenes of each place, of each ``run`` or ``fold`` by itself.

    Two methods share folds, and not runs: a reference has one, and networks one a fold.
    """
    if task == "plume":
        counts = outcomes[list(PIXELS)].to_numpy()
    else:
        number = {name: position for position, name in enumerate(FUEL_CLASSES)}
        truth, prediction = (
            outcomes[name].map(number).to_numpy() for name in ("truth", "prediction")
        )
        counts = confusion_cells(truth, prediction)
    location = outcomes["location"].to_numpy(str)
    rows = outcomes.groupby(apart).indices
    return Counts.of([(location[rows[key]], counts[rows[key]]) for key in sorted(rows)])


def compare(tables: Sequence[pd.DataFrame], draws: int) -> list[pd.DataFrame]:
    """Paired comparisons of each task's methods in its leading metric, a table a task.

    Args:
        tables: test predictions of the parts; those of stations are none of them.
        draws: resamples of the places.
    """
    found = []
    for task, metric in LEADING.items():
        mine = [table for table in tables if "location" in table and (table["task"] == task).all()]
        named = [group for table in mine for group in table.groupby(list(ENTRY))]
        counts = {name: count(task, outcomes, "fold") for name, outcomes in named}
        names, metrics = METRICS[task]
        pairs = compare_counts(counts, metrics, names.index(metric), draws)
        split = next((table["split"].iloc[0] for table in mine if len(table)), "")
        found.append(pairs.assign(task=task, split=split, metric=metric))
    return found
