"""Rows of the benchmark from test predictions: figures, their intervals, groups of stations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmaq.contracts.benchmark import Row
from mmaq.contracts.predictions import ENTRY, check_fits, read_fits, read_outcomes, read_predictions
from mmaq.statistics.bootstrap import Estimate, estimate_counts, estimate_metrics
from mmaq.statistics.groups import MIN_STATIONS, station_groups
from mmaq.statistics.metrics import (
    CLASS_METRICS,
    METRICS,
    PIXEL_METRICS,
    PIXELS,
    class_metrics,
    confusion_cells,
    pixel_metrics,
)
from mmaq.vocabulary import FUEL_CLASSES, TRANSFER_TASKS

RESAMPLED = {"official": "site_id", "random": "site_id", "blocks": "block", "country": "country"}
"""Column of the site table whose values the bootstrap draws: what the split leaves out."""
OF_TRANSFER = {
    "fuel": (CLASS_METRICS, class_metrics), "plume": (PIXEL_METRICS, pixel_metrics)
}  # fmt: skip


def make_rows(
    predictions: Sequence[Path], fits: Sequence[Path], sites: pd.DataFrame, draws: int, dataset: str
) -> list[Row]:
    """Rows of all parts of the evaluation.

    Args:
        predictions: test predictions of the parts.
        fits: the lines about each part, in the same order.
        sites: contract 2, with the ``block`` of each site.
        draws: bootstrap resamples.
        dataset: name of the data set in the rows.

    Raises:
        TableError: a file is absent or broken.
    """
    rows: list[Row] = []
    for path, lines in zip(predictions, fits, strict=True):
        about = read_fits(lines)
        transfer = about["task"].isin(TRANSFER_TASKS).any()
        tested = read_outcomes(path) if transfer else read_predictions(path)
        check_fits(about, lines, tested)
        for fit in about.to_dict("records"):
            rows += _rows_of(fit, tested, sites, draws, dataset)
    return rows


def _rows_of(
    fit: dict[str, Any], tested: pd.DataFrame, sites: pd.DataFrame, draws: int, dataset: str
) -> Iterator[Row]:
    entry = {"dataset": dataset, **{name: fit[name] for name in ENTRY}}
    transfer = fit["task"] in TRANSFER_TASKS
    if fit["status"] == "skipped":
        names = OF_TRANSFER[fit["task"]][0] if transfer else METRICS
        for name in names:
            yield Row(**entry, metric=name, status="skipped", reason=fit["reason"])
    elif transfer:
        yield from _transfer_rows(entry, fit, tested, draws)
    else:
        mine = np.logical_and.reduce([tested[name] == fit[name] for name in ENTRY])
        yield from _station_rows(entry, fit, tested[mine], sites, draws)


def _station_rows(
    entry: dict[str, Any],
    fit: dict[str, Any],
    tested: pd.DataFrame,
    sites: pd.DataFrame,
    draws: int,
) -> Iterator[Row]:
    """A row a metric for all stations, and for each group of which enough were tested."""
    known = sites[sites[fit["task"]].notna()].set_index("site_id", drop=False)
    members = {"all": np.full(len(known), True)}
    if fit["label_fraction"] == 1.0:
        members |= station_groups(known)
    for group, member in members.items():
        part = tested[tested["site_id"].isin(known.index[member])]
        if group != "all" and part["site_id"].nunique() < MIN_STATIONS:
            continue
        units = known[RESAMPLED[fit["split"]]]
        if units[part["site_id"]].nunique() == 1:  # a country by itself
            units = known["site_id"]
        folds = len(part[["run", "fold"]].drop_duplicates())
        about = {
            "group": group, "runs": part["run"].nunique(), "n_train": fit["n_train"],
            "n_test": round(len(part) / folds), "seconds": fit["seconds"],
        }  # fmt: skip
        yield from _figures({**entry, **about}, estimate_metrics(part, units, draws))


def _transfer_rows(
    entry: dict[str, Any], fit: dict[str, Any], outcomes: pd.DataFrame, draws: int
) -> Iterator[Row]:
    """A row a metric, resampled over places, since the scenes of a plant are alike."""
    names, metrics = OF_TRANSFER[fit["task"]]
    runs = {
        int(seed): (part["location"].to_numpy(str), _counts(fit["task"], part))
        for seed, part in outcomes.groupby("seed")
    }
    about = {name: fit[name] for name in ("n_train", "n_test", "seconds")}
    found = estimate_counts(runs, names, metrics, draws)
    yield from _figures({**entry, **about, "runs": len(runs)}, found)


def _counts(task: str, outcomes: pd.DataFrame) -> np.ndarray:
    """What adds up over scenes: cells of the confusion matrix, or numbers of pixels."""
    if task == "plume":
        return outcomes[list(PIXELS)].to_numpy()
    number = {name: position for position, name in enumerate(FUEL_CLASSES)}
    truth, prediction = (outcomes[name].map(number).to_numpy() for name in ("truth", "prediction"))
    return confusion_cells(truth, prediction)


def _figures(about: dict[str, Any], found: Estimate) -> Iterator[Row]:
    for name, value, low, high in zip(*found, strict=True):
        yield Row(**about, metric=name, value=float(value), low=float(low), high=float(high))
