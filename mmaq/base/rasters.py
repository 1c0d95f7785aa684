"""Windows of a raster with all that its file declares of them: nodata, masks, scale and offset.

Whoever reads a raster reads it here, so that no reader obeys a tag that another one passes over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import rasterio
from pyproj import CRS
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import RasterioError
from rasterio.windows import Window

from mmaq.base.errors import ProductError

REMEDY = "Give a readable GeoTIFF with a coordinate reference system"
TOGETHER = 512
"""Pixels a side of the squares of a raster in which points are read at once."""
METRES = {
    "m": 1.0, "metre": 1.0, "ft": 0.3048, "foot": 0.3048, "us-ft": 1200 / 3937,
    "ftus": 1200 / 3937, "us survey foot": 1200 / 3937, "dm": 0.1, "decimetre": 0.1,
    "cm": 0.01, "centimetre": 0.01, "km": 1000.0, "kilometre": 1000.0,
}  # fmt: skip
"""Metres in a unit of length, under GDAL's and common names."""
PLAIN = (1.0, 0.0)
"""Scale and offset of a band that declares neither, as GDAL gives them."""


@dataclass(frozen=True)
class Pixels:
    """A window of some bands: ``values`` and ``valid``, both (bands, rows, columns).

    ``values`` float64 are in the declared unit, scale times number plus offset. Where ``valid``
    (bool) is False they are NaN: the pixel lies beyond the raster, or is declared no data by the
    band's nodata value, by a mask of the file or by an alpha band, each of them obeyed, or is not
    finite.
    """

    values: np.ndarray
    valid: np.ndarray


def open_raster(path: str | PathLike[str], remedy: str) -> rasterio.DatasetReader:
    """Open a raster for reading; use as a context manager.

    Raises:
        ProductError: the file does not exist or is no raster; ``remedy`` is what to do.
    """
    if not Path(path).exists():
        raise ProductError(path, "the file does not exist", remedy)
    try:
        return rasterio.open(path)
    except RasterioError as fault:
        raise ProductError(path, f"not a readable raster ({cause(fault)})", remedy) from None


@contextmanager
def opened_map(path: str | PathLike[str]) -> Iterator[rasterio.DatasetReader]:
    """Open a raster that has a place on Earth, and close it.

    Raises:
        ProductError: it has no reference system or no place in it, or GDAL finds anything wrong
            with it, now or while it is read.
    """
    try:
        with open_raster(path, REMEDY) as raster:
            if raster.crs is None:
                raise ProductError(path, "the raster has no coordinate reference system", REMEDY)
            if raster.transform.is_identity:
                fault_ = "the raster does not say where on the map it lies"
                raise ProductError(path, fault_, "Georeference it (gdal_edit.py -a_ullr)")
            yield raster
    except RasterioError as fault:
        raise ProductError(path, f"not a readable raster ({cause(fault)})", REMEDY) from None


def read_pixels(
    raster: Any, indexes: Sequence[int], row: int, column: int, height: int, width: int
) -> Pixels:
    """The window of ``height`` x ``width`` pixels from ``row``, ``column`` (0-based, any integers).

    ``raster`` is an open file of rasterio, or what reads like one; ``indexes`` are bands from 1.
    The window may go beyond the raster on any side, or lie beside it.

    Raises:
        RasterioError: the file is damaged.
        ProductError: its numbers are complex, or its scale makes nothing of them.
    """
    shape = (len(indexes), height, width)
    values, valid = np.full(shape, np.nan), np.zeros(shape, bool)
    top, left = max(row, 0), max(column, 0)
    bottom, right = min(row + height, raster.height), min(column + width, raster.width)
    if top >= bottom or left >= right:
        return Pixels(values, valid)
    window = Window(left, top, right - left, bottom - top)
    inside = np.s_[:, top - row : bottom - row, left - column : right - column]
    numbers = raster.read(list(indexes), window=window)
    if np.iscomplexobj(numbers):
        raise ProductError(_name(raster), "holds complex numbers", "Give a raster of real numbers")
    held = np.isfinite(numbers)
    flags = [raster.mask_flag_enums[index - 1] for index in indexes]
    if any(MaskFlags.all_valid not in each for each in flags):
        held &= raster.read_masks(list(indexes), window=window) != 0
    # GDAL's mask has one source: a file's mask hides its nodata value, and both an alpha band.
    for band, index in enumerate(indexes):
        nodata = raster.nodatavals[index - 1]
        if nodata is not None and MaskFlags.nodata not in flags[band]:
            held[band] &= numbers[band] != nodata
    for index in alpha_bands(raster):
        if index not in indexes:
            held &= raster.read(index, window=window) != 0
    part = numbers.astype(np.float64)
    for band, index in enumerate(indexes):
        scale, offset = declared_scale(raster, index)
        if (scale, offset) != PLAIN:
            part[band] = part[band] * scale + offset
    values[inside], valid[inside] = np.where(held, part, np.nan), held
    return Pixels(values, valid)


