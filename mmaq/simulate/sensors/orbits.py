"""The orbit of Sentinel-5P and the ground pixels that TROPOMI sees from it.

The track is the mission's own: sun-synchronous, 227 orbits in 16 days, and node longitude and
time counted on from orbit 12367 of 2020-03-03. Real orbits of 2018 to 2020 lie within 0.4 degrees.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone

import numpy as np

ORBITS, DAYS = 227, 16

PERIOD = DAYS * 86400.0 / ORBITS
"""Seconds of an orbit: the ground track repeats after 227 orbits in 16 days."""

REFERENCE, NODE_LONGITUDE = 12367, 165.46729
"""An orbit and its LongitudeOfDaysideNadirEquatorCrossing, from the product's metadata."""

NODE_TIME = datetime(2020, 3, 3, 2, 27, 32, tzinfo=timezone.utc)
"""When that orbit crossed the equator northward: 13:29:24 local mean solar time."""

INCLINATION = np.deg2rad(98.74)

ALTITUDE, EARTH = 840.0, 6371.0  # km; the height at 35 to 60 degrees north

FLATTENING = 0.00669438  # first eccentricity of WGS 84, squared

SCAN_S = 0.840
"""Seconds from one scanline to the next (since 2019-08-06; 5.5 km on the ground)."""

SCANLINES, PIXELS = 4172, 450

HALF_VIEW, CURVE = np.deg2rad(53.0), 0.03
"""Half the angle that the swath of 2600 km spans, and by how much pixels are wider in angle at
nadir than on average: so they measure 3.5 km there and 14.5 km at the edge."""


@dataclass(frozen=True)
class Orbit:
    """One orbit: its number, and the place and time of its ascending node (UTC, degrees)."""

    number: int
    node_time: datetime
    node_longitude: float


@dataclass(frozen=True)
class Swath:
    """Ground pixels of consecutive scanlines. Arrays are (scanlines, 450) unless said; degrees.

    ``lat_edges`` and ``lon_edges`` (scanlines + 1, 451) are the corners that neighbours share.
    ``seconds`` (scanlines,) counts from the node. Angles as in the official product: azimuths
    clockwise from north, -180 to 180; the viewing azimuth points from the pixel to the satellite.
    """

    seconds: np.ndarray
    lat: np.ndarray
    lon: np.ndarray
    lat_edges: np.ndarray
    lon_edges: np.ndarray
    viewing_zenith: np.ndarray
    viewing_azimuth: np.ndarray
    satellite_lat: np.ndarray
    satellite_lon: np.ndarray

    def bounds(self, edges: np.ndarray) -> np.ndarray:
        """Corners of each pixel (scanlines, 450, 4), anticlockwise from the first in scan order."""
        return np.stack([edges[:-1, :-1], edges[:-1, 1:], edges[1:, 1:], edges[1:, :-1]], axis=-1)


def orbit_of(day: date, lon: float, lat: float) -> Orbit:
    """The orbit whose node falls on ``day`` (UTC) and whose track passes nearest to a place."""
    start = datetime(day.year, day.month, day.day, tzinfo=timezone.utc)
    first = REFERENCE + int(np.ceil((start - NODE_TIME).total_seconds() / PERIOD))
    orbits = [_orbit(number) for number in range(first, first + int(86400 / PERIOD) + 1)]
    orbits = [orbit for orbit in orbits if orbit.node_time.date() == day]
    seconds = np.arange(0.0, PERIOD / 4, 10.0)

    def distance(orbit: Orbit) -> float:
        lats, lons = track(orbit, seconds)
        at = np.argmin(np.abs(lats - lat))
        return abs((lons[at] - lon + 180) % 360 - 180)

    return min(orbits, key=distance)


def _orbit(number: int) -> Orbit:
    after = number - REFERENCE
    longitude = NODE_LONGITUDE - after * 360.0 * DAYS / ORBITS
    time = NODE_TIME + timedelta(seconds=after * PERIOD)
    return Orbit(number, time, (longitude + 180) % 360 - 180)


