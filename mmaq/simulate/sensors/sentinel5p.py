"""Sentinel-5P: one L2 NO2 granule of the official layout every few days."""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from pyproj import Transformer

from mmaq.config.data import Period, Simulate
from mmaq.contracts.archive import SENTINEL5P, Asset, Product, write_collection
from mmaq.simulate.sensors.granule import VERSION, Naming, write_granule
from mmaq.simulate.sensors.layout import DIMENSIONS
from mmaq.simulate.sensors.orbits import PIXELS, Orbit, Swath, orbit_of, swath_over
from mmaq.simulate.sensors.retrieval import (
    Retrieval,
    cloud_fraction,
    column_fields,
    footprint_mean,
    retrieve,
    surface_fields,
)
from mmaq.simulate.sensors.scenery import Scenery, over_workers, rng_of
from mmaq.simulate.sensors.spectra import sun_angles

ABOUT = "Sentinel-5P TROPOMI L2 NO2, simulated in the official NetCDF layout"

MARGIN = 0.4
"""Degrees around the land that a granule covers."""

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
    bbox = (
        swath.lon_edges.min(),
        swath.lat_edges.min(),
        swath.lon_edges.max(),
        swath.lat_edges.max(),
    )
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
    return found, values | column_fields(found, day) | surface_fields(world, x, y, found)


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
