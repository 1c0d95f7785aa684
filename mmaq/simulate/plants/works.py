"""What stands at a plant: the cues by which an image tells its fuel, none of them certain.

Coal lies in dark piles beside the boilers, lignite comes from a bright open pit on a belt, oil is
kept in round tanks, gas comes in a pipe and needs nothing. But some gas plants keep oil for bad
days, some burn the gas of a steelworks with piles of its own, some stand beside a quarry, and a
lignite mine may lie beyond the scene. Sizes grow with the square root of the capacity.
"""

from __future__ import annotations

import numpy as np

from mmaq.simulate.plants.canvas import Canvas
from mmaq.simulate.plants.plant import (
    AIR,
    DERIVED_GAS,
    GAS,
    HARD_COAL,
    LIGNITE,
    MECHANICAL,
    NATURAL,
    OIL,
    PEAT,
    Plant,
)
from mmaq.simulate.sensors.noise import gaussian_field

PER_TOWER = 550.0
"""Capacity in MW that one natural-draught tower serves."""


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
