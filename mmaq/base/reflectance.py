"""Whether pixels of Sentinel-2 are in DN, reflectance times 10,000, as all readers take them."""

from __future__ import annotations

import numpy as np

DARKEST = 100
"""DN that some pixel of every image exceeds: a reflectance of 1 %."""

REMEDY = "Give DN, which are reflectance times 10,000"


def other_unit(pixels: np.ndarray) -> str | None:
    """What the pixels of an image are, if not DN: as whole numbers nothing would be left of them.

    Pixels that are 0 or not finite are no data, and say nothing.
    """
    if pixels.dtype == np.uint8:
        return "8-bit values are a picture, not DN"
    valid = pixels[np.isfinite(pixels) & (pixels != 0)]
    if not valid.size or not (valid % 1).any():
        return None
    least, largest = valid.min(), valid.max()
    if least < 0:
        return f"values down to {least:.4g} are standardised, not DN"
    if largest <= DARKEST:
        unit = "reflectance of 0 to 1" if largest < 2 else "reflectance in percent"
        return f"values up to {largest:.4g} are {unit}, not DN"
    return None
