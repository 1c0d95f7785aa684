"""Where a site's window lies on a product's pixel grid."""

from __future__ import annotations

from typing import Any

import numpy as np
from pyproj import Transformer

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


def locate(
    lon: np.ndarray, lat: np.ndarray, crs: Any, x: Axis, y: Axis, size: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First row and column of the window around each site, and whether it lies on the raster.

    ``lon`` and ``lat`` are in degrees; ``x`` and ``y`` are the raster's axes in ``crs``, ``y``
    running south.
    """
    project = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    east, north = project.transform(lon, lat)
    near = np.isfinite(east) & np.isfinite(north)
    column = window_start(np.where(near, east, x.origin), x, size)
    row = window_start(np.where(near, -np.asarray(north), y.origin), y, size)
    return row, column, near & fits(row, y, size) & fits(column, x, size)