def alpha_bands(raster: Any) -> list[int]:
    """Bands (from 1) that hold no values but say, by 0, where there are none."""
    kinds = zip(raster.indexes, raster.colorinterp, strict=True)
    return [index for index, kind in kinds if kind == ColorInterp.alpha]


def read_window(raster: rasterio.DatasetReader, window: Window, band: int = 1) -> np.ndarray:
    """Cells of one band in a window, as :func:`read_pixels` gives them, float64 (rows, columns)."""
    row, column = int(window.row_off), int(window.col_off)
    height, width = int(window.height), int(window.width)
    return read_pixels(raster, [band], row, column, height, width).values[0]


def read_points(
    raster: rasterio.DatasetReader, x: np.ndarray, y: np.ndarray, band: int = 1
) -> np.ndarray:
    """Value of the cell in which each point lies, as ``read_window`` gives it, float64 (n,).

    ``x`` and ``y`` are in the raster's reference system; a point off the raster gives NaN. Points
    that lie together are read together: the cells of a map would take minutes one by one.
    """
    values = np.full(len(x), np.nan)
    inside = np.flatnonzero(on_raster(raster, x, y))
    column, row = (
        np.floor(each).astype(int) for each in ~raster.transform * (x[inside], y[inside])
    )
    squares = pd.Series(range(len(inside))).groupby([row // TOGETHER, column // TOGETHER])
    for members in squares.indices.values():
        down, right = row[members], column[members]
        top, left = int(down.min()), int(right.min())
        size = int(down.max()) - top + 1, int(right.max()) - left + 1
        found = read_pixels(raster, [band], top, left, *size).values[0]
        values[inside[members]] = found[down - top, right - left]
    return values


def on_raster(raster: rasterio.DatasetReader, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Which points (n,) of the raster's reference system lie on one of its cells."""
    finite = np.isfinite(x) & np.isfinite(y)
    column, row = ~raster.transform * (np.where(finite, x, 0.0), np.where(finite, y, 0.0))
    inside = (column >= 0) & (column < raster.width) & (row >= 0) & (row < raster.height)
    return finite & inside


def declared_scale(raster: Any, index: int) -> tuple[float, float]:
    """Scale and offset that band ``index`` (from 1) declares; 1 and 0 where it declares none.

    Raises:
        ProductError: no number of the band can mean anything under them.
    """
    scale, offset = float(raster.scales[index - 1]), float(raster.offsets[index - 1])
    if not (np.isfinite(scale) and np.isfinite(offset) and scale != 0):
        fault = f"declares the scale {scale:g} and the offset {offset:g}"
        raise ProductError(_name(raster), fault, "Correct them (gdal_edit.py -a_scale -a_offset)")
    return scale, offset


def _name(raster: Any) -> str:
    """The file of a raster, for a message: without the signature of a remote one."""
    return str(raster.name).partition("?")[0]


def metres_a_unit(raster: rasterio.DatasetReader, path: str | PathLike[str]) -> float:
    """Length in m of the unit in which the first band of a map of heights is.

    It is the band's unit, else that of the vertical part of a compound reference system, else 1.

    Raises:
        ProductError: the band's unit is no length.
    """
    named = (raster.units[0] or "").strip()
    if named:
        plain = named.lower().replace("meter", "metre").replace("feet", "foot").removesuffix("s")
        if plain not in METRES:
            raise ProductError(path, f"its unit {named!r} is no known length", "Give heights in m")
        return METRES[plain]
    parts = CRS.from_user_input(raster.crs).sub_crs_list
    vertical = [part.axis_info[0] for part in parts if part.is_vertical and part.axis_info]
    return float(vertical[0].unit_conversion_factor) if vertical else 1.0


def cause(fault: BaseException) -> str:
    """What GDAL said: rasterio keeps it in the chain behind its own general message."""
    while fault.__cause__ is not None:
        fault = fault.__cause__
    return str(fault)
