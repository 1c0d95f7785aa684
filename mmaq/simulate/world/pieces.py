"""Roads cut at the borders of index cells, and what they do at a point.

Every piece lies in one cell, so a search over neighbouring cells meets each piece once. All
quantities are additive over pieces or take a maximum, so the cutting leaves no trace.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import erf, exp, hypot, pi, sqrt

import numpy as np

from mmaq.base.compiled import njit
from mmaq.simulate.world.grid import Grid
from mmaq.simulate.world.roads import Roads

CELL = 500.0
"""Side of an index cell in m."""


@dataclass(frozen=True)
class Pieces:
    """Straight pieces sorted by cell; cell ``c`` holds ``first[c] : first[c + 1]``.

    Coordinates are metres east of ``grid.west`` and south of ``grid.north``, which float32 holds
    to centimetres.
    """

    grid: Grid
    first: np.ndarray
    xa: np.ndarray
    ya: np.ndarray
    xb: np.ndarray
    yb: np.ndarray
    road: np.ndarray

    @property
    def length(self) -> np.ndarray:
        """Length of each piece in m."""
        return np.hypot(self.xb - self.xa, self.yb - self.ya)


def cut_roads(roads: Roads, grid: Grid) -> Pieces:
    """Cut every road at the lines of a grid of ``CELL`` metres."""
    side = grid.step * grid.rows
    count = round(side / CELL)
    index = Grid(grid.west, grid.north, CELL, count, count)
    x, y = roads.x - grid.west, grid.north - roads.y
    table, road = _cut(roads.start, x, y, CELL)
    middle = (table[:, :2] + table[:, 2:]) / 2
    column = np.clip((middle[:, 0] / CELL).astype(np.int64), 0, count - 1)
    row = np.clip((middle[:, 1] / CELL).astype(np.int64), 0, count - 1)
    cell = row * count + column
    order = np.argsort(cell, kind="stable")
    first = np.searchsorted(cell[order], np.arange(count * count + 1)).astype(np.int32)
    xa, ya, xb, yb = np.ascontiguousarray(table[order].T.astype(np.float32))
    return Pieces(index, first, xa, ya, xb, yb, road[order].astype(np.int32))


@njit(cache=True)
def _cut(
    start: np.ndarray, x: np.ndarray, y: np.ndarray, cell: float
) -> tuple[np.ndarray, np.ndarray]:
    room = 0
    for road in range(len(start) - 1):
        for k in range(start[road], start[road + 1] - 1):
            room += 3 + int(abs(x[k + 1] - x[k]) / cell) + int(abs(y[k + 1] - y[k]) / cell)
    table, owner, n = np.empty((room, 4)), np.empty(room, np.int64), 0
    for road in range(len(start) - 1):
        for k in range(start[road], start[road + 1] - 1):
            dx, dy, t = x[k + 1] - x[k], y[k + 1] - y[k], 0.0
            while t < 1.0 - 1e-9:
                px, py = x[k] + (t + 1e-9) * dx, y[k] + (t + 1e-9) * dy
                ahead = 1.0
                if dx != 0.0:
                    edge = (np.floor(px / cell) + (1.0 if dx > 0 else 0.0)) * cell
                    ahead = min(ahead, max((edge - x[k]) / dx, t + 1e-8))
                if dy != 0.0:
                    edge = (np.floor(py / cell) + (1.0 if dy > 0 else 0.0)) * cell
                    ahead = min(ahead, max((edge - y[k]) / dy, t + 1e-8))
                if (ahead - t) * hypot(dx, dy) > 1e-3 and n < room:
                    table[n, 0], table[n, 1] = x[k] + t * dx, y[k] + t * dy
                    table[n, 2], table[n, 3] = x[k] + ahead * dx, y[k] + ahead * dy
                    owner[n] = road
                    n += 1
                t = ahead
    return table[:n], owner[:n]


@njit(cache=True)
def distance_to_piece(px: float, py: float, xa: float, ya: float, xb: float, yb: float) -> float:
    """Distance in m of a point from a straight piece."""
    dx, dy = xb - xa, yb - ya
    square = dx * dx + dy * dy
    t = 0.0 if square == 0.0 else ((px - xa) * dx + (py - ya) * dy) / square
    t = min(1.0, max(0.0, t))
    return hypot(px - xa - t * dx, py - ya - t * dy)


@njit(cache=True)
def line_kernel(
    px: float, py: float, xa: float, ya: float, xb: float, yb: float, sigma: float
) -> float:
    """Integral along a piece, in 1/m, of a 2-D Gaussian about the point: mass 1, width ``sigma``.

    Exact, hence additive however the road is cut.
    """
    dx, dy = xb - xa, yb - ya
    length = hypot(dx, dy)
    if length == 0.0:
        return 0.0
    along = ((px - xa) * dx + (py - ya) * dy) / length
    across = ((px - xa) * dy - (py - ya) * dx) / length
    if abs(across) > 5.0 * sigma:
        return 0.0
    scale = sqrt(2.0) * sigma
    share = 0.5 * (erf((length - along) / scale) + erf(along / scale))
    return share * exp(-((across / scale) ** 2)) / (sqrt(2.0 * pi) * sigma)
