"""Kriging of residuals: what the neighbours' errors tell of a place.

Simple kriging with zero mean and the exponential covariance (Cressie, Statistics for Spatial Data,
1993, 3.1), whose parameters maximise the Gaussian likelihood (5.4 of Rasmussen and Williams,
Gaussian Processes for Machine Learning, 2006).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.spatial.distance import cdist

from mmaq.evaluation.splits import EARTH_RADIUS_KM, unit_vectors

RANGES_KM = (2.0, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0)
SHARES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8)
"""Of the variance, what neighbours share; the rest is each station's own."""


@dataclass(frozen=True)
class Covariance:
    """``sill * exp(-distance / range_km)`` between places; ``nugget`` more of one with itself."""

    range_km: float
    sill: float
    nugget: float


def distances(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Chord lengths in km between places given as lon, lat in degrees: (n, 2), (m, 2) to (n, m).

    A chord of 1,000 km is 1 km shorter than its arc, and keeps the covariance positive definite.
    """
    return EARTH_RADIUS_KM * cdist(unit_vectors(*one.T), unit_vectors(*other.T))


def fit_covariance(places: np.ndarray, residuals: np.ndarray) -> Covariance:
    """The likeliest covariance of ``residuals``, (n,), at ``places``, (n, 2), of a fixed grid."""
    apart, count = distances(places, places), len(residuals)
    best, found = -np.inf, Covariance(RANGES_KM[0], 0.0, float(np.mean(residuals**2)))
    for range_km in RANGES_KM:
        alike = np.exp(-apart / range_km)
        for share in SHARES:
            matrix = share * alike
            np.fill_diagonal(matrix, 1.0)
            factor = cho_factor(matrix, lower=True)
            scale = float(residuals @ cho_solve(factor, residuals)) / count
            if scale <= 0.0:
                continue  # residuals that are zero throughout
            fit = -0.5 * count * np.log(scale) - np.log(np.diag(factor[0])).sum()
            if fit > best:
                best, found = fit, Covariance(range_km, share * scale, (1.0 - share) * scale)
    return found


def krige(
    covariance: Covariance, places: np.ndarray, residuals: np.ndarray, at: np.ndarray
) -> np.ndarray:
    """Expected residual at the places ``at``, (m, 2), given ``residuals`` at ``places``, (n, 2)."""
    if covariance.sill == 0.0:
        return np.zeros(len(at))
    known = covariance.sill * np.exp(-distances(places, places) / covariance.range_km)
    known[np.diag_indices_from(known)] += covariance.nugget
    across = covariance.sill * np.exp(-distances(at, places) / covariance.range_km)
    return across @ cho_solve(cho_factor(known, lower=True), residuals)
