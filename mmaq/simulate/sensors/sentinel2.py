"""Sentinel-2 Level-2A: windows around the sites of each tile, on a few dates, at native pixels."""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmaq.archive import SENTINEL2, Asset, Product, write_collection
from mmaq.config.data import Period, Simulate
from mmaq.simulate.sensors.noise import ground_noise
from mmaq.simulate.sensors.rasters import SparseRaster
from mmaq.simulate.sensors.scenery import Scenery, over_workers, rng_of
from mmaq.simulate.sensors.scenes import BASELINE, Scene, scenes_of
from mmaq.simulate.sensors.sky import Sky, classify, make_sky, through
from mmaq.simulate.sensors.spectra import BANDS, growth, surface_reflectance
from mmaq.simulate.sensors.tiles import EPSG, SIDE, Tile, assign_tiles

ABOUT = "Sentinel-2 Level-2A, simulated: windows around sites in otherwise empty tiles"
WINDOW = 480
"""Side in m of what is written around a site: eight 60 m pixels."""
OFFSET = 1000
"""DN = reflectance x 10000 + OFFSET since processing baseline 04.00; DN 0 is no data."""
FILES = {
    "R10m": (10, ("B02", "B03", "B04", "B08"), 128),
    "R20m": (20, ("B05", "B06", "B07", "B8A", "B11", "B12"), 64),
    "R60m": (60, ("B01", "B09"), 32),
}
"""Asset: pixel in m, bands, block side in pixels."""
NOISE = {10: (18.0, 0.008), 20: (12.0, 0.006), 60: (10.0, 0.005)}
"""By pixel: standard deviation of the noise in DN, and its part in proportion to reflectance."""


@dataclass(frozen=True)
class _Job:
    world: Scenery
    config: Simulate
    period: Period
    sites: pd.DataFrame
    folder: Path


@dataclass(frozen=True)
class Ground:
    """What one window shows on every date; points are 10 m pixels, (48 * 48,), first row north."""

    west: float
    north: float
    x: np.ndarray
    y: np.ndarray
    cover: np.ndarray
    vigour: np.ndarray
    slopes: tuple[np.ndarray, np.ndarray]  # rise to the east and to the north, m/m
    brightness: np.ndarray
    tint: np.ndarray


def write_sentinel2(
    world: Scenery, config: Simulate, period: Period, root: Path, workers: int
) -> None:
    """Write the collection: ``config.scene_dates`` products of every tile that holds a site.

    Only windows of 480 m around the sites are filled; what an earlier run left of the collection
    is removed. The same seed gives the same bytes for any number of workers.

    Raises:
        ConfigError: the period holds too few passes for ``config.scene_dates``.
    """
    root = Path(root)
    shutil.rmtree(root / SENTINEL2, ignore_errors=True)
    sites = world.sites[["x", "y"]].reset_index(drop=True)
    members = assign_tiles(sites["x"].to_numpy(float), sites["y"].to_numpy(float))
    job = _Job(world, config, period, sites, root / SENTINEL2)
    # Full tiles first, so that the last worker is not left alone with a large one.
    tasks = sorted(members.items(), key=lambda item: (-len(item[1]), item[0]))
    found = over_workers(_write_tile, job, tasks, workers, "Sentinel-2 tiles")
    products = [product for products in found for product in products]
    write_collection(root, SENTINEL2, ABOUT, products)
    logging.getLogger(__name__).info(
        "wrote %d Sentinel-2 products of %d tiles", len(products), len(members)
    )


def _write_tile(job: _Job, task: tuple[Tile, np.ndarray]) -> list[Product]:
    tile, members = task
    scenes = scenes_of(tile, job.config.seed, job.period, job.config.scene_dates)
    skies = [make_sky(scene) for scene in scenes]
    rasters = [_open_rasters(tile) for _ in scenes]
    for x, y in job.sites.loc[members, ["x", "y"]].to_numpy(float):
        ground = see_ground(job.world, tile, x, y, job.config.seed)
        for scene, sky, files in zip(scenes, skies, rasters, strict=True):
            for name, values in observe(ground, scene, sky).items():
                pixel = files[name].pixel
                row = round((tile.north - ground.north) / pixel)
                column = round((ground.west - tile.west) / pixel)
                files[name].put(row, column, values)
    return [
        _write_product(job.folder, scene, sky, files)
        for scene, sky, files in zip(scenes, skies, rasters, strict=True)
    ]


def see_ground(world: Scenery, tile: Tile, x: float, y: float, seed: int) -> Ground:
    """The window around a site, its corner on the tile's 60 m grid."""
    snap = 60.0
    west = tile.west + np.rint((x - WINDOW / 2 - tile.west) / snap) * snap
    north = tile.north - np.rint((tile.north - y - WINDOW / 2) / snap) * snap
    steps = np.arange(5.0, WINDOW, 10.0)
    ys, xs = np.meshgrid(north - steps, west + steps, indexing="ij")
    xs, ys = xs.ravel(), ys.ravel()
    pixels = (np.floor(xs / 10).astype(np.int64), np.floor(ys / 10).astype(np.int64))
    return Ground(
        float(west), float(north), xs, ys,
        np.asarray(world.cover(xs, ys), np.float32),
        np.asarray(world.greenness(xs, ys), np.float32),
        _slopes(world, float(west), float(north)),
        ground_noise(*pixels, 2 * seed),
        ground_noise(*pixels, 2 * seed + 1),
    )  # fmt: skip


