"""Discs on the ellipsoid around sites, as polygons of any map's reference system."""

from __future__ import annotations

import geopandas
import numpy as np
from pyproj import CRS, Geod, Transformer
from shapely import Polygon, affinity, box, polygons
from shapely.geometry.base import BaseGeometry

VERTICES = 64
"""Corners of a disc; the polygon's area is 0.998 of the circle's, which no mean notices."""

TORN = 30.0
"""A side of a projected ring this many times the ring's median side jumps across the map's seam."""


def discs(lon: np.ndarray, lat: np.ndarray, radius: float, crs: object) -> geopandas.GeoDataFrame:
    """Discs of ``radius`` metres on the WGS 84 ellipsoid around n sites, in the system ``crs``.

    Column ``row`` is the site's position, 0 to n - 1. Most discs are one polygon. One that a
    projected map tears apart (across the antimeridian of a world map, say) is two, and one that
    has no place on the map's plane is none. In degrees a disc stays in one piece, if need be
    beyond 180, and one around a pole is the cap that it is.
    """
    azimuths = np.linspace(0.0, 360.0, VERTICES, endpoint=False)
    count = len(lon)
    centre_lon, centre_lat = np.repeat(lon, VERTICES), np.repeat(lat, VERTICES)
    turned = np.tile(azimuths, count)
    far = np.full(turned.size, radius)
    around = Geod(ellps="WGS84").fwd(centre_lon, centre_lat, turned, far)[:2]
    rings = np.stack(_to(crs, *around), axis=-1).reshape(count, VERTICES, 2)
    row = np.flatnonzero(np.isfinite(rings).all(axis=(1, 2)))
    rings, turn = rings[row], full_turn(crs)
    shapes: np.ndarray | list[Polygon]
    if turn is not None:
        shapes = _in_degrees(rings, turn)
    else:
        shapes = polygons(rings)
        torn = _is_torn(rings)
        if torn.any():
            lonlat = np.stack(around, axis=-1).reshape(count, VERTICES, 2)[row[torn]]
            halves = [(at, half) for at, ring in zip(row[torn], lonlat, strict=True)
                      for half in _halves(ring, crs)]  # fmt: skip
            row = np.concatenate([row[~torn], [at for at, _ in halves]]).astype(int)
            shapes = np.concatenate([shapes[~torn], [half for _, half in halves]])
    return geopandas.GeoDataFrame({"row": row}, geometry=list(shapes), crs=crs)


def over_map(
    pieces: geopandas.GeoDataFrame, bounds: tuple[float, float, float, float]
) -> geopandas.GeoDataFrame:
    """The pieces that touch a map of ``bounds`` (west, south, east, north in its own system).

    A map in degrees may begin anywhere, at 0 or at -180: pieces are moved by full turns to where
    the map holds them, and one that spans the map's seam is given once for each side.
    """
    turn = full_turn(pieces.crs)
    moves = [0.0] if turn is None else [-turn, 0.0, turn]
    copies = [
        pieces.set_geometry(pieces.geometry.translate(move) if move else pieces.geometry)
        for move in moves
    ]
    touching = [copy[copy.intersects(box(*bounds))] for copy in copies]
    found = geopandas.GeoDataFrame(
        {"row": np.concatenate([part["row"] for part in touching])},
        geometry=np.concatenate([part.geometry.to_numpy() for part in touching]),
        crs=pieces.crs,
    )
    return found.sort_values("row", kind="stable", ignore_index=True)


def full_turn(crs: object) -> float | None:
    """360 degrees in the unit of a geographic system; None for a projected one."""
    system = CRS.from_user_input(crs)
    if not system.is_geographic:
        return None
    return 2.0 * np.pi / system.axis_info[0].unit_conversion_factor


def _to(crs: object, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return Transformer.from_crs(4326, crs, always_xy=True).transform(lon, lat)


def _in_degrees(rings: np.ndarray, turn: float) -> list[Polygon]:
    """Rings (n, vertices, 2) whose longitudes do not jump; around a pole, closed along it."""
    closed = np.concatenate([rings[..., 0], rings[:, :1, 0]], axis=1)
    x = np.unwrap(closed, period=turn, axis=1)
    goes_round = np.abs(x[:, -1] - x[:, 0]) > turn / 2
    shapes = []
    for xs, ys, round_pole in zip(x, rings[..., 1], goes_round, strict=True):
        corners = list(zip(xs[:-1], ys, strict=True))
        if round_pole:
            pole = np.copysign(turn / 4, ys[0])
            corners += [(xs[-1], ys[0]), (xs[-1], pole), (xs[0], pole)]
        shapes.append(Polygon(corners))
    return shapes


def _is_torn(rings: np.ndarray) -> np.ndarray:
    sides = np.hypot(*np.moveaxis(rings - np.roll(rings, 1, axis=1), -1, 0))
    return sides.max(axis=1) > TORN * np.median(sides, axis=1)


def _halves(ring: np.ndarray, crs: object) -> list[BaseGeometry]:
    """A ring (vertices, 2) in degrees, cut at the map's seam, each side in its own system."""
    operation = CRS.from_user_input(crs).coordinate_operation
    middle = [
        float(each.value)
        for each in (operation.params if operation else [])
        if each.name.startswith("Longitude of")
    ]
    seam = (middle[0] if middle else 0.0) + 180.0
    whole = Polygon(np.column_stack([(ring[:, 0] - seam + 180.0) % 360.0 - 180.0, ring[:, 1]]))
    halves = []
    for side in (box(-180, -90, -1e-9, 90), box(1e-9, -90, 180, 90)):
        part = whole.intersection(side)
        if part.is_empty or part.geom_type != "Polygon":
            continue
        lon, lat = np.array(affinity.translate(part, seam).exterior.coords).T
        x, y = _to(crs, np.where(lon > 180.0, lon - 360.0, lon), lat)
        if np.isfinite(x).all() and np.isfinite(y).all():
            halves.append(Polygon(np.column_stack([x, y])))
    return halves
