"""Point sources: industry sites and power plants with their fuel and capacity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmaq.simulate.world.grid import Grid, gaussian_field
from mmaq.simulate.world.settlements import Settlements

FUELS = ("Coal", "Gas", "Oil", "Hydro", "Wind", "Solar", "Biomass")

FUEL_SHARE = (0.22, 0.30, 0.05, 0.08, 0.15, 0.08, 0.12)
"""How plants divide among fuels, in the words of the Global Power Plant Database."""

FUEL_CAPACITY = (700.0, 300.0, 120.0, 40.0, 25.0, 8.0, 20.0)
"""Median capacity in MW by fuel."""

FUEL_NOX = (0.85, 0.25, 0.9, 0.0, 0.0, 0.0, 0.8)
"""NOx as NO2 in g per kWh by fuel; after EMEP/EEA guidebook (2019), 1.A.1, with abatement."""

LOAD = 0.5
"""Mean output as a share of the capacity."""


@dataclass(frozen=True)
class Industry:
    """Industry sites (n,): ellipses on the ground; emission in mol NOx per s."""

    x: np.ndarray
    y: np.ndarray
    radius: np.ndarray  # m
    emission: np.ndarray


@dataclass(frozen=True)
class PowerPlants:
    """Power plants (n,); ``fuel`` indexes FUELS, capacity in MW, emission in mol NOx per s."""

    x: np.ndarray
    y: np.ndarray
    fuel: np.ndarray
    capacity: np.ndarray
    emission: np.ndarray


def make_industry(
    grid: Grid, elevation: np.ndarray, settlements: Settlements, rng: np.random.Generator
) -> Industry:
    """Industry on the outskirts of towns, more of it in some regions; larger sites emit more."""
    region = gaussian_field(rng, grid.shape, grid.rows * 0.05)
    lure = settlements.inhabitants**0.8 * np.exp(
        0.9 * grid.sample(region, settlements.x, settlements.y)
    )
    count = max(12, round(0.012 * (elevation > 0).sum() * (grid.step / 1000) ** 2))
    x, y = _about(grid, elevation, settlements, lure, count, 1.6, rng)
    radius = 180.0 * rng.lognormal(0.0, 0.5, len(x))
    emission = 0.04 * (radius / 180.0) ** 1.5 * rng.lognormal(0.0, 0.6, len(x))
    return Industry(x, y, radius, emission)


def make_power_plants(
    grid: Grid, elevation: np.ndarray, settlements: Settlements, rng: np.random.Generator
) -> PowerPlants:
    """Power plants some way outside settlements; capacities are lognormal by fuel."""
    count = max(4, round(0.0012 * (elevation > 0).sum() * (grid.step / 1000) ** 2))
    lure = settlements.inhabitants**0.4
    x, y = _about(grid, elevation, settlements, lure, count, 4.0, rng)
    fuel = rng.choice(len(FUELS), len(x), p=FUEL_SHARE)
    capacity = np.array(FUEL_CAPACITY)[fuel] * rng.lognormal(0.0, 0.7, len(x))
    grams_per_s = capacity * 1000 * LOAD * np.array(FUEL_NOX)[fuel] / 3600
    return PowerPlants(x, y, fuel, capacity, grams_per_s / 46.0)


def _about(
    grid: Grid,
    elevation: np.ndarray,
    settlements: Settlements,
    lure: np.ndarray,
    count: int,
    reach: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Places around settlements, ``reach`` density radii away, on land and inside the world."""
    host = rng.choice(len(lure), 2 * count, p=lure / lure.sum())
    away = settlements.radius[host] * rng.gamma(3.0, reach / 3.0, 2 * count) + 400.0
    angle = rng.uniform(0.0, 2 * np.pi, 2 * count)
    x = settlements.x[host] + away * np.cos(angle)
    y = settlements.y[host] + away * np.sin(angle)
    side = grid.step * grid.rows
    inside = (np.abs(x - grid.west - side / 2) < side / 2 - 1500) & (
        np.abs(y - grid.north + side / 2) < side / 2 - 1500
    )
    good = np.flatnonzero(inside & (grid.sample(elevation, x, y) > 1.0))[:count]
    return x[good], y[good]
