"""One window of a Sentinel-2 product, from land cover to digital numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmaq.simulate.sensors.scenery import SNAP, Scenery, Tile, ground_noise, rng_of
from mmaq.simulate.sensors.scenes import Scene
from mmaq.simulate.sensors.sky import Air, Sky, classify, through
from mmaq.simulate.sensors.spectra import BANDS, growth, surface_reflectance

WINDOW = 480
"""Side in m of what is written around a site: eight 60 m pixels."""

OFFSET = 1000
"""DN = reflectance x 10000 + OFFSET since processing baseline 04.00; DN 0 is no data."""

FILES = {
    "R10m": (10, ("B02", "B03", "B04", "B08"), 128),
    "R20m": (20, ("B05", "B06", "B07", "B8A", "B11", "B12"), 64),
    "R60m": (60, ("B01", "B09"), 32),
}
"""Asset: pixel in m, bands, block side in pixels."""

NOISE = {10: (18.0, 0.008), 20: (12.0, 0.006), 60: (10.0, 0.005)}
"""By pixel: standard deviation of the noise in DN, and its part in proportion to reflectance."""


@dataclass(frozen=True)
class Ground:
    """What one window shows on every date; points are 10 m pixels, (48 * 48,), first row north."""

    west: float
    north: float
    x: np.ndarray
    y: np.ndarray
    cover: np.ndarray
    vigour: np.ndarray
    slopes: tuple[np.ndarray, np.ndarray]  # rise to the east and to the north, m/m
    brightness: np.ndarray
    tint: np.ndarray


def see_ground(world: Scenery, tile: Tile, x: float, y: float, seed: int) -> Ground:
    """The window around a site, its corner on the tile's 60 m grid."""
    west = tile.west + np.rint((x - WINDOW / 2 - tile.west) / SNAP) * SNAP
    north = tile.north - np.rint((tile.north - y - WINDOW / 2) / SNAP) * SNAP
    steps = np.arange(5.0, WINDOW, 10.0)
    ys, xs = np.meshgrid(north - steps, west + steps, indexing="ij")
    xs, ys = xs.ravel(), ys.ravel()
    pixels = (np.floor(xs / 10).astype(np.int64), np.floor(ys / 10).astype(np.int64))
    return Ground(
        float(west), float(north), xs, ys,
        np.asarray(world.cover(xs, ys), np.float32),
        np.asarray(world.greenness(xs, ys), np.float32),
        _slopes(world, float(west), float(north)),
        ground_noise(*pixels, 2 * seed),
        ground_noise(*pixels, 2 * seed + 1),
    )  # fmt: skip


def _slopes(world: Scenery, west: float, north: float) -> tuple[np.ndarray, np.ndarray]:
    """Slopes from heights on a 60 m lattice, constant in each cell."""
    steps = np.arange(0.0, WINDOW + 1, SNAP)
    ys, xs = np.meshgrid(north - steps, west + steps, indexing="ij")
    height = np.asarray(world.elevation(xs.ravel(), ys.ravel()), np.float64).reshape(xs.shape)
    east = np.diff(height, axis=1)[:-1] / SNAP
    northward = -np.diff(height, axis=0)[:, :-1] / SNAP
    fine = [np.kron(slope, np.ones((6, 6))).ravel() for slope in (east, northward)]
    return fine[0].astype(np.float32), fine[1].astype(np.float32)


def observe(ground: Ground, scene: Scene, sky: Sky) -> dict[str, np.ndarray]:
    """One window as the product's files hold it: asset -> (bands, height, width).

    Bands of 20 and 60 m are means over the 10 m truth; noise is the instrument's, so each native
    pixel has its own.
    """
    truth, classes = render(ground, scene, sky)
    rng = rng_of(*scene.key, 2, round(ground.west), round(ground.north))
    result = {}
    for name, (pixel, bands, _) in FILES.items():
        values = block_mean(truth[[BANDS.index(band) for band in bands]], pixel // 10)
        constant, share = NOISE[pixel]
        sigma = np.hypot(constant, share * values)
        noisy = values + sigma * rng.standard_normal(values.shape, np.float32) + OFFSET
        result[name] = np.clip(np.rint(noisy), 1, 65535).astype(np.uint16)
    return result | {"SCL": classes}


def render(ground: Ground, scene: Scene, sky: Sky) -> tuple[np.ndarray, np.ndarray]:
    """Noise-free reflectance x 10000 (12, 48, 48) at 10 m and the classification (1, 24, 24)."""
    side = WINDOW // 10
    green = growth(scene.day_of_year, ground.vigour)
    surface = surface_reflectance(ground.cover, green, ground.brightness, ground.tint)
    surface = surface * _illumination(ground, scene)[:, None]
    air = sky.over(ground.x, ground.y)
    truth = through(air, surface).T.reshape(len(BANDS), side, side)

    def coarse(values: np.ndarray) -> np.ndarray:
        """Means over 20 m of (n, ...) values."""
        stack = np.reshape(values.T, (-1, side, side))
        return block_mean(stack, 2).reshape(len(stack), -1).T

    parts = (air.cloud, air.shade, air.cirrus, air.haze)
    view = Air(*(coarse(part)[:, 0] for part in parts))
    classes = classify(view, coarse(ground.cover), coarse(green))
    return truth, classes.reshape(1, side // 2, side // 2)


def _illumination(ground: Ground, scene: Scene) -> np.ndarray:
    """What the terrain correction leaves: half of the cosine law on slopes.

    After Richter 1998, Correction of satellite imagery over mountainous terrain, Applied Optics 37,
    4004-4015.
    """
    zenith, azimuth = np.deg2rad(scene.sun)
    east, north = ground.slopes
    tilt = np.tan(min(zenith, np.deg2rad(75))) * (east * np.sin(azimuth) + north * np.cos(azimuth))
    return np.clip(1 - 0.5 * tilt, 0.6, 1.4).astype(np.float32)


def block_mean(values: np.ndarray, size: int) -> np.ndarray:
    """Means of (bands, height, width) over blocks of ``size`` x ``size`` pixels."""
    bands, height, width = values.shape
    blocks = values.reshape(bands, height // size, size, width // size, size)
    return blocks.mean(axis=(2, 4), dtype=np.float32)
