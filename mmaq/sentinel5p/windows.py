"""Sentinel-5P windows around sites, cut from the level-3 mean."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mmaq.base.errors import ProductError
from mmaq.sentinel5p.level3 import read_level3


def cut_windows(
    l3: Path, lon: np.ndarray, lat: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Cut ``size`` x ``size`` cells around each of n sites at ``lon``, ``lat`` (degrees).

    An odd window has the site's cell in its middle, an even one the cell corner nearest to the
    site, so that the middle of either lies within half a cell of the site, and of many sites on
    none of its sides. An edge belongs to the cell east and north of it; of corners equally near,
    the northern and eastern one is taken. On a grid of a whole turn, windows go on across its seam.

    Returns:
        values: (n, size, size) float32 in mol/m2, first row north; 0 where masked.
        mask: (n, size, size) uint8, 1 where the cell lies on the grid and has a value. A site off
            the grid gets what its window shares with the grid, down to nothing.

    Raises:
        ProductError: the level-3 mean cannot be read, or is not in mol/m2.
    """
    level3 = read_level3(l3)
    if level3.units != "mol m-2":
        fault = f"the mean is in {level3.units!r}, not in mol m-2"
        raise ProductError(l3, fault, "Grid a column given in mol m-2")
    rows, columns = level3.grid.shape
    row = _first(level3.grid.row_position(np.asarray(lat, float)), size)[:, None] + np.arange(size)
    row = row[:, ::-1]  # north first
    column = _first(level3.grid.column_position(np.asarray(lon, float)), size)[:, None]
    column = column + np.arange(size)
    if level3.grid.goes_round:
        column %= columns
    on_rows, on_columns = (row >= 0) & (row < rows), (column >= 0) & (column < columns)
    row, column = row.clip(0, rows - 1), column.clip(0, columns - 1)
    values = level3.mean[row[:, :, None], column[:, None, :]]
    mask = on_rows[:, :, None] & on_columns[:, None, :] & np.isfinite(values)
    return np.where(mask, values, 0).astype(np.float32), mask.astype(np.uint8)


def _first(position: np.ndarray, size: int) -> np.ndarray:
    """First cell of the window of ``size`` cells around each position, in cells along an axis.

    As ``mmaq.sentinel2.resample.window_start`` does it for pixels.
    """
    nearest_edge = 0.0 if size % 2 else 0.5
    return np.floor(position + nearest_edge).astype(np.int64) - size // 2
