"""Land cover at 10 m: what fills the pixel about a point, drawn from the coarse fields and roads.

One compiled loop over points. Built density carries a local texture of several scales, which the
heating emission shares (see ``local``): what an image sees is what the air feels.
"""

from __future__ import annotations

from math import exp, hypot

import numpy as np

from mmaq.base.compiled import njit
from mmaq.simulate.world.grid import hashed, lattice_noise, parcel
from mmaq.simulate.world.pieces import distance_to_piece

COVER = ("water", "forest", "cropland", "grassland", "built", "industry", "asphalt", "bare")
"""Classes of ``World.cover``, in the order of its columns."""

PIXEL = 10.0

WIDEST = 60.0
"""No road is wider than this (m); the search for asphalt reaches half of it."""

GARDEN = 5.0


@njit(cache=True)
def bilinear(field: np.ndarray, x: float, y: float, step: float) -> float:
    """Value between cell centres; ``x``, ``y`` in m east and south of the grid's corner."""
    u = min(max(x / step - 0.5, 0.0), field.shape[1] - 1.0)
    v = min(max(y / step - 0.5, 0.0), field.shape[0] - 1.0)
    i, j = min(int(v), field.shape[0] - 2), min(int(u), field.shape[1] - 2)
    a, b = v - i, u - j
    top = field[i, j] * (1 - b) + field[i, j + 1] * b
    low = field[i + 1, j] * (1 - b) + field[i + 1, j + 1] * b
    return top * (1 - a) + low * a


@njit(cache=True)
def building_texture(x: float, y: float, key: int) -> float:
    """Factor of mean 1 on the built density at a point, with patches of some 150 to 900 m."""
    large = lattice_noise(x, y, 900.0, key + 1)
    middle = lattice_noise(x, y, 380.0, key + 2)
    small = lattice_noise(x, y, 150.0, key + 3)
    return exp(0.55 * large + 0.55 * middle + 0.35 * small - 0.36)


@njit(cache=True)
def built_share(x: float, y: float, building: np.ndarray, step: float, key: int) -> float:
    """Share of buildings and their yards about a point, before roads, water and industry."""
    return 1.0 - exp(-bilinear(building, x, y, step) * building_texture(x, y, key))


@njit(cache=True)
def asphalt_share(
    x: float, y: float, cell: float, first: np.ndarray, xa: np.ndarray, ya: np.ndarray,
    xb: np.ndarray, yb: np.ndarray, road: np.ndarray, width: np.ndarray,
) -> float:  # fmt: skip
    """Share of a pixel that roads cover; where they cross, the widest counts."""
    count = round((len(first) - 1) ** 0.5)
    reach = WIDEST / 2 + PIXEL
    west, east = max(0, int((x - reach) / cell)), min(count - 1, int((x + reach) / cell))
    north, south = max(0, int((y - reach) / cell)), min(count - 1, int((y + reach) / cell))
    most = 0.0
    for row in range(north, south + 1):
        for column in range(west, east + 1):
            c = row * count + column
            for k in range(first[c], first[c + 1]):
                w = width[road[k]]
                d = distance_to_piece(x, y, xa[k], ya[k], xb[k], yb[k])
                share = min((w / 2 + PIXEL / 2 - d) / PIXEL, min(1.0, w / PIXEL))
                most = max(most, share)
    return most


@njit(cache=True)
def industry_share(
    x: float, y: float, near: np.ndarray, step: float, sites: np.ndarray, key: int
) -> float:
    """1 inside an industry site, 0 outside, with a ragged edge; ``sites`` (n, 3): x, y, radius."""
    i = min(max(int(y / step), 0), near.shape[0] - 1)
    j = min(max(int(x / step), 0), near.shape[1] - 1)
    ragged = 1.0 + 0.15 * lattice_noise(x, y, 120.0, key + 4)
    most = 0.0
    for n in range(near.shape[2]):
        site = near[i, j, n]
        away = hypot(x - sites[site, 0], y - sites[site, 1])
        most = max(most, (sites[site, 2] * ragged - away) / PIXEL + 0.5)
    return min(1.0, most)


