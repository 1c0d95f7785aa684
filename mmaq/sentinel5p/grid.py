"""The regular longitude-latitude grid that orbits are averaged on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from mmaq.config.data import Grid


@dataclass(frozen=True)
class RegularGrid:
    """``rows`` x ``columns`` square cells of ``resolution`` degrees; row 0 is the southernmost.

    ``area`` says in which plane areas are measured: "degrees" is the plate carrée plane, as in
    HARP; "sphere" is Lambert's cylindrical equal-area plane of longitude and sin(latitude).
    """

    west: float
    south: float
    resolution: float
    columns: int
    rows: int
    area: Literal["degrees", "sphere"] = "degrees"

    @classmethod
    def from_config(cls, config: Grid) -> RegularGrid:
        """The grid that covers ``config.bbox`` exactly; its longitudes may go beyond 180."""
        west, south, east, north = config.bbox
        columns = round(((east - west) % 360 or 360) / config.resolution)
        rows = round((north - south) / config.resolution)
        return cls(west, south, config.resolution, columns, rows, config.area)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, columns."""
        return self.rows, self.columns

    @property
    def east(self) -> float:
        """Degrees east; above 180 where the grid crosses the antimeridian."""
        return self.west + self.columns * self.resolution

    @property
    def north(self) -> float:
        """Degrees north."""
        return self.south + self.rows * self.resolution

    def longitude_edges(self) -> np.ndarray:
        """(columns + 1,) degrees east."""
        return self.west + self.resolution * np.arange(self.columns + 1)

    def latitude_edges(self) -> np.ndarray:
        """(rows + 1,) degrees north, ascending."""
        return self.south + self.resolution * np.arange(self.rows + 1)

    def row_heights(self) -> np.ndarray:
        """(rows + 1,) northward coordinates, in the plane of ``area``, of the edges between rows.

        Sines of latitude; or cells from the southern edge, so that rounding is even over the grid.
        """
        if self.area == "sphere":
            return np.sin(np.deg2rad(self.latitude_edges().clip(-90, 90)))
        return np.arange(self.rows + 1.0)

    @property
    def goes_round(self) -> bool:
        """Whether the last column meets the first: the grid covers a whole turn."""
        return round(self.columns * self.resolution, 6) == 360

    def column_position(self, longitude: np.ndarray) -> np.ndarray:
        """Columns from the western edge to each longitude, of any turn; may lie off the grid."""
        middle = (self.west + self.east) / 2
        near = longitude - 360 * np.round((longitude - middle) / 360)
        return (near - self.west) / self.resolution

    def row_position(self, latitude: np.ndarray) -> np.ndarray:
        """Rows from the southern edge to each latitude; may lie off the grid."""
        return (latitude - self.south) / self.resolution
