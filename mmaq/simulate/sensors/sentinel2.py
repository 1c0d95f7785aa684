"""Sentinel-2 Level-2A: windows around the sites of each tile, on a few dates, at native pixels."""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmaq.base.sparse import Frame, SparseRaster
from mmaq.config.data import Period, Simulate
from mmaq.contracts.archive import SENTINEL2, Asset, Product, write_collection
from mmaq.simulate.sensors.scenery import EPSG, SIDE, Scenery, Tile, assign_tiles, over_workers
from mmaq.simulate.sensors.scenes import BASELINE, Scene, scenes_of
from mmaq.simulate.sensors.sky import Sky, make_sky
from mmaq.simulate.sensors.windows import FILES, OFFSET, observe, see_ground

ABOUT = "Sentinel-2 Level-2A, simulated: windows around sites in otherwise empty tiles"


@dataclass(frozen=True)
class _Job:
    world: Scenery
    config: Simulate
    period: Period
    places: np.ndarray
    folder: Path


def write_sentinel2(
    world: Scenery, config: Simulate, period: Period, root: Path, workers: int,
    whole: np.ndarray | None = None,
) -> None:  # fmt: skip
    """Write the collection: ``config.scene_dates`` products of every tile that holds a site.

    Only windows of 480 m are filled: those around the sites, over those around ``whole``, the
    centres (n, 2) in m of windows that cover an area; all of these lie in one tile. What an earlier
    run left of the collection is removed. The same seed gives the same bytes for any number of
    workers.

    Raises:
        ConfigError: the period holds too few passes for ``config.scene_dates``.
    """
    root = Path(root)
    shutil.rmtree(root / SENTINEL2, ignore_errors=True)
    # Sites come last: where windows meet, a later one is written over an earlier one.
    places = world.sites[["x", "y"]].to_numpy(float)
    if whole is not None:
        places = np.vstack([whole, places])
    members = assign_tiles(places[:, 0], places[:, 1])
    job = _Job(world, config, period, places, root / SENTINEL2)
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
    for x, y in job.places[members]:
        ground = see_ground(job.world, tile, x, y, job.config.seed)
        for scene, sky, files in zip(scenes, skies, rasters, strict=True):
            for name, values in observe(ground, scene, sky).items():
                pixel = files[name].frame.pixel
                row = round((tile.north - ground.north) / pixel)
                column = round((ground.west - tile.west) / pixel)
                files[name].put(row, column, values)
    return [
        _write_product(job.folder, scene, sky, files)
        for scene, sky, files in zip(scenes, skies, rasters, strict=True)
    ]


def _open_rasters(tile: Tile) -> dict[str, SparseRaster]:
    def frame(pixel: int) -> Frame:
        side = round(SIDE / pixel)
        return Frame(EPSG, tile.west, tile.north, (side, side), pixel)

    rasters = {
        name: SparseRaster(frame(pixel), bands, "uint16", block)
        for name, (pixel, bands, block) in FILES.items()
    }
    return rasters | {"SCL": SparseRaster(frame(20), ("SCL",), "uint8", 64)}


def _write_product(folder: Path, scene: Scene, sky: Sky, files: dict[str, SparseRaster]) -> Product:
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
