"""Kriging with covariates: a Gaussian process of what stations are like and where they stand.

The covariance of two stations is a rational quadratic in their features, each with a length scale
of its own, plus two exponentials in their distance, one of neighbourhoods and one of regions, plus
a nugget (Cressie, Statistics for Spatial Data, 1993, 3.1 to 3.4; Rasmussen and Williams, Gaussian
Processes for Machine Learning, 2006, 4.2, and 5.1 for length scales that tell relevance). Its
parameters maximise the Gaussian likelihood (their 5.4) with a weak prior on the length scales.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.linalg.lapack import dpotri
from scipy.optimize import minimize
from scipy.spatial.distance import cdist, pdist, squareform

from mmaq.base.geo import EARTH_RADIUS_KM, unit_vectors

SPREAD = 1.0
"""Standard deviation of the logarithm of a feature's length scale before any is known to matter.
Its mean is the number of features, so that of many each is less likely to matter: with one length
for any number, stations that differed in many features of no matter were unlike
(docs/evaluation.md)."""
START = (0.6, 0.1, 20.0, 0.2, 400.0, 0.25)
BOUNDS = ((1e-6, 1e2), (1e-6, 1e2), (1.0, 200.0), (1e-6, 1e2), (50.0, 5000.0), (1e-3, 1e1))
"""Of sill of the features, sill and range (km) nearby, sill and range (km) of regions, nugget; of a
target of unit variance."""
LENGTHS = (0.05, 1e3)
STEPS = 40
GAIN = 1e-4
"""The search ends at a step that improves the misfit by less than this share: some hundredth of a
unit of log likelihood, where data tell parameters apart by a unit or two. Steps beyond it move a
length scale that hardly matters, and no prediction."""


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
    count = stations.features.shape[1]
    start = np.log([count] * count + list(START))
    bounds = np.log([LENGTHS] * count + list(BOUNDS))
    apart = squareform(distances(stations.places, stations.places), checks=False)
    found = minimize(
        misfit, start, (stations.features, apart, target), jac=True, method="L-BFGS-B",
        bounds=bounds, options={"maxiter": STEPS, "ftol": GAIN},
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
    unusual = (np.log(covariance.lengths) - np.log(features.shape[1])) / SPREAD
    gradient = np.concatenate([of_lengths + unusual / SPREAD, of_rest])
    return float(value + 0.5 * unusual @ unusual), gradient


@dataclass(frozen=True)
class Known:
    """A field that is known at stations: their covariance and weights, (n,), and its mean."""

    covariance: Covariance
    stations: Stations
    solved: np.ndarray
    centre: float

    def mean(self, at: Stations) -> np.ndarray:
        """Expected target at ``at``, (m,)."""
        return np.asarray(self.centre + self.covariance.between(at, self.stations) @ self.solved)


def krige(covariance: Covariance, stations: Stations, target: np.ndarray) -> Known:
    """The field given ``target``, (n,), at ``stations``."""
    centre = float(target.mean())
    factor = cho_factor(covariance.matrix(stations), lower=True)
    return Known(covariance, stations, cho_solve(factor, target - centre), centre)


def krige_within(
    full: np.ndarray, target: np.ndarray, train: np.ndarray, test: np.ndarray
) -> np.ndarray:
    """Expected target at the stations ``test`` given that at ``train``, (m,).

    The covariance of all pairs is made once for all folds of the same stations.

    Args:
        full: covariance of the measurements, (n, n), of ``Covariance.matrix``.
        target: (n,).
        train: positions, (k,).
        test: positions, (m,), none of them in ``train``.
    """
    centre = float(target[train].mean())
    factor = cho_factor(full[np.ix_(train, train)], lower=True, overwrite_a=True)
    solved = cho_solve(factor, target[train] - centre)
    return np.asarray(centre + full[np.ix_(test, train)] @ solved)
