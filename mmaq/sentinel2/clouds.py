"""Which pixels show the surface: the scene classification, or a plain cloud mask."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

CLEAR = {"SCL": (2, 4, 5, 6, 7), "cloud_mask": (0,)}
"""Clear classes of each asset that a product may bring; the first that it has is used.

``SCL`` is the scene classification of Sen2Cor (Sentinel-2 Products Specification, table of scene
classes): 4 vegetation, 5 not vegetated, 6 water count as clear, and so do 2 (dark area: asphalt,
dark roofs and slopes in shade, seen through clear air) and 7 (unclassified, which is mostly
surface of unusual colour). Not clear are 0 no data, 1 saturated or defective, 3 cloud shadow,
8 and 9 cloud, 10 thin cirrus, and 11 snow, which hides the ground that a patch is meant to show.

``cloud_mask`` is the four-class mask of SEnSeIv2 that Major TOM ships: 0 clear, 1 thick cloud,
2 thin cloud, 3 cloud shadow, 255 no data.
"""


def mask_asset(assets: Mapping[str, object]) -> str | None:
    """Name of the asset that says what is clear, or ``None`` when the product has none."""
    return next((name for name in CLEAR if name in assets), None)


def is_clear(classes: np.ndarray, asset: str) -> np.ndarray:
    """True where the class of ``asset`` ("SCL" or "cloud_mask") is a clear one."""
    return np.isin(classes, CLEAR[asset])
