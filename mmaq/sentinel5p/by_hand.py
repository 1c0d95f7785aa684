"""Gridding without an archive: files to a file, and arrays to a data set for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike

from mmaq.config.data import Grid
from mmaq.contracts.archive import Asset
from mmaq.sentinel5p.accumulator import Accumulator, accumulate
from mmaq.sentinel5p.granule import Footprints, Granule
from mmaq.sentinel5p.grid import RegularGrid
from mmaq.sentinel5p.level3 import CELLS, axes, describe, finish

if TYPE_CHECKING:
    import xarray as xr


def grid_files(paths: Sequence[Path], config: Grid, out: Path, workers: int = 1) -> None:
    """Grid level-2 files into the level-3 mean ``out`` in one go.

    Raises:
        ProductError: no pixel of any file falls on the grid; or, with ``config.strict``, a file
            cannot be read; see ``read_granule``.
    """
    sums = Accumulator.empty(RegularGrid.from_config(config))
    sources = [Asset(Path(path)) for path in sorted(map(str, paths))]
    accumulate(sources, config, sums, workers)
    finish(sums, config, out)


def grid_arrays(
    longitude: ArrayLike,
    latitude: ArrayLike,
    values: ArrayLike,
    bbox: tuple[float, float, float, float],
    resolution: float,
    precision: ArrayLike | None = None,
    area: Literal["degrees", "sphere"] = "degrees",
) -> xr.Dataset:
    """Average footprints on a regular grid by their exact overlap with its cells.

    Args:
        longitude: (..., 4) degrees, the corners of each footprint in order around it.
        latitude: (..., 4) degrees.
        values: (...) in any unit; footprints with NaN here or at a corner are left out.
        bbox: west, south, east, north in degrees; west > east crosses the antimeridian.
        resolution: side of a cell in degrees; the box holds a whole number of them.
        precision: (...) standard deviation of each value.
        area: "degrees" as in HARP, or "sphere" for true areas.

    Returns:
        ``mean``, ``mean_standard_error``, ``mean_standard_error_correlated``, ``mean_spread``,
        ``weight`` and ``count`` over latitude (ascending) and longitude. A cell that no footprint
        touches is NaN; one that is partly covered has the mean of what covers it, and its
        ``weight``, the sum of the shares covered, says how much that is.

    Raises:
        ValueError: shapes do not fit, or the box holds no whole number of cells.
    """
    import xarray as xr

    value = np.asarray(values, np.float64)
    corners = [np.asarray(each, np.float64) for each in (longitude, latitude)]
    sigma = np.full(value.shape, np.nan) if precision is None else np.asarray(precision, float)
    if any(each.shape != (*value.shape, 4) for each in corners) or sigma.shape != value.shape:
        raise ValueError("corners must be of the values' shape and 4, precision of the values'")
    grid = RegularGrid.from_config(Grid(bbox=bbox, resolution=resolution, area=area))
    sums = Accumulator.empty(grid)
    good = np.isfinite(value)
    good &= np.isfinite(corners[0]).all(axis=-1) & np.isfinite(corners[1]).all(axis=-1)
    time = np.full(int(good.sum()), np.nan)
    about = (Granule("arrays"), "", "", value.size)
    sums.add(Footprints(*about, corners[0][good], corners[1][good], value[good], sigma[good], time))
    dataset = xr.Dataset(coords={n: (n, c, about) for n, (c, _, about) in axes(sums).items()})
    for variable in describe(sums, "mean"):
        if not variable.name.endswith("_time"):
            dataset[variable.name] = (CELLS, variable.values(), variable.attributes)
    return dataset
