"""Where a site's window lies on a product's pixel grid."""

from __future__ import annotations

import numpy as np

from mmaq.sentinel2.resample import Axis


def window_start(coordinate: np.ndarray, axis: Axis, size: int) -> np.ndarray:
    """First pixel of the window of ``size`` pixels around each coordinate (m, along the axis).

    Windows are snapped to whole pixels so that the site lies within half a pixel of the window's
    centre: in the central pixel of an odd window, in one of the two central ones of an even one.
    """
    position = (np.asarray(coordinate) - axis.origin) / axis.pixel
    return np.floor(position - size / 2 + 0.5).astype(np.int64)


def fits(start: np.ndarray, axis: Axis, size: int) -> np.ndarray:
    """Whether the whole window lies on the raster. A window that does not is never cut."""
    return (start >= 0) & (start + size <= axis.length)
