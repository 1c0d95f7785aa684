"""The stages ``map_area``, ``exposure`` and ``map_page``: an area mapped, what its people breathe,
and what a reader has to know of it."""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import rasterio
from joblib import Parallel, delayed
from tqdm import tqdm

from mmaq.base.arrays import read_array
from mmaq.base.digest import code_digest
from mmaq.base.errors import ConfigError, ProductError
from mmaq.base.files import sha256
from mmaq.base.rasters import open_raster
from mmaq.config.data import Covariates, Landuse, Patches, Period
from mmaq.config.evaluation import Evaluate
from mmaq.config.map import Area, Map
from mmaq.contracts.archive import ANCILLARY, SENTINEL2, SENTINEL5P, Product, has_collection
from mmaq.contracts.context import COVARIATE, GEONAMES
from mmaq.contracts.estimator import read_estimator
from mmaq.estimators.features import ANYWHERE
from mmaq.map.bands import bands_of
from mmaq.map.districts import ninths, read_districts
from mmaq.map.exposure import fields_of, write_exposure
from mmaq.map.geotiff import write_geotiff
from mmaq.map.grid import BATCH, MapGrid, Square
from mmaq.map.people import people_of
from mmaq.map.show import depict, explain
from mmaq.map.tile import Asked, describe_sheet, make_tile
from mmaq.map.truth import cell_means, true_area
from mmaq.predict.stage import Loaded, load

TILE = 4 * BATCH
"""Cells a side of a tile: its patches, some 100 MB, are in memory at once."""

SHEET = 8 * BATCH
"""Cells a side of what is described at once: a multiple of TILE. Reading the maps for so many cells
costs a tenth of describing them."""

MAP_ANEW = "Make it with `mmaq map`"

log = logging.getLogger(__name__)


def map_area(
    *,
    area: Area,
    config: Map,
    archive: Path | None,
    l3: Path | None,
    estimator: Path,
    landuse: Landuse,
    patches: Patches,
    period: Period,
    threads: int,
    workers: int,
    work: Path,
    out: Path,
) -> None:
    """Map what an estimator predicts at every cell of an area (contract 6).

    Tiles that an earlier run of the same inputs made are taken as they are, so that a killed run
    goes on where it was.

    Args:
        area: name, box, resolution and land.
        config: siting and limits.
        archive: contract 1, with its maps; None of a published table, whose cells are described by
            the packaged places and rasters of the user's own.
        l3: the level-3 mean; None where there is no Sentinel-5P.
        estimator: contract 6.
        landuse, patches: how a site is described and cut; as for the stations it was fitted to.
            Columns of the user's own are made where the estimator reads them, from a raster.
        period: of the images, which the map says.
        threads: of torch and of linear algebra, each process.
        workers: processes side by side.
        work: a folder for the tiles.
        out: the GeoTIFF; a STAC item and a picture lie beside it.

    Raises:
        ConfigError: the area has no box or no cell, the archive has no maps, or the estimator
            reads columns of the user's own from a table of sites, or what nobody knows of a cell.
        CheckpointError: the estimator cannot be read.
        TableError: the cells' surroundings are of another kind than those of the fit.
        ArchiveError, ProductError: a product is missing or damaged.
    """
    truth = true_area(archive)
    grid = _grid(area, truth)
    pollutant, tiers = load(estimator)
    _check_known(archive, tiers)
    landuse = _for_cells(landuse, tiers)
    land = None if area.land is None else Path(area.land)
    made_from = _digest(grid, config, archive, land, l3, estimator, landuse, patches)
    asked = Asked(
        grid, archive, land, l3, estimator, config.siting, config.thresholds, landuse, patches,
        threads, work / made_from,
    )  # fmt: skip
    asked.folder.mkdir(parents=True, exist_ok=True)
    sheets = {sheet: _with_cells(asked, sheet) for sheet in grid.tiles(SHEET)}
    tiles = [tile for held in sheets.values() for tile in held]
    if not tiles:
        fault = f"no cell of {area.resolution_m:g} m has its middle in the box"
        fault += "" if land is None else f", and data in {land}"
        raise ConfigError(f"map.areas {area.name}", fault, "Give a larger one, or smaller cells")
    missing = {
        sheet: [tile for tile in held if not asked.path(tile).exists()]
        for sheet, held in sheets.items()
    }
    log.info("%s: %d x %d cells, %d of %d tiles are still to be made", area.name, grid.rows,
             grid.columns, sum(map(len, missing.values())), len(tiles))  # fmt: skip
    _make(asked, missing, workers)
    bands = bands_of(pollutant, config.thresholds, [each.tier for each in tiers])
    tags = {
        "estimator": sha256(estimator), "siting": config.siting,
        "sources": ", ".join(_sources(archive, landuse)),
    }  # fmt: skip
    write_geotiff(out, grid, bands, _read(asked, tiles), tags)
    depict(out, area.name, grid, bands, period, tags, truth)
    shutil.rmtree(work)
    log.info("%s: %d bands, EPSG:%d", out, len(bands), grid.epsg)


