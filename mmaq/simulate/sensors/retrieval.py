"""What TROPOMI retrieves: the true column seen through noise, light path and cloud.

What a granule holds beside the tropospheric column is derived so that its numbers add up.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import numpy as np
from affine import Affine
from scipy import ndimage

from mmaq.simulate.sensors.layout import DIMENSIONS
from mmaq.simulate.sensors.scenery import Scenery, gaussian_field, rng_of

CLOUD_PRESSURE, CLOUD_ALBEDO, SURFACE_ALBEDO = 70_000.0, 0.8, 0.05

STRATOSPHERE = 4.8e-5
"""Mean stratospheric column over Central Europe, mol/m2."""

CONVERGENCE_ERROR = 25
"""Value of processing_quality_flags for a fit that did not converge."""

EXPECTED, STRATOSPHERE_ERROR = 3e-5, 3.3e-6
"""Tropospheric column of the a priori, and precision of the stratospheric one, mol/m2."""

SEA_PRESSURE, SCALE_HEIGHT = 101_325.0, 8400.0
"""Pressure at sea level in Pa, and the height in m over which it falls by a factor e."""

SLANT_NOISE = 1.2e-5
"""Standard deviation of the slant column, mol/m2: 0.9e-5 (van Geffen et al. 2020, S5P TROPOMI
NO2 slant column retrieval, Atmospheric Measurement Techniques 13, 1315-1335), and a part of the
stratosphere's error."""

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


def column_fields(found: Retrieval, day: date) -> dict[str, np.ndarray]:
    """Everything the tropospheric column implies, so that the file's columns add up."""
    season = np.cos(2 * np.pi * (day.timetuple().tm_yday - 15) / 365.25)
    stratosphere = np.where(np.isnan(found.column), np.nan, STRATOSPHERE - 1.2e-5 * season)
    troposphere, above = found.air_mass_troposphere, found.air_mass_stratosphere
    slant = found.column * troposphere + stratosphere * above
    summed = found.column + stratosphere
    # The total air mass factor weighs both layers as the model expects them, not as retrieved.
    expected = EXPECTED * troposphere + STRATOSPHERE * above
    total_mass = expected / (EXPECTED + STRATOSPHERE)
    noise = np.where(np.isnan(found.column), np.nan, SLANT_NOISE)
    kernel, a, b, tropopause = _profile(found, total_mass)
    return {
        "qa_value": found.qa,
        "nitrogendioxide_tropospheric_column": found.column,
        "nitrogendioxide_tropospheric_column_precision": found.precision,
        "air_mass_factor_troposphere": troposphere,
        "air_mass_factor_clear": found.air_mass_clear,
        "air_mass_factor_stratosphere": above,
        "air_mass_factor_total": total_mass,
        "averaging_kernel": kernel,
        "tm5_constant_a": a,
        "tm5_constant_b": b,
        "tm5_tropopause_layer_index": tropopause,
        "nitrogendioxide_stratospheric_column": stratosphere,
        "nitrogendioxide_stratospheric_column_precision": np.where(
            np.isnan(stratosphere), np.nan, STRATOSPHERE_ERROR
        ),
        "nitrogendioxide_total_column": slant / total_mass,
        "nitrogendioxide_total_column_precision": noise / total_mass,
        "nitrogendioxide_summed_total_column": summed,
        "nitrogendioxide_summed_total_column_precision": np.hypot(
            found.precision, STRATOSPHERE_ERROR
        ),
        "nitrogendioxide_slant_column_density": slant,
        "nitrogendioxide_slant_column_density_precision": noise,
        "cloud_fraction_crb_nitrogendioxide_window": found.cloud_fraction,
        "cloud_radiance_fraction_nitrogendioxide_window": found.cloud_radiance_fraction,
        "cloud_fraction_crb": found.cloud_fraction,
        "processing_quality_flags": np.where(found.qa == FAILED, CONVERGENCE_ERROR, 0),
    }


def _profile(
    found: Retrieval, total_mass: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Averaging kernel on 34 hybrid layers, their coefficients, and the tropopause's layer.

    The kernel rises from the screened boundary layer to the geometric light path above 8 km.
    """
    layers = DIMENSIONS["layer"]
    level = np.linspace(1.0, 0.0, layers + 1) ** 1.3  # pressure over surface pressure
    b_edges = np.clip((level - 0.1) / 0.9, 0, 1) ** 1.2
    a_edges = (level - b_edges) * SEA_PRESSURE
    a = np.stack([a_edges[:-1], a_edges[1:]], axis=1)
    b = np.stack([b_edges[:-1], b_edges[1:]], axis=1)
    height = -7.5 * np.log(np.maximum((level[1:] + level[:-1]) / 2, 1e-3))  # km
    rise = (1 - np.exp(-height / 3.0)).astype(np.float32)
    low = (0.8 * found.air_mass_troposphere / total_mass).astype(np.float32)[..., None]
    high = (found.air_mass_stratosphere / total_mass).astype(np.float32)[..., None]
    tropopause = np.full(total_mass.shape, int(np.searchsorted(height, 11.0)), np.int32)
    return low + (high - low) * rise, a, b, tropopause


def surface_fields(
    world: Scenery, x: np.ndarray, y: np.ndarray, found: Retrieval
) -> dict[str, np.ndarray]:
    """What the retrieval takes as input: height, pressure, reflectance, cloud, snow.

    Reflectance, aerosol and snow are the same everywhere; sea outside the land has height 0.
    """
    x0, y0, x1, y1 = world.bounds
    inside = (x > x0) & (x < x1) & (y > y0) & (y < y1)
    altitude = np.zeros(x.shape)
    altitude[inside] = world.elevation(x[inside], y[inside])
    clear = found.cloud_fraction < 0.01
    pressure = SEA_PRESSURE * np.exp(-altitude / SCALE_HEIGHT)
    bright = found.cloud_radiance_fraction
    return {
        "surface_altitude": altitude,
        "surface_altitude_precision": np.full(x.shape, 10.0),
        "surface_pressure": pressure,
        "surface_albedo": np.full(x.shape, SURFACE_ALBEDO),
        "surface_albedo_nitrogendioxide_window": np.full(x.shape, SURFACE_ALBEDO),
        "cloud_pressure_crb": np.where(clear, np.nan, CLOUD_PRESSURE),
        "cloud_albedo_crb": np.where(clear, np.nan, CLOUD_ALBEDO),
        "cloud_height_crb": np.where(
            clear, np.nan, SCALE_HEIGHT * np.log(SEA_PRESSURE / CLOUD_PRESSURE)
        ),
        "scene_albedo": SURFACE_ALBEDO + (CLOUD_ALBEDO - SURFACE_ALBEDO) * found.cloud_fraction,
        "apparent_scene_pressure": pressure + (CLOUD_PRESSURE - pressure) * bright,
        "aerosol_index_354_388": np.full(x.shape, -0.5),
        "snow_ice_flag": np.zeros(x.shape),
    }
