"""Emissions of NOx on the grid of the transport, by sector, in mol m-2 s-1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmaq.simulate.world.grid import Grid, coarsen, gaussian_field
from mmaq.simulate.world.pieces import Pieces
from mmaq.simulate.world.sources import Industry, PowerPlants

MOL_PER_KG = 1000.0 / 46.0

YEAR = 365.25 * 86400.0

VEHICLE = 0.8e-6 * MOL_PER_KG / 86400.0
"""mol/s of NOx per (vehicle a day x m of road): 0.8 g per vehicle-km."""

PERSON = 4.0 * MOL_PER_KG / YEAR
"""mol/s of NOx per inhabitant at ``TYPICAL`` density: 4 kg a year of heating and small sources."""

TYPICAL = 1000.0

SPRAWL = 0.5
"""Emission density grows with this power of the population's: detached houses need more a head."""


@dataclass(frozen=True)
class Emissions:
    """Fields (rows, columns) in mol m-2 s-1, year's mean."""

    grid: Grid
    traffic: np.ndarray
    heating: np.ndarray
    industry: np.ndarray
    power: np.ndarray


def make_heating(grid: Grid, population: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Emission of houses in mol m-2 s-1, float32, on ``grid``; fuels differ between regions."""
    fuel = np.exp(0.5 * gaussian_field(rng, grid.shape, grid.rows * 0.06) - 0.12)
    per_km2 = TYPICAL * (population / TYPICAL) ** SPRAWL * PERSON * fuel
    return (per_km2 * 1e-6).astype(np.float32)


def make_emissions(
    grid: Grid,
    heating: np.ndarray,
    pieces: Pieces,
    volume: np.ndarray,
    industry: Industry,
    plants: PowerPlants,
) -> Emissions:
    """Sum every source into cells of 2 km; ``heating`` lies on the finer ``grid``."""
    factor = round(CELL / grid.step)
    coarse = grid.coarser(factor)
    weight = volume[pieces.road] * pieces.length
    x = grid.west + (pieces.xa + pieces.xb) / 2
    y = grid.north - (pieces.ya + pieces.yb) / 2
    return Emissions(
        grid=coarse,
        traffic=_gather(coarse, x, y, weight * VEHICLE),
        heating=coarsen(heating, factor),
        industry=_gather(coarse, industry.x, industry.y, industry.emission),
        power=_gather(coarse, plants.x, plants.y, plants.emission),
    )


CELL = 2000.0
"""Side of a transport cell in m."""


def _gather(grid: Grid, x: np.ndarray, y: np.ndarray, emission: np.ndarray) -> np.ndarray:
    """Sum point emissions in mol/s into cells, shared bilinearly so that no cell edge shows."""
    column = (x - grid.west) / grid.step - 0.5
    row = (grid.north - y) / grid.step - 0.5
    j, i = np.floor(column).astype(int), np.floor(row).astype(int)
    b, a = column - j, row - i
    total = np.zeros(grid.rows * grid.columns)
    for di, dj, share in ((0, 0, (1 - a) * (1 - b)), (0, 1, (1 - a) * b),
                          (1, 0, a * (1 - b)), (1, 1, a * b)):  # fmt: skip
        rows = np.clip(i + di, 0, grid.rows - 1)
        columns = np.clip(j + dj, 0, grid.columns - 1)
        total += np.bincount(rows * grid.columns + columns, emission * share, total.size)
    return total.reshape(grid.shape) / grid.step**2
