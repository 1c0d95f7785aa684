"""Folds whose distances to the nearest training station are those that a map will meet.

kNNDM (Linnenbrink, Milà, Ludwig and Meyer 2024, Geoscientific Model Development 17, 5897-5912;
`knndm` of the R package CAST): random folds test between stations, blocks far from all of them, and
a map does as its cells lie. Stations are clustered in space, clusters are merged into folds, and
the number of clusters is the one with which the distances from test to training stations are
distributed most like those from the cells of the map to the stations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial import Delaunay, QhullError, cKDTree

from mmaq.base.errors import Unavailable
from mmaq.base.geo import arc_km, from_plane, to_plane, unit_vectors
from mmaq.statistics.labels import random_labels

CANDIDATES = 100
"""Numbers of clusters that are tried, few ones more closely."""

LARGEST = 0.5
"""Largest share of the stations in one fold."""

LEVEL = 0.05
"""Of the test whether cells are as near to stations as stations are to each other."""

CELLS = 10_000
"""In the square about all stations; those of the region are some half of them."""


@dataclass(frozen=True)
class Matched:
    """Folds, and how well they match.

    Attributes:
        labels: fold of each station, (n,) from 0.
        clusters: how many clusters the folds were made of; None for random folds, where cells are
            as near to the stations as stations are to each other.
        apart_km: Wasserstein distance between the two distributions of distances.
    """

    labels: np.ndarray
    clusters: int | None
    apart_km: float


def match_folds(stations: np.ndarray, wanted_km: np.ndarray, folds: int, seed: int) -> Matched:
    """kNNDM folds of stations.

    Args:
        stations: longitude and latitude, (n, 2) in degrees.
        wanted_km: distances that test stations shall have to the nearest training station, (m,):
            those of the cells of a map to the nearest station (:func:`mmaq.base.geo.nearest_km`).
        folds: how many.
        seed: of random folds, and of the order of others: which stations share a fold does not
            depend on it.

    Raises:
        Unavailable: there are fewer than two stations a fold, no distance, or no clustering that
            leaves half of the stations to every fold's training.
    """
    count = len(stations)
    if count < 2 * folds or not len(wanted_km):
        raise Unavailable(f"{count} stations, {len(wanted_km)} cells cannot make {folds} folds")
    points = unit_vectors(*stations.T)
    # Half a second to import, which jobs with other splits need not wait for.
    from scipy.stats import ks_2samp, wasserstein_distance

    # Not the exact p-value, which thousands of cells make slow and which no decision rests on.
    test = ks_2samp(nearest_other_km(points), wanted_km, alternative="greater", method="asymp")
    if test.pvalue >= LEVEL:
        labels = random_labels(count, folds, seed)
        apart = wasserstein_distance(to_other_folds_km(points, labels), wanted_km)
        return Matched(labels, None, float(apart))
    # Distances through the Earth: Ward's linkage needs Euclidean ones, and in a country they are
    # those along its surface.
    tree = linkage(points, "ward")
    along = first_component(points)
    best: Matched | None = None
    numbers = np.exp(np.linspace(np.log(folds), np.log(count - 2), CANDIDATES))
    for clusters in np.unique(np.round(numbers).astype(int)):
        labels = merge_clusters(along, fcluster(tree, clusters, "maxclust"), folds)
        sizes = np.bincount(labels, minlength=folds)
        if sizes.min() == 0 or sizes.max() > LARGEST * count:
            continue
        apart = float(wasserstein_distance(to_other_folds_km(points, labels), wanted_km))
        if best is None or apart < best.apart_km:
            best = Matched(labels, int(clusters), apart)
    if best is None:
        raise Unavailable("the stations lie in so few clusters that one fold would hold most")
    # Large clusters come first, and a single hold-out shall not always be of these.
    order = np.random.default_rng(seed).permutation(folds)
    return Matched(order[best.labels], best.clusters, best.apart_km)


def region_cells(stations: np.ndarray, country: np.ndarray) -> np.ndarray:
    """Cells of equal area where stations of a country surround them, (m, 2) in degrees.

    They stand for the places that a map of the stations' countries has: the convex hull of each
    country's stations, which leaves out most of the sea between countries. A country of one or two
    stations has none.

    Args:
        stations: longitude and latitude, (n, 2) in degrees.
        country: of each station, (n,).
    """
    middle = unit_vectors(*stations.T).mean(axis=0)
    places = to_plane(stations, middle)
    low, high = places.min(axis=0), places.max(axis=0)
    step = np.sqrt(np.prod(high - low) / CELLS)
    if step == 0.0:
        return np.empty((0, 2))
    east, north = (np.arange(a + step / 2, b, step) for a, b in zip(low, high, strict=True))
    cells = np.stack(np.meshgrid(east, north), axis=-1).reshape(-1, 2)
    inside = np.full(len(cells), False)
    for name in np.unique(country):
        try:
            hull = Delaunay(places[country == name])
        except (QhullError, ValueError):  # on one line, or fewer than three
            continue
        inside |= hull.find_simplex(cells) >= 0
    return from_plane(cells[inside], middle)


def merge_clusters(along: np.ndarray, cluster: np.ndarray, folds: int) -> np.ndarray:
    """Fold of each station, (n,) from 0: whole clusters share a fold.

    Clusters with a fold's share of the stations become folds of their own. The others are dealt
    out to the remaining folds in the order of their means along an axis, so that each fold holds
    clusters from all over the country.

    Args:
        along: where each station lies on the axis, (n,) (:func:`first_component`).
        cluster: of each station, (n,).
        folds: how many.
    """
    names, member, sizes = np.unique(cluster, return_inverse=True, return_counts=True)
    if len(names) <= folds:
        return np.asarray(member)
    middle = np.bincount(member, along) / sizes
    large = sizes >= len(along) / folds
    fold = np.empty(len(names), dtype=int)
    fold[large] = np.arange(large.sum())
    order = np.flatnonzero(~large)[np.argsort(middle[~large], kind="stable")]
    left = np.arange(large.sum(), folds)
    fold[order] = np.resize(left, len(order))
    return fold[member]


def first_component(points: np.ndarray) -> np.ndarray:
    """First principal component of points, (n, 3): (n,), of either sign."""
    centred = points - points.mean(axis=0)
    return np.asarray(centred @ np.linalg.svd(centred, full_matrices=False)[2][0])


def nearest_other_km(points: np.ndarray) -> np.ndarray:
    """Distance of each point of the unit sphere, (n, 3), to the nearest other one, (n,)."""
    return arc_km(cKDTree(points).query(points, 2)[0][:, 1])


def to_other_folds_km(points: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Distance of each point of the unit sphere, (n, 3), to the nearest of another fold, (n,)."""
    found = np.empty(len(points))
    for fold in np.unique(labels):
        test = labels == fold
        found[test] = cKDTree(points[~test]).query(points[test])[0]
    return arc_km(found)
