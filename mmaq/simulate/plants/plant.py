"""Power plants of the country: where they stand, what they burn, and what an image shows of that.

No cue tells the fuel for certain. Coal lies in dark piles beside the boilers, lignite comes from a
bright open pit on a belt, oil is kept in round tanks, gas comes in a pipe and needs nothing. But
some gas plants keep oil for bad days, some burn the gas of a steelworks with piles of its own,
some stand beside a quarry, and a lignite mine may lie beyond the scene. Sizes grow with the square
root of the capacity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mmaq.base.errors import ConfigError
from mmaq.simulate.plants.canvas import Canvas
from mmaq.simulate.sensors.scenery import gaussian_field
from mmaq.simulate.world.world import World

NATURAL, MECHANICAL, ONCE_THROUGH, AIR = range(4)
"""Cooling: natural-draught towers, mechanical-draught towers, a river, air."""

SPREAD = 0.6
"""Standard deviation of the logarithm of a fuel's capacities."""

APART, EDGE = 3000.0, 2000.0
"""Least distance in m of two plants, and of a plant from the edge of the land."""

TRIES = 60
"""Places looked at for each plant asked for."""

PER_TOWER = 550.0
"""Capacity in MW that one natural-draught tower serves."""


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

    Fuels are assigned by their shares, so that few plants have all of them, too.

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


def build(plant: Plant, canvas: Canvas, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw the plant; returns where its towers and its stacks are, (n, 2) m along and across."""
    scale = float(np.sqrt(plant.capacity / 400.0))
    ragged = gaussian_field(rng, canvas.height.shape, 6.0, 2.5)
    _beside(plant, canvas, ragged, rng)
    canvas.box("gravel", 0, 0, 260 * scale**0.8 + 60, 200 * scale**0.8 + 60)
    _fuel(plant, canvas, scale, ragged, rng)
    hall = (150 if plant.fuel in (LIGNITE, HARD_COAL) else 100) * scale**0.8
    canvas.box("roof", 0, 0, hall, 55, 45.0)
    canvas.box("metal", -0.15 * hall, -45, 0.6 * hall, 30, 70.0)
    stacks = np.array([[offset * hall, -80.0] for offset in _spread(_stacks(plant, rng))])
    for along, across in stacks:
        canvas.disc("concrete", along, across, 7.0, 170.0)
    return _cooling(plant, canvas, scale, rng), stacks


def _spread(count: int) -> np.ndarray:
    """Offsets of ``count`` things in a row, in lengths of it, about its middle."""
    return (np.arange(count) - (count - 1) / 2) / max(count, 2)


def _stacks(plant: Plant, rng: np.random.Generator) -> int:
    return int(np.clip(np.ceil(plant.capacity / 700 * rng.uniform(0.7, 1.3)), 1, 4))


def _beside(plant: Plant, canvas: Canvas, ragged: np.ndarray, rng: np.random.Generator) -> None:
    """The neighbourhood: a mine, a quarry or bare ground, a river, other industry."""
    turn = rng.choice([-1.0, 1.0])
    mine = {LIGNITE: 0.7, PEAT: 0.5}.get(plant.fuel, 0.12)
    if rng.uniform() < mine:
        large = 1.0 if plant.fuel == LIGNITE else 0.55
        length, width = rng.uniform(700, 1100) * large, rng.uniform(450, 800) * large
        place = turn * (150 + width / 2)
        bottom = {LIGNITE: "lignite", PEAT: "peat"}.get(plant.fuel, "gravel")
        ground = "peat" if plant.fuel == PEAT else "soil"
        shift = rng.uniform(-250, 250)
        canvas.patch(ground, shift, place, length, width, ragged)
        canvas.patch(bottom, shift, place, 0.5 * length, 0.3 * width, ragged)
    if plant.cooling not in (NATURAL, AIR) or rng.uniform() < 0.2:
        canvas.box("water", 0, -turn * rng.uniform(200, 330), 4000, rng.uniform(40, 110))
    steelworks = 0.8 if plant.fuel == DERIVED_GAS else 0.2
    if rng.uniform() < steelworks:
        for _ in range(rng.integers(2, 6)):
            along, across = rng.uniform(-450, 450), turn * rng.uniform(180, 450)
            length, width = rng.uniform(60, 220), rng.uniform(40, 110)
            canvas.box(str(rng.choice(["metal", "roof", "tank"])), along, across, length, width, 15)
        if plant.fuel == DERIVED_GAS and rng.uniform() < 0.6:
            canvas.patch("coal", -300, turn * 300, 200, 80, ragged)


def _fuel(
    plant: Plant, canvas: Canvas, scale: float, ragged: np.ndarray, rng: np.random.Generator
) -> None:
    """Where the fuel is kept, and the belt on which it comes."""
    side = rng.choice([-1.0, 1.0])
    pile = {LIGNITE: 0.35, HARD_COAL: 0.92, PEAT: 0.8}.get(plant.fuel, 0.03)
    if rng.uniform() < pile:
        small = 1.0 if plant.fuel == HARD_COAL else 0.6
        length, width = rng.uniform(180, 320) * small * scale, rng.uniform(60, 110) * small * scale
        kind = "peat" if plant.fuel == PEAT else "coal"
        place = rng.uniform(130, 190) + 40 * scale
        canvas.patch(kind, side * 60, place, length, width, ragged)
        canvas.box("metal", side * 60, place - width, 8, 2 * width, 20.0)
    elif plant.fuel == LIGNITE:
        canvas.box("metal", side * 40, 150, 10, 300, 12.0)
    tanks, large = {
        OIL: (int(rng.integers(4, 12)), 26.0), PEAT: (int(rng.integers(0, 3)), 14.0),
        GAS: (int(rng.integers(1, 4)) if rng.uniform() < 0.3 else 0, 17.0),
        HARD_COAL: (int(rng.integers(0, 3)), 13.0),
    }.get(plant.fuel, (int(rng.integers(0, 2)), 12.0))  # fmt: skip
    for number in range(tanks):
        along = -side * (170 + 75 * (number % 4))
        across = 40 + 75 * (number // 4)
        radius = large * rng.uniform(0.7, 1.25)
        canvas.disc("tank" if rng.uniform() < 0.8 else "metal", along, across, radius, 18.0)


def _cooling(plant: Plant, canvas: Canvas, scale: float, rng: np.random.Generator) -> np.ndarray:
    """Towers or the condenser; returns where vapour rises."""
    side = rng.choice([-1.0, 1.0])
    places: list[tuple[float, float]] = []
    if plant.cooling == NATURAL:
        count = int(np.clip(np.ceil(plant.capacity / PER_TOWER), 1, 6))
        for number in range(count):
            place = side * (190 + 115 * (number // 2)), -30.0 + 115 * (number % 2)
            canvas.disc("concrete", *place, 48.0, 130.0)
            canvas.disc("water", *place, 24.0, 130.0)
            places.append(place)
    elif plant.cooling == MECHANICAL:
        length = 90 * scale
        canvas.box("roof", side * 170, 0, 22, length, 15.0)
        places += [(side * 170, offset * length) for offset in _spread(3)]
    elif plant.cooling == AIR:
        canvas.box("metal", side * 110, 20, 70 * scale, 60 * scale, 35.0)
    return np.array(places).reshape(-1, 2)
