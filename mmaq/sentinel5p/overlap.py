"""How much of each grid cell a footprint covers, and the sums that follow from it.

A footprint is the quadrilateral of its corners with straight sides in the plane of the grid
(:class:`mmaq.sentinel5p.grid.RegularGrid`), by default longitude and latitude as in HARP's
``bin_spatial``; its weight in a cell is the overlap area over the cell area. The overlap is
exact: by Green's theorem each side of the quadrilateral adds the area between itself and the
right-hand end of the row, cell by cell, and the sum over the four sides is the covered area. (Font
rasterisers compute anti-aliased coverage in the same way.) Concave footprints and footprints
partly outside the box need no special case.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mmaq.base.compiled import njit

SLIVER = 1e-12
"""Overlaps below this share of a cell are rounding: the cell counts as untouched."""


@njit(cache=True, nogil=True)
def add_footprints(
    longitude: np.ndarray,
    latitude: np.ndarray,
    value: np.ndarray,
    sigma: np.ndarray,
    time: np.ndarray,
    west: float,
    south: float,
    resolution: float,
    spherical: bool,
    row_heights: np.ndarray,
    cells: np.ndarray,
) -> tuple[int, int, int, int]:
    """Add n footprints to the sums of a grid.

    ``longitude`` and ``latitude`` are (n, 4) degrees, corners in either orientation from any
    corner on; ``value``, ``sigma`` (its standard deviation, NaN if unknown) and ``time`` (seconds,
    NaN if unknown) are (n,). ``row_heights`` is (rows + 1,), the northward coordinate of the edges
    between rows: the sine of latitude if ``spherical``, else cells from ``south``. ``cells`` is
    (rows, columns) of :data:`mmaq.sentinel5p.accumulator.CELL`, row 0 south, changed in place.

    Longitudes may be of any turn, from -540 to 540: a footprint across the antimeridian is put
    together, and falls on every part of the grid that it covers. Refused are footprints with a
    missing or impossible corner; with no area or with sides that cross; and those 180 degrees
    wide or more (they hold a pole, or cannot be told from their complement).

    Returns the number of footprints that touch the grid, and of those refused for each of the
    three reasons.
    """
    rows, columns = cells.shape
    turn = 360.0 / resolution
    x, y, level = np.empty(4), np.empty(4), np.empty(4)
    cover = np.zeros(columns + 2)
    used = impossible = twisted = polar = 0
    for n in range(len(value)):
        possible = True
        for k in range(4):
            # NaN fails these comparisons too.
            possible &= abs(longitude[n, k]) <= 540.0 and abs(latitude[n, k]) <= 90.0
            x[k] = (longitude[n, k] - west) / resolution
            if spherical:
                y[k] = np.sin(np.deg2rad(np.float64(latitude[n, k])))
            else:
                y[k] = (latitude[n, k] - south) / resolution
        if not possible:
            impossible += 1
            continue
        for k in range(1, 4):
            x[k] -= turn * np.round((x[k] - x[0]) / turn)
        left, right = _limits(x)
        low, high = _limits(y)
        if right - left >= turn / 2:
            polar += 1
            continue
        area = _signed_area(x, y)
        if abs(area) <= SLIVER * (right - left) * (high - low) or _is_twisted(x, y):
            twisted += 1
            continue
        # The westernmost turn in which the footprint still reaches into the grid.
        shift = turn * (np.floor(-right / turn) + 1)
        x += shift
        left, right = left + shift, right + shift
        if left >= columns or high <= row_heights[0] or low >= row_heights[rows]:
            continue
        bottom = max(int(np.searchsorted(row_heights, low, side="right")) - 1, 0)
        top = min(int(np.searchsorted(row_heights, high, side="left")), rows)
        touched = False
        while left < columns:
            first, last = max(int(left), 0), min(int(np.ceil(right)), columns)
            for row in range(bottom, top):
                scale = 1.0 / (row_heights[row + 1] - row_heights[row])
                for k in range(4):
                    level[k] = (y[k] - row_heights[row]) * scale
                _cover_row(x, level, first, last, cover)
                share = 0.0
                for column in range(first, last):
                    share += cover[column - first]
                    w = -share if area > 0 else share
                    if w > SLIVER:
                        _add_to_cell(cells[row, column], w, value[n], sigma[n], time[n])
                        touched = True
            x += turn
            left, right = left + turn, right + turn
        used += touched
    return used, impossible, twisted, polar


@njit(cache=True, nogil=True)
def _limits(corners: np.ndarray) -> tuple[float, float]:
    low = min(min(corners[0], corners[1]), min(corners[2], corners[3]))
    high = max(max(corners[0], corners[1]), max(corners[2], corners[3]))
    return low, high


@njit(cache=True, nogil=True)
def _add_to_cell(cell: Any, w: float, value: float, sigma: float, time: float) -> None:
    """One more observation; ``scatter`` by West's (1979) update, which does not cancel."""
    before = cell.weight
    cell.weight = before + w
    if before > 0.0:
        deviation = value - cell.weighted / before
        cell.scatter += w * before / cell.weight * deviation * deviation
    cell.weighted += w * value
    cell.variance += (w * sigma) ** 2
    cell.deviation += w * sigma
    cell.count += 1
    if time < cell.first:
        cell.first = time
    if time > cell.last:
        cell.last = time


@njit(cache=True, nogil=True)
def _cover_row(x: np.ndarray, level: np.ndarray, first: int, last: int, cover: np.ndarray) -> None:
    """Set ``cover`` so that its running sum is the covered share of cells first..last-1 of a row.

    ``level`` is the corners' height in the row, which goes from 0 to 1. The share is negative for
    a counterclockwise footprint. Columns are counted from ``first``, so that rounding is that of
    the footprint's size and not of the grid's.
    """
    width = last - first
    cover[: width + 1] = 0.0
    for k in range(4):
        xa, ya = x[k] - first, level[k]
        xb, yb = x[(k + 1) % 4] - first, level[(k + 1) % 4]
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
