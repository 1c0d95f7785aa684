"""Sentinel-5P: one L2 NO2 granule of the official layout every few days."""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from pyproj import Transformer

from mmaq.archive import SENTINEL5P, Asset, Product, write_collection
from mmaq.config.data import Period, Simulate
from mmaq.simulate.sensors.granule import VERSION, Naming, write_granule
from mmaq.simulate.sensors.layout import DIMENSIONS
from mmaq.simulate.sensors.orbits import PIXELS, Orbit, Swath, orbit_of, swath_over
from mmaq.simulate.sensors.retrieval import (
    FAILED,
    Retrieval,
    cloud_fraction,
    footprint_mean,
    retrieve,
)
from mmaq.simulate.sensors.scenery import Scenery, over_workers, rng_of
from mmaq.simulate.sensors.sun import sun_angles

ABOUT = "Sentinel-5P TROPOMI L2 NO2, simulated in the official NetCDF layout"
MARGIN = 0.4
"""Degrees around the land that a granule covers."""
CLOUD_PRESSURE, CLOUD_ALBEDO, SURFACE_ALBEDO = 70_000.0, 0.8, 0.05
STRATOSPHERE = 4.8e-5
"""Mean stratospheric column over Central Europe, mol/m2."""
CONVERGENCE_ERROR = 25
"""Value of processing_quality_flags for a fit that did not converge."""
SCALE_HEIGHT = 8400.0
"""Of the pressure, m."""
EPOCH = date(2010, 1, 1)


@dataclass(frozen=True)
class _Job:
    world: Scenery
    seed: int
    folder: Path


def write_sentinel5p(
    world: Scenery, config: Simulate, period: Period, root: Path, workers: int
) -> None:
    """Write the collection of granules, one every ``config.orbit_interval_days`` days.

    Each is the real orbit of its day that passes nearest to the land, cut to the scanlines that
    see it; what an earlier run left of the collection is removed. The same seed gives the same
    bytes for any number of workers.
    """
    root = Path(root)
    shutil.rmtree(root / SENTINEL5P, ignore_errors=True)
    days = range(0, (period.end - period.start).days + 1, config.orbit_interval_days)
    job = _Job(world, config.seed, root / SENTINEL5P)
    tasks = [period.start + timedelta(days=day) for day in days]
    products = over_workers(_write_day, job, tasks, workers, "Sentinel-5P granules")
    write_collection(root, SENTINEL5P, ABOUT, products)
    logging.getLogger(__name__).info("wrote %d Sentinel-5P granules", len(products))


