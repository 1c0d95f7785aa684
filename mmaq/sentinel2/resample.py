"""Where a site's window lies on a product's pixel grid, and its bands resampled to that grid.

Bilinear for reflectance of 10, 20 and 60 m, nearest for classes. Every function works on one axis
at a time. An axis runs in the direction of growing index (east for columns, south for rows), so
both look the same: ``origin`` is the outer edge of pixel 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from affine import Affine
from pyproj import Transformer

PIXEL_DIGITS, CORNER_DIGITS = 5, 4
"""Decimals of a metre to which the side of a pixel and the corner of a raster are known."""

TURN = 1e-3
"""Of a pixel: by how much a raster may be turned over its whole length and still be straight."""

EDGE = 1e-6
"""Of a source pixel: by how much rounding may put a centre on an edge beyond it."""


@dataclass(frozen=True)
class Axis:
    """One axis of a raster, in metres: outer edge of pixel 0, pixel size, number of pixels."""

    origin: float
    pixel: float
    length: int

    def meets(self, other: Axis) -> bool:
        """Whether the two share some ground."""
        end, others_end = (each.origin + each.length * each.pixel for each in (self, other))
        return self.origin < others_end and other.origin < end


def grid_axes(place: Affine, width: int, height: int) -> tuple[Axis, Axis] | None:
    """The axes x and y of a raster; None unless it is north-up with square pixels.

    Rows run south, so the row axis measures -y. Software writes a pixel of 10 m as
    10.00000000001 m: sides are compared, and kept, to ten micrometres, which over a tile amounts
    to a hundredth of a pixel.
    """
    pixel = round(place.a, PIXEL_DIGITS)
    turned = max(abs(place.b), abs(place.d)) * max(width, height) > pixel * TURN
    if pixel <= 0 or turned or round(-place.e, PIXEL_DIGITS) != pixel:
        return None
    west, north = round(place.c, CORNER_DIGITS), round(place.f, CORNER_DIGITS)
    return Axis(west, pixel, width), Axis(-north, pixel, height)


@dataclass(frozen=True)
class Taps:
    """What a run of target pixels needs from a source axis.

    ``first`` and ``count`` bound the source pixels to read; ``weights`` (target, count) are the
    linear weights over them, each row summing to one; ``nearest`` (target,) is the position,
    among the pixels read, of the one that holds the target pixel's centre; ``inside`` (target,)
    says which centres lie on the source axis, beyond whose ends nothing is known. Windows share
    the arrays, which cannot be written to.
    """

    first: int
    count: int
    weights: np.ndarray
    nearest: np.ndarray
    inside: np.ndarray


# Cells of a map that lie in a row share it, and cells of a column likewise.
@lru_cache(maxsize=4096)
def taps(target: Axis, start: int, size: int, source: Axis) -> Taps:
    """Source pixels and linear weights for target pixels ``start`` to ``start + size``.

    A target centre between two source centres is interpolated between them, which reproduces a
    linear ramp. One that lies beyond the outermost source centre (the outer half pixel of the
    raster) takes that centre's value; one that lies beyond the raster is not ``inside``.
    """
    centres = target.origin + (start + np.arange(size) + 0.5) * target.pixel
    position = (centres - source.origin) / source.pixel - 0.5
    inside = (position > -0.5 - EDGE) & (position < source.length - 0.5 + EDGE)
    position = np.clip(position, 0, source.length - 1)
    lower = np.floor(position).astype(int)
    upper = np.minimum(lower + 1, source.length - 1)
    first = int(lower.min())
    count = int(upper.max()) + 1 - first
    weights = np.zeros((size, count))
    rows = np.arange(size)
    np.add.at(weights, (rows, lower - first), 1 - (position - lower))
    np.add.at(weights, (rows, upper - first), position - lower)
    closest = np.floor(position + 0.5).astype(int) - first
    for shared in (weights, closest, inside):
        shared.flags.writeable = False
    return Taps(first, count, weights, closest, inside)


def bilinear(
    values: np.ndarray, valid: np.ndarray, rows: Taps, columns: Taps
) -> tuple[np.ndarray, np.ndarray]:
    """Interpolate bands (..., rows.count, columns.count) to (..., target rows, target columns).

    Missing data: only valid source pixels take part, their weights scaled to sum to one; a target
    pixel is valid when the source pixel that holds its centre is, and so never beyond the raster.
    Invalid pixels are 0.

    Returns:
        float64 values and their validity (bool).
    """
    known = valid.astype(float)
    total = rows.weights @ np.where(valid, values, 0.0) @ columns.weights.T
    weight = rows.weights @ known @ columns.weights.T
    held = nearest(valid, rows, columns) & on_raster(rows, columns)
    return np.where(held, total / np.where(held, weight, 1.0), 0.0), held


def nearest(values: np.ndarray, rows: Taps, columns: Taps) -> np.ndarray:
    """The source pixel that holds each target centre: (..., target rows, target columns).

    Beyond the raster it is the one at its edge: see ``on_raster``.
    """
    return values[..., rows.nearest[:, None], columns.nearest[None, :]]


def on_raster(rows: Taps, columns: Taps) -> np.ndarray:
    """Which target centres lie on the source raster: (target rows, target columns) bool."""
    return rows.inside[:, None] & columns.inside[None, :]


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