def track(orbit: Orbit, seconds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Geodetic latitude and longitude below the satellite, ``seconds`` after the node."""
    lat, lon = _ground(orbit, np.asarray(seconds, float)[:, None], np.zeros(1))
    return lat[:, 0], lon[:, 0]


def swath_over(orbit: Orbit, box: tuple[float, float, float, float], margin: float) -> Swath:
    """The scanlines with a pixel inside west, south, east, north (degrees) plus ``margin``.

    Raises:
        ValueError: the northward half of the orbit does not see the box.
    """
    west, south, east, north = box
    coarse = np.linspace(-HALF_VIEW, HALF_VIEW, 91)
    scans = np.arange(0, int(PERIOD / 4 / SCAN_S))
    lat, lon = _ground(orbit, scans[:, None] * SCAN_S, coarse)
    inside = (lat > south - margin) & (lat < north + margin)
    inside &= np.abs((lon - (west + east) / 2 + 180) % 360 - 180) < (east - west) / 2 + margin
    seen = scans[inside.any(axis=1)]
    if not len(seen):
        raise ValueError(f"orbit {orbit.number} does not see {box}")
    return _swath(orbit, np.arange(seen[0], seen[-1] + 1) * SCAN_S)


def whole_swath(orbit: Orbit) -> Swath:
    """The day side of an orbit, 4172 scanlines of 450 pixels, as a granule holds it."""
    return _swath(orbit, (np.arange(SCANLINES) - SCANLINES // 2) * SCAN_S)


def _swath(orbit: Orbit, seconds: np.ndarray) -> Swath:
    share = np.linspace(-1, 1, PIXELS + 1)
    angles = HALF_VIEW * (share + CURVE * (share - share**3))
    middle = (angles[1:] + angles[:-1]) / 2
    edge_seconds = np.append(seconds - SCAN_S / 2, seconds[-1] + SCAN_S / 2)
    lat_edges, lon_edges = _ground(orbit, edge_seconds[:, None], angles)
    lat, lon = _ground(orbit, seconds[:, None], middle)
    satellite_lat, satellite_lon = track(orbit, seconds)
    zenith = np.broadcast_to(np.abs(middle + _central_angle(middle)), lat.shape)
    azimuth = _bearing(lat, lon, satellite_lat[:, None], satellite_lon[:, None])
    return Swath(
        seconds, lat, lon, lat_edges, lon_edges, np.rad2deg(zenith), azimuth,
        satellite_lat, satellite_lon,
    )  # fmt: skip


def _central_angle(view: np.ndarray) -> np.ndarray:
    """Angle at the Earth's centre between the nadir and what is seen at angle ``view`` off it."""
    return np.arcsin((EARTH + ALTITUDE) / EARTH * np.sin(view)) - view


def _ground(orbit: Orbit, seconds: np.ndarray, view: np.ndarray) -> np.ndarray:
    """Latitude and longitude (2, n, m) seen at ``seconds`` (n, 1) and angles ``view`` (m,).

    Positive angles look to the right of the flight, eastward on the northward half. Scanlines are
    square to the orbit itself: the satellite does not steer for the Earth's rotation.
    """
    u = 2 * np.pi * seconds / PERIOD
    gamma = _central_angle(view)
    ci, si = np.cos(INCLINATION), np.sin(INCLINATION)
    x = np.cos(gamma) * np.cos(u)
    y = np.cos(gamma) * np.sin(u) * ci + np.sin(gamma) * si
    z = np.cos(gamma) * np.sin(u) * si - np.sin(gamma) * ci
    # The node follows the sun, so the Earth turns under the orbit by 360 degrees a day.
    lon = orbit.node_longitude + np.rad2deg(np.arctan2(y, x)) - 360.0 * seconds / 86400.0
    lat = np.arctan(z / np.hypot(x, y) / (1 - FLATTENING))
    return np.stack([np.rad2deg(lat), (lon + 180) % 360 - 180])


def _bearing(
    lat: np.ndarray, lon: np.ndarray, to_lat: np.ndarray, to_lon: np.ndarray
) -> np.ndarray:
    a, b, d = np.deg2rad(lat), np.deg2rad(to_lat), np.deg2rad(to_lon - lon)
    east = np.sin(d) * np.cos(b)
    north = np.cos(a) * np.sin(b) - np.sin(a) * np.cos(b) * np.cos(d)
    return np.rad2deg(np.arctan2(east, north))
