"""Rasters that others made: what a file says of its own values is obeyed here, and only here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike

import numpy as np
import rasterio
from rasterio.errors import RasterioError
from rasterio.windows import Window

from mmaq.base.errors import ProductError

REMEDY = "Give a readable GeoTIFF with a coordinate reference system"


@contextmanager
def opened_raster(path: str | PathLike[str]) -> Iterator[rasterio.DatasetReader]:
    """Open a raster that has a place on Earth.

    Raises:
        ProductError: it has no reference system, or GDAL finds anything wrong with it, now or
            while it is read.
    """
    try:
        with rasterio.open(path) as raster:
            if raster.crs is None:
                raise ProductError(path, "the raster has no coordinate reference system", REMEDY)
            yield raster
    except RasterioError as fault:
        raise ProductError(path, f"not a readable raster ({fault})", REMEDY) from None


def read_window(raster: rasterio.DatasetReader, window: Window, band: int = 1) -> np.ndarray:
    """Cells of a window in the unit that the file declares, float64 (rows, columns).

    Scale and offset are applied. NaN stands where the file declares no data, where its mask or
    alpha band hides a cell, where a value is not finite, and beyond the raster's edges.
    """
    values = np.full((int(window.height), int(window.width)), np.nan)
    top, left = max(int(window.row_off), 0), max(int(window.col_off), 0)
    bottom = min(int(window.row_off + window.height), raster.height)
    right = min(int(window.col_off + window.width), raster.width)
    if top < bottom and left < right:
        inside = Window(left, top, right - left, bottom - top)
        row, column = top - int(window.row_off), left - int(window.col_off)
        held = raster.read(band, window=inside, masked=True)
        values[row : row + inside.height, column : column + inside.width] = _physical(
            raster, held, band
        )
    return values


def read_points(
    raster: rasterio.DatasetReader, x: np.ndarray, y: np.ndarray, band: int = 1
) -> np.ndarray:
    """Value of the cell in which each point lies, as ``read_window`` gives it, float64 (n,).

    ``x`` and ``y`` are in the raster's reference system; a point off the raster gives NaN.
    """
    inside = on_raster(raster, x, y)
    values = np.full(len(x), np.nan)
    if inside.any():
        places = zip(x[inside], y[inside], strict=True)
        held = np.ma.stack(list(raster.sample(places, indexes=band, masked=True)))[:, 0]
        values[inside] = _physical(raster, held, band)
    return values


def on_raster(raster: rasterio.DatasetReader, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Which points (n,) of the raster's reference system lie on one of its cells."""
    finite = np.isfinite(x) & np.isfinite(y)
    column, row = ~raster.transform * (np.where(finite, x, 0.0), np.where(finite, y, 0.0))
    inside = (column >= 0) & (column < raster.width) & (row >= 0) & (row < raster.height)
    return finite & inside


def _physical(raster: rasterio.DatasetReader, held: np.ma.MaskedArray, band: int) -> np.ndarray:
    values = np.ma.filled(held.astype(float), np.nan)
    values = values * raster.scales[band - 1] + raster.offsets[band - 1]
    return np.where(np.isfinite(values), values, np.nan)
