"""The stage ``map_area``: an area as a map of its own, with what a reader needs to judge it."""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mmaq.base.digest import code_digest
from mmaq.base.errors import ConfigError
from mmaq.base.files import sha256
from mmaq.config.data import Landuse, Patches, Period
from mmaq.config.map import Area, Map
from mmaq.contracts.archive import ANCILLARY, SENTINEL2, SENTINEL5P, has_collection
from mmaq.map.bands import bands_of
from mmaq.map.geotiff import write_geotiff
from mmaq.map.grid import BATCH, MapGrid, Square
from mmaq.map.show import show
from mmaq.map.tile import Asked, make_tile
from mmaq.map.truth import true_area
from mmaq.predict.stage import load

TILE = 4 * BATCH
"""Cells a side of a tile: its patches, some 100 MB, are in memory at once."""

log = logging.getLogger(__name__)


def map_area(
    *,
    area: Area,
    config: Map,
    archive: Path,
    l3: Path | None,
    estimator: Path,
    landuse: Landuse,
    patches: Patches,
    period: Period,
    threads: int,
    workers: int,
    sites: Path,
    work: Path,
    out: Path,
) -> None:
    """Map what an estimator predicts at every cell of an area (contract 6).

    Tiles that an earlier run of the same inputs made are taken as they are, so that a killed run
    goes on where it was.

    Args:
        area: name, box and resolution.
        config: siting and limits.
        archive: contract 1, with its maps.
        l3: the level-3 mean; None where there is no Sentinel-5P.
        estimator: contract 6.
        landuse, patches: how a site is described and cut; as for the stations it was fitted to.
        period: of the images, which the map says.
        threads: of torch and of linear algebra, each process.
        workers: processes side by side.
        sites: contract 2, whose stations the page shows.
        work: a folder for the tiles.
        out: the GeoTIFF; a STAC item, a picture and a page lie beside it, and a comparison with the
            truth where that is known.

    Raises:
        ConfigError: the area is empty, or the archive has no maps.
        CheckpointError: the estimator cannot be read.
        ArchiveError, ProductError: a product is missing or damaged.
    """
    truth = true_area(archive)
    box = area.bbox or (truth.bbox if truth is not None else None)
    if box is None:
        raise ConfigError(f"map.areas {area.name}", "it has no bbox", "Give it one")
    pollutant, tiers = load(estimator)
    grid = MapGrid.of(box, area.resolution_m)
    made_from = _digest(grid, config, archive, l3, estimator, landuse, patches)
    asked = Asked(
        grid, archive, l3, estimator, config.siting, config.thresholds, landuse, patches, threads,
        work / made_from,
    )  # fmt: skip
    asked.folder.mkdir(parents=True, exist_ok=True)
    tiles = list(grid.tiles(TILE))
    missing = [tile for tile in tiles if not asked.path(tile).exists()]
    log.info("%s: %d x %d cells, %d of %d tiles are made already", area.name, grid.rows,
             grid.columns, len(tiles) - len(missing), len(tiles))  # fmt: skip
    _make(asked, missing, workers)
    described = [each.tier for each in tiers]
    bands = bands_of(pollutant, config.thresholds, described)
    tags = {
        "estimator": sha256(estimator), "siting": config.siting,
        "sources": ", ".join(_sources(archive)),
    }  # fmt: skip
    write_geotiff(out, grid, bands, _read(asked, tiles), tags)
    show(out, area.name, grid, bands, described, period, tags, sites, truth)
    shutil.rmtree(work)
    log.info("%s: %d bands, EPSG:%d", out, len(bands), grid.epsg)


def _make(asked: Asked, tiles: list[Square], workers: int) -> None:
    """Make tiles; what a killed process was cutting is removed first."""
    for left in asked.folder.glob(".cut*"):
        shutil.rmtree(left, ignore_errors=True)
    with tqdm(total=len(tiles), desc="tiles", disable=None) as bar:
        for _ in _each(partial(make_tile, asked), tiles, workers):
            bar.update()


def _each(function: partial[None], tiles: list[Square], workers: int) -> Iterable[None]:
    if workers == 1 or len(tiles) < 2:
        yield from map(function, tiles)
        return
    with ProcessPoolExecutor(min(workers, len(tiles))) as pool:
        for done in as_completed([pool.submit(function, tile) for tile in tiles]):
            yield done.result()


def _read(asked: Asked, tiles: list[Square]) -> Iterator[tuple[Square, np.ndarray]]:
    for tile in tiles:
        yield tile, np.load(asked.path(tile))


def _sources(archive: Path) -> list[str]:
    """Collections that the cells are made from."""
    names = (ANCILLARY, SENTINEL2, SENTINEL5P)
    return [name for name in names if has_collection(archive, name)]


def _digest(
    grid: MapGrid,
    config: Map,
    archive: Path,
    l3: Path | None,
    estimator: Path,
    landuse: Landuse,
    patches: Patches,
) -> str:
    """A name for what decides the tiles: settings, code, and every file that they are made from."""
    listed = [archive / name / "collection.json" for name in (ANCILLARY, SENTINEL2)]
    files = [estimator, *listed, *([] if l3 is None else [l3])]
    settings = [grid, config.siting, config.thresholds, landuse.radius_m, patches]
    told = [
        repr(settings),
        code_digest("mmaq.map.tile.make_tile"),
        *(sha256(path) for path in files if path.exists()),
    ]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]
