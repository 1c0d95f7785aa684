"""What lies about a point below the transport grid's 2 km: streets, houses, industry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmaq.base.compiled import njit
from mmaq.simulate.world.cover import building_texture, built_share
from mmaq.simulate.world.pieces import CELL, distance_to_piece, line_kernel
from mmaq.simulate.world.world import World

SCALES = (18.0, 55.0, 150.0)
"""Widths in m of the Gaussians that together make the decay away from a road."""

REACH = 600.0

BUSY = 4000.0
"""A road from this volume on (vehicles a day) counts as busy."""


@dataclass(frozen=True)
class Surroundings:
    """Fields (n,) at points, except ``street``."""

    street: np.ndarray  # (n, len(SCALES)) traffic density, vehicles a day x m per m2
    asphalt: np.ndarray  # share of asphalt within some 100 m
    road_distance: np.ndarray  # m to the nearest road of any class but residential
    busy_distance: np.ndarray  # m to the nearest busy road
    built: np.ndarray  # mean built share within 250 m
    texture: np.ndarray  # mean factor on the local heating within 250 m


@njit(cache=True)
def street_points(
    x: np.ndarray, y: np.ndarray, scales: np.ndarray, cell: float, first: np.ndarray,
    xa: np.ndarray, ya: np.ndarray, xb: np.ndarray, yb: np.ndarray, road: np.ndarray,
    volume: np.ndarray, width: np.ndarray, kind: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Traffic density by scale (n, s), asphalt share, distances to a main and a busy road."""
    count = round((len(first) - 1) ** 0.5)
    density = np.zeros((len(x), len(scales)))
    asphalt, main, busy = np.zeros(len(x)), np.zeros(len(x)), np.zeros(len(x))
    for p in range(len(x)):
        px, py = x[p], y[p]
        main[p], busy[p] = 5000.0, 5000.0
        for row in range(
            max(0, int((py - REACH) / cell)), min(count - 1, int((py + REACH) / cell)) + 1
        ):
            for column in range(
                max(0, int((px - REACH) / cell)), min(count - 1, int((px + REACH) / cell)) + 1
            ):
                c = row * count + column
                for k in range(first[c], first[c + 1]):
                    a, b, e, f = xa[k], ya[k], xb[k], yb[k]
                    d = distance_to_piece(px, py, a, b, e, f)
                    if d > REACH:
                        continue
                    r = road[k]
                    for s in range(len(scales)):
                        density[p, s] += volume[r] * line_kernel(px, py, a, b, e, f, scales[s])
                    asphalt[p] += width[r] * line_kernel(px, py, a, b, e, f, 60.0)
                    if kind[r] < 3:
                        main[p] = min(main[p], d)
                    if volume[r] >= BUSY:
                        busy[p] = min(busy[p], d)
    return density, asphalt, main, busy


@njit(cache=True)
def houses_points(
    x: np.ndarray, y: np.ndarray, building: np.ndarray, step: float, key: int
) -> tuple[np.ndarray, np.ndarray]:
    """Mean built share and mean building texture in a disc of 250 m, from 81 points."""
    built, texture = np.zeros(len(x)), np.zeros(len(x))
    for p in range(len(x)):
        weight = 0.0
        for i in range(-4, 5):
            for j in range(-4, 5):
                if i * i + j * j > 16:
                    continue
                px, py = x[p] + 60.0 * i, y[p] + 60.0 * j
                built[p] += built_share(px, py, building, step, key)
                texture[p] += building_texture(px, py, key)
                weight += 1.0
        built[p] /= weight
        texture[p] /= weight
    return built, texture


def distances(world: World, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance in m to the nearest main road and to the nearest busy road, at most 5 km."""
    _, _, main, busy = _streets(world, x, y)
    return main, busy


def surroundings(world: World, x: np.ndarray, y: np.ndarray) -> Surroundings:
    """What lies about points (n,) given in m."""
    street, asphalt, main, busy = _streets(world, x, y)
    east, south = world.relative(x, y)
    built, texture = houses_points(east, south, world.land.building, world.grid.step, world.key)
    return Surroundings(street, asphalt, main, busy, built, texture)


def _streets(
    world: World, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    pieces, roads = world.pieces, world.roads
    east, south = world.relative(x, y)
    return street_points(
        east, south, np.array(SCALES), CELL, pieces.first, pieces.xa, pieces.ya, pieces.xb,
        pieces.yb, pieces.road, roads.volume, roads.width, roads.kind,
    )  # fmt: skip
