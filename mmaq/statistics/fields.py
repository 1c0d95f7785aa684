"""Fields of errors: random functions of the place whose values at near places are alike.

An error has a part that places share, with an exponential covariance, and a part of its own. The
shared part is drawn as a sum of waves (Rahimi and Recht 2007, Random features for large-scale
kernel machines), which are functions of the place on Earth: whatever is asked of one field, and in
whatever pieces, agrees. What stations told an estimator is no error any more: from a drawn field is
taken what kriging makes of its own values at the stations (conditional simulation; Chilès and
Delfiner 2012, Geostatistics, 7.3).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve, cholesky, eigh, solve_triangular
from scipy.spatial.distance import cdist
from scipy.special import ndtri
from scipy.stats import qmc

from mmaq.base.geo import EARTH_RADIUS_KM, unit_vectors

WAVES = 512
"""Waves of a field: the covariance of two places is right to some 0.02."""
RANGES_KM = np.geomspace(2.0, 500.0, 17)
SHARES = np.linspace(0.0, 0.95, 20)
"""What are tried."""
USUAL_KM, SPREAD = 20.0, 1.0
"""Of the range before stations say anything: its median, and the standard deviation of its
logarithm."""
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Correlation:
    """Of two errors of unit variance: ``share`` * exp(-distance / ``range_km``).

    What the share lacks of one is each error's own.
    """

    share: float
    range_km: float

    @property
    def own(self) -> float:
        """Share of the variance that no other place shares."""
        return 1.0 - self.share

    def between(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Covariance of what is shared at places (n, 3) and (m, 3) in km, (n, m)."""
        apart = cdist(one, other)
        return self.share * np.exp(-apart / self.range_km)


def in_km(lonlat: np.ndarray) -> np.ndarray:
    """Places in space, (n, 3) in km, from longitude and latitude, (n, 2) in degrees."""
    return EARTH_RADIUS_KM * unit_vectors(*lonlat.T)


def expected_correlation(errors: np.ndarray, lonlat: np.ndarray, parts: np.ndarray) -> Correlation:
    """The correlation that errors of unit variance lead to expect.

    Few stations say little of it, and the likeliest share is then often 0, which would promise that
    errors cancel. So it is the mean over all shares and ranges that are tried, by their likelihood
    and a weak prior.

    Args:
        errors: (n,), of mean 0 and variance 1.
        lonlat: their places, (n, 2) in degrees.
        parts: a number that errors share if they are of one model, (n,): those of two models,
            each of which knew the stations of the other, are not errors of one field.
    """
    places = in_km(lonlat)
    rows = [np.flatnonzero(parts == part) for part in np.unique(parts)]
    apart = [cdist(places[each], places[each]) for each in rows]
    support = np.empty((len(RANGES_KM), len(SHARES)))
    for number, reach in enumerate(RANGES_KM):
        values, squares = [], []
        for each, distance in zip(rows, apart, strict=True):
            value, vectors = eigh(np.exp(-distance / reach))
            values.append(value)
            squares.append((errors[each] @ vectors) ** 2)
        variance = np.outer(SHARES, np.concatenate(values)) + 1.0 - SHARES[:, None]
        misfit = np.sum(np.concatenate(squares) / variance + np.log(variance), axis=1)
        support[number] = -0.5 * (misfit + (np.log(reach / USUAL_KM) / SPREAD) ** 2)
    weight = np.exp(support - support.max())
    weight /= weight.sum()
    reach = np.exp(weight.sum(axis=1) @ np.log(RANGES_KM))
    return Correlation(float(weight.sum(axis=0) @ SHARES), float(reach))


