"""A regular raster in UTM metres, row 0 in the north, and sampling between its centres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from affine import Affine
from scipy.ndimage import map_coordinates

CRS = "EPSG:32632"
CENTRE = (500_000.0, 5_900_000.0)
"""Easting and northing of the middle of every world, whatever its extent, in m."""


@dataclass(frozen=True)
class Grid:
    """``rows`` x ``columns`` square cells of ``step`` metres; ``west``, ``north`` are edges."""

    west: float
    north: float
    step: float
    rows: int
    columns: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, columns."""
        return self.rows, self.columns

    @property
    def transform(self) -> Affine:
        """Affine transform from (column, row) to easting and northing."""
        return Affine(self.step, 0.0, self.west, 0.0, -self.step, self.north)

    def centres(self) -> tuple[np.ndarray, np.ndarray]:
        """Eastings (rows, columns) and northings (rows, columns) of the cell centres."""
        x = self.west + (np.arange(self.columns) + 0.5) * self.step
        y = self.north - (np.arange(self.rows) + 0.5) * self.step
        return np.broadcast_to(x, self.shape), np.broadcast_to(y[:, None], self.shape)

    def cells(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Row and column of the cell that holds each point; points outside go to the edge."""
        row = np.clip(((self.north - y) / self.step).astype(int), 0, self.rows - 1)
        column = np.clip(((x - self.west) / self.step).astype(int), 0, self.columns - 1)
        return row, column

    def sample(self, field: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Bilinear value of ``field`` (rows, columns) at points; beyond the edge the edge's."""
        row = (self.north - np.asarray(y, float)) / self.step - 0.5
        column = (np.asarray(x, float) - self.west) / self.step - 0.5
        return map_coordinates(field, [row, column], order=1, mode="nearest")

    def coarser(self, factor: int) -> Grid:
        """The grid whose cells hold ``factor`` x ``factor`` of these."""
        rows, columns = self.rows // factor, self.columns // factor
        return Grid(self.west, self.north, self.step * factor, rows, columns)


def coarsen(field: np.ndarray, factor: int) -> np.ndarray:
    """Mean over blocks of ``factor`` x ``factor`` cells."""
    rows, columns = field.shape[0] // factor, field.shape[1] // factor
    return field.reshape(rows, factor, columns, factor).mean(axis=(1, 3))


def square(extent_km: float, step: float) -> Grid:
    """The grid of a world: a square about ``CENTRE``, its side rounded to 4 km."""
    half = 2000.0 * max(1, round(extent_km / 4))
    count = round(2 * half / step)
    return Grid(CENTRE[0] - half, CENTRE[1] + half, step, count, count)
