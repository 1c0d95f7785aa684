"""The ground of a scene: land of the country with the plant on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmaq.simulate.plants.canvas import PIXEL, SPECTRA, TEXTURE, Canvas
from mmaq.simulate.plants.plant import Plant, build
from mmaq.simulate.sensors.scenery import ground_noise
from mmaq.simulate.sensors.spectra import growth, surface_reflectance
from mmaq.simulate.world.world import World


@dataclass(frozen=True)
class Ground:
    """What a plant's scenes show on every date; rasters (side, side, ...) of 10 m, north up.

    ``towers`` and ``stacks`` are places (n, 2), m east and north of the centre.
    """

    west: float
    north: float
    cover: np.ndarray
    materials: np.ndarray
    height: np.ndarray
    vigour: np.ndarray
    brightness: np.ndarray
    tint: np.ndarray
    towers: np.ndarray
    stacks: np.ndarray

    @property
    def side(self) -> int:
        """Pixels a side."""
        return len(self.cover)

    def offsets(self) -> tuple[np.ndarray, np.ndarray]:
        """Metres east and north of the scene's centre of each pixel, (side, side)."""
        steps = (np.arange(self.side) - (self.side - 1) / 2) * PIXEL
        east, north = np.meshgrid(steps, -steps)
        return east, north

    def reflectance(self, day_of_year: int) -> np.ndarray:
        """Surface reflectance x 10000 on a day, (side, side, 12) float32."""
        flat = (self.side * self.side, -1)
        green = growth(day_of_year, self.vigour.ravel())
        land = surface_reflectance(
            self.cover.reshape(flat), green, self.brightness.ravel(), self.tint.ravel()
        )
        grain = np.maximum(1 + TEXTURE * self.brightness, 0.5)[..., None]
        return land.reshape(self.side, self.side, -1) + self.materials @ SPECTRA * grain


def make_ground(world: World, plant: Plant, side: int, rng: np.random.Generator) -> Ground:
    """The plant on the country's land, on the 60 m grid on which the coarse bands lie."""
    half = side * PIXEL / 2
    west = float(np.rint((plant.x - half) / 60) * 60)
    north = float(np.rint((plant.y + half) / 60) * 60)
    steps = (np.arange(side) + 0.5) * PIXEL
    xs, ys = np.meshgrid(west + steps, north - steps)
    points = xs.ravel(), ys.ravel()
    column, row = (np.floor(axis / PIXEL).astype(np.int64) for axis in (xs, ys))
    cover = world.cover(*points).reshape(side, side, -1)
    angle = float(rng.uniform(0, 2 * np.pi))
    canvas = Canvas(cover, angle)
    towers, stacks = build(plant, canvas, rng)
    return Ground(
        west, north, canvas.cover, canvas.materials, canvas.height,
        world.greenness(*points).reshape(side, side),
        ground_noise(column, row, 2 * world.seed), ground_noise(column, row, 2 * world.seed + 1),
        _turned(towers, angle), _turned(stacks, angle),
    )  # fmt: skip


def _turned(places: np.ndarray, angle: float) -> np.ndarray:
    """Places along and across the plant as places east and north."""
    along, across = places.T
    cos, sin = np.cos(angle), np.sin(angle)
    return np.column_stack([along * cos - across * sin, along * sin + across * cos])
