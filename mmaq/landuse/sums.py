"""Weighted sums over what lies around places, at any scale: of people, of land, of road.

What lies around is given as points in space with weights. Points that are summed within a reach are
gathered to a fraction of it before, so that a place costs some hundred to a thousand of them
whatever their number: the cost is linear in places. Distances are chords of the sphere, which at
600 km are 0.2 km shorter than arcs; in space there is no antimeridian and no pole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from mmaq.base.geo import EARTH_RADIUS_KM, unit_vectors

STEPS = 4
"""A potential is summed over points that are gathered to its scale by this."""
RING_STEPS = 8
"""A ring is summed over points that are gathered to its outer radius by this."""
GROUPS = 4
"""Places are asked in groups of this share of the reach."""
PAIRS = 1_000_000
"""Places times points that are compared at a time."""


@dataclass(frozen=True)
class Points:
    """Points (n, 3), km from the centre of Earth, and their weights (n, k)."""

    xyz: np.ndarray
    weights: np.ndarray

    @classmethod
    def at(cls, lon: np.ndarray, lat: np.ndarray, weights: np.ndarray) -> Points:
        """From degrees; a weight (n,) is one of one kind."""
        weights = np.asarray(weights, float)
        return cls(in_space(lon, lat), weights if weights.ndim == 2 else weights[:, None])

    def gathered(self, size: float) -> Points:
        """One point for all in a cube of ``size`` km, at their centre of weight; made once."""
        if size not in self._gathered:
            self._gathered[size] = self._gather(size)
        return self._gathered[size]

    @cached_property
    def tree(self) -> cKDTree:
        """The points by their place."""
        return cKDTree(self.xyz)

    @cached_property
    def _gathered(self) -> dict[float, Points]:
        return {}

    def _gather(self, size: float) -> Points:
        total = self.weights.sum(axis=1)
        held = total > 0
        if not held.any():
            return Points(np.empty((0, 3)), np.empty((0, self.weights.shape[1])))
        xyz, weights, total = self.xyz[held], self.weights[held], total[held]
        owner, count = _cubes(xyz, size)
        mass = np.bincount(owner, total, count)
        middle = [np.bincount(owner, total * axis, count) / mass for axis in xyz.T]
        summed = [np.bincount(owner, each, count) for each in weights.T]
        return Points(np.column_stack(middle), np.column_stack(summed))


def in_space(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Points on the sphere, (n, 3) in km, from degrees."""
    return EARTH_RADIUS_KM * unit_vectors(lon, lat)


def sums(
    points: Points,
    places: np.ndarray,
    reach: float,
    kernels: Callable[[np.ndarray], list[np.ndarray]],
) -> np.ndarray:
    """Sums of weights times kernels over the points within ``reach``, (m, kernels, k).

    Args:
        points: of which the sums are, gathered.
        places: (m, 3) in km, of ``in_space``.
        reach: km; a kernel is 0 beyond.
        kernels: values of each kernel, (p, n), at distances (p, n) in km.
    """
    count = len(kernels(np.zeros((1, 1))))
    found = np.zeros((len(places), count, points.weights.shape[1]))
    if not len(points.xyz):
        return found
    for rows in groups(places, reach / GROUPS):
        middle = places[rows].mean(axis=0)
        wide = reach + np.linalg.norm(places[rows] - middle, axis=1).max()
        near = np.array(points.tree.query_ball_point(middle, wide), dtype=int)
        if not len(near):
            continue
        xyz, weights = points.xyz[near], points.weights[near]
        for part in np.array_split(rows, len(rows) * len(near) // PAIRS + 1):
            distance = cdist(places[part], xyz)
            beyond = distance > reach
            for number, kernel in enumerate(kernels(distance)):
                kernel[beyond] = 0.0
                found[part, number] = kernel @ weights
    return found


def potential(points: Points, places: np.ndarray, scale: float, reach: float) -> np.ndarray:
    """Sums of weight * exp(-distance / scale), (m, k), to ``reach`` scales; all lengths in km."""
    few = points.gathered(scale / STEPS)
    return sums(few, places, reach * scale, lambda far: [np.exp(far / -scale)])[:, 0]


def groups(places: np.ndarray, size: float) -> Iterator[np.ndarray]:
    """Positions of the places in each cube of ``size`` km."""
    owner, count = _cubes(places, size)
    order = np.argsort(owner, kind="stable")
    yield from np.split(order, np.cumsum(np.bincount(owner, minlength=count))[:-1])


def _cubes(xyz: np.ndarray, size: float) -> tuple[np.ndarray, int]:
    """The cube of each point as a number (n,), and how many cubes hold any."""
    at = np.floor(xyz / size).astype(np.int64)
    at -= at.min(axis=0)
    high = at.max(axis=0) + 1
    number = (at[:, 0] * high[1] + at[:, 1]) * high[2] + at[:, 2]
    found, owner = np.unique(number, return_inverse=True)
    return owner.reshape(-1), len(found)


def ring_sums(points: Points, places: np.ndarray, inner: float, outer: float) -> np.ndarray:
    """Sums of weights farther than ``inner`` and up to ``outer`` km, (m, k)."""
    return sums(points, places, outer, lambda far: [(far > inner) * 1.0])[:, 0]
