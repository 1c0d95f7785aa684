"""The air between Sentinel-2 and the ground: clouds, their shadows, cirrus and haze."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from mmaq.simulate.sensors.scenery import Tile, gaussian_field, rng_of
from mmaq.simulate.sensors.scenes import Scene
from mmaq.simulate.sensors.spectra import CLOUD, WAVELENGTHS

CELL, CELLS = 200.0, 576
"""Cell (m) and side (cells) of the cloud field; it reaches past the tile's 109.8 km."""

MEDIUM, HIGH = 0.15, 0.5
"""Opacities from which the classification says cloud of medium and of high probability."""

THIN, SHADOW = 0.08, 0.3
"""Opacities from which it says cirrus and cloud shadow."""

SOFTNESS = 0.35
"""How far the field rises (standard deviations) from the cloud's edge to opaque."""

SHADE = 0.62
"""Share of the light that opaque cloud keeps from the ground."""


@dataclass(frozen=True)
class Sky:
    """Sky over one scene. ``offset`` (east, north) m leads from a shadow to its cloud."""

    tile: Tile
    cloud: np.ndarray  # opacity (CELLS, CELLS), first row north
    cirrus: np.ndarray
    haze: np.ndarray  # added reflectance x 10000 at 492 nm
    offset: tuple[float, float]

    def over(self, x: np.ndarray, y: np.ndarray) -> Air:
        """What lies over points (n,)."""
        east, north = self.offset
        return Air(
            self._sample(self.cloud, x, y),
            self._sample(self.cloud, x + east, y + north),
            self._sample(self.cirrus, x, y),
            self._sample(self.haze, x, y),
        )

    @property
    def cloud_cover(self) -> float:
        """Share of the tile under cloud of medium or high probability, or cirrus."""
        side = int(np.ceil(109_800 / CELL))
        seen = (self.cloud >= MEDIUM) | (self.cirrus >= THIN)
        return float(seen[:side, :side].mean())

    def _sample(self, field: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        at = np.stack([self.tile.north - y, x - self.tile.west]) / CELL - 0.5
        return ndimage.map_coordinates(field, at, order=1, mode="grid-wrap")


@dataclass(frozen=True)
class Air:
    """Opacity of cloud, of the cloud that shades, of cirrus, and haze at points (n,)."""

    cloud: np.ndarray
    shade: np.ndarray
    cirrus: np.ndarray
    haze: np.ndarray


def make_sky(scene: Scene) -> Sky:
    """Draw the sky of a scene; it depends on the scene's key alone."""
    rng = rng_of(*scene.key, 1)
    field = gaussian_field(rng, (CELLS, CELLS), 40.0, 1.9)
    edge = np.quantile(field, 1 - scene.cloud) - MEDIUM * SOFTNESS
    cloud = np.clip((field - edge) / SOFTNESS, 0, 1).astype(np.float32)
    veil = gaussian_field(rng, (CELLS, CELLS), 90.0, 2.5)
    thickness = rng.choice([0.0, 0.0, 0.08, 0.15]) * rng.uniform(0.5, 1.0)
    cirrus = (thickness * np.clip(veil - 0.5, 0, 2)).astype(np.float32)
    haze = (40.0 * rng.gamma(1.5) * (1 + 0.3 * np.clip(-veil, -2, 2))).astype(np.float32)
    zenith, azimuth = np.deg2rad(scene.sun)
    distance = rng.uniform(1000.0, 2500.0) * np.tan(min(zenith, np.deg2rad(80)))
    offset = float(distance * np.sin(azimuth)), float(distance * np.cos(azimuth))
    return Sky(scene.tile, cloud, cirrus, haze, offset)


def through(air: Air, surface: np.ndarray) -> np.ndarray:
    """Reflectance x 10000 (n, 12) of a surface seen through the air.

    Level-2A corrects the clear air; what stays is haze that the correction missed, growing to the
    blue, and everything that clouds do.
    """
    slope = ((0.492 / WAVELENGTHS) ** 1.5).astype(np.float32)
    lit = surface * (1 - SHADE * np.clip(air.shade, 0, 1))[:, None]
    seen = lit + air.haze[:, None].astype(np.float32) * slope
    cover = np.clip(air.cloud + air.cirrus * (1 - air.cloud), 0, 1)[:, None]
    return ((1 - cover) * seen + cover * CLOUD).astype(np.float32)


def classify(air: Air, cover: np.ndarray, green: np.ndarray) -> np.ndarray:
    """Scene classification (n,) uint8: 3 shadow, 4 vegetation, 5 bare or built, 6 water,
    7 unclassified (a cloud's rim), 8 and 9 cloud, 10 cirrus."""
    vegetation = (cover[:, 1:4] * green[:, 1:4]).sum(axis=1)
    result = np.where(vegetation > 0.3, 4, 5)
    result = np.where(cover[:, 0] > 0.5, 6, result)
    result = np.where(air.shade > SHADOW, 3, result)
    result = np.where(air.cloud > 0, 7, result)
    result = np.where(air.cirrus > THIN, 10, result)
    result = np.where(air.cloud > MEDIUM, 8, result)
    return np.where(air.cloud > HIGH, 9, result).astype(np.uint8)