def _write_day(job: _Job, day: date) -> Product:
    to_degrees = Transformer.from_crs(32632, 4326, always_xy=True)
    box = to_degrees.transform_bounds(*job.world.bounds)
    orbit = orbit_of(day, (box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    swath = swath_over(orbit, box, MARGIN)
    retrieval, values = _observe(job, day, orbit, swath)
    seconds = swath.seconds[[0, -1]]
    first, last = (orbit.node_time + timedelta(seconds=float(s)) for s in seconds)
    naming = Naming(orbit, first, last)
    values |= _times(naming, swath)
    path = job.folder / naming.id / f"{naming.id}.nc"
    write_granule(path, naming, values)
    properties = {
        "processor_version": VERSION,
        "platform": "sentinel-5p",
        "instruments": ["tropomi"],
        "sat:absolute_orbit": orbit.number,
        "s5p:collection": "03",
        "s5p:processing_mode": "RPRO",
        "start_datetime": f"{first:%Y-%m-%dT%H:%M:%SZ}",
        "end_datetime": f"{last:%Y-%m-%dT%H:%M:%SZ}",
        "eo:cloud_cover": round(100 * float(np.mean(retrieval.cloud_fraction)), 1),
    }
    bbox = (swath.lon_edges.min(), swath.lat_edges.min(), swath.lon_edges.max(), swath.lat_edges.max())
    west, south, east, north = (round(float(value), 4) for value in bbox)
    assets = {"product": Asset(path)}
    return Product(
        naming.id, SENTINEL5P, first.replace(microsecond=0), (west, south, east, north), assets,
        properties,
    )  # fmt: skip


def _observe(
    job: _Job, day: date, orbit: Orbit, swath: Swath
) -> tuple[Retrieval, dict[str, np.ndarray]]:
    world = job.world
    to_metres = Transformer.from_crs(4326, 32632, always_xy=True)
    x_edges, y_edges = to_metres.transform(swath.lon_edges, swath.lat_edges)
    x, y = _centres(x_edges), _centres(y_edges)
    wind = world.wind(day)
    sun, sun_azimuth = sun_angles(orbit.node_time, swath.lat, swath.lon, swath.seconds[:, None])
    truth = footprint_mean(*world.column(day), x_edges, y_edges)
    cloud = cloud_fraction(job.seed, day, wind, x, y)
    rng = rng_of(job.seed, 53, day.toordinal())
    found = retrieve(truth, cloud, sun, swath.viewing_zenith, rng)
    values = {
        "latitude": swath.lat,
        "longitude": swath.lon,
        "latitude_bounds": swath.bounds(swath.lat_edges),
        "longitude_bounds": swath.bounds(swath.lon_edges),
        "satellite_latitude": swath.satellite_lat,
        "satellite_longitude": swath.satellite_lon,
        "satellite_altitude": np.full(len(swath.seconds), 840e3),
        "solar_zenith_angle": sun,
        "solar_azimuth_angle": sun_azimuth,
        "viewing_zenith_angle": swath.viewing_zenith,
        "viewing_azimuth_angle": swath.viewing_azimuth,
        "eastward_wind": np.full(truth.shape, wind[0]),
        "northward_wind": np.full(truth.shape, wind[1]),
    }
    return found, values | _columns(found, day) | _surface(world, x, y, found)


def _columns(found: Retrieval, day: date) -> dict[str, np.ndarray]:
    """Everything the tropospheric column implies, so that the file's columns add up."""
    season = np.cos(2 * np.pi * (day.timetuple().tm_yday - 15) / 365.25)
    stratosphere = np.where(np.isnan(found.column), np.nan, STRATOSPHERE - 1.2e-5 * season)
    troposphere, above = found.air_mass_troposphere, found.air_mass_stratosphere
    slant = found.column * troposphere + stratosphere * above
    summed = found.column + stratosphere
    # The total air mass factor weighs both layers as the model expects them, not as retrieved.
    expected = 3e-5 * troposphere + STRATOSPHERE * above
    total_mass = expected / (3e-5 + STRATOSPHERE)
    noise = np.where(np.isnan(found.column), np.nan, 1.2e-5)
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
            np.isnan(stratosphere), np.nan, 3.3e-6
        ),
        "nitrogendioxide_total_column": slant / total_mass,
        "nitrogendioxide_total_column_precision": noise / total_mass,
        "nitrogendioxide_summed_total_column": summed,
        "nitrogendioxide_summed_total_column_precision": np.hypot(found.precision, 3.3e-6),
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
    a_edges = (level - b_edges) * 101_325.0
    a = np.stack([a_edges[:-1], a_edges[1:]], axis=1)
    b = np.stack([b_edges[:-1], b_edges[1:]], axis=1)
    height = -7.5 * np.log(np.maximum((level[1:] + level[:-1]) / 2, 1e-3))  # km
    rise = (1 - np.exp(-height / 3.0)).astype(np.float32)
    low = (0.8 * found.air_mass_troposphere / total_mass).astype(np.float32)[..., None]
    high = (found.air_mass_stratosphere / total_mass).astype(np.float32)[..., None]
    tropopause = np.full(total_mass.shape, int(np.searchsorted(height, 11.0)), np.int32)
    return low + (high - low) * rise, a, b, tropopause


def _surface(
    world: Scenery, x: np.ndarray, y: np.ndarray, found: Retrieval
) -> dict[str, np.ndarray]:
    x0, y0, x1, y1 = world.bounds
    inside = (x > x0) & (x < x1) & (y > y0) & (y < y1)
    altitude = np.zeros(x.shape)
    altitude[inside] = world.elevation(x[inside], y[inside])
    clear = found.cloud_fraction < 0.01
    pressure = 101_325.0 * np.exp(-altitude / SCALE_HEIGHT)
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
            clear, np.nan, SCALE_HEIGHT * np.log(101_325.0 / CLOUD_PRESSURE)
        ),
        "scene_albedo": SURFACE_ALBEDO + (CLOUD_ALBEDO - SURFACE_ALBEDO) * found.cloud_fraction,
        "apparent_scene_pressure": pressure + (CLOUD_PRESSURE - pressure) * bright,
        "aerosol_index_354_388": np.full(x.shape, -0.5),
        "snow_ice_flag": np.zeros(x.shape),
    }


def _centres(edges: np.ndarray) -> np.ndarray:
    return (edges[:-1, :-1] + edges[:-1, 1:] + edges[1:, 1:] + edges[1:, :-1]) / 4


def _times(naming: Naming, swath: Swath) -> dict[str, np.ndarray]:
    offset = (naming.orbit.node_time - naming.midnight).total_seconds()
    reference = (naming.midnight.date() - EPOCH).days * 86400
    return {
        "scanline": np.arange(len(swath.seconds)),
        "ground_pixel": np.arange(PIXELS),
        "corner": np.arange(DIMENSIONS["corner"]),
        "layer": np.arange(DIMENSIONS["layer"]),
        "time": np.array([reference]),
        "delta_time": np.rint(1000 * (swath.seconds + offset)),
    }
