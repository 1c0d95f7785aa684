"""The coarse fields of the land, from which the cover at 10 m is drawn.

The terrain has a coast in the north, a plain behind it, hills in the south, and lakes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from mmaq.simulate.world.grid import Grid, gaussian_field
from mmaq.simulate.world.sources import Industry

NEAR = 2
"""Industry sites that a point can lie in: the nearest ones of its cell."""

COAST = 0.80
"""Mean position of the coast as a share of the way from the southern to the northern edge."""


@dataclass(frozen=True)
class Land:
    """Fields (rows, columns), float32, on the grid of the terrain."""

    building: np.ndarray  # -ln(1 - built share) before the local texture
    forest: np.ndarray  # probability that a parcel is forest
    crop: np.ndarray  # probability that an open parcel is cropland
    industry: np.ndarray  # (rows, columns, NEAR) indices of industry sites, int32


def make_land(
    grid: Grid,
    elevation: np.ndarray,
    population: np.ndarray,
    industry: Industry,
    rng: np.random.Generator,
) -> Land:
    """Built-up density from the population, forest on hills, fields on the plain."""
    height = np.maximum(elevation, 0.0)
    woods = gaussian_field(rng, grid.shape, 8.0) + height / 260.0 - 1.1
    fields = gaussian_field(rng, grid.shape, 12.0) - height / 400.0 + 0.9
    x, y = grid.centres()
    tree = cKDTree(np.column_stack([industry.x, industry.y]))
    _, near = tree.query(np.column_stack([x.ravel(), y.ravel()]), k=NEAR)
    return Land(
        building=(0.69 * (population / 5000.0) ** 0.71).astype(np.float32),
        forest=_squash(1.3 * woods),
        crop=_squash(1.3 * fields),
        industry=near.reshape(*grid.shape, NEAR).astype(np.int32),
    )


def _squash(value: np.ndarray) -> np.ndarray:
    return (1.0 / (1.0 + np.exp(-value))).astype(np.float32)


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
