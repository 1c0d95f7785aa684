"""Sentinel-2 tiles: the 100 km squares of the military grid in UTM zone 32 N, as the mission cuts
them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pyproj import Transformer

ZONE, EPSG = 32, 32632
SQUARE, SIDE, SNAP = 100_000.0, 109_800.0, 60.0
"""Metres: the square that names a tile, the tile's own side, and the grid its corner lies on."""
COLUMNS = "JKLMNPQR"
"""Easting letters of zones 2, 5, ..., 32, ... from 100 km on."""
ROWS = "ABCDEFGHJKLMNPQRSTUV"
"""Northing letters; in even zones they start with F at the equator."""
BANDS = "CDEFGHJKLMNPQRSTUVWXX"
"""Latitude bands of 8 degrees from 80 south."""


@dataclass(frozen=True, order=True)
class Tile:
    """A tile by its name without the T, and its north-western corner in m."""

    name: str
    west: float
    north: float

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north in m."""
        return self.west, self.north - SIDE, self.west + SIDE, self.north

    @property
    def bbox(self) -> tuple[float, float, float, float]:
        """West, south, east, north in degrees."""
        to_degrees = Transformer.from_crs(EPSG, 4326, always_xy=True)
        west, south, east, north = to_degrees.transform_bounds(*self.bounds)
        return round(west, 5), round(south, 5), round(east, 5), round(north, 5)

    def depth(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Distance of points to the nearest edge, m; negative outside."""
        west, south, east, north = self.bounds
        return np.minimum(np.minimum(x - west, east - x), np.minimum(y - south, north - y))


def tile_of(column: int, row: int) -> Tile:
    """The tile whose square is ``column`` and ``row`` hundreds of kilometres east and north."""
    to_degrees = Transformer.from_crs(EPSG, 4326, always_xy=True)
    _, lat = to_degrees.transform((column + 0.5) * SQUARE, (row + 0.5) * SQUARE)
    band = BANDS[int((lat + 80) // 8)]
    name = f"{ZONE}{band}{COLUMNS[column - 1]}{ROWS[(row + 5) % len(ROWS)]}"
    west = np.floor(column * SQUARE / SNAP) * SNAP
    north = np.ceil((row + 1) * SQUARE / SNAP) * SNAP
    return Tile(name, float(west), float(north))


def assign_tiles(x: np.ndarray, y: np.ndarray) -> dict[Tile, np.ndarray]:
    """Positions of the points in each tile, every point in the one that holds it most centrally.

    Tiles overlap by 9.8 km to the east and south, so each point lies at least 4.9 km inside.
    """
    columns, rows = np.floor(x / SQUARE).astype(int), np.floor(y / SQUARE).astype(int)
    near = {
        (int(c) + dc, int(r) + dr)
        for c, r in set(zip(columns, rows, strict=True))
        for dc in (-1, 0)
        for dr in (0, 1)
        if 1 <= c + dc <= len(COLUMNS)
    }
    tiles = sorted(tile_of(*square) for square in near)
    depths = np.stack([tile.depth(x, y) for tile in tiles])
    best = depths.argmax(axis=0)
    members = {tile: np.flatnonzero(best == i) for i, tile in enumerate(tiles)}
    return {tile: found for tile, found in members.items() if len(found)}
