"""The regular longitude-latitude grid that orbits are averaged on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmaq.config.data import Grid


@dataclass(frozen=True)
class RegularGrid:
    """``rows`` x ``columns`` square cells of ``resolution`` degrees; row 0 is the southernmost."""

    west: float
    south: float
    resolution: float
    columns: int
    rows: int

    @classmethod
    def from_config(cls, config: Grid) -> RegularGrid:
        """The grid that covers ``config.bbox`` exactly."""
        west, south, east, north = config.bbox
        columns = round((east - west) / config.resolution)
        rows = round((north - south) / config.resolution)
        return cls(west, south, config.resolution, columns, rows)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, columns."""
        return self.rows, self.columns

    def longitude_edges(self) -> np.ndarray:
        """(columns + 1,) degrees east."""
        return self.west + self.resolution * np.arange(self.columns + 1)

    def latitude_edges(self) -> np.ndarray:
        """(rows + 1,) degrees north, ascending."""
        return self.south + self.resolution * np.arange(self.rows + 1)

    def column_of(self, longitude: np.ndarray) -> np.ndarray:
        """Column of the cell that holds each longitude; may lie outside the grid."""
        return np.floor((longitude - self.west) / self.resolution).astype(np.int64)

    def row_of(self, latitude: np.ndarray) -> np.ndarray:
        """Row, counted from the south, of the cell that holds each latitude."""
        return np.floor((latitude - self.south) / self.resolution).astype(np.int64)
