"""How much of each grid cell a footprint covers, and the sums that follow from it.

A footprint is the quadrilateral of its corners with straight sides in longitude and latitude,
as in HARP's ``bin_spatial``; its weight in a cell is the overlap area over the cell area, both in
square degrees. The overlap is exact: by Green's theorem each side of the quadrilateral adds
the area between itself and the right-hand end of the row, cell by cell, and the sum over the four
sides is the covered area. (Font rasterisers compute anti-aliased coverage in the same way.)
Concave footprints and footprints partly outside the box need no special case.
"""

from __future__ import annotations

import numpy as np
from numba import njit

SLIVER = 1e-12
"""Overlaps below this share of a cell are rounding: the cell counts as untouched."""


@njit(cache=True, nogil=True)
def add_footprints(
    longitude: np.ndarray,
    latitude: np.ndarray,
    value: np.ndarray,
    sigma: np.ndarray,
    west: float,
    south: float,
    resolution: float,
    weight: np.ndarray,
    weighted: np.ndarray,
    variance: np.ndarray,
    count: np.ndarray,
) -> tuple[int, int]:
    """Add n footprints to the sums of a grid whose lower left corner is ``west, south``.

    ``longitude`` and ``latitude`` are (n, 4) float64 degrees, corners in either orientation from
    any corner on; ``value`` and ``sigma`` (its standard deviation, NaN if unknown) are (n,).
    The sums are changed in place, all (rows, columns), row 0 south: ``weight`` of w, ``weighted``
    of w v, ``variance`` of (w sigma)^2, ``count`` of footprints that touch the cell.

    Longitudes may be of any turn, from -540 to 540: a footprint across the antimeridian is put
    together, and falls on every part of the grid that it covers. Refused are footprints with a
    missing or impossible corner, with no area, with sides that cross, and those 180 degrees wide
    or more (they hold a pole, or cannot be told from their complement).

    Returns the number of footprints that touch the grid, and of those refused.
    """
    rows, columns = weight.shape
    turn = 360.0 / resolution
    x, y = np.empty(4), np.empty(4)
    cover = np.zeros(columns + 2)
    used = refused = 0
    for n in range(len(value)):
        proper = True
        for k in range(4):
            # NaN fails this comparison too.
            proper &= abs(longitude[n, k]) <= 540.0 and abs(latitude[n, k]) <= 90.0
            x[k] = (longitude[n, k] - west) / resolution
            y[k] = (latitude[n, k] - south) / resolution
            x[k] -= turn * np.round((x[k] - x[0]) / turn)
        area = _signed_area(x, y)
        proper &= abs(area) > SLIVER and x.max() - x.min() < turn / 2
        if not proper or _is_twisted(x, y):
            refused += 1
            continue
        # The westernmost turn in which the footprint still reaches into the grid.
        x += turn * (np.floor(-x.max() / turn) + 1)
        touched = False
        while x.min() < columns:
            first, last = max(int(x.min()), 0), min(int(np.ceil(x.max())), columns)
            bottom, top = max(int(np.floor(y.min())), 0), min(int(np.ceil(y.max())), rows)
            for row in range(bottom, top):
                _cover_row(x, y, row, first, last, cover)
                share = 0.0
                for column in range(first, last):
                    share += cover[column - first]
                    w = -share if area > 0 else share
                    if w > SLIVER:
                        weight[row, column] += w
                        weighted[row, column] += w * value[n]
                        variance[row, column] += (w * sigma[n]) ** 2
                        count[row, column] += 1
                        touched = True
            x += turn
        used += touched
    return used, refused


@njit(cache=True, nogil=True)
def _cover_row(
    x: np.ndarray, y: np.ndarray, row: int, first: int, last: int, cover: np.ndarray
) -> None:
    """Set ``cover`` so that its running sum is the covered share of cells first..last-1.

    The share is negative for a counterclockwise footprint. Coordinates count from the cell
    (row, first), so that rounding is that of the footprint's size and not of the grid's.
    """
    width = last - first
    cover[: width + 1] = 0.0
    for k in range(4):
        xa, ya = x[k] - first, y[k] - row
        xb, yb = x[(k + 1) % 4] - first, y[(k + 1) % 4] - row
        sign = 1.0
        if ya > yb:
            xa, ya, xb, yb, sign = xb, yb, xa, ya, -1.0
        low, high = max(ya, 0.0), min(yb, 1.0)
        if high <= low:
            continue
        x_low, x_high = xa, xb
        if low > ya:
            x_low = xa + (xb - xa) * ((low - ya) / (yb - ya))
        if high < yb:
            x_high = xb - (xb - xa) * ((yb - high) / (yb - ya))
        left, right = min(x_low, x_high), max(x_low, x_high)
        rise = sign * (high - low)
        if right <= 0.0:
            cover[0] += rise
        elif left < width:
            _cover_side(left, right, rise, width, cover)


@njit(cache=True, nogil=True)
def _cover_side(left: float, right: float, rise: float, width: int, cover: np.ndarray) -> None:
    """Add one side's piece, from ``left`` to ``right`` within one row, to ``cover``.

    Each cell that the side crosses gets the area to the right of its part of the side; the next
    cell gets the rest, so that the running sum carries the full height further right.
    """
    if int(np.floor(left)) == int(np.floor(right)) or right == left:
        column = int(np.floor(left))
        middle = 0.5 * (left + right)
        cover[column] += rise * (column + 1 - middle)
        cover[column + 1] += rise * (middle - column)
        return
    slope = rise / (right - left)
    if left < 0.0:
        cover[0] += slope * -left
        left = 0.0
    right = min(right, float(width))
    column = int(left)
    while left < right:
        end = min(right, float(column + 1))
        part, middle = slope * (end - left), 0.5 * (left + end)
        cover[column] += part * (column + 1 - middle)
        cover[column + 1] += part * (middle - column)
        left, column = end, column + 1


@njit(cache=True, nogil=True)
def _signed_area(x: np.ndarray, y: np.ndarray) -> float:
    """Area of the quadrilateral, positive if counterclockwise: half its diagonals' product."""
    return 0.5 * ((x[2] - x[0]) * (y[3] - y[1]) - (x[3] - x[1]) * (y[2] - y[0]))


@njit(cache=True, nogil=True)
def _is_twisted(x: np.ndarray, y: np.ndarray) -> bool:
    return _cross(x, y, 0, 1, 2, 3) or _cross(x, y, 1, 2, 3, 0)


@njit(cache=True, nogil=True)
def _cross(x: np.ndarray, y: np.ndarray, a: int, b: int, c: int, d: int) -> bool:
    """Whether the sides ab and cd cross in a point inside both."""
    return _side(x, y, a, b, c) * _side(x, y, a, b, d) < 0 and (
        _side(x, y, c, d, a) * _side(x, y, c, d, b) < 0
    )


@njit(cache=True, nogil=True)
def _side(x: np.ndarray, y: np.ndarray, a: int, b: int, p: int) -> float:
    """Positive when point p lies to the left of the line from a to b."""
    return (x[b] - x[a]) * (y[p] - y[a]) - (x[p] - x[a]) * (y[b] - y[a])
