"""Candidate places for a site of each station type."""

from __future__ import annotations

import numpy as np

from mmaq.simulate.world.world import World

BUSY_AWAY = 45.0
"""Background and industrial sites keep this distance (m) from busy roads."""
ROADSIDE = 3000.0
"""A traffic site stands at a road of at least this volume (vehicles a day)."""


def draw_candidates(
    world: World, kind: str, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Eastings and northings (count,) of places where a station of type ``kind`` might stand."""
    draw = {"traffic": _roadside, "industrial": _industrial, "background": _background}[kind]
    return draw(world, count, rng)


def _roadside(world: World, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A few metres from the kerb of a road with traffic."""
    pieces, roads = world.pieces, world.roads
    volume = roads.volume[pieces.road]
    east, south = (pieces.xa + pieces.xb) / 2, (pieces.ya + pieces.yb) / 2
    people = world.grid.sample(world.population, world.grid.west + east, world.grid.north - south)
    motorway = np.where(roads.kind[pieces.road] == 0, 0.2, 1.0)
    weight = pieces.length * (volume >= ROADSIDE) * motorway * np.maximum(people, 5.0) ** 0.7
    chosen = rng.choice(len(weight), count, p=weight / weight.sum())
    share = rng.uniform(0.0, 1.0, count)
    xa, ya = pieces.xa[chosen].astype(float), pieces.ya[chosen].astype(float)
    dx, dy = pieces.xb[chosen] - xa, pieces.yb[chosen] - ya
    length = np.maximum(np.hypot(dx, dy), 1.0)
    aside = rng.choice([-1.0, 1.0], count) * (
        roads.width[pieces.road[chosen]] / 2 + rng.uniform(1.5, 9.0, count)
    )
    east = xa + share * dx - aside * dy / length
    south = ya + share * dy + aside * dx / length
    return world.grid.west + east, world.grid.north - south


def _industrial(
    world: World, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Up to a kilometre from the fence of an industry site."""
    site = rng.integers(len(world.industry.x), size=count)
    away = world.industry.radius[site] + rng.uniform(20.0, 900.0, count)
    angle = rng.uniform(0.0, 2 * np.pi, count)
    x = world.industry.x[site] + away * np.cos(angle)
    return x, world.industry.y[site] + away * np.sin(angle)


def _background(
    world: World, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Anywhere on land, more often where people live."""
    grid = world.grid
    weight = np.maximum(world.population, 4.0) ** 0.75 * (world.elevation_field > 0)
    cumulative = np.cumsum(weight.ravel(), dtype=float)
    cell = np.searchsorted(cumulative, rng.uniform(0.0, cumulative[-1], count))
    row, column = np.unravel_index(cell, grid.shape)
    x = grid.west + (column + rng.uniform(size=count)) * grid.step
    return x, grid.north - (row + rng.uniform(size=count)) * grid.step
