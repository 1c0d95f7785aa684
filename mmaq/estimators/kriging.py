"""The reference ``gbm_geo_kriging``: boosted trees and kriging, weighed in the training part.

Kriging with covariates: a Gaussian process of what stations are like and where they stand.

The covariance of two stations is a rational quadratic in their features, each with a length scale
of its own, plus two exponentials in their distance, one of neighbourhoods and one of regions, plus
a nugget (Cressie, Statistics for Spatial Data, 1993, 3.1 to 3.4; Rasmussen and Williams, Gaussian
Processes for Machine Learning, 2006, 4.2, and 5.1 for length scales that tell relevance). Its
parameters maximise the Gaussian likelihood (their 5.4) with a weak prior on the length scales.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.linalg.lapack import dpotri
from scipy.optimize import minimize
from scipy.spatial.distance import cdist, pdist, squareform
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from mmaq.base.geo import EARTH_RADIUS_KM, unit_vectors
from mmaq.estimators.entry import Predict
from mmaq.statistics.ridge import standardise
from mmaq.statistics.splits import Fold, inner_folds

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


LENGTH = 3.0
"""Length scale of a standardised feature before any is known to matter; ``SPREAD`` is the standard
deviation of its logarithm."""

SPREAD = 2.0

START = (0.6, 0.1, 20.0, 0.2, 400.0, 0.25)

BOUNDS = ((1e-6, 1e2), (1e-6, 1e2), (1.0, 200.0), (1e-6, 1e2), (50.0, 5000.0), (1e-3, 1e1))
"""Of sill of the features, sill and range (km) nearby, sill and range (km) of regions, nugget; of a
target of unit variance."""

LENGTHS = (0.05, 1e3)

STEPS = 40


class Stations(NamedTuple):
    """Standardised features, (n, d), without missing values, and longitude and latitude, (n, 2)."""

    features: np.ndarray
    places: np.ndarray

    def take(self, rows: np.ndarray) -> Stations:
        """The stations at the positions ``rows``."""
        return Stations(self.features[rows], self.places[rows])


@dataclass(frozen=True)
class Covariance:
    """Parameters of the covariance; sills and nugget as shares of the target's variance."""

    lengths: np.ndarray
    alike: float
    near: float
    near_km: float
    far: float
    far_km: float
    nugget: float

    @classmethod
    def of(cls, logarithms: np.ndarray) -> Covariance:
        """From the logarithms of all parameters, (d + 6,), in the order of the fields."""
        values = np.exp(logarithms)
        return cls(values[:-6], *values[-6:])

    @property
    def sill(self) -> float:
        """Variance of a measurement."""
        return self.alike + self.near + self.far + self.nugget

    def terms(
        self, unlike: np.ndarray, apart: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The three terms without the nugget, for any shape of pairs of stations.

        ``unlike`` is the squared distance of their features in length scales, ``apart`` that of
        their places in km.
        """
        return (
            self.alike / (1.0 + 0.5 * unlike),
            self.near * np.exp(-apart / self.near_km),
            self.far * np.exp(-apart / self.far_km),
        )

    def between(self, one: Stations, other: Stations) -> np.ndarray:
        """Covariance of the field at two sets of stations, (n, m)."""
        unlike = cdist(one.features / self.lengths, other.features / self.lengths, "sqeuclidean")
        alike, near, far = self.terms(unlike, distances(one.places, other.places))
        return alike + near + far

    def matrix(self, stations: Stations) -> np.ndarray:
        """Covariance of the measurements at ``stations``, (n, n)."""
        full = self.between(stations, stations)
        full[np.diag_indices_from(full)] += self.nugget
        return full


def distances(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Chord lengths in km between places given as lon, lat in degrees: (n, 2), (m, 2) to (n, m).

    A chord of 1,000 km is 1 km shorter than its arc, and keeps the covariance positive definite.
    """
    return EARTH_RADIUS_KM * cdist(unit_vectors(*one.T), unit_vectors(*other.T))


def fit_covariance(stations: Stations, target: np.ndarray) -> Covariance:
    """The likeliest covariance of ``target``, (n,), of mean 0 and variance 1."""
    lengths = stations.features.shape[1]
    start = np.log([LENGTH] * lengths + list(START))
    bounds = np.log([LENGTHS] * lengths + list(BOUNDS))
    apart = squareform(distances(stations.places, stations.places), checks=False)
    found = minimize(
        misfit, start, (stations.features, apart, target), jac=True, method="L-BFGS-B",
        bounds=bounds, options={"maxiter": STEPS},
    )  # fmt: skip
    return Covariance.of(found.x)


def misfit(
    logarithms: np.ndarray, features: np.ndarray, apart: np.ndarray, target: np.ndarray
) -> tuple[float, np.ndarray]:
    """Minus the log posterior of the parameters' logarithms but for a constant, and its gradient.

    ``apart`` are the distances in km of all pairs of stations, each pair once as ``pdist`` orders
    them: the covariance is symmetric, and half of its elements are half of the work.
    """
    covariance = Covariance.of(logarithms)
    scaled = features / covariance.lengths
    alike, near, far = covariance.terms(pdist(scaled, "sqeuclidean"), apart)
    full = squareform(alike + near + far, checks=False)
    np.fill_diagonal(full, covariance.sill)
    factor = cho_factor(full, lower=True, overwrite_a=True, check_finite=False)
    solved = cho_solve(factor, target, check_finite=False)
    value = 0.5 * target @ solved + np.log(np.diag(factor[0])).sum()
    # of the value by the elements of the matrix, for any parameter's chain rule
    slope = dpotri(factor[0], lower=True)[0].T - np.outer(solved, solved)  # above the diagonal
    diagonal, pairs = 0.5 * np.trace(slope), squareform(slope, checks=False)
    weight = squareform(0.5 * pairs * alike**2 / covariance.alike, checks=False)
    of_lengths = 2.0 * (
        weight.sum(axis=1) @ scaled**2 - np.einsum("ij,ij->j", scaled, weight @ scaled)
    )
    pairs_near, pairs_far = pairs * near, pairs * far
    of_rest = [
        pairs @ alike + covariance.alike * diagonal,
        pairs_near.sum() + covariance.near * diagonal, pairs_near @ apart / covariance.near_km,
        pairs_far.sum() + covariance.far * diagonal, pairs_far @ apart / covariance.far_km,
        covariance.nugget * diagonal,
    ]  # fmt: skip
    unusual = (np.log(covariance.lengths) - np.log(LENGTH)) / SPREAD
    gradient = np.concatenate([of_lengths + unusual / SPREAD, of_rest])
    return float(value + 0.5 * unusual @ unusual), gradient


def krige(
    covariance: Covariance, stations: Stations, target: np.ndarray, at: Stations
) -> np.ndarray:
    """Expected target at ``at``, (m,), given ``target``, (n,), of mean 0, at ``stations``."""
    solved = cho_solve(cho_factor(covariance.matrix(stations), lower=True), target)
    return np.asarray(covariance.between(at, stations) @ solved)
