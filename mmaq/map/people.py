"""How many people live in each cell of a map, from the archive's map of their density."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
from pyproj import Transformer
from rasterio import DatasetReader
from rasterio.enums import Resampling
from rasterio.transform import from_origin
from rasterio.warp import reproject, transform_bounds

from mmaq.base.errors import ProductError
from mmaq.base.rasters import on_raster, opened_map, read_pixels
from mmaq.contracts.archive import ANCILLARY, read_product
from mmaq.contracts.sites import DENSITIES
from mmaq.landuse.discs import full_turn
from mmaq.map.districts import bounds_of
from mmaq.map.grid import BATCH, MapGrid

REMEDY = "Give people per km2, with the no-data value declared in its tags"

log = logging.getLogger(__name__)


def people_of(archive: Path, grid: MapGrid) -> np.ndarray:
    """People in each cell, (rows, columns).

    Raises:
        ArchiveError: the archive has no map of population.
        ProductError: it is damaged, or holds an impossible density.
    """
    asset = read_product(archive, ANCILLARY, "population").asset("data")
    asset.verify()
    return people_within(asset.path, grid)


def people_within(path: Path, grid: MapGrid) -> np.ndarray:
    """People in each cell, (rows, columns): mean density over the cell times its surface.

    Nobody is counted where the map of density has no data. One in degrees may begin anywhere, at 0
    or at -180.

    Args:
        path: a raster of people per km2.
        grid: the cells.

    Raises:
        ProductError: the raster cannot be read, or holds an impossible density.
    """
    with opened_map(path) as raster:
        west, south, east, north = transform_bounds(
            f"EPSG:{grid.epsg}", raster.crs, *bounds_of(grid), densify_pts=51
        )
        turn = full_turn(raster.crs)
        if turn is not None and east < west:  # cells reach across the antimeridian
            east += turn
        columns, rows = ~raster.transform * (
            np.array([west, west, east, east]), np.array([south, north, south, north])
        )  # fmt: skip
        left, top = int(np.floor(columns.min())) - 2, int(np.floor(rows.min())) - 2
        width, height = (int(np.ceil(each.max())) + 2 for each in (columns, rows))
        values = _on_any_turn(raster, turn, top, left, height - top, width - left)
        moved = raster.transform * raster.transform.translation(left, top)
        system, off = raster.crs, _share_off(raster, turn, grid)
    if off > 0.0:
        log.warning("%s: %.3g %% of the area lies off this map: nobody is counted there", path,
                    100.0 * off)  # fmt: skip
    known = values[np.isfinite(values)]
    bad = known[(known < DENSITIES[0]) | (known > DENSITIES[1])]
    if len(bad):
        raise ProductError(path, f"holds the impossible density {bad[0]:g}", REMEDY)
    if len(known) < values.size:
        share = 100.0 * (1.0 - len(known) / values.size)
        log.info("%s: no data in %.0f %% of the area, where nobody is counted", path, share)
    density = np.zeros((grid.rows, grid.columns))
    size, (edge, _, _, upper) = grid.resolution, bounds_of(grid)
    reproject(
        np.nan_to_num(values), density, src_transform=moved, src_crs=system,
        dst_transform=from_origin(edge, upper, size, size), dst_crs=f"EPSG:{grid.epsg}",
        resampling=Resampling.average,
    )  # fmt: skip
    return density * grid.surfaces()


def _on_any_turn(
    raster: DatasetReader, turn: float | None, row: int, column: int, height: int, width: int
) -> np.ndarray:
    """The window of ``read_pixels``; what lies off the raster is looked for a full ``turn`` to the
    east and to the west, to the nearest pixel."""
    values = read_pixels(raster, [1], row, column, height, width).values[0]
    if turn is not None:
        columns = round(turn / raster.transform.a)
        for start in (column - columns, column + columns):
            other = read_pixels(raster, [1], row, start, height, width).values[0]
            values = np.where(np.isnan(values), other, values)
    return values


def _share_off(raster: DatasetReader, turn: float | None, grid: MapGrid) -> float:
    """Share of the area's cells whose middle lies off the raster."""
    to_raster = Transformer.from_crs(4326, raster.crs, always_xy=True)
    cells, off, west = 0, 0, raster.bounds.left
    for square in grid.tiles(64 * BATCH):
        _, _, lon, lat = grid.inside(square)
        x, y = to_raster.transform(lon, lat)
        if turn is not None:
            x = west + (x - west) % turn
        cells, off = cells + len(x), off + int((~on_raster(raster, x, y)).sum())
    return off / max(cells, 1)
