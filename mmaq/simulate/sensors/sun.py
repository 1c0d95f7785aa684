"""Where the sun stands."""

from __future__ import annotations

from datetime import datetime

import numpy as np


def sun_angles(
    time: datetime,
    lat: np.ndarray | float,
    lon: np.ndarray | float,
    seconds: np.ndarray | float = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Zenith angle and azimuth (clockwise from north, -180 to 180) of the sun, in degrees.

    ``time`` is UTC and ``seconds`` (broadcast against ``lat``) is added to it. Fourier series of
    declination and equation of time by Spencer (1971), good to about 0.3 degrees.
    """
    day = time.timetuple().tm_yday
    hours = time.hour + time.minute / 60 + (time.second + np.asarray(seconds, float)) / 3600
    g = 2 * np.pi * (day - 1 + (hours - 12) / 24) / 365
    declination = (
        0.006918 - 0.399912 * np.cos(g) + 0.070257 * np.sin(g) - 0.006758 * np.cos(2 * g)
        + 0.000907 * np.sin(2 * g) - 0.002697 * np.cos(3 * g) + 0.00148 * np.sin(3 * g)
    )  # fmt: skip
    minutes = 229.18 * (
        0.000075 + 0.001868 * np.cos(g) - 0.032077 * np.sin(g)
        - 0.014615 * np.cos(2 * g) - 0.040849 * np.sin(2 * g)
    )  # fmt: skip
    solar = hours + minutes / 60 + np.asarray(lon, float) / 15
    angle = np.deg2rad(15 * (solar - 12))
    phi = np.deg2rad(lat)
    up = np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.cos(angle)
    east = -np.cos(declination) * np.sin(angle)
    north = np.sin(declination) * np.cos(phi) - np.cos(declination) * np.cos(angle) * np.sin(phi)
    return np.rad2deg(np.arccos(np.clip(up, -1, 1))), np.rad2deg(np.arctan2(east, north))
