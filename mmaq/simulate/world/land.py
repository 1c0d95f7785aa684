"""The coarse fields of the land from which the cover at 10 m is drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from mmaq.simulate.world.grid import Grid
from mmaq.simulate.world.noise import gaussian_field
from mmaq.simulate.world.sources import Industry

NEAR = 2
"""Industry sites that a point can lie in: the nearest ones of its cell."""


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
