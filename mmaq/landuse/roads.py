"""Roads around a site, on the ellipsoid, whatever their reference system: the nearest, and how much
of each class there is in rings."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from os import PathLike

import numpy as np
import pandas as pd
import shapely
from pyproj import CRS, Geod, Transformer
from pyproj.exceptions import ProjError
from scipy.spatial import cKDTree

from mmaq.base.errors import ProductError
from mmaq.base.vectors import REMEDY, read_lines
from mmaq.contracts.context import EXACT_M, RINGS_M, ROADS, road
from mmaq.landuse.discs import full_turn
from mmaq.landuse.sums import Points, ring_sums

PIECE_M = 500.0
"""Longer lines are cut into pieces of this length, each of which is straight on the map and in
space alike: they part by 5 mm at most."""

FAR_M = 100_000.0
"""Sites whose nearest road is farther are counted in a warning: the map may not be theirs."""

ROUNDING_M = 0.01
"""By which a search in space reaches farther: a road may be no longer than a point."""

PAIRS = 2_000_000
"""Sites times pieces that are compared at a time."""

CLASS_FIELDS = ("highway", "fclass")
"""Columns that hold OpenStreetMap's ``highway``: its own name, and that of Geofabrik's layers."""

ROUND_EARTH_M = 4.1e7

_RADIUS_M = 6_371_000.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Roads:
    """Straight pieces of road: begin and end, (m, 3) in geocentric metres, and class, (m,).

    ``kind`` counts the classes of ``ROADS``; None where the file does not tell them. ``path`` is
    the file to name.
    """

    path: str | PathLike[str]
    begin: np.ndarray
    end: np.ndarray
    kind: np.ndarray | None

    @property
    def middle(self) -> np.ndarray:
        """Middles, (m, 3)."""
        return (self.begin + self.end) / 2

    @property
    def length(self) -> np.ndarray:
        """Lengths in m, (m,)."""
        return np.linalg.norm(self.end - self.begin, axis=1)


def road_distance(roads: Roads, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Distance in m on WGS 84 from each of n sites to the nearest road of any class.

    Pieces of road are sought and compared in space, where no seam and no pole is, and the
    geodesic to the nearest point of the nearest piece is the distance.
    """
    begin, end = roads.begin, roads.end
    sites = _geocentric(lon, lat)
    tree = cKDTree(roads.middle, compact_nodes=False, balanced_tree=False)
    # A piece reaches half its length beyond its middle: so much farther may the nearest one lie.
    reach = roads.length.max() / 2 + ROUNDING_M
    near = tree.query(sites)[0] + reach
    points = np.empty_like(sites)
    for rows, pairs, owner in _pairs(tree, sites, near):
        at, squared = _nearest_points(begin[pairs], end[pairs], sites[owner])
        order = np.lexsort([squared, owner])
        first = order[np.searchsorted(owner, rows)]
        points[rows] = at[first]
    x, y, _ = Transformer.from_crs(4978, 4979, always_xy=True).transform(*points.T)
    distance = np.asarray(Geod(ellps="WGS84").inv(lon, lat, x, y)[2])
    far = int((distance > FAR_M).sum())
    if far:
        log.warning(
            "%s: %d of %d sites are more than %.0f km from any road of this map", roads.path, far,
            len(distance), FAR_M / 1000,
        )  # fmt: skip
    return distance


def road_densities(roads: Roads, lon: np.ndarray, lat: np.ndarray) -> pd.DataFrame:
    """Length of road by area in km km-2 around n sites: a column a class of ``ROADS`` and ring.

    Within ``EXACT_M`` pieces are cut at the rings; farther out a piece counts where it is, with
    those near it. Missing where the file does not tell the class of a road.
    """
    kinds = list(ROADS)
    if roads.kind is None:
        return pd.DataFrame(np.nan, range(len(lon)), [road(k, r) for k in kinds for r in RINGS_M])
    sites = _geocentric(lon, lat)
    within = [_lengths_within(roads, sites, [r for r in RINGS_M if r <= EXACT_M])]
    lengths = np.zeros((len(roads.kind), len(kinds)))
    lengths[np.arange(len(lengths)), roads.kind] = roads.length / 1000.0
    pieces = Points(roads.middle / 1000.0, lengths).gathered(PIECE_M / 1000.0)
    for inner, outer in pairwise(r for r in RINGS_M if r >= EXACT_M):
        ring = ring_sums(pieces, sites / 1000.0, inner / 1000.0, outer / 1000.0)
        within.append(within[-1][:, -1:] + ring[:, None])
    disc = np.concatenate(within, axis=1)  # (n, rings, classes)
    ring = np.diff(disc, axis=1, prepend=0.0) / ring_areas()[:, None]
    return pd.DataFrame(
        {road(k, r): ring[:, j, i] for i, k in enumerate(kinds) for j, r in enumerate(RINGS_M)}
    ).clip(lower=0.0)


