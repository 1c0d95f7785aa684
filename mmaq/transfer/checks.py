"""Do masks lie on their plumes? A mask that was flipped against its image does not."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
from scipy import ndimage

from mmaq.errors import StoreError
from mmaq.patches.store import BANDS

FLIPS: tuple[Callable[[np.ndarray], np.ndarray], ...] = (
    lambda mask: mask,
    lambda mask: mask[::-1],
    lambda mask: mask[:, ::-1],
    lambda mask: mask[::-1, ::-1],
)
"""The mask as it is, then the orientations that an image alone may have been brought into."""
BLUE = BANDS.index("B02")
RING = 4
"""Pixels about a mask that its inside is compared with."""
FEWEST = 8
"""Masks below which nothing can be said."""
LEAST = 0.6
"""Share of the masks that must fit best as they are."""


def check_masks(
    images: np.ndarray, masks: np.ndarray, where: str | os.PathLike[str]
) -> float | None:
    """The share of masks that fit their image better than any flip of theirs does.

    A plume is brighter in the blue than what surrounds it. A symmetric or faint plume may fit as
    well when flipped, so a share is asked for and not every mask.

    Args:
        images: (n, 12, side, side).
        masks: (n, side, side), 1 in the plume; empty ones say nothing.
        where: the data set, for the error.

    Returns:
        The share, or None where fewer than ``FEWEST`` masks can tell.

    Raises:
        StoreError: fewer than ``LEAST`` of the masks fit best as they are.
    """
    fits = []
    for image, mask in zip(images, masks, strict=True):
        if not 0 < mask.mean() < 0.5:
            continue
        blue = np.asarray(image[BLUE], float)
        contrast = [_contrast(blue, flip(mask).astype(bool)) for flip in FLIPS]
        fits.append(contrast[0] > max(contrast[1:]))
    if len(fits) < FEWEST:
        return None
    share = float(np.mean(fits))
    if share < LEAST:
        fault = f"only {share:.0%} of {len(fits)} masks fit their image better than when flipped"
        raise StoreError(where, fault, "Flip and rotate images and masks together")
    return share


def _contrast(values: np.ndarray, mask: np.ndarray) -> float:
    """Difference of the means inside of a mask and in a ring about it."""
    ring = ndimage.binary_dilation(mask, iterations=RING) & ~mask
    return float(values[mask].mean() - values[ring].mean()) if ring.any() else 0.0
