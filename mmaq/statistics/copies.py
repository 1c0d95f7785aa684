"""Stations that are copies of each other: at one place, or with one image."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from mmaq.base.geo import EARTH_RADIUS_KM, unit_vectors

NEAREST_KM = 0.05
"""Nearer stations are at one place: inlets of one site, or one site under two names."""


def find_copies(places: np.ndarray, images: np.ndarray | None, rows: np.ndarray) -> np.ndarray:
    """A number for each station, (n,) int, which two stations share that are copies.

    Copies are nearer to each other than 50 m, or have the same Sentinel-2 patch, or are copies of
    a third. Windows of Sentinel-5P do not count: its cells are far wider than the distance of
    neighbours.

    Args:
        places: longitude and latitude, (n, 2) in degrees.
        images: one 10 m band of the patches, (m, side, side); None where there are none. Two
            patches that are equal in one band are one patch.
        rows: of each station in ``images``, (n,); -1 where it has none.
    """
    pairs = [*_at_one_place(places), *_of_one_image(images, rows)]
    first, second = np.array(pairs, dtype=int).reshape(-1, 2).T
    size = len(places)
    graph = coo_array((np.ones(len(first)), (first, second)), shape=(size, size))
    return np.asarray(connected_components(graph, directed=False)[1])


def _at_one_place(places: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of stations nearer than 50 m; none where there are no coordinates."""
    if not np.isfinite(places).all():
        return []
    tree = cKDTree(unit_vectors(*places.T))
    return [(int(a), int(b)) for a, b in tree.query_pairs(NEAREST_KM / EARTH_RADIUS_KM)]


def _of_one_image(images: np.ndarray | None, rows: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of stations with the same patch; one without any contrast is no evidence."""
    if images is None:
        return []
    seen: dict[bytes, int] = {}
    pairs = []
    for station, row in enumerate(rows):
        if row < 0:
            continue
        image = images[row]
        if image.min() == image.max():
            continue
        other = seen.setdefault(blake2b(image.tobytes()).digest(), station)
        if other != station:
            pairs.append((other, station))
    return pairs
