"""Places on the sphere."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

EARTH_RADIUS_KM = 6371.0088

EDGE = 1e-9
"""Degrees: 0.1 mm."""

TURNS = (-360.0, 0.0, 360.0)
"""Degrees by which one longitude may be written in other turns of the Earth: 181 is -179."""


def unit_vectors(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Points on the unit sphere, (n, 3), from degrees."""
    x, y = np.radians(lon), np.radians(lat)
    return np.column_stack([np.cos(y) * np.cos(x), np.cos(y) * np.sin(x), np.sin(y)])


def arc_km(chord: np.ndarray) -> np.ndarray:
    """Length in km along a great circle of a chord of the unit sphere."""
    return np.asarray(2.0 * EARTH_RADIUS_KM * np.arcsin(np.clip(chord / 2.0, 0.0, 1.0)))


def nearest_km(stations: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Distance of each place to the nearest station, (m,) in km along a great circle.

    Both are (n, 2) and (m, 2), longitude and latitude in degrees.
    """
    return arc_km(cKDTree(unit_vectors(*stations.T)).query(unit_vectors(*places.T))[0])


def to_plane(places: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """Eastings and northings, (n, 2), of an equal-area map of the unit sphere.

    Lambert's azimuthal projection (Snyder 1987, Map projections: a working manual, chapter 24).

    Args:
        places: longitude and latitude, (n, 2) in degrees.
        middle: where the projection touches, (3,), of any length but 0; not opposite a place.
    """
    points, frame = unit_vectors(*places.T), _frame(middle)
    return points @ frame[:2].T * np.sqrt(2.0 / (1.0 + points @ frame[2]))[:, None]


def from_plane(places: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """The inverse of :func:`to_plane`; longitudes from -180 to 180."""
    frame, square = _frame(middle), (places**2).sum(axis=1)[:, None]
    x, y, z = (
        np.sqrt(1.0 - square / 4.0) * (places @ frame[:2]) + (1.0 - square / 2.0) * frame[2]
    ).T
    return np.degrees(np.column_stack([np.arctan2(y, x), np.arcsin(np.clip(z, -1.0, 1.0))]))


def _frame(middle: np.ndarray) -> np.ndarray:
    """Unit vectors to the east, to the north and up at a place, (3, 3)."""
    up = middle / np.linalg.norm(middle)
    east = np.array([-up[1], up[0], 0.0]) if np.hypot(*up[:2]) > EDGE else np.array([0.0, 1.0, 0.0])
    east = east / np.linalg.norm(east)
    return np.array([east, np.cross(up, east), up])


def in_box(box: tuple[float, float, float, float], lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Which places (n,) lie in a box of west, south, east, north, all in degrees.

    A box whose west is greater than its east crosses the antimeridian (RFC 7946, 5.2). Longitudes
    of the box and of the places may be of any turn: 181 is -179.
    """
    west, south, east, north = box
    width = (east - west) % 360 or (360.0 if east > west else 0.0)
    # An edge belongs to the box, whatever the rounding of the turn.
    along = (np.asarray(lon) - west + EDGE) % 360 <= width + 2 * EDGE
    return along & (south <= np.asarray(lat)) & (np.asarray(lat) <= north)


def in_turn(box: tuple[float, float, float, float]) -> list[tuple[float, float, float, float]]:
    """The parts of a box that goes beyond 180 degrees, on either side, each from -180 to 180.

    The first is the part that lies there as it is; a box that does not go beyond is its only part.
    """
    west, south, east, north = box
    parts = [(max(west, -180.0), south, min(east, 180.0), north)]
    if west < -180.0:
        parts.append((west + 360.0, south, 180.0, north))
    if east > 180.0:
        parts.append((-180.0, south, east - 360.0, north))
    return parts


def grown(
    box: tuple[float, float, float, float], margin: float
) -> tuple[float, float, float, float]:
    """A box of west, south, east, north in degrees with ``margin`` km around it.

    It may go beyond 180 degrees; at a pole it is a whole turn wide at most.
    """
    west, south, east, north = box
    high = np.degrees(margin / EARTH_RADIUS_KM)
    south, north = max(south - high, -90.0), min(north + high, 90.0)
    narrowest = np.cos(np.radians(max(abs(south), abs(north))))
    wide = min(high / max(narrowest, 1e-9), 180.0)
    return west - wide, south, east + wide, north
