"""Power plants of the simulated country: where they stand, what they burn, how they are cooled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mmaq.errors import ConfigError
from mmaq.simulate.world import World

NATURAL, MECHANICAL, ONCE_THROUGH, AIR = range(4)
"""Cooling: natural-draught towers, mechanical-draught towers, a river, air."""


class Fuel(NamedTuple):
    """What plants of one fuel have in common; ``name`` is that of the published table.

    Median capacity (MW) and the shares of the four ways of cooling are rounded from Europe's
    register of units (JRC Open Power Plants Database); ``share`` is evened out, as half of
    Europe's plants would be small gas turbines.
    """

    name: str
    share: float
    capacity: float
    cooling: tuple[float, float, float, float]
    moisture: float  # vapour of the wet flue gas, kg/s per MW
    smoke: float  # fine aerosol of the flue gas, g/s per MW


FUELS = (
    Fuel("Fossil Brown coal/Lignite", 0.24, 600.0, (0.80, 0.05, 0.13, 0.02), 0.16, 0.01),
    Fuel("Fossil Hard coal", 0.28, 500.0, (0.47, 0.07, 0.44, 0.02), 0.10, 0.01),
    Fuel("Fossil Gas", 0.24, 300.0, (0.10, 0.14, 0.22, 0.54), 0.0, 0.0),
    Fuel("Fossil Coal-derived gas", 0.06, 180.0, (0.20, 0.05, 0.15, 0.60), 0.02, 0.03),
    Fuel("Fossil Oil", 0.12, 250.0, (0.04, 0.06, 0.45, 0.45), 0.0, 0.60),
    Fuel("Fossil Peat", 0.06, 130.0, (0.10, 0.15, 0.70, 0.05), 0.12, 0.15),
)
LIGNITE, HARD_COAL, GAS, DERIVED_GAS, OIL, PEAT = range(len(FUELS))
SPREAD = 0.6
"""Standard deviation of the logarithm of a fuel's capacities."""
APART, EDGE = 3000.0, 2000.0
"""Least distance in m of two plants, and of a plant from the edge of the land."""
TRIES = 60
"""Places looked at for each plant asked for."""


@dataclass(frozen=True)
class Plant:
    """A plant: place in UTM m, ``fuel`` an index of FUELS, capacity in MW."""

    number: int
    x: float
    y: float
    fuel: int
    capacity: float
    cooling: int

    @property
    def code(self) -> str:
        """Name of the plant in file names."""
        return f"SIM{self.number:04d}"


def draw_plants(world: World, count: int, rng: np.random.Generator) -> list[Plant]:
    """``count`` plants on dry land outside of towns.

    Fuels are dealt out by their shares, so that few plants have all of them, too.

    Raises:
        ConfigError: the land has no room for so many.
    """
    places = _places(world, count, rng)
    fuels = rng.permutation(_deal(count))
    plants = []
    for number, ((x, y), fuel) in enumerate(zip(places, fuels.tolist(), strict=True)):
        about = FUELS[fuel]
        capacity = float(np.clip(about.capacity * rng.lognormal(0.0, SPREAD), 40.0, 4000.0))
        cooling = int(rng.choice(4, p=about.cooling))
        if capacity < 150.0 and cooling == NATURAL:  # nobody builds a hyperboloid for that
            cooling = MECHANICAL
        plants.append(Plant(number, x, y, fuel, capacity, cooling))
    return plants


def _deal(count: int) -> np.ndarray:
    """Fuels (count,) whose numbers follow the shares as closely as whole numbers can."""
    ends = np.cumsum([fuel.share for fuel in FUELS])
    return np.searchsorted(ends, (np.arange(count) + 0.5) / count).clip(max=len(FUELS) - 1)


def _places(world: World, count: int, rng: np.random.Generator) -> list[tuple[float, float]]:
    west, south, east, north = world.bounds
    x = rng.uniform(west + EDGE, east - EDGE, TRIES * count)
    y = rng.uniform(south + EDGE, north - EDGE, TRIES * count)
    cover = world.cover(x, y)
    good = (world.elevation(x, y) > 2.0) & (cover[:, 0] < 0.1) & (cover[:, 4] < 0.25)
    chosen = np.empty((0, 2))
    for place in np.column_stack([x, y])[good]:
        if len(chosen) == count:
            break
        if len(chosen) == 0 or np.hypot(*(chosen - place).T).min() >= APART:
            chosen = np.vstack([chosen, place])
    if len(chosen) < count:
        fault = f"the land has room for {len(chosen)} plants, transfer.plants is {count}"
        raise ConfigError("configuration", fault, "Lower it or raise simulate.extent_km")
    return [(float(a), float(b)) for a, b in chosen]
