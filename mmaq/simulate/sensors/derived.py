"""What a granule holds beside the tropospheric column, derived so that its numbers add up."""

from __future__ import annotations

from datetime import date

import numpy as np

from mmaq.simulate.sensors.layout import DIMENSIONS
from mmaq.simulate.sensors.retrieval import FAILED, SLANT_NOISE, Retrieval
from mmaq.simulate.sensors.scenery import Scenery

CLOUD_PRESSURE, CLOUD_ALBEDO, SURFACE_ALBEDO = 70_000.0, 0.8, 0.05
STRATOSPHERE = 4.8e-5
"""Mean stratospheric column over Central Europe, mol/m2."""
CONVERGENCE_ERROR = 25
"""Value of processing_quality_flags for a fit that did not converge."""
EXPECTED, STRATOSPHERE_ERROR = 3e-5, 3.3e-6
"""Tropospheric column of the a priori, and precision of the stratospheric one, mol/m2."""
SEA_PRESSURE, SCALE_HEIGHT = 101_325.0, 8400.0
"""Pressure at sea level in Pa, and the height in m over which it falls by a factor e."""


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
