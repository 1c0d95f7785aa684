"""Which scenes show the same place, so that none stands on both sides of a split."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

EARTH = 6_371_000.0
"""Mean radius of the earth in m."""

NEAR = 3000.0
"""Scenes nearer than this (m) share ground: the larger images are 3 km wide."""

_DATE = re.compile(r"[-_. ]?(19|20)\d{2}[-_]?\d{2}[-_]?\d{2}")


def locations(names: Sequence[str], lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """A location for each scene, (n,) of text.

    Scenes whose centres are less than ``NEAR`` apart have one location, and so have chains of
    them. A scene without georeference (NaN) belongs to what its name says before a date; the
    published data say no more of a place.
    """
    known = np.isfinite(lon) & np.isfinite(lat)
    result = np.array([f"name:{_stem(name)}" for name in names], dtype=object)
    if known.any():
        phi, theta = np.deg2rad(lat[known]), np.deg2rad(lon[known])
        points = np.column_stack(
            [np.cos(phi) * np.cos(theta), np.cos(phi) * np.sin(theta), np.sin(phi)]
        )
        pairs = cKDTree(EARTH * points).query_pairs(NEAR, output_type="ndarray")
        links = coo_array((np.ones(len(pairs)), pairs.T), (len(points), len(points)))
        _, group = connected_components(links, directed=False)
        result[known] = [f"place:{number}" for number in group]
    return result.astype(str)


def _stem(name: str) -> str:
    stem = name.rsplit("/", 1)[-1]
    found = _DATE.search(stem)
    return stem[: found.start()] if found and found.start() else stem