def exposure(
    *, area: Area, config: Map, raster: Path, archive: Path, estimator: Path, out: Path
) -> None:
    """Tell what the people of a mapped area and of its districts breathe, with 90 % intervals.

    Args:
        area: as it was mapped.
        config: limits, and the file of districts.
        raster: the map.
        archive: contract 1, whose map of population says where people live.
        estimator: contract 6, by which it was mapped: its out-of-fold errors at stations tell how
            alike those of neighbouring cells are.
        out: a table (CSV), a row an area or district; the districts lie beside it as a GeoPackage.

    Raises:
        CheckpointError: the estimator cannot be read.
        ProductError: the map was made by another one, or of another box or resolution, the map of
            population is damaged, or the districts cannot be read or lie elsewhere.
        ArchiveError: there is no map of population.
    """
    truth = true_area(archive)
    grid = _grid(area, truth)
    _check_cells(raster, grid)
    with rasterio.open(raster) as file:
        made_by = file.tags().get("estimator")
    if made_by != sha256(estimator):
        raise ProductError(raster, f"it was not made by {estimator}", MAP_ANEW)
    errors = [each.intervals.errors for each in load(estimator)[1] if each.intervals is not None]
    own = config.districts
    districts = read_districts(Path(own), config.district_name, grid) if own else ninths(grid)
    true = None if truth is None else cell_means(truth.asset("no2").path, grid)[0]
    write_exposure(
        out, area.name, grid, raster, people_of(archive, grid), districts, true,
        fields_of(errors[0] if errors else None), config.thresholds,
    )  # fmt: skip
    log.info("%s: %d districts", out, len(districts))


def map_page(
    *,
    area: Area,
    raster: Path,
    archive: Path | None,
    estimator: Path,
    period: Period,
    sites: Path,
    table: Path | None,
    exposed: Path | None,
    compared: Path | None,
    evaluate: Evaluate,
    out: Path,
) -> None:
    """Write the page of a map: one file that opens offline.

    Args:
        area: as it was mapped.
        raster: the map.
        archive: contract 1; None of a published table.
        estimator: contract 6, by which it was mapped.
        period: of the images.
        sites: contract 2, whose stations the page shows.
        table: contract 5, whose row of the estimator the page shows; None where it has none.
        exposed: what `exposure` wrote of the map; None where nobody knows who lives there.
        compared: where the comparison with the truth is written (CSV), without a row where that is
            not known; None of a country that is not simulated.
        evaluate: how the benchmark splits stations, whose distances the page shows where some are
            matched to those of a map.
        out: the page.

    Raises:
        CheckpointError: the estimator cannot be read.
        TableError: the site table or the benchmark table is missing or broken.
        ArchiveError, ProductError: the truth is damaged, or the map is of another box or
            resolution.
    """
    truth = true_area(archive)
    _, tiers = read_estimator(estimator)
    grid = _grid(area, truth)
    _check_cells(raster, grid)
    explain(
        out,
        raster,
        area.name,
        grid,
        tiers,
        period,
        sites,
        truth,
        table,
        exposed,
        compared,
        evaluate,
    )


def _grid(area: Area, truth: Product | None) -> MapGrid:
    """The cells of an area; one without a box is that of which the truth is known."""
    box = area.bbox or (truth.bbox if truth is not None else None)
    if box is None:
        raise ConfigError(f"map.areas {area.name}", "it has no bbox", "Give it one")
    return MapGrid.of(box, area.resolution_m)


def _check_cells(raster: Path, grid: MapGrid) -> None:
    """Refuse a map that has other cells than its area: this was edited since it was mapped."""
    with open_raster(raster, MAP_ANEW) as file:
        system = None if file.crs is None else file.crs.to_epsg()
        same = system == grid.epsg and file.shape == (grid.rows, grid.columns)
        if not (same and file.transform.almost_equals(grid.transform)):
            raise ProductError(raster, "the map is of another box or resolution", MAP_ANEW)


