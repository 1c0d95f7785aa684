"""Terrain: a coast in the north, a plain behind it, hills in the south, lakes."""

from __future__ import annotations

import numpy as np

from mmaq.simulate.world.grid import Grid
from mmaq.simulate.world.noise import gaussian_field

COAST = 0.80
"""Mean position of the coast as a share of the way from the southern to the northern edge."""


def make_elevation(grid: Grid, rng: np.random.Generator) -> np.ndarray:
    """Height above the sea in m, float32 (rows, columns); negative is the sea's or a lake's bed.

    Shapes follow the side of the world, so that a small one has its coast and hills too.
    """
    side = grid.rows
    north = 1.0 - (np.arange(side)[:, None] + 0.5) / side
    inland = COAST - north + 0.05 * gaussian_field(rng, grid.shape, side * 0.05)
    relief = gaussian_field(rng, grid.shape, max(2.0, side * 0.025))
    rough = gaussian_field(rng, grid.shape, 6.0)
    south = np.clip((0.62 - north) / 0.62, 0.0, 1.0)
    plain = 4.0 + 130.0 * np.clip(inland, 0.0, None) * (1.0 + 0.25 * rough)
    hills = south**1.5 * (330.0 + 260.0 * relief + 60.0 * rough)
    land = plain + np.clip(hills, 0.0, None)
    basins = gaussian_field(rng, grid.shape, 9.0)
    lake = (basins > 3.0) & (land < 250.0)
    height = np.where(inland > 0.0, np.maximum(land, 1.0), np.minimum(400.0 * inland, -1.0))
    return np.where(lake & (inland > 0.0), -2.0, height).astype(np.float32)
