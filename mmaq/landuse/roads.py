"""The nearest road of a site, on the ellipsoid, whatever the roads' reference system."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from os import PathLike

import numpy as np
import shapely
from pyproj import CRS, Geod, Transformer
from pyproj.exceptions import ProjError
from scipy.spatial import cKDTree

from mmaq.base.errors import ProductError
from mmaq.base.vectors import REMEDY, read_lines
from mmaq.landuse.discs import full_turn

PIECE_M = 500.0
"""Longer lines are cut into pieces of this length, each of which is straight on the map and in
space alike: they part by 5 mm at most."""

FAR_M = 100_000.0
"""Sites whose nearest road is farther are counted in a warning: the map may not be theirs."""

ROUNDING_M = 0.01
"""By which a search in space reaches farther: a road may be no longer than a point."""

PAIRS = 2_000_000
"""Sites times pieces that are compared at a time."""

ROUND_EARTH_M = 4.1e7

_RADIUS_M = 6_371_000.0

log = logging.getLogger(__name__)


def road_distance(path: str | PathLike[str], lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Distance in m on WGS 84 from each of n sites to the nearest road of any class.

    Pieces of road are sought and compared in space, where no seam and no pole is, and the
    geodesic to the nearest point of the nearest piece is the distance.

    Raises:
        ProductError: the file is no vector file with one layer of lines, its reference system is
            missing or does not fit the coordinates, or it holds no road.
    """
    begin, end = _pieces_in_space(path)
    sites = _geocentric(lon, lat)
    middle = (begin + end) / 2
    tree = cKDTree(middle, compact_nodes=False, balanced_tree=False)
    # A piece reaches half its length beyond its middle: so much farther may the nearest one lie.
    reach = np.linalg.norm(end - begin, axis=1).max() / 2 + ROUNDING_M
    near = tree.query(sites)[0] + reach
    points = np.empty_like(sites)
    for rows in _portions(tree.query_ball_point(sites, near, return_length=True)):
        found = tree.query_ball_point(sites[rows], near[rows])
        counts = np.array([len(each) for each in found])
        pairs, owner = np.concatenate(found).astype(int), np.repeat(rows, counts)
        at, squared = _nearest_points(begin[pairs], end[pairs], sites[owner])
        first = np.concatenate([[0], np.cumsum(counts)[:-1]])
        order = np.lexsort([squared, owner])
        points[rows] = at[order[first]]
    x, y, _ = Transformer.from_crs(4978, 4979, always_xy=True).transform(*points.T)
    distance = np.asarray(Geod(ellps="WGS84").inv(lon, lat, x, y)[2])
    far = int((distance > FAR_M).sum())
    if far:
        log.warning(
            "%s: %d of %d sites are more than %.0f km from any road of this map", path, far,
            len(distance), FAR_M / 1000,
        )  # fmt: skip
    return distance


def _pieces_in_space(path: str | PathLike[str]) -> tuple[np.ndarray, np.ndarray]:
    """Begin and end of straight pieces of road, (m, 3) each, in geocentric metres."""
    roads = read_lines(path)
    lines = shapely.get_parts(roads.to_numpy())
    corners, line = shapely.get_coordinates(lines, return_index=True)
    places, owner = _in_pieces(corners, line, roads.crs)
    try:
        lon, lat = Transformer.from_crs(roads.crs, 4326, always_xy=True).transform(*places.T)
    except ProjError as fault:
        raise ProductError(
            path, f"its coordinates have no place on Earth ({fault})", REMEDY
        ) from None
    known = np.isfinite(lon) & (np.abs(lat) <= 90.0)
    joined = (owner[1:] == owner[:-1]) & known[1:] & known[:-1]
    if not joined.any():
        fault_ = "its coordinates have no place on Earth: the reference system does not fit them"
        raise ProductError(path, fault_, "Assign it the right one")
    if not known.all():
        lost = len(np.unique(owner[~known]))
        log.warning("%s: %d lines have no place on Earth: left out", path, lost)
    space = _geocentric(np.where(known, lon, 0.0), np.where(known, lat, 0.0))
    return space[:-1][joined], space[1:][joined]


def _in_pieces(places: np.ndarray, owner: np.ndarray, crs: CRS) -> tuple[np.ndarray, np.ndarray]:
    """Corners (m, 2) of lines and the line of each, with corners between those far apart."""
    step = np.diff(places, axis=0, append=places[-1:])
    step[np.diff(owner, append=-1) != 0] = 0.0
    turn = full_turn(crs)
    if turn is not None:  # a step across the antimeridian goes the short way, not round Earth
        step[:, 0] -= turn * np.round(step[:, 0] / turn)
    unit = crs.axis_info[0].unit_conversion_factor * (_RADIUS_M if turn is not None else 1.0)
    length = np.hypot(*step.T) * unit
    # What is longer than Earth is round has no place on it, and is found out below.
    count = np.where(length < ROUND_EARTH_M, np.ceil(length / PIECE_M), 1.0)
    count = np.maximum(count, 1.0).astype(int)
    first = np.repeat(np.cumsum(count) - count, count)
    share = (np.arange(count.sum()) - first) / np.repeat(count, count)
    corner = np.repeat(np.arange(len(places)), count)
    return places[corner] + step[corner] * share[:, None], owner[corner]


def _geocentric(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    to_space = Transformer.from_crs(4979, 4978, always_xy=True)
    return np.column_stack(to_space.transform(lon, lat, np.zeros(len(lon))))


def _portions(counts: np.ndarray) -> Iterator[np.ndarray]:
    """Sites in portions that have some PAIRS together."""
    portion = np.cumsum(counts) // PAIRS
    for number in np.unique(portion):
        yield np.flatnonzero(portion == number)


def _nearest_points(
    begin: np.ndarray, end: np.ndarray, site: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The point of each piece that is nearest to its site, (k, 3), and the distance squared."""
    along = end - begin
    length = np.einsum("ij,ij->i", along, along)
    share = np.einsum("ij,ij->i", site - begin, along) / np.where(length > 0, length, 1.0)
    point = begin + np.clip(share, 0.0, 1.0)[:, None] * along
    apart = site - point
    return point, np.einsum("ij,ij->i", apart, apart)
