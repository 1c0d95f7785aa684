"""The cells of a map: an equal-area grid in Europe, UTM elsewhere, the same for every area.

Cells are counted from the origin of the reference system, so that two areas of one resolution have
the same cells where they overlap; with 1,000 m in Europe these are the EEA's reference grid.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import pandas as pd
from affine import Affine
from pyproj import CRS, Proj, Transformer

from mmaq.base.errors import ConfigError
from mmaq.base.geo import in_box

EUROPE = 3035
"""ETRS89-extended / LAEA Europe, the equal-area system of the EEA and of Eurostat."""

FARTHEST = 6.0
"""Degrees of longitude from the middle of its UTM zone that an area may reach: there a cell is 1 %
smaller than its sides say, and beyond it shrinks ever faster."""

BATCH = 16
"""Cells a side of the squares in which an estimator is asked. A sum over a batch rounds by its
size, so batches are the same squares of the world's cells whatever the tiles are."""


@dataclass(frozen=True)
class Square:
    """Some cells of a grid: first row and column in it, and how many of each."""

    row: int
    column: int
    rows: int
    columns: int


@dataclass(frozen=True)
class MapGrid:
    """North-up cells of an area.

    Attributes:
        epsg: code of the reference system, in metres.
        resolution: side of a cell, m.
        left, top: number of the first column, counted east from the origin, and of the northern
            edge of the first row, counted north.
        rows, columns: cells down and across.
        box: west, south, east, north of the area in degrees; cells whose centre lies outside are
            not mapped.
    """

    epsg: int
    resolution: float
    left: int
    top: int
    rows: int
    columns: int
    box: tuple[float, float, float, float]

    @classmethod
    def of(cls, box: tuple[float, float, float, float], resolution: float) -> MapGrid:
        """The cells that cover a box of west, south, east, north in degrees, west < east.

        Raises:
            ConfigError: the box is too wide for the system of its map.
        """
        epsg = system_of(box)
        west, south, east, north = Transformer.from_crs(
            4326, epsg, always_xy=True
        ).transform_bounds(*box, densify_pts=51)
        left, bottom = (int(np.floor(side / resolution)) for side in (west, south))
        right, top = (int(np.ceil(side / resolution)) for side in (east, north))
        return cls(epsg, resolution, left, top, top - bottom, right - left, box)

    @property
    def transform(self) -> Affine:
        """From column and row to metres."""
        size = self.resolution
        return Affine(size, 0.0, self.left * size, 0.0, -size, self.top * size)

    def tiles(self, side: int, part: Square | None = None) -> Iterator[Square]:
        """Squares of ``side`` cells, cut along the world's own, of the grid or of a part of it."""
        part = part or Square(0, 0, self.rows, self.columns)
        # Rows are counted from the south in the world, from the north in a grid.
        downs = _spans(part.row - self.top, part.row + part.rows - self.top, side)
        rights = list(_spans(self.left + part.column, self.left + part.column + part.columns, side))
        for upper, lower in downs:
            for first, last in rights:
                yield Square(upper + self.top, first - self.left, lower - upper, last - first)

    def cells(self, square: Square) -> pd.DataFrame:
        """The cells of a square whose centre lies in the area, row by row from the north.

        Columns: site_id (as Eurostat names a cell), lon, lat (degrees, of the centre), row, column.
        """
        row, column, lon, lat = self.inside(square)
        size = self.resolution
        south, west = (self.top - row - 1) * size, (self.left + column) * size
        names = [
            f"CRS{self.epsg}RES{size:g}mN{n:.0f}E{e:.0f}" for n, e in zip(south, west, strict=True)
        ]
        return pd.DataFrame(
            {"site_id": names, "lon": lon, "lat": lat, "row": row, "column": column}
        )

    def count(self) -> int:
        """How many cells have their centre in the area."""
        return sum(len(self.inside(square)[0]) for square in self.tiles(64 * BATCH))

    def mask(self) -> np.ndarray:
        """Which cells have their centre in the area, (rows, columns) bool."""
        found = np.zeros((self.rows, self.columns), bool)
        for square in self.tiles(64 * BATCH):
            row, column, _, _ = self.inside(square)
            found[row, column] = True
        return found

    def surfaces(self) -> np.ndarray | float:
        """True surface of the cells in km2: (rows, columns) on UTM, whose scale is not 1; on an
        equal-area system the one number of all cells."""
        nominal = (self.resolution / 1000.0) ** 2
        if self.epsg == EUROPE:
            return nominal
        system, columns = Proj(self.epsg), np.arange(self.columns)
        scales = [
            system.get_factors(*self.degrees(np.full(self.columns, row), columns).T).areal_scale
            for row in range(self.rows)
        ]
        return nominal / np.array(scales)

    def inside(self, square: Square) -> tuple[np.ndarray, ...]:
        """Row, column, longitude and latitude of the cells of a square that are in the area."""
        down, right = np.mgrid[
            square.row : square.row + square.rows, square.column : square.column + square.columns
        ]
        row, column = down.ravel(), right.ravel()
        lon, lat = self.degrees(row, column).T
        inside = in_box(self.box, lon, lat)
        return row[inside], column[inside], lon[inside], lat[inside]

    def degrees(self, row: np.ndarray, column: np.ndarray) -> np.ndarray:
        """Longitude and latitude of the middles of cells, (n, 2)."""
        x, y = self.left + column + 0.5, self.top - row - 0.5
        return np.column_stack(self._to_degrees.transform(x * self.resolution, y * self.resolution))

    @cached_property
    def _to_degrees(self) -> Transformer:
        return Transformer.from_crs(self.epsg, 4326, always_xy=True)


def system_of(box: tuple[float, float, float, float]) -> int:
    """EPSG code of the system of a map: EUROPE where that is meant to be used, else the UTM zone.

    Args:
        box: west, south, east, north in degrees.

    Raises:
        ConfigError: the box reaches too far from the middle of the zone.
    """
    west, south, east, north = box
    use = _area_of_use(EUROPE)
    if use[0] <= west and use[1] <= south and east <= use[2] and north <= use[3]:
        return EUROPE
    zone = int(((west + east) / 2 + 180.0) // 6) % 60 + 1
    middle = 6.0 * zone - 183.0
    if max(middle - west, east - middle) > FARTHEST:
        told = ", ".join(f"{side:g}" for side in box)
        fault = f"the box {told} reaches more than {FARTHEST:g} degrees from {middle:g}, the middle"
        fault += f" of its UTM zone {zone}: its cells would be distorted"
        raise ConfigError("map.areas", fault, "Give several areas that are less wide")
    return (32600 if south + north >= 0 else 32700) + zone


@cache
def _area_of_use(epsg: int) -> tuple[float, float, float, float]:
    use = CRS.from_epsg(epsg).area_of_use
    assert use is not None
    return use.bounds


def _spans(first: int, last: int, side: int) -> Iterator[tuple[int, int]]:
    """``first`` to ``last`` cut at the multiples of ``side``."""
    start = first
    while start < last:
        end = min((start // side + 1) * side, last)
        yield start, end
        start = end
