"""The reference ``gbm_geo_kriging``: two ensembles of trees, and kriging of their residuals."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor, HistGradientBoostingRegressor
from sklearn.model_selection import GroupKFold, KFold
from threadpoolctl import threadpool_limits

from mmaq.evaluation.entry import Predict
from mmaq.evaluation.kriging import fit_covariance, krige
from mmaq.evaluation.splits import Fold

BOOSTED: dict[str, Any] = {
    "learning_rate": 0.03, "max_iter": 400, "max_leaf_nodes": 15, "min_samples_leaf": 10,
    "max_features": 0.4, "l2_regularization": 1.0, "early_stopping": False,
}  # fmt: skip
FOREST: dict[str, Any] = {"n_estimators": 300, "min_samples_leaf": 2, "max_features": 0.5}
RUNS = 3
"""Runs of boosted trees with draws of their own, whose predictions are averaged."""
INNER = 5
WEIGHTS = np.linspace(0.0, 1.0, 11)
MISSING = -99.0
"""For the forest, which knows no missing values; below every value that these features have."""


def kriged(inputs: np.ndarray, places: np.ndarray, target: np.ndarray) -> Predict:
    """Trees on ``inputs``, (n, d), and kriging of what they leave at ``places``, (n, 2).

    How the two ensembles are weighed and how residuals are alike with distance is chosen by
    predictions out of folds inside the training part, which are split as the fold itself is.
    """

    def predict(fold: Fold, seed: int) -> np.ndarray:
        train, test = fold.train, fold.test
        with threadpool_limits(1):
            inside = np.empty((2, len(train)))
            for part, rest in _inner(fold, seed):
                inside[:, rest] = _ensembles(
                    inputs[train[part]], target[train[part]], inputs[train[rest]], seed
                )
            weight = _weight(inside, target[train])
            residuals = target[train] - _mix(inside, weight)
            covariance = fit_covariance(places[train], residuals)
            trees = _mix(_ensembles(inputs[train], target[train], inputs[test], seed), weight)
            return trees + krige(covariance, places[train], residuals, places[test])

    return predict


def _inner(fold: Fold, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    if fold.groups is None:
        return list(KFold(INNER, shuffle=True, random_state=seed).split(fold.train))
    count = min(INNER, len(np.unique(fold.groups)))
    return list(GroupKFold(count).split(fold.train, groups=fold.groups))


def _ensembles(x: np.ndarray, y: np.ndarray, at: np.ndarray, seed: int) -> np.ndarray:
    """Predictions of the boosted trees and of the forest, (2, m)."""
    states = np.random.SeedSequence(seed).generate_state(RUNS + 1)
    boosted = [
        HistGradientBoostingRegressor(**BOOSTED, random_state=int(state)).fit(x, y).predict(at)
        for state in states[:RUNS]
    ]
    forest = ExtraTreesRegressor(**FOREST, random_state=int(states[RUNS]))
    forest.fit(np.nan_to_num(x, nan=MISSING), y)
    return np.stack([np.mean(boosted, axis=0), forest.predict(np.nan_to_num(at, nan=MISSING))])


def _mix(predictions: np.ndarray, weight: float) -> np.ndarray:
    return weight * predictions[0] + (1.0 - weight) * predictions[1]


def _weight(inside: np.ndarray, target: np.ndarray) -> float:
    """Share of the boosted trees with the smallest squared error."""
    errors = [np.mean((target - _mix(inside, weight)) ** 2) for weight in WEIGHTS]
    return float(WEIGHTS[int(np.argmin(errors))])
