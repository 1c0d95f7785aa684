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

    The window is centred on the cell that holds the site. With an even size no cell is central:
    the site's is the one at [size // 2, size // 2], so that one cell more lies north and west of
    it than south and east. A cell edge belongs to the cell east and north of it.

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
    offset = np.arange(size) - size // 2
    row = level3.grid.row_of(np.asarray(lat, float))[:, None] - offset  # north first
    column = level3.grid.column_of(np.asarray(lon, float))[:, None] + offset
    on_rows, on_columns = (row >= 0) & (row < rows), (column >= 0) & (column < columns)
    row, column = row.clip(0, rows - 1), column.clip(0, columns - 1)
    values = level3.mean[row[:, :, None], column[:, None, :]]
    mask = on_rows[:, :, None] & on_columns[:, None, :] & np.isfinite(values)
    return np.where(mask, values, 0).astype(np.float32), mask.astype(np.uint8)
