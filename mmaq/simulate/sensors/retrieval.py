"""What TROPOMI retrieves: the true column seen through noise, light path and cloud."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import numpy as np
from affine import Affine
from scipy import ndimage

from mmaq.simulate.sensors.noise import gaussian_field
from mmaq.simulate.sensors.scenery import rng_of

SLANT_NOISE = 1.2e-5
"""Standard deviation of the slant column, mol/m2 (van Geffen et al. 2020: 0.9e-5, and a part of
the stratosphere's error)."""
AIR_MASS_ERROR = 0.15
"""Relative error of the tropospheric air mass factor of a pixel."""
CLOUD_CELL, CLOUD_CELLS = 8_000.0, 512
"""Cell (m) and side (cells) of the cloud texture, which repeats."""
RADIANCE_LIMIT = 0.5
"""Cloud radiance fraction above which qa_value is at most 0.74 (NO2 product user manual)."""
CLEAR_SKY, CLOUDY, FAILED = 100, 74, 0
BLEND = 30_000.0
"""Distance (m) over which the column outside the land goes over to its mean along the border."""


@dataclass(frozen=True)
class Retrieval:
    """Pixels' results, arrays (scanlines, 450); columns in mol/m2. NaN where it failed."""

    column: np.ndarray
    precision: np.ndarray
    qa: np.ndarray  # uint8, hundredths
    cloud_fraction: np.ndarray
    cloud_radiance_fraction: np.ndarray
    air_mass_troposphere: np.ndarray
    air_mass_clear: np.ndarray
    air_mass_stratosphere: np.ndarray


def footprint_mean(
    field: np.ndarray, transform: Affine, x: np.ndarray, y: np.ndarray, points: int = 4
) -> np.ndarray:
    """Mean of a raster over each quadrilateral pixel of a swath: (scanlines, pixels).

    ``x`` and ``y`` (scanlines + 1, pixels + 1) are the corners in the raster's coordinates. Each
    pixel is sampled at ``points`` x ``points`` places, bilinear in pixel and raster alike. Away
    from the raster the value goes over to the mean along the raster's border: the background.
    """
    border = np.concatenate([field[0], field[-1], field[1:-1, 0], field[1:-1, -1]])
    background = float(border.mean())
    shape = x.shape[0] - 1, x.shape[1] - 1
    result = np.full(shape, background)
    column, row = (x - transform.c) / transform.a, (y - transform.f) / transform.e
    reach = 4 * BLEND / abs(transform.a)
    height, width = field.shape
    near = (column > -reach) & (column < width + reach) & (row > -reach) & (row < height + reach)
    near = near[:-1, :-1] | near[:-1, 1:] | near[1:, 1:] | near[1:, :-1]
    corners = [
        np.stack([row[a, b][near], column[a, b][near]])
        for a in (slice(None, -1), slice(1, None))
        for b in (slice(None, -1), slice(1, None))
    ]
    steps = (np.arange(points) + 0.5) / points
    total = np.zeros(int(near.sum()))
    for v in steps:
        for u in steps:
            weights = ((1 - v) * (1 - u), (1 - v) * u, v * (1 - u), v * u)
            at = sum(w * corner for w, corner in zip(weights, corners, strict=True))
            total += _sample(field, background, at, abs(transform.a))
    result[near] = total / points**2
    return result


def _sample(field: np.ndarray, background: float, at: np.ndarray, cell: float) -> np.ndarray:
    size = np.array(field.shape)[:, None]
    outside = np.hypot(*np.maximum(np.maximum(-at, at - size), 0.0)) * cell
    inside = ndimage.map_coordinates(field, at - 0.5, order=1, mode="nearest")
    weight = np.exp(-((outside / BLEND) ** 2))
    return weight * inside + (1 - weight) * background


def cloud_fraction(
    seed: int, day: date, wind: tuple[float, float], x: np.ndarray, y: np.ndarray
) -> np.ndarray:
    """Effective cloud fraction (0 to 0.9) at points of a day; the field drifts with the wind.

    The sky's mean cover is drawn for the day, higher in winter, as over Central Europe.
    """
    winter = np.cos(2 * np.pi * (day.timetuple().tm_yday - 15) / 365.25)
    cover = 0.15 + 0.8 * rng_of(seed, 51, day.toordinal()).beta(1.5 + 0.4 * winter, 1.5)
    drift = 86400.0 * day.toordinal()
    at = np.stack([(y - wind[1] * drift), (x - wind[0] * drift)]) / CLOUD_CELL % CLOUD_CELLS
    level = ndimage.map_coordinates(_cloud_texture(seed), at, order=1, mode="grid-wrap")
    step = np.clip((level - (1 - cover)) / 0.35 + 0.5, 0, 1)
    return 0.9 * step**2 * (3 - 2 * step)


@lru_cache(maxsize=2)
def _cloud_texture(seed: int) -> np.ndarray:
    """A smooth field that repeats at its edges, ranked so that its values are even in 0 to 1."""
    field = gaussian_field(rng_of(seed, 52), (CLOUD_CELLS, CLOUD_CELLS), 15.0, 1.8)
    order = np.empty(field.size)
    order[np.argsort(field, axis=None, kind="stable")] = np.linspace(0, 1, field.size)
    return order.reshape(field.shape)


def retrieve(
    truth: np.ndarray,
    cloud: np.ndarray,
    sun_zenith: np.ndarray,
    viewing_zenith: np.ndarray,
    rng: np.random.Generator,
) -> Retrieval:
    """Retrieve each pixel's column from the true mean over its footprint.

    Cloud screens what lies under it: it lowers the air mass factor and so raises the noise, and a
    cloud radiance fraction above 0.5 lowers ``qa_value`` to 0.74. A few pixels fail, more of them
    over the brightest cloud, where the detector saturates, and all with the sun below 85 degrees.
    """
    bright = 0.8 * cloud
    radiance = bright / (bright + 0.2 * (1 - cloud))
    geometric = 1 / np.cos(np.deg2rad(np.minimum(sun_zenith, 84))) + 1 / np.cos(
        np.deg2rad(viewing_zenith)
    )
    clear = 0.5 * geometric / (1 + 0.25 * (geometric - 2))
    troposphere = clear * (1 - 0.6 * radiance)
    stratosphere = geometric / (1 + 0.02 * (geometric - 2))
    precision = np.hypot(SLANT_NOISE / troposphere, AIR_MASS_ERROR * truth)
    column = truth + precision * rng.standard_normal(truth.shape)
    chance = rng.uniform(size=truth.shape)
    failed = (chance < 0.003) | ((radiance > 0.96) & (chance < 0.1)) | (sun_zenith > 85)
    qa = np.where(radiance > RADIANCE_LIMIT, CLOUDY, CLEAR_SKY)
    qa = np.where(failed, FAILED, qa).astype(np.uint8)
    column, precision = (np.where(failed, np.nan, values) for values in (column, precision))
    return Retrieval(column, precision, qa, cloud, radiance, troposphere, clear, stratosphere)
