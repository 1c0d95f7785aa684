"""What the patches say without any network: means and spreads of bands and of the column, over the
whole patch, and by distance from its centre."""

from __future__ import annotations

import math

import numpy as np

from mmaq.contracts.patches import PatchStore
from mmaq.vocabulary import BANDS

CHUNK = 64

COLUMN = 4
"""Statistics of the column's window; those of the bands follow."""

TINY = 1e-6

INDICES = (("B08", "B04"), ("B03", "B08"), ("B11", "B08"))
"""Normalised differences: vegetation (NDVI), water (NDWI), built-up land (NDBI)."""


RINGS = (1.6, 3.6, 7.1, 11.1, 16.0)
"""Outer radii in pixels of the rings around the centre of a Sentinel-2 patch."""

SCALES = (0.8, 1.5, 3.0, 6.0)
"""Standard deviations in cells of the Gaussians around the centre of the column's window."""


def pixel_features(store: PatchStore, s2_rows: np.ndarray, s5p_rows: np.ndarray) -> np.ndarray:
    """Statistics of both patches of n sites, (n, 4 + 2 * 15); NaN where no pixel is valid.

    Column (mol/m2): centre, mean of the 3 x 3 cells around it, window mean, window sd. Sentinel-2:
    mean and sd over clear pixels of each band's reflectance and of each index. Rows are positions
    in the store, -1 where a site has no patch.
    """
    column = np.full((len(s5p_rows), COLUMN), np.nan)
    held = s5p_rows >= 0
    if held.any():
        column[held] = column_features(*store.patches("s5p", s5p_rows[held]))
    bands = np.full((len(s2_rows), 2 * (len(BANDS) + len(INDICES))), np.nan)
    held_s2 = np.flatnonzero(s2_rows >= 0)
    for start in range(0, len(held_s2), CHUNK):
        part = held_s2[start : start + CHUNK]
        bands[part] = band_features(*store.patches("s2", s2_rows[part]))
    return np.hstack([column, bands])


def column_features(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """(n, side, side) columns in mol/m2 to (n, 4): centre, 3 x 3 mean, window mean and sd.

    The centre of an even window is the mean of its four middle cells, and 4 x 4 cells stand for
    the 3 x 3.
    """
    side = values.shape[-1]
    low, high = (side - 1) // 2, side // 2 + 1
    around = slice(max(low - 1, 0), high + 1)
    valid = np.where(mask > 0, values.astype(float), np.nan)
    columns = [
        _moments(valid[:, low:high, low:high])[0],
        _moments(valid[:, around, around])[0],
        *_moments(valid),
    ]
    return np.column_stack(columns)


def band_features(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """(n, 12, side, side) reflectance x 10000 to (n, 30): means and sds of 12 bands, 3 indices."""
    layers = _layers(np.where(mask[:, None] > 0, values / 1e4, np.nan))
    found = [_moments(layers[:, number]) for number in range(layers.shape[1])]
    return np.column_stack([statistic for moments in found for statistic in moments])


def _moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and sd over the pixels that are not NaN, (n,) each."""
    flat = values.reshape(len(values), math.prod(values.shape[1:]))
    known = np.isfinite(flat)
    count = known.sum(axis=1).astype(float)
    count[count == 0] = np.nan
    mean = np.where(known, flat, 0.0).sum(axis=1) / count
    square = np.where(known, np.square(flat - mean[:, None]), 0.0).sum(axis=1) / count
    return mean, np.sqrt(square)


def ring_features(store: PatchStore, s2_rows: np.ndarray, s5p_rows: np.ndarray) -> np.ndarray:
    """What lies at which distance in both patches of n sites, (n, 6 + 5 * 15); NaN where nothing.

    Column (mol/m2): means under a Gaussian of each of ``SCALES`` around the centre, and the slope
    eastward and northward, a cell. Sentinel-2: mean reflectance of each band, and of each index,
    over the clear pixels in each ring of ``RINGS``. Rows are positions in the store, -1 where a
    site has no patch.
    """
    column = np.full((len(s5p_rows), len(SCALES) + 2), np.nan)
    held = s5p_rows >= 0
    column[held] = column_scales(*store.patches("s5p", s5p_rows[held]))
    bands = np.full((len(s2_rows), len(RINGS) * (len(BANDS) + len(INDICES))), np.nan)
    held_s2 = np.flatnonzero(s2_rows >= 0)
    for start in range(0, len(held_s2), CHUNK):
        part = held_s2[start : start + CHUNK]
        bands[part] = band_rings(*store.patches("s2", s2_rows[part]))
    return np.hstack([column, bands])


def column_scales(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """(n, side, side) columns in mol/m2 to (n, 6): four Gaussian means, slopes east and north.

    The slope is that of the plane through the valid cells, by least squares; 0 where they do not
    tell one.
    """
    side = values.shape[-1]
    east, south = (each.ravel() - (side - 1) / 2 for each in np.meshgrid(*2 * [np.arange(side)]))
    kernels = np.exp(-(east**2 + south**2) / (2 * np.square(SCALES)[:, None])).T
    valid = (mask > 0).reshape(len(mask), -1)
    known = np.where(valid, values.reshape(len(values), -1).astype(float), 0.0)
    weight = valid @ kernels
    means = np.divide(known @ kernels, weight, out=np.full(weight.shape, np.nan), where=weight > 0)
    slopes = np.full((len(values), 2), np.nan)
    for row in np.flatnonzero(valid.any(axis=1)):
        plane = np.column_stack([np.ones(side**2), east, -south])[valid[row]]
        slopes[row] = np.linalg.lstsq(plane, known[row, valid[row]], rcond=None)[0][1:]
    return np.hstack([means, slopes])


def band_rings(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """(n, 12, side, side) reflectance x 10000 to (n, 75): 12 bands and 3 indices in five rings."""
    side = values.shape[-1]
    offset = np.arange(side) - (side - 1) / 2
    radius = np.hypot(*np.meshgrid(offset, offset)).ravel()
    inner = (0.0, *RINGS[:-1])
    inside = [(low <= radius) & (radius < high) for low, high in zip(inner, RINGS, strict=True)]
    rings = np.column_stack(inside).astype(float)
    valid = (mask > 0).reshape(len(mask), 1, -1)
    layers = _layers(values / 1e4).reshape(len(values), -1, side**2)
    count = valid.astype(float) @ rings
    summed = np.where(valid, layers, 0.0) @ rings
    means = np.divide(summed, count, out=np.full(summed.shape, np.nan), where=count > 0)
    return means.reshape(len(values), -1)


def _layers(reflectance: np.ndarray) -> np.ndarray:
    """(n, 12, side, side) reflectance to (n, 15, side, side): the bands, then the indices."""
    layers = [reflectance]
    for first, second in INDICES:
        a, b = reflectance[:, BANDS.index(first)], reflectance[:, BANDS.index(second)]
        layers.append(((a - b) / np.maximum(a + b, TINY))[:, None])
    return np.concatenate(layers, axis=1)