def ring_areas() -> np.ndarray:
    """Areas in km2 of the rings that end at ``RINGS_M``."""
    return np.pi * np.diff(np.square([0, *RINGS_M])) / 1e6


def _lengths_within(roads: Roads, sites: np.ndarray, radii: list[int]) -> np.ndarray:
    """Kilometres of road within each of ``radii``, m, by class: (n, radii, classes)."""
    assert roads.kind is not None
    kinds, far = len(ROADS), roads.length.max() / 2 * (1 + 1e-9) + radii[-1]
    tree = cKDTree(roads.middle, compact_nodes=False, balanced_tree=False)
    found = np.zeros((len(sites), len(radii), kinds))
    for _, pairs, owner in _pairs(tree, sites, np.full(len(sites), far)):
        into = owner * kinds + roads.kind[pairs]
        begin, along = roads.begin[pairs] - sites[owner], roads.end[pairs] - roads.begin[pairs]
        for number, radius in enumerate(radii):
            inside = _length_in_ball(begin, along, radius) / 1000.0
            found[:, number] += np.bincount(into, inside, found[:, 0].size).reshape(-1, kinds)
    return found


def _length_in_ball(begin: np.ndarray, along: np.ndarray, radius: float) -> np.ndarray:
    """Length of straight pieces inside a ball around 0: where |begin + t along| < radius, t in
    [0, 1]."""
    a = np.einsum("ij,ij->i", along, along)
    b = np.einsum("ij,ij->i", begin, along)
    c = np.einsum("ij,ij->i", begin, begin) - radius**2
    root = np.sqrt(np.maximum(b**2 - a * c, 0.0))
    safe = np.where(a > 0, a, 1.0)
    low, high = np.clip((-b - root) / safe, 0, 1), np.clip((-b + root) / safe, 0, 1)
    return (high - low) * np.sqrt(a)


def _pairs(
    tree: cKDTree, sites: np.ndarray, near: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Portions of the sites: their rows, and pairs of a piece within ``near`` and its site."""
    for rows in _portions(tree.query_ball_point(sites, near, return_length=True)):
        found = tree.query_ball_point(sites[rows], near[rows])
        counts = np.array([len(each) for each in found])
        yield rows, np.concatenate(found).astype(int), np.repeat(rows, counts)


def read_roads(path: str | PathLike[str]) -> Roads:
    """Roads in pieces that are straight on the map and in space alike.

    Raises:
        ProductError: the file is no vector file with one layer of lines, its reference system is
            missing or does not fit the coordinates, or it holds no road.
    """
    roads = read_lines(path, CLASS_FIELDS)
    lines, road_of = shapely.get_parts(roads.geometry.to_numpy(), return_index=True)
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
    kind = _kinds(roads)
    if kind is None:
        told = "%s: no column %s tells the class of a road: columns by class are missing"
        log.info(told, path, " or ".join(CLASS_FIELDS))
    else:
        kind = kind[road_of][owner[:-1][joined]]
    return Roads(path, space[:-1][joined], space[1:][joined], kind)


def _kinds(roads: pd.DataFrame) -> np.ndarray | None:
    """Number in ``ROADS`` of each line's class; None where no column tells it."""
    found = {name.lower(): name for name in roads}
    field = next((found[name] for name in CLASS_FIELDS if name in found), None)
    if field is None:
        return None
    of = {value: number for number, values in enumerate(ROADS.values()) for value in values}
    plain = roads[field].astype("str").str.strip().str.lower().str.removesuffix("_link")
    return plain.map(of).fillna(list(ROADS).index("minor")).to_numpy(int)


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
