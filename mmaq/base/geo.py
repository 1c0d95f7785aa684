"""Places on the sphere."""

from __future__ import annotations

import numpy as np

EARTH_RADIUS_KM = 6371.0088

EDGE = 1e-9
"""Degrees: 0.1 mm."""


def unit_vectors(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Points on the unit sphere, (n, 3), from degrees."""
    x, y = np.radians(lon), np.radians(lat)
    return np.column_stack([np.cos(y) * np.cos(x), np.cos(y) * np.sin(x), np.sin(y)])


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
