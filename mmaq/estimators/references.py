"""What is known of a station without an image and without any label.

Reference methods: what anyone would try first, and two ceilings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor, HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from mmaq.base.errors import Unavailable
from mmaq.contracts.sites import GEO
from mmaq.estimators.entry import Entry, Predict
from mmaq.estimators.kriging import kriged
from mmaq.estimators.pixels import pixel_features
from mmaq.evaluate.task import INPUT, Task, read_truth
from mmaq.statistics.ridge import linear_features, predict_ridge, standardise
from mmaq.statistics.splits import Fold, labelled

METRES = ("road_distance", "inlet_height", "building_distance", "kerb_distance")
"""Lengths that matter by their order of magnitude."""


def covariates(task: Task) -> np.ndarray:
    """The eight features, maps and the inlet's place, (n, k); NaN where missing.

    Population and lengths are logarithms. Columns that are missing throughout are left out.
    """
    maps = task.table[[*GEO, *METRES[1:]]].astype(float)
    for name in METRES:
        maps[name] = np.log1p(maps[name])
    values = np.hstack([linear_features(task.features), maps.to_numpy()])
    return values[:, np.isfinite(values).any(axis=0)]


BOOSTING: dict[str, Any] = {
    "learning_rate": 0.05, "max_iter": 200, "max_leaf_nodes": 15, "min_samples_leaf": 10,
    "max_features": 0.5, "early_stopping": False,
}  # fmt: skip
"""The same for every data set, split, fold and set of features: a slow rate, small trees, half of
the features at each node. Of the half-dozen plausible settings tried by cross-validation on the
real stations these are no more than 0.01 in R2 from the best; none was tried on simulated ones."""

ENSEMBLE = 3
"""Runs of boosted trees, each with its own draws of features, whose predictions are averaged."""

FOREST: dict[str, Any] = {"n_estimators": 200, "min_samples_leaf": 2, "max_features": 0.5}


def reference_entries(task: Task, archive: Path | None) -> dict[str, Entry]:
    """The reference methods by name; each reads its inputs when it is first prepared."""

    def boosted(inputs: Callable[[], np.ndarray]) -> Callable[[], Predict]:
        return lambda: _boosted(inputs(), task.target)

    def pixels() -> np.ndarray:
        statistics = pixel_features(task.store, task.rows("s2"), task.rows("s5p"))
        return np.hstack([task.features, statistics])

    def geography() -> np.ndarray:
        return np.hstack([task.features, task.geography])

    entries = [
        Entry("mean", "reference", "", lambda: _mean(task.target)),
        Entry("ridge", "reference", "table", lambda: _ridge(task)),
        Entry("gbm", "reference", "table", boosted(lambda: task.features)),
        Entry("gbm_geo", "reference", "table+geo", boosted(geography)),
        Entry("gbm_geo_kriging", "reference", "table+geo", lambda: _kriged(task)),
        Entry("gbm_pixels", "reference", "s2+s5p+table", boosted(pixels)),
        Entry("oracle", "reference", "truth", lambda: _oracle(task, archive)),
        Entry("oracle_inputs", "reference", "truth", lambda: _oracle_inputs(task, archive)),
    ]
    return {entry.method: replace(entry, calibrated=True) for entry in entries}


def _kriged(task: Task) -> Predict:
    """Boosted trees and kriging on all that is known without an image."""
    target = task.target
    if np.isnan(task.places).any():
        raise Unavailable("the sites have no coordinates")
    return kriged(covariates(task), task.places, target)


def _mean(target: np.ndarray) -> Predict:
    """The mean of the training stations."""

    def predict(fold: Fold, seed: int) -> np.ndarray:
        return np.full(len(fold.test), target[fold.train].mean())

    return predict


def ridge_on_few_labels(task: Task, share: float) -> Entry:
    """``ridge`` with a share of the labels: what a probe with as few is compared to."""
    return Entry("ridge", "reference", "table", lambda: _ridge(task, share), label_fraction=share)


def _ridge(task: Task, share: float = 1.0) -> Predict:
    """Ridge regression on the eight features, standardised by all training stations."""
    features, target = linear_features(task.features), task.target

    def predict(fold: Fold, seed: int) -> np.ndarray:
        scaled = standardise(features, fold.train)
        return predict_ridge(scaled, target, labelled(fold, share, seed), fold.test)

    return predict


def _boosted(inputs: np.ndarray, target: np.ndarray) -> Predict:
    """Boosted trees on ``inputs``, (n, d)."""

    def predict(fold: Fold, seed: int) -> np.ndarray:
        return boosted_trees(inputs[fold.train], target[fold.train], inputs[fold.test], seed)

    return predict


def boosted_trees(x: np.ndarray, y: np.ndarray, at: np.ndarray, seed: int) -> np.ndarray:
    """Fit boosted trees to (n, d) and (n,), and predict (m, d); a missing value is a branch."""
    states = np.random.SeedSequence(seed).generate_state(ENSEMBLE)
    # On a thousand stations threads gain little, and on a busy machine they wait for each other
    # at every node of every tree.
    with threadpool_limits(1):
        runs = [
            HistGradientBoostingRegressor(**BOOSTING, random_state=int(state)).fit(x, y).predict(at)
            for state in states
        ]
    return np.mean(runs, axis=0)


def _oracle(task: Task, archive: Path | None) -> Predict:
    """The true field at the station: what is left is the noise of the measurement."""
    truth = read_truth(archive, task.site_id)["no2_true"].to_numpy(float)

    def predict(fold: Fold, seed: int) -> np.ndarray:
        return truth[fold.test]

    return predict


def _oracle_inputs(task: Task, archive: Path | None) -> Predict:
    """A forest on the true local fields that the inputs can at best reveal."""
    inputs = read_truth(archive, task.site_id).filter(like=INPUT).to_numpy(float)

    def predict(fold: Fold, seed: int) -> np.ndarray:
        forest = ExtraTreesRegressor(**FOREST, random_state=seed)
        return forest.fit(inputs[fold.train], task.target[fold.train]).predict(inputs[fold.test])

    return predict
