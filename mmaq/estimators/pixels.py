"""What the patches say without any network: means and spreads of bands and of the column."""

from __future__ import annotations

import math

import numpy as np

from mmaq.contracts.patches import PatchStore
from mmaq.vocabulary import BANDS

CHUNK = 64

TINY = 1e-6

INDICES = (("B08", "B04"), ("B03", "B08"), ("B11", "B08"))
"""Normalised differences: vegetation (NDVI), water (NDWI), built-up land (NDBI)."""


def pixel_features(store: PatchStore, s2_rows: np.ndarray, s5p_rows: np.ndarray) -> np.ndarray:
    """Statistics of both patches of n sites, (n, 4 + 2 * 15); NaN where no pixel is valid.

    Column (mol/m2): centre, mean of the 3 x 3 cells around it, window mean, window sd. Sentinel-2:
    mean and sd over clear pixels of each band's reflectance and of each index. Rows are positions
    in the store, -1 where a site has no patch.
    """
    column = np.full((len(s5p_rows), 4), np.nan)
    held = s5p_rows >= 0
    column[held] = column_features(store.s5p[s5p_rows[held]], store.s5p_mask[s5p_rows[held]])
    bands = np.full((len(s2_rows), 2 * (len(BANDS) + len(INDICES))), np.nan)
    held_s2 = np.flatnonzero(s2_rows >= 0)
    for start in range(0, len(held_s2), CHUNK):
        part = held_s2[start : start + CHUNK]
        bands[part] = band_features(store.s2[s2_rows[part]], store.s2_mask[s2_rows[part]])
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
    clear = np.where(mask[:, None] > 0, values / 1e4, np.nan)
    layers = [clear[:, number] for number in range(len(BANDS))]
    for first, second in INDICES:
        a, b = clear[:, BANDS.index(first)], clear[:, BANDS.index(second)]
        layers.append((a - b) / np.maximum(a + b, TINY))
    return np.column_stack([statistic for layer in layers for statistic in _moments(layer)])


def _moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and sd over the pixels that are not NaN, (n,) each."""
    flat = values.reshape(len(values), math.prod(values.shape[1:]))
    known = np.isfinite(flat)
    count = known.sum(axis=1).astype(float)
    count[count == 0] = np.nan
    mean = np.where(known, flat, 0.0).sum(axis=1) / count
    square = np.where(known, np.square(flat - mean[:, None]), 0.0).sum(axis=1) / count
    return mean, np.sqrt(square)
