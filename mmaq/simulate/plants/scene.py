"""One scene of a plant: the day's weather and sky, and what the sensor makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timezone

import numpy as np
from pyproj import Transformer
from scipy import ndimage

from mmaq.simulate.plants.ground import Ground
from mmaq.simulate.plants.plant import AIR, FUELS, MECHANICAL, NATURAL, Plant
from mmaq.simulate.plants.plume import Air, Source, lay_over, opacity
from mmaq.simulate.sensors.scenery import gaussian_field
from mmaq.simulate.sensors.sky import Air as Sky
from mmaq.simulate.sensors.sky import through
from mmaq.simulate.sensors.spectra import BANDS, sun_angles
from mmaq.simulate.sensors.windows import FILES, NOISE, block_mean
from mmaq.simulate.world.grid import CRS
from mmaq.simulate.world.weather import season
from mmaq.simulate.world.world import World

VAPOUR = {NATURAL: 0.80, MECHANICAL: 0.60, AIR: 0.0}
"""kg/s of vapour that wet cooling gives to the air per MW."""

STACK = 20.0
"""Radius in m of a stack's plume once its heat has stirred it."""

SEEN = 0.15
"""Opacity from which a plume is labelled: who draws outlines does not see the rest."""

DARK = 0.45
"""Share of the light that a shadow lacks in the visible."""

PLUME_HEIGHT = 250.0
"""Height in m from which a plume's shadow falls."""

HOUR = 10
"""Hour (UTC) at which Sentinel-2 passes."""


@dataclass(frozen=True)
class Scene:
    """What one file and its labels say. ``image`` (13, side, side) uint16, B01..B12 with B10."""

    plant: Plant
    day: date
    image: np.ndarray
    plume: np.ndarray  # (side, side) bool, what can be seen of it
    output: float  # MW
    air: Air


def take_scene(
    world: World, plant: Plant, ground: Ground, day: date, rng: np.random.Generator
) -> Scene:
    """The plant as it was on a day."""
    load = 0.0 if rng.uniform() < 0.12 else float(rng.uniform(0.35, 1.0))
    air = draw_air(world, day, rng)
    east, north = ground.offsets()
    puffs = gaussian_field(rng, east.shape, 8.0, 2.5)
    sway = float(rng.uniform(0, 2 * np.pi)), float(rng.uniform(350, 900))
    sources = _sources(plant, ground, load * plant.capacity)
    drops, smoke = opacity(sources, air, east, north, puffs, sway)
    shadow = _shadow(ground, drops, _sun(ground, day))
    surface = (
        ground.reflectance(day.timetuple().tm_yday)
        * (1 - DARK * shadow).astype(np.float32)[..., None]
    )
    seen = lay_over(surface, drops, smoke)
    sky = _sky(east.shape, rng)
    truth = through(sky, seen.reshape(-1, len(BANDS))).T.reshape(len(BANDS), *east.shape)
    visible = (np.maximum(drops, smoke) > SEEN) & (sky.cloud.reshape(east.shape) < 0.3)
    output = load * plant.capacity
    return Scene(plant, day, _sense(truth, sky, rng), visible, output, air)


def draw_air(world: World, day: date, rng: np.random.Generator) -> Air:
    """The day's wind, and a temperature and a humidity of its season."""
    east, north = world.wind(day)
    winter = season(day)
    temperature = 284.5 - 9.0 * winter + 3.5 * rng.standard_normal()
    humidity = float(np.clip(64 + 12 * winter + 13 * rng.standard_normal(), 25, 98))
    return Air(east, north, float(temperature), humidity)


def _sources(plant: Plant, ground: Ground, output: float) -> list[Source]:
    fuel = FUELS[plant.fuel]
    towers, stacks = len(ground.towers), len(ground.stacks)
    radius = 36.0 if plant.cooling == NATURAL else 15.0
    vapour = VAPOUR.get(plant.cooling, 0.0) * output
    return [
        *(Source(e, n, radius, vapour / towers, 0.0) for e, n in ground.towers.tolist()),
        *(
            Source(e, n, STACK, fuel.moisture * output / stacks, fuel.smoke * output / stacks)
            for e, n in ground.stacks.tolist()
        ),
    ]


def _sun(ground: Ground, day: date) -> tuple[float, float]:
    """Zenith and azimuth in radians."""
    to_degrees = Transformer.from_crs(CRS, 4326, always_xy=True)
    lon, lat = to_degrees.transform(ground.west, ground.north)
    time = datetime(day.year, day.month, day.day, HOUR, 25, tzinfo=timezone.utc)
    zenith, azimuth = sun_angles(time, lat, lon)
    return float(np.deg2rad(min(float(zenith), 78.0))), float(np.deg2rad(azimuth))


def _shadow(ground: Ground, drops: np.ndarray, sun: tuple[float, float]) -> np.ndarray:
    """Share of shadow (side, side): of what stands there, and softly of the plume."""
    zenith, azimuth = sun
    reach = np.tan(zenith) / 10.0  # pixels a metre of height
    down, right = np.cos(azimuth) * reach, -np.sin(azimuth) * reach
    shade = np.zeros(drops.shape, np.float32)
    for level in (10.0, 20.0, 35.0, 50.0, 70.0, 90.0, 110.0, 130.0, 150.0, 170.0):
        stands = (ground.height >= level).astype(np.float32)
        if stands.any():
            thrown = ndimage.shift(stands, (level * down, level * right), order=1)
            shade = np.maximum(shade, thrown * (ground.height < level))
    away = PLUME_HEIGHT * down, PLUME_HEIGHT * right
    return np.maximum(shade, 0.7 * ndimage.shift(drops.astype(np.float32), away, order=1)).clip(
        0, 1
    )


def _sky(shape: tuple[int, int], rng: np.random.Generator) -> Sky:
    """Few scenes are quite clear, but nobody keeps one whose plant is under cloud."""
    field = gaussian_field(rng, shape, 14.0, 3.0)
    cloudy = rng.uniform() < 0.25
    edge = rng.uniform(1.0, 2.2)
    cloud = (np.clip((field - edge) / 0.5, 0, 1) if cloudy else np.zeros(shape)).ravel()
    haze = np.full(cloud.shape, 40.0 * rng.gamma(1.5))
    shade = np.roll(cloud.reshape(shape), (-20, 12), (0, 1)).ravel() * float(cloudy)
    none = np.zeros_like(cloud)
    return Sky(cloud, shade, none, haze)


def _sense(truth: np.ndarray, sky: Sky, rng: np.random.Generator) -> np.ndarray:
    """The bands at their native pixels with noise, on 10 m again, and B10 between B09 and B11."""
    side = truth.shape[1]
    result = np.empty((len(BANDS) + 1, side, side), np.float32)
    cirrus = len(BANDS) - 2
    for pixel, bands, _ in FILES.values():
        factor = pixel // 10
        numbers = [BANDS.index(band) for band in bands]
        values = block_mean(truth[numbers], factor)
        constant, share = NOISE[pixel]
        noise = rng.standard_normal(values.shape, np.float32)
        values = values + np.hypot(constant, share * values) * noise
        places = [number + (number >= cirrus) for number in numbers]
        result[places] = values.repeat(factor, axis=1).repeat(factor, axis=2)
    high = 0.02 * 10_000 * sky.cloud.reshape(side, side)
    result[cirrus] = 12 + 3 * rng.standard_normal((side, side), np.float32) + 0.1 * high
    return np.clip(np.rint(result), 1, 65535).astype(np.uint16)
