"""Cells of a raster map as points with weights, coarsened, as far as they lie near any place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from os import PathLike

import numpy as np
import rasterio
from pyproj import CRS, Transformer
from rasterio.windows import Window
from scipy.spatial import cKDTree

from mmaq.base.rasters import opened_map, read_window
from mmaq.landuse.sums import Points, in_space

TILE = 512
"""Cells, about, that are read at a time, across and down."""

_METRES_A_RADIAN = 6_371_008.8


def points_of(
    path: str | PathLike[str],
    places: np.ndarray,
    reach: float,
    size: float,
    weigh: Callable[[np.ndarray], np.ndarray],
) -> Points:
    """Points of a raster's first band within ``reach`` of any place, one for ``size`` km of it.

    A cell's area is that of its corners in space, whatever the map's projection does to it.

    Args:
        path: the raster.
        places: (m, 3) in km, of ``in_space``.
        reach: km.
        size: of the squares of cells that become one point, km; at least one cell.
        weigh: gives weights per km2, (k, rows, columns), of cells (rows, columns), NaN without
            data.

    Raises:
        ProductError: the raster cannot be read.
    """
    xyz, weights = [np.empty((0, 3))], []
    with opened_map(path) as raster:
        step = max(round(1000.0 * size / _cell_m(raster)), 1)
        tree = cKDTree(places)
        kinds = len(weigh(np.full((1, 1), np.nan)))
        for window in _windows(raster, step):
            corners = _corners(raster, window, step)
            if not _is_near(corners, tree, reach):
                continue
            middle, area = _squares(corners)
            values = _means(weigh(read_window(raster, window)), step)
            weight = (values * np.nan_to_num(area)).reshape(kinds, -1).T
            held = (weight > 0).any(axis=1) & np.isfinite(middle).all(axis=-1).ravel()
            xyz.append(middle.reshape(-1, 3)[held])
            weights.append(weight[held])
    return Points(np.concatenate(xyz), np.concatenate([np.empty((0, kinds)), *weights]))


def _cell_m(raster: rasterio.DatasetReader) -> float:
    """Height of a cell in m."""
    system = CRS.from_user_input(raster.crs)
    unit = system.axis_info[0].unit_conversion_factor
    return abs(raster.transform.e) * unit * (_METRES_A_RADIAN if system.is_geographic else 1.0)


def _windows(raster: rasterio.DatasetReader, step: int) -> Iterator[Window]:
    """Windows of whole squares of ``step`` cells that cover the raster, if need be beyond it."""
    side = max(TILE // step, 1) * step
    for top in range(0, raster.height, side):
        rows = min(-(-(raster.height - top) // step) * step, side)
        for left in range(0, raster.width, side):
            columns = min(-(-(raster.width - left) // step) * step, side)
            yield Window(left, top, columns, rows)


def _corners(raster: rasterio.DatasetReader, window: Window, step: int) -> np.ndarray:
    """Corners of a window's squares in space, (rows + 1, columns + 1, 3) in km; NaN off Earth."""
    rows = window.row_off + np.arange(0, window.height + 1, step)
    columns = window.col_off + np.arange(0, window.width + 1, step)
    x, y = raster.transform * tuple(np.meshgrid(columns, rows))
    lon, lat = Transformer.from_crs(raster.crs, 4326, always_xy=True).transform(x, y)
    off = ~(np.isfinite(lon) & (np.abs(lat) <= 90.0 + 1e-9))
    space = in_space(np.where(off, 0.0, lon).ravel(), np.where(off, 0.0, lat).ravel())
    space[off.ravel()] = np.nan
    return space.reshape(*x.shape, 3)


def _is_near(corners: np.ndarray, tree: cKDTree, reach: float) -> bool:
    known = corners[np.isfinite(corners).all(axis=-1)]
    if not len(known):
        return False
    middle = known.mean(axis=0)
    radius = np.linalg.norm(known - middle, axis=1).max()
    return bool(np.isfinite(tree.query(middle, distance_upper_bound=reach + radius)[0]))


def _squares(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Middles of squares, (rows, columns, 3), and their areas in km2, from their corners."""
    a, b = corners[:-1, :-1], corners[1:, 1:]
    c, d = corners[:-1, 1:], corners[1:, :-1]
    area = np.linalg.norm(np.cross(b - a, d - c), axis=-1) / 2.0
    return (a + b + c + d) / 4.0, area


def _means(values: np.ndarray, step: int) -> np.ndarray:
    """Means of (k, rows, columns) over squares of ``step`` cells."""
    kinds, rows, columns = values.shape
    squares = values.reshape(kinds, rows // step, step, columns // step, step)
    return squares.mean(axis=(2, 4))