@dataclass(frozen=True)
class Fields:
    """Some fields of unit variance: a sum of waves, less what stations tell, and each cell's own.

    Attributes:
        correlation: of errors before the stations told anything.
        frequencies: of the waves, (w, 3) in radians per km.
        weights: of their cosines and sines, (2w, fields).
        stations: in space, (n, 3) in km.
        factor: Cholesky factor of the covariance of measurements there, (n, n).
        solved: weights of the stations in each field, (n, fields).
    """

    correlation: Correlation
    frequencies: np.ndarray
    weights: np.ndarray
    stations: np.ndarray
    factor: np.ndarray
    solved: np.ndarray

    @classmethod
    def draw(cls, correlation: Correlation, stations: np.ndarray, count: int, seed: int) -> Fields:
        """Draw ``count`` fields, less what stations tell of each.

        Args:
            correlation: of errors before the stations told anything.
            stations: longitude and latitude, (n, 2) in degrees.
            count: of fields.
            seed: of the draws.
        """
        rng, own, there = np.random.default_rng(seed), correlation.own, in_km(stations)
        frequencies = waves(correlation, seed)
        weights = rng.standard_normal((2 * WAVES, count))
        noise = rng.standard_normal((len(stations), count))
        measured = np.sqrt(1.0 - own) * cosines(frequencies, there) @ weights
        measured += np.sqrt(own) * noise
        covariance = correlation.between(there, there) + own * np.eye(len(stations))
        factor = cholesky(covariance, lower=True)
        solved = cho_solve((factor, True), measured)
        return cls(correlation, frequencies, weights, there, factor, solved)

    def at(self, lonlat: np.ndarray, cells: np.ndarray) -> np.ndarray:
        """Values of all fields, (n, fields), each of mean 0 and variance 1.

        Args:
            lonlat: of the cells, (n, 2) in degrees.
            cells: two whole numbers that name each cell of the world, (n, 2).
        """
        own, here = self.correlation.own, in_km(lonlat)
        near = self.correlation.between(here, self.stations)
        told = np.square(solve_triangular(self.factor, near.T, lower=True)).sum(axis=0)
        drawn = np.sqrt(1.0 - own) * cosines(self.frequencies, here) @ self.weights
        drawn += np.sqrt(own) * own_part(cells, self.weights.shape[1]) - near @ self.solved
        return np.asarray(drawn / np.sqrt(1.0 - told)[:, None])


def waves(correlation: Correlation, seed: int) -> np.ndarray:
    """Frequencies of WAVES waves, (w, 3) in radians per km.

    The spectrum of an exponential is a multivariate t distribution with one degree of freedom
    (Rasmussen and Williams 2006, 4.2); numbers that fill it evenly are better than random ones.
    """
    even = qmc.Sobol(4, rng=np.random.default_rng(seed)).random(WAVES)
    normal = ndtri(np.clip(even, 1e-12, 1.0 - 1e-12))
    return np.asarray(normal[:, :3] / (np.abs(normal[:, 3:]) * correlation.range_km))


def cosines(frequencies: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Cosines and sines of w waves at places (n, 3) in km, (n, 2w); the squares of a row sum to
    one."""
    phase = places @ frequencies.T
    return np.hstack([np.cos(phase), np.sin(phase)]) / np.sqrt(len(frequencies))


def own_part(cells: np.ndarray, count: int) -> np.ndarray:
    """Standard normal numbers that follow from the cell and the field alone, (n, count).

    Args:
        cells: two whole numbers that name each cell, (n, 2).
        count: of fields.
    """
    across, down = np.asarray(cells, np.int64).astype(np.uint64).T
    with np.errstate(over="ignore"):
        key = mixed(mixed(across) + down)
        each = mixed(key[:, None] + GOLDEN * np.arange(1, count + 1, dtype=np.uint64))
    return np.asarray(ndtri(((each >> np.uint64(11)).astype(float) + 0.5) * 2.0**-53))


def mixed(numbers: np.ndarray) -> np.ndarray:
    """Random bits that follow from whole numbers (Steele, Lea and Flood 2014, Fast splittable
    pseudorandom number generators: the finaliser of SplitMix64)."""
    z = numbers + GOLDEN
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
