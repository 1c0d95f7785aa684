"""Bring bands of 10, 20 and 60 m onto one grid: bilinear for reflectance, nearest for classes.

Every function works on one axis at a time. An axis runs in the direction of growing index (east
for columns, south for rows), so both look the same: ``origin`` is the outer edge of pixel 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Axis:
    """One axis of a raster, in metres: outer edge of pixel 0, pixel size, number of pixels."""

    origin: float
    pixel: float
    length: int


@dataclass(frozen=True)
class Taps:
    """What a run of target pixels needs from a source axis.

    ``first`` and ``count`` bound the source pixels to read; ``weights`` (target, count) are the
    linear weights over them, each row summing to one; ``nearest`` (target,) is the position,
    among the pixels read, of the one that holds the target pixel's centre.
    """

    first: int
    count: int
    weights: np.ndarray
    nearest: np.ndarray


def taps(target: Axis, start: int, size: int, source: Axis) -> Taps:
    """Source pixels and linear weights for target pixels ``start`` to ``start + size``.

    A target centre between two source centres is interpolated between them, which reproduces a
    linear ramp. One that lies beyond the outermost source centre (the outer half pixel of the
    raster) takes that centre's value.
    """
    centres = target.origin + (start + np.arange(size) + 0.5) * target.pixel
    position = np.clip((centres - source.origin) / source.pixel - 0.5, 0, source.length - 1)
    lower = np.floor(position).astype(int)
    upper = np.minimum(lower + 1, source.length - 1)
    first = int(lower.min())
    count = int(upper.max()) + 1 - first
    weights = np.zeros((size, count))
    rows = np.arange(size)
    np.add.at(weights, (rows, lower - first), 1 - (position - lower))
    np.add.at(weights, (rows, upper - first), position - lower)
    return Taps(first, count, weights, np.floor(position + 0.5).astype(int) - first)


def bilinear(
    values: np.ndarray, valid: np.ndarray, rows: Taps, columns: Taps
) -> tuple[np.ndarray, np.ndarray]:
    """Interpolate bands (..., rows.count, columns.count) to (..., target rows, target columns).

    Missing data: only valid source pixels take part, their weights scaled to sum to one; a target
    pixel is valid when the source pixel that holds its centre is. Invalid pixels are 0.

    Returns:
        float64 values and their validity (bool).
    """
    known = valid.astype(float)
    total = rows.weights @ (values * known) @ columns.weights.T
    weight = rows.weights @ known @ columns.weights.T
    held = nearest(valid, rows, columns)
    return np.where(held, total / np.where(held, weight, 1.0), 0.0), held


def nearest(values: np.ndarray, rows: Taps, columns: Taps) -> np.ndarray:
    """The source pixel that holds each target centre: (..., target rows, target columns)."""
    return values[..., rows.nearest[:, None], columns.nearest[None, :]]
