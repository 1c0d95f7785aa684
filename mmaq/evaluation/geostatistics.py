"""The reference ``gbm_geo_kriging``: boosted trees and kriging, weighed in the training part."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from mmaq.evaluation.entry import Predict
from mmaq.evaluation.inner import inner_folds
from mmaq.evaluation.kriging import Covariance, Stations, fit_covariance, krige
from mmaq.evaluation.splits import Fold
from mmaq.evaluation.standardise import standardise

BOOSTED: dict[str, Any] = {
    "learning_rate": 0.08, "max_iter": 150, "max_leaf_nodes": 15, "min_samples_leaf": 10,
    "max_features": 0.4, "l2_regularization": 1.0, "early_stopping": False,
}  # fmt: skip
RUNS = 2
"""Runs of the trees, each with draws of its own, whose predictions are averaged."""
LIKELIHOOD = 600
"""Stations, drawn from the training part, that the covariance is fitted to: the cost grows with the
cube of their number. All training stations take part in the prediction."""
WEIGHTS = np.linspace(0.0, 1.0, 21)


def kriged(features: np.ndarray, places: np.ndarray, target: np.ndarray) -> Predict:
    """Boosted trees on ``features``, (n, d), and ``places``, (n, 2), mixed with kriging on both.

    Both learn the square root of ``target``, (n,), whose spread hardly grows with its level. How
    they are weighed, and what the square loses of the mean, is found from their predictions of
    folds inside the training part, which are parted as the fold itself is.
    """
    inputs = np.hstack([features, places])

    def predict(fold: Fold, seed: int) -> np.ndarray:
        train, root = fold.train, np.sqrt(target[fold.train])
        stations = Stations(_known(features, train), places)
        states = np.random.SeedSequence(seed).generate_state(RUNS)

        def both(part: np.ndarray, at: np.ndarray) -> np.ndarray:
            """Predicted roots by trees and by kriging, (2, m), from a part of the training set."""
            trees = _boost(inputs[train[part]], root[part], inputs[at], states)
            known = stations.take(train[part])
            return np.stack([trees, _krige(covariance, known, root[part], stations.take(at))])

        with threadpool_limits(1):
            covariance = _fit(stations.take(train), root, states[0])
            inside = np.empty((2, len(train)))
            for part in inner_folds(fold, places, seed):
                inside[:, part.test] = both(part.train, train[part.test])
            mix = _weigh(inside, target[train])
            found = mix @ both(np.arange(len(train)), fold.test)
        lost = np.mean(target[train] - (mix @ inside) ** 2)
        return np.maximum(found**2 + lost, 0.0)

    return predict


def _known(features: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Standardised by the training stations, and which of them are missing, (n, d + missing)."""
    missing = np.isnan(features)
    flags = missing[:, missing.any(axis=0)].astype(float)
    return standardise(np.hstack([features, flags]), train)


def _boost(x: np.ndarray, y: np.ndarray, at: np.ndarray, states: np.ndarray) -> np.ndarray:
    seen = np.isfinite(x).any(axis=0)  # scikit-learn's trees refuse a column of nothing
    x, at = x[:, seen], at[:, seen]
    runs = [
        HistGradientBoostingRegressor(**BOOSTED, random_state=int(state)).fit(x, y).predict(at)
        for state in states
    ]
    return np.asarray(np.mean(runs, axis=0))


def _fit(stations: Stations, y: np.ndarray, state: int) -> Covariance:
    drawn = np.random.default_rng(state).permutation(len(y))[:LIKELIHOOD]
    scaled = (y[drawn] - y[drawn].mean()) / (y[drawn].std() or 1.0)
    return fit_covariance(stations.take(drawn), scaled)


def _krige(covariance: Covariance, known: Stations, y: np.ndarray, at: Stations) -> np.ndarray:
    return y.mean() + krige(covariance, known, y - y.mean(), at)


def _weigh(inside: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Shares of trees and kriging, (2,), with the smallest squared error of the target."""
    mixes = np.column_stack([WEIGHTS, 1.0 - WEIGHTS])
    errors = target - (mixes @ inside) ** 2
    return np.asarray(mixes[np.argmin(errors.var(axis=1))])
