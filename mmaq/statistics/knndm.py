"""Folds whose distances to the nearest training station are those that a map will meet.

kNNDM (Linnenbrink, Mila, Ludwig and Meyer 2024, Geoscientific Model Development 17, 5897-5912):
random folds test between stations, blocks far from all of them, and a map does as its cells lie.
Stations are clustered in space, clusters are merged into folds, and the number of clusters is the
one with which the distances from test to training stations are distributed most like those from
the cells of the map to the stations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial import cKDTree
from scipy.stats import ks_2samp, wasserstein_distance

from mmaq.base.errors import Unavailable
from mmaq.base.geo import EARTH_RADIUS_KM, unit_vectors
from mmaq.statistics.splits import random_labels

CANDIDATES = 100
"""Numbers of clusters that are tried, few ones more closely."""
LARGEST = 0.5
"""Largest share of the stations in one fold."""
LEVEL = 0.05
"""Of the test whether cells are as near to stations as stations are to each other."""


@dataclass(frozen=True)
class Matched:
    """Folds, and how well they match.

    Attributes:
        labels: fold of each station, (n,) from 0.
        clusters: how many clusters the folds were made of; None for random folds, where cells are
            as near to the stations as stations are to each other.
        distance_km: Wasserstein distance between the two distributions of distances.
    """

    labels: np.ndarray
    clusters: int | None
    distance_km: float


def match_folds(stations: np.ndarray, cells: np.ndarray, folds: int, seed: int) -> Matched:
    """kNNDM folds of stations for a map.

    Args:
        stations: longitude and latitude, (n, 2) in degrees.
        cells: those of the map, or a sample of them, (m, 2).
        folds: how many.
        seed: of random folds.

    Raises:
        Unavailable: there are fewer than two stations a fold, no cell, or no clustering that
            leaves half of the stations to every fold's training.
    """
    count = len(stations)
    if count < 2 * folds or not len(cells):
        raise Unavailable(f"{count} stations and {len(cells)} cells cannot make {folds} folds")
    points = unit_vectors(*stations.T) * EARTH_RADIUS_KM
    wanted = nearest_km(stations, cells)
    if ks_2samp(_to_others(points), wanted, alternative="greater").pvalue >= LEVEL:
        labels = random_labels(count, folds, seed)
        return Matched(labels, None, wasserstein_distance(_between(points, labels), wanted))
    # Distances through the Earth: Ward's linkage needs Euclidean ones, and in a country they are
    # those along its surface.
    tree = linkage(points, "ward")
    best: Matched | None = None
    numbers = np.exp(np.linspace(np.log(folds), np.log(count - 2), CANDIDATES))
    for clusters in np.unique(np.round(numbers).astype(int)):
        labels = merge_clusters(points, fcluster(tree, clusters, "maxclust"), folds)
        sizes = np.bincount(labels, minlength=folds)
        if sizes.min() == 0 or sizes.max() > LARGEST * count:
            continue
        distance = float(wasserstein_distance(_between(points, labels), wanted))
        if best is None or distance < best.distance_km:
            best = Matched(labels, int(clusters), distance)
    if best is None:
        raise Unavailable("the stations lie in so few clusters that one fold would hold most")
    return best


def nearest_km(stations: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Distance of each place to the nearest station, (m,) in km along a great circle.

    Both are (n, 2) and (m, 2), longitude and latitude in degrees.
    """
    chord, _ = cKDTree(unit_vectors(*stations.T)).query(unit_vectors(*places.T))
    return np.asarray(2.0 * EARTH_RADIUS_KM * np.arcsin(np.clip(chord / 2.0, 0.0, 1.0)))


def merge_clusters(points: np.ndarray, cluster: np.ndarray, folds: int) -> np.ndarray:
    """Fold of each station, (n,) from 0, from its cluster, (n,): whole clusters share a fold.

    Clusters with a fold's share of the stations become folds of their own. The others are dealt
    out to the remaining folds along the first principal axis of the stations, so that each fold
    holds clusters from all over the country.
    """
    names, member, sizes = np.unique(cluster, return_inverse=True, return_counts=True)
    if len(names) <= folds:
        return np.asarray(member)
    centred = points - points.mean(axis=0)
    axis = np.linalg.svd(centred, full_matrices=False)[2][0]
    along = np.bincount(member, centred @ axis) / sizes
    large = sizes >= len(points) / folds
    fold = np.empty(len(names), dtype=int)
    fold[large] = np.arange(large.sum())
    order = np.flatnonzero(~large)[np.argsort(along[~large], kind="stable")]
    left = np.arange(large.sum(), folds)
    fold[order] = left[np.arange(len(order)) % max(len(left), 1)] if len(left) else folds - 1
    return fold[member]


def _to_others(points: np.ndarray) -> np.ndarray:
    return np.asarray(cKDTree(points).query(points, 2)[0][:, 1])


def _between(points: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Distance of each station to the nearest one of another fold, (n,)."""
    found = np.empty(len(points))
    for fold in np.unique(labels):
        test = labels == fold
        found[test] = cKDTree(points[~test]).query(points[test])[0]
    return found
