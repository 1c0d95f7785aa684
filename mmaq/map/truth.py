"""How far a map is from the truth of a simulated country, over its cells."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import rasterio
from pyproj import Transformer
from scipy.special import ndtr
from sklearn.metrics import r2_score, root_mean_squared_error

from mmaq.base.rasters import opened_map, read_pixels
from mmaq.contracts.archive import TRUE_AREA, TRUTH, Product, has_collection, read_collection
from mmaq.map.grid import MapGrid

ENOUGH = 0.75
"""Share of a cell's points that must be known: a cell on the rim of the area is not compared."""

FIGURES = ("r2", "rmse", "bias", "measured90", "true90", "width90")
"""By which a map is compared: ``measured90`` and ``true90`` are the shares of measurements, as
``coverage90`` of the benchmark table, and of true values that lie in the 90 % interval. An interval
is calibrated on measurements, whose errors are in it."""

TINY = np.finfo(float).tiny

FEW = 30
"""Cells below which a part of a map has no figures."""


def true_area(archive: Path | None) -> Product | None:
    """The item of the true NO2 of an area, where there is an archive that has one.

    Raises:
        ArchiveError: the archive is damaged.
    """
    if archive is None or not has_collection(archive, TRUTH):
        return None
    return next((item for item in read_collection(archive, TRUTH) if item.id == TRUE_AREA), None)


def cell_means(path: Path, grid: MapGrid) -> np.ndarray:
    """Means over the cells of a map of points closer together than these, (bands, rows, columns).

    Args:
        path: a raster whose pixels are the points.
        grid: the map's cells.

    Returns:
        NaN where less than ENOUGH of a cell's points are known.

    Raises:
        ProductError: the raster cannot be read.
    """
    with opened_map(path) as raster:
        pixels = read_pixels(raster, raster.indexes, 0, 0, raster.height, raster.width)
        down, right = np.mgrid[0 : raster.height, 0 : raster.width] + 0.5
        x, y = rasterio.transform.xy(raster.transform, down.ravel(), right.ravel(), offset="ul")
        x, y = Transformer.from_crs(raster.crs, grid.epsg, always_xy=True).transform(x, y)
        whole = (grid.resolution / abs(raster.transform.a)) ** 2
    column = np.floor(x / grid.resolution).astype(int) - grid.left
    row = grid.top - 1 - np.floor(y / grid.resolution).astype(int)
    known = pixels.valid.all(axis=0).ravel()
    known &= (row >= 0) & (row < grid.rows) & (column >= 0) & (column < grid.columns)
    cell, size = (row * grid.columns + column)[known], grid.rows * grid.columns
    count = np.bincount(cell, minlength=size)
    sums = [np.bincount(cell, band.ravel()[known], minlength=size) for band in pixels.values]
    means = np.where(count >= ENOUGH * whole, np.array(sums) / np.maximum(count, 1), np.nan)
    return means.reshape(len(sums), grid.rows, grid.columns)


def compare(
    values: np.ndarray, names: Sequence[str], truth: np.ndarray, gain: float
) -> pd.DataFrame:
    """Compare a map with the truth, in all and inside and outside the area of applicability.

    Args:
        values: bands of the map, (bands, rows, columns).
        names: of its bands.
        truth: true concentration, (rows, columns) in ug/m3, NaN where it is not known.
        gain: standard deviation of a measurement's error, as a share of the truth.

    Returns:
        A row a part: part, cells and FIGURES, of which rmse, bias and width90 are in ug/m3; figures
        are NaN for less than FEW cells.
    """
    bands = dict(zip(names, values.astype(float), strict=True))
    found, low, high = (bands[name] for name in (names[0], "low", "high"))
    known = np.isfinite(truth) & np.isfinite(found)
    inside = bands["dissimilarity"] <= 1.0
    parts = {"all": known, "inside": known & inside, "outside": known & ~inside}
    rows = []
    for part, chosen in parts.items():
        row = {"part": part, "cells": int(chosen.sum())}
        if chosen.sum() >= FEW:
            true, mapped = truth[chosen], found[chosen]
            bottom, top, error = low[chosen], high[chosen], np.maximum(gain * true, TINY)
            held = (bottom <= true) & (true <= top)
            measured = ndtr((top - true) / error) - ndtr((bottom - true) / error)
            row |= {
                "r2": r2_score(true, mapped), "rmse": root_mean_squared_error(true, mapped),
                "bias": float(np.mean(mapped - true)), "measured90": float(measured.mean()),
                "true90": float(held.mean()), "width90": float(np.mean(top - bottom)),
            }  # fmt: skip
        rows.append(row)
    return pd.DataFrame(rows).reindex(columns=["part", "cells", *FIGURES])