@njit(cache=True)
def vegetation(
    x: float, y: float, forest: float, crop: float, green: float, key: int
) -> tuple[float, float, float, float]:
    """Forest, cropland, grassland and bare shares of open land; ``green``: share of garden."""
    i, j = parcel(x, y, 240.0, key + 10)
    wood = 1.0 if hashed(i, j, key + 12) < forest else 0.0
    field = 1.0 if hashed(i, j, key + 13) < crop else 0.0
    ploughed = 0.5 if hashed(i, j, key + 14) < 0.12 else 0.0
    open_forest, open_crop = wood, (1 - wood) * field * (1 - ploughed)
    open_bare = (1 - wood) * field * ploughed
    trees = min(1.0, max(0.0, 0.3 + 0.3 * lattice_noise(x, y, 35.0, key + 15)))
    tree = open_forest * (1 - green) + trees * green
    farm, soil = open_crop * (1 - green), open_bare * (1 - green) + 0.05 * green
    grass = max(0.0, 1.0 - tree - farm - soil)
    total = tree + farm + soil + grass
    return tree / total, farm / total, grass / total, soil / total


@njit(cache=True)
def cover_points(
    x: np.ndarray, y: np.ndarray, step: float, elevation: np.ndarray, building: np.ndarray,
    forest: np.ndarray, crop: np.ndarray, near: np.ndarray, sites: np.ndarray, cell: float,
    first: np.ndarray, xa: np.ndarray, ya: np.ndarray, xb: np.ndarray, yb: np.ndarray,
    road: np.ndarray, width: np.ndarray, key: int,
) -> np.ndarray:  # fmt: skip
    """Shares (n, 8) in the order of COVER for points in m east and south of the grid's corner."""
    out = np.zeros((len(x), 8), dtype=np.float32)
    for p in range(len(x)):
        px, py = x[p], y[p]
        shore = bilinear(elevation, px, py, step) + 0.4 * lattice_noise(px, py, 300.0, key)
        water = min(1.0, max(0.0, 0.5 - shore / 0.05))
        tar = asphalt_share(px, py, cell, first, xa, ya, xb, yb, road, width)
        open_water = water * (1.0 - tar)
        land = 1.0 - open_water - tar
        works = land * industry_share(px, py, near, step, sites, key)
        built = built_share(px, py, building, step, key)
        block = 1.0 + 0.7 * lattice_noise(px, py, 30.0, key + 5)
        houses = min(0.95, max(0.0, built * block)) * (land - works)
        halls = works * min(1.0, max(0.3, 0.7 + 0.25 * lattice_noise(px, py, 50.0, key + 6)))
        rest = land - works - houses
        green = min(1.0, GARDEN * built)
        tree, farm, grass, soil = vegetation(
            px, py, bilinear(forest, px, py, step), bilinear(crop, px, py, step), green, key
        )
        out[p, 0], out[p, 6] = open_water, tar
        out[p, 1], out[p, 2], out[p, 3] = rest * tree, rest * farm, rest * grass
        out[p, 4], out[p, 5], out[p, 7] = houses, halls, rest * soil + works - halls
    return out


@njit(cache=True)
def greenness_points(x: np.ndarray, y: np.ndarray, key: int) -> np.ndarray:
    """Vigour (n,) in 0..1 of the vegetation, by parcel and with a fine grain."""
    out = np.empty(len(x), dtype=np.float32)
    for p in range(len(x)):
        i, j = parcel(x[p], y[p], 240.0, key + 10)
        grain = 0.08 * lattice_noise(x[p], y[p], 45.0, key + 20)
        wide = 0.12 * lattice_noise(x[p], y[p], 7000.0, key + 21)
        out[p] = min(1.0, max(0.0, 0.2 + 0.6 * hashed(i, j, key + 16) + grain + wide))
    return out
