"""Whether pixels of Sentinel-2 are in DN, reflectance times 10,000, as all readers take them."""

from __future__ import annotations

import numpy as np

DARKEST = 100
"""DN that some pixel of every image exceeds: a reflectance of 1 %."""

LEAST, MOST = -1000.5, 65534.5
"""Between these lie DN. 65535 marks saturated pixels (Sentinel-2 Products Specification, special
values), and where the 1000 that newer baselines add is taken off again, nothing is below -1000:
what is, as -9999 and -32768, fills in for no data."""

REMEDY = "Give DN, which are reflectance times 10,000"


def possible(dn: np.ndarray) -> np.ndarray:
    """Which numbers can be DN: neither fill values nor saturated, and finite."""
    return (dn > LEAST) & (dn < MOST)


def other_unit(pixels: np.ndarray) -> str | None:
    """What the pixels of an image are, if not DN: as whole numbers nothing would be left of them.

    Pixels that are 0 or no possible DN are no data, and say nothing.
    """
    if pixels.dtype == np.uint8:
        return "8-bit values are a picture, not DN"
    valid = pixels[possible(pixels) & (pixels != 0)]
    if not valid.size or not (valid % 1).any():
        return None
    least, largest = valid.min(), valid.max()
    if least < 0:
        return f"values down to {least:.4g} are standardised, not DN"
    if largest <= DARKEST:
        unit = "reflectance of 0 to 1" if largest < 2 else "reflectance in percent"
        return f"values up to {largest:.4g} are {unit}, not DN"
    return None
