"""How bright the land is for Sentinel-2 through the year, and where the sun stands.

Spectra in the twelve Level-2A bands are typical values of European scenes: water, woods, crops and
towns of BigEarthNet patches set their level, and laboratory spectra of roofs, asphalt and soil
their shape.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np

CLASSES = (
    "water", "forest", "cropland", "grassland", "built", "industry", "asphalt", "bare",
)  # fmt: skip
"""Land-cover classes, in the order of the world's COVER."""

BANDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12")
WAVELENGTHS = np.array([443, 492, 560, 665, 704, 741, 783, 833, 865, 945, 1614, 2202]) / 1000.0
"""Band centres in micrometres (Sentinel-2A)."""

DORMANT = np.array(
    [
        [250, 290, 280, 180, 150, 110, 100, 95, 85, 75, 40, 30],
        [230, 290, 430, 430, 760, 1350, 1550, 1650, 1750, 1750, 1500, 850],
        [480, 630, 930, 1230, 1540, 1800, 2000, 2130, 2330, 2340, 2950, 2200],
        [360, 460, 730, 780, 1230, 1900, 2150, 2280, 2430, 2430, 2350, 1450],
        [700, 860, 1080, 1180, 1450, 1880, 2050, 2120, 2220, 2220, 2120, 1750],
        [1350, 1560, 1760, 1900, 2000, 2100, 2160, 2220, 2270, 2280, 2350, 2150],
        [680, 780, 880, 950, 1000, 1050, 1090, 1120, 1160, 1180, 1320, 1260],
        [880, 1130, 1500, 1900, 2150, 2320, 2430, 2560, 2660, 2670, 3300, 2900],
    ],
    np.float32,
)
"""Reflectance x 10000 (class, band) out of season."""

GREEN = np.array(
    [
        [250, 310, 340, 200, 180, 120, 110, 100, 90, 75, 40, 30],
        [150, 210, 400, 250, 680, 2050, 2500, 2680, 2780, 2740, 1330, 620],
        [310, 340, 690, 430, 1130, 3150, 3850, 4020, 4130, 4130, 1980, 1020],
        [270, 340, 680, 450, 1120, 2700, 3200, 3380, 3500, 3500, 2020, 1080],
        [600, 740, 980, 980, 1350, 2150, 2450, 2560, 2660, 2650, 2080, 1560],
        [1350, 1560, 1760, 1900, 2000, 2100, 2160, 2220, 2270, 2280, 2350, 2150],
        [680, 780, 880, 950, 1000, 1050, 1090, 1120, 1160, 1180, 1320, 1260],
        [850, 1090, 1460, 1830, 2100, 2330, 2460, 2600, 2700, 2710, 3250, 2820],
    ],
    np.float32,
)
"""Reflectance x 10000 (class, band) at the height of growth."""

TEXTURE = np.array([0.03, 0.10, 0.06, 0.06, 0.16, 0.18, 0.05, 0.08], np.float32)
"""Standard deviation of brightness among a class's 10 m pixels, as a share of its reflectance."""

TINT = 0.04
"""Standard deviation of the slope from visible to short-wave infrared, as a share."""

CLOUD = np.array([5200, 5400, 5500, 5700, 5900, 6000, 6050, 6100, 6150, 5600, 4100, 3100])
"""Reflectance x 10000 of opaque cloud."""


def ramp(value: np.ndarray | float, start: float, end: float) -> np.ndarray:
    """0 before ``start``, 1 after ``end``, smooth between."""
    share = np.clip((np.asarray(value, np.float32) - start) / (end - start), 0, 1)
    return share * share * (3 - 2 * share)


def growth(day: int, vigour: np.ndarray) -> np.ndarray:
    """How green each class is on a day of the year: (n, class), 0 to 1.

    ``vigour`` (n,) says how lush a place is, and which crop a field bears: low values are sown in
    spring and stand until September, high values are winter crops that are harvested in July.
    """
    green = np.zeros((len(vigour), len(CLASSES)), np.float32)
    leaf = ramp(day, 100, 140) * (1 - ramp(day, 275, 315))
    lush = 0.7 + 0.6 * (vigour - 0.5)
    winter_crop = ramp(vigour, 0.45, 0.55)
    early = 0.3 + 0.7 * ramp(day, 70, 120)
    early = early * (1 - ramp(day, 175, 205)) + 0.3 * ramp(day, 285, 320)
    late = ramp(day, 135, 185) * (1 - ramp(day, 245, 285))
    green[:, 0] = 0.5 * leaf
    green[:, 1] = 0.35 + 0.55 * leaf * (0.6 + 0.4 * vigour)
    green[:, 2] = (winter_crop * early + (1 - winter_crop) * late) * lush
    green[:, 3] = (0.35 + 0.65 * ramp(day, 80, 125) * (1 - ramp(day, 290, 335))) * lush
    green[:, 4] = leaf * (0.3 + 0.7 * vigour)
    green[:, 7] = 0.5 * leaf
    return np.clip(green, 0, 1)


def surface_reflectance(
    cover: np.ndarray, green: np.ndarray, brightness: np.ndarray, tint: np.ndarray
) -> np.ndarray:
    """Linear mixture of the classes' spectra: (n, 12) reflectance x 10000, float32.

    ``cover`` (n, class) holds the shares, ``green`` (n, class) how green each is; ``brightness``
    and ``tint`` (n,) are standard normal texture of the ground.
    """
    bright = cover * np.maximum(1 + TEXTURE * brightness[:, None], 0.4)
    mixed = (bright * (1 - green)) @ DORMANT + (bright * green) @ GREEN
    slope = (np.log(WAVELENGTHS) / np.log(WAVELENGTHS[-1])).astype(np.float32)
    return mixed * (1 + TINT * tint[:, None] * slope)


def sun_angles(
    time: datetime,
    lat: np.ndarray | float,
    lon: np.ndarray | float,
    seconds: np.ndarray | float = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Zenith angle and azimuth (clockwise from north, -180 to 180) of the sun, in degrees.

    ``time`` is UTC and ``seconds`` (broadcast against ``lat``) is added to it. Fourier series of
    declination and equation of time by Spencer (1971, Fourier series
    representation of the position of the sun, Search 2, 172), good to about 0.3 degrees.
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
