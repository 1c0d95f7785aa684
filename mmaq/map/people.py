"""How many people live in each cell of a map, from the archive's map of their density."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
from rasterio.enums import Resampling
from rasterio.transform import from_origin
from rasterio.warp import reproject, transform_bounds

from mmaq.base.errors import ProductError
from mmaq.base.rasters import opened_map, read_pixels
from mmaq.contracts.archive import ANCILLARY, read_product
from mmaq.contracts.sites import DENSITIES
from mmaq.map.districts import bounds_of
from mmaq.map.grid import MapGrid

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
    """People in each cell, (rows, columns): mean density over the cell times its area.

    Nobody is counted where the map of density has no data.

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
        columns, rows = ~raster.transform * (
            np.array([west, west, east, east]), np.array([south, north, south, north])
        )  # fmt: skip
        left, top = int(np.floor(columns.min())) - 2, int(np.floor(rows.min())) - 2
        width, height = (int(np.ceil(each.max())) + 2 for each in (columns, rows))
        pixels = read_pixels(raster, [1], top, left, height - top, width - left)
        moved = raster.transform * raster.transform.translation(left, top)
        values, system = pixels.values[0], raster.crs
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
    return density * (size / 1000.0) ** 2