def _check_known(archive: Path | None, tiers: list[Loaded]) -> None:
    """Refuse an estimator that reads of stations what nobody knows of cells without an archive."""
    for each in tiers if archive is None else []:
        unknown = set(each.tier.modalities.split("+")) - set(ANYWHERE.split("+"))
        if unknown:
            fault = f"{each.tier.method} reads {', '.join(sorted(unknown))}, which a published"
            fault += " table knows of its stations alone"
            raise ConfigError("predict.method", fault, "Set it to gbm_context_kriging_map")


def _for_cells(landuse: Landuse, tiers: list[Loaded]) -> Landuse:
    """The settings of land use, without columns of the user's own that the estimator lacks."""
    own = landuse.covariates
    if not own.files or not any(each.tier.around.get("covariates") for each in tiers):
        return landuse.model_copy(update={"covariates": Covariates()})
    if own.file is not None:
        fault = f"{own.file} is a table of sites, which knows nothing of the cells of a map"
        remedy = "Give these columns as rasters, or fit an estimator without them"
        raise ConfigError("landuse.covariates.file", fault, remedy)
    return landuse


def _with_cells(asked: Asked, sheet: Square) -> list[Square]:
    """The tiles of a sheet that have a cell to be mapped."""
    return [tile for tile in asked.grid.tiles(TILE, sheet) if len(asked.cells(tile))]


def _make(asked: Asked, missing: dict[Square, list[Square]], workers: int) -> None:
    """Make the tiles of sheets; what a killed process was cutting is removed first."""
    for left in asked.folder.glob(".cut*"):
        shutil.rmtree(left, ignore_errors=True)
    bare = [
        (sheet, tiles) for sheet, tiles in missing.items()
        if not all(asked.table(tile).exists() for tile in tiles)
    ]  # fmt: skip
    _tell_lacking(_each(describe_sheet, [(asked, *each) for each in bare], workers, "land use"))
    tiles = [tile for held in missing.values() for tile in held]
    _each(make_tile, [(asked, tile) for tile in tiles], workers, "tiles")


def _tell_lacking(lacking: Sequence[pd.Series]) -> None:
    """One line of what cells lack, in all sheets that were described.

    What no cell has is not told but of the user's own rasters: an archive need not have all maps.
    """
    if not lacking:
        return
    total = pd.concat(lacking, axis=1).sum(axis=1)
    cells, known = total["cells"], total.drop("cells")
    own = known.index.str.startswith(COVARIATE)
    told = known[(known > 0) & ((known < cells) | own)]
    if len(told):
        alike = told.groupby(told).groups.items()
        parts = [f"{count} lack {', '.join(names)}" for count, names in alike]
        log.warning("of %d cells, %s", cells, "; ".join(parts))


def _each(
    function: Callable[..., Any], calls: Sequence[tuple[Any, ...]], workers: int, about: str
) -> list[Any]:
    """What a function gives of each of the arguments, called on some processes, in any order.

    They are new ones and no forks of this one: the trees of the estimator have started threads
    here, for which a fork would wait for ever.
    """
    processes = Parallel(max(1, min(workers, len(calls))), return_as="generator_unordered")
    results = processes(delayed(function)(*given) for given in calls)
    return list(tqdm(results, total=len(calls), desc=about, disable=None))


def _read(asked: Asked, tiles: list[Square]) -> Iterator[tuple[Square, np.ndarray]]:
    for tile in tiles:
        remedy = "Remove it: the same command makes it again"
        yield tile, read_array(asked.path(tile), ProductError, remedy)


def _sources(archive: Path | None, landuse: Landuse) -> list[str]:
    """What the cells are made from: collections, or the packaged places; rasters by file name."""
    rasters = [Path(file).name for file in landuse.covariates.rasters.values()]
    if archive is None:
        return [GEONAMES, *rasters]
    names = (ANCILLARY, SENTINEL2, SENTINEL5P)
    return [*(name for name in names if has_collection(archive, name)), *rasters]


def _digest(
    grid: MapGrid,
    config: Map,
    archive: Path | None,
    land: Path | None,
    l3: Path | None,
    estimator: Path,
    landuse: Landuse,
    patches: Patches,
) -> str:
    """A name for what decides the tiles: settings, code, and every file that they are made from."""
    own = landuse.covariates
    files = [estimator, *(path for path in (land, l3) if path is not None)]
    if archive is not None:
        files += [archive / name / "collection.json" for name in (ANCILLARY, SENTINEL2)]
    files += map(Path, own.files)
    around = landuse.radius_m, landuse.potential, own
    settings = [grid, config.siting, config.thresholds, around, patches]
    told = [
        repr(settings),
        code_digest("mmaq.map.tile.describe_sheet", "mmaq.map.tile.make_tile"),
        *(sha256(path) for path in files if path.exists()),
    ]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]
