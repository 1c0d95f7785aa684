"""Checks against leaks: what each raises is not a poor figure but one that must not be believed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from mmaq.base.errors import LeakError
from mmaq.config.evaluation import Evaluate
from mmaq.contracts.context import CONTEXT
from mmaq.contracts.sites import FEATURES, GEO, SITING, covariates_of
from mmaq.estimators.base import Estimator
from mmaq.evaluate.predictions import predict_folds
from mmaq.evaluate.task import Task
from mmaq.statistics.bootstrap import Outcomes, estimate_metrics
from mmaq.statistics.metrics import METRICS
from mmaq.statistics.splits import Fold, Stations
from mmaq.vocabulary import AREAS, IMAGES, TYPES

NULL_R2 = 0.05
"""With shuffled labels the upper 95 % bound of R2 stays below this, or something leaks."""

ROUNDING = 1e-4
"""Predictions that differ by less (ug/m3) are alike; a leak of what is changed shows far more."""


def check_measured(predictions: pd.DataFrame, sites: pd.DataFrame) -> None:
    """Check that each prediction stands beside its own station's measurement.

    Args:
        predictions: columns task, site_id and measured.
        sites: contract 2.

    Raises:
        LeakError: names the task and a station whose measurement is another's, or is not known.
    """
    for pollutant, part in predictions.groupby("task"):
        known = sites.set_index("site_id")[pollutant].reindex(part["site_id"]).to_numpy(float)
        wrong = ~np.isclose(part["measured"].to_numpy(float), known, rtol=1e-6, atol=1e-9)
        if wrong.any():
            row, value = part[wrong].iloc[0], known[wrong][0]
            fault = (
                f"station {row.site_id!r} measured {value:g}, its predictions say {row.measured:g}"
            )
            raise LeakError(str(pollutant), fault, "Run `mmaq evaluate` again")


def check_blind(estimator: Estimator, task: Task, fold: Fold, seed: int) -> None:
    """Check that a prediction rests on the station's own inputs and on training stations alone.

    The inputs of every second test station, then the labels of all of them, are changed out of all
    proportion: the other predictions must not move by the first, and none by the second.

    Raises:
        LeakError: names the method and what reached it.
    """
    before = _predict(estimator, task, fold, seed)
    inputs = _predict(estimator, change_inputs(task, fold.test[::2]), fold, seed)
    labels = _predict(estimator, change_labels(task, fold.test), fold, seed)
    name, remedy = _name(estimator), "Fit to the training stations alone"
    if not np.abs(inputs - before)[1::2].max() <= ROUNDING:
        raise LeakError(name, "inputs of other test stations move its predictions", remedy)
    if not np.abs(labels - before).max() <= ROUNDING:
        raise LeakError(name, "labels of test stations move its predictions", remedy)


def _predict(estimator: Estimator, task: Task, fold: Fold, seed: int) -> np.ndarray:
    places = task.places
    train = task.training(places, fold, Stations.single(places.lonlat))
    return estimator.fit(train, seed=seed).mean(places.take(fold.test))


def check_null(shuffled: Task, estimator: Estimator, split: str, config: Evaluate) -> float:
    """The upper 95 % bound of R2 over stations with labels that tell a method nothing.

    Args:
        shuffled: of ``shuffle_labels``.
        estimator: of a method.
        split: how its stations are split.
        config: folds, seeds and resamples.

    Raises:
        LeakError: it is not below ``NULL_R2``.
        Unavailable: the data cannot give the split, or lack what the method reads.
    """
    tested = predict_folds(shuffled, shuffled.places, [estimator], split, config)
    stations = pd.Index(np.unique(tested.table["site_id"].to_numpy(str)))
    outcomes = Outcomes.of(tested.table, stations)
    (estimate,) = estimate_metrics(
        outcomes, stations.to_numpy(str), config.bootstrap, shuffled.pollutant
    )
    upper = float(estimate.high[METRICS.index("r2")])
    if not upper < NULL_R2:
        fault = f"R2 may be {upper:.3f} with labels shuffled among stations"
        raise LeakError(_name(estimator), fault, "Look for what it knows of test stations")
    return upper


def _name(estimator: Estimator) -> str:
    return f"{estimator.method}, {estimator.protocol}"


def shuffle_labels(task: Task, seed: int) -> Task:
    """The task with its labels shuffled among its stations."""
    labels = np.random.default_rng(seed).permutation(task.target)
    return replace(task, table=task.table.assign(**{task.pollutant: labels}))


def change_labels(task: Task, stations: np.ndarray) -> Task:
    """The task with wild labels at the positions ``stations``."""
    table = task.table.copy()
    table.loc[stations, task.pollutant] = 1000.0 - 10.0 * task.target[stations]
    return replace(task, table=table)


def change_inputs(task: Task, stations: np.ndarray) -> Task:
    """The task with wild land use, maps, places and images at the positions ``stations``."""
    table, store = task.table.copy(), task.store
    flags = [*AREAS, *TYPES]
    known = (*FEATURES, *GEO, *SITING, *CONTEXT, *covariates_of(table))
    figures = [name for name in known if name not in flags]
    table.loc[stations, flags] = 1.0 - table.loc[stations, flags]
    table.loc[stations, figures] = 1000.0 + 10.0 * table.loc[stations, figures]
    table.loc[stations, ["lon", "lat"]] += 1.0
    for name in IMAGES:
        if task.store.absence(name) is None:
            values = np.array(getattr(task.store, name))
            rows = task.places.patch_rows(name)[stations]
            values[rows] = values[rows] // 8 if name == "s2" else 10.0 * values[rows]
            store = replace(store, s2=values) if name == "s2" else replace(store, s5p=values)
    return replace(task, table=table, store=store)