def _slopes(world: Scenery, west: float, north: float) -> tuple[np.ndarray, np.ndarray]:
    """Slopes from heights on a 60 m lattice, constant in each cell."""
    steps = np.arange(0.0, WINDOW + 1, 60.0)
    ys, xs = np.meshgrid(north - steps, west + steps, indexing="ij")
    height = np.asarray(world.elevation(xs.ravel(), ys.ravel()), np.float64).reshape(xs.shape)
    east = np.diff(height, axis=1)[:-1] / 60.0
    northward = -np.diff(height, axis=0)[:, :-1] / 60.0
    fine = [np.kron(slope, np.ones((6, 6))).ravel() for slope in (east, northward)]
    return fine[0].astype(np.float32), fine[1].astype(np.float32)


def observe(ground: Ground, scene: Scene, sky: Sky) -> dict[str, np.ndarray]:
    """One window as the product's files hold it: asset -> (bands, height, width).

    Bands of 20 and 60 m are means over the 10 m truth; noise is the instrument's, so each native
    pixel has its own.
    """
    truth, classes = render(ground, scene, sky)
    rng = rng_of(*scene.key, 2, round(ground.west), round(ground.north))
    result = {}
    for name, (pixel, bands, _) in FILES.items():
        values = block_mean(truth[[BANDS.index(band) for band in bands]], pixel // 10)
        constant, share = NOISE[pixel]
        sigma = np.hypot(constant, share * values)
        noisy = values + sigma * rng.standard_normal(values.shape, np.float32) + OFFSET
        result[name] = np.clip(np.rint(noisy), 1, 65535).astype(np.uint16)
    return result | {"SCL": classes}


def render(ground: Ground, scene: Scene, sky: Sky) -> tuple[np.ndarray, np.ndarray]:
    """Noise-free reflectance x 10000 (12, 48, 48) at 10 m and the classification (1, 24, 24)."""
    side = WINDOW // 10
    green = growth(scene.day_of_year, ground.vigour)
    surface = surface_reflectance(ground.cover, green, ground.brightness, ground.tint)
    surface = surface * _illumination(ground, scene)[:, None]
    air = sky.over(ground.x, ground.y)
    truth = through(air, surface).T.reshape(len(BANDS), side, side)

    def coarse(values: np.ndarray) -> np.ndarray:
        """Means over 20 m of (n, ...) values."""
        stack = np.reshape(values.T, (-1, side, side))
        return block_mean(stack, 2).reshape(len(stack), -1).T

    view = type(air)(*(coarse(np.asarray(values))[:, 0] for values in vars(air).values()))
    classes = classify(view, coarse(ground.cover), coarse(green))
    return truth, classes.reshape(1, side // 2, side // 2)


def _illumination(ground: Ground, scene: Scene) -> np.ndarray:
    """What the terrain correction leaves: half of the cosine law on slopes (Richter 1998)."""
    zenith, azimuth = np.deg2rad(scene.sun)
    east, north = ground.slopes
    tilt = np.tan(min(zenith, np.deg2rad(75))) * (
        east * np.sin(azimuth) + north * np.cos(azimuth)
    )
    return np.clip(1 - 0.5 * tilt, 0.6, 1.4).astype(np.float32)


def block_mean(values: np.ndarray, size: int) -> np.ndarray:
    """Means of (bands, height, width) over blocks of ``size`` x ``size`` pixels."""
    bands, height, width = values.shape
    blocks = values.reshape(bands, height // size, size, width // size, size)
    return blocks.mean(axis=(2, 4), dtype=np.float32)


def _open_rasters(tile: Tile) -> dict[str, SparseRaster]:
    corner = tile.west, tile.north
    rasters = {
        name: SparseRaster(*corner, round(SIDE / pixel), pixel, bands, "uint16", block)
        for name, (pixel, bands, block) in FILES.items()
    }
    return rasters | {"SCL": SparseRaster(*corner, round(SIDE / 20), 20, ("SCL",), "uint8", 64)}


def _write_product(
    folder: Path, scene: Scene, sky: Sky, files: dict[str, SparseRaster]
) -> Product:
    assets = {}
    for name, raster in files.items():
        path = folder / scene.id / f"{name}.tif"
        raster.write(path)
        assets[name] = Asset(path, raster.bands)
    zenith, azimuth = scene.sun
    properties: dict[str, Any] = {
        "processor_version": BASELINE,
        "s2:processing_baseline": BASELINE,
        "boa_offset": -OFFSET,
        "s2:mgrs_tile": scene.tile.name,
        "sat:relative_orbit": scene.orbit,
        "platform": f"sentinel-{scene.satellite[1:].lower()}",
        "instruments": ["msi"],
        "proj:epsg": EPSG,
        "eo:cloud_cover": round(100 * sky.cloud_cover, 2),
        "view:sun_elevation": round(90 - zenith, 3),
        "view:sun_azimuth": round(azimuth % 360, 3),
    }
    return Product(scene.id, SENTINEL2, scene.time, scene.tile.bbox, assets, properties)
