"""Where stations and unlabelled sites stand: sited as networks do, in the real table's shares."""

from __future__ import annotations

import numpy as np
import pandas as pd
from pyproj import Transformer
from scipy.ndimage import uniform_filter

from mmaq.base.errors import ConfigError
from mmaq.simulate.world.grid import CRS
from mmaq.simulate.world.local import distances
from mmaq.simulate.world.world import World
from mmaq.vocabulary import AREAS, TYPES

BUSY_AWAY = 45.0
"""Background and industrial sites keep this distance (m) from busy roads."""

ROADSIDE = 3000.0
"""A traffic site stands at a road of at least this volume (vehicles a day)."""

COUNTRY = "XM"
"""A user-assigned code of ISO 3166-1: no real country has it."""

KIND_COUNTS = {
    ("urban", "traffic"): 658, ("urban", "background"): 781, ("suburban", "background"): 391,
    ("rural", "background"): 395, ("suburban", "industrial"): 143, ("urban", "industrial"): 121,
    ("rural", "industrial"): 87, ("suburban", "traffic"): 82, ("rural", "traffic"): 16,
}  # fmt: skip
"""Stations by kind in the published European table (2,674 rows)."""

SUBURBAN, URBAN = 2.15, 2.75
"""log10 of the density (1/km2) from which a network calls a place suburban or urban."""

AREA_NOISE = 0.38
"""Scatter of that judgement, in log10."""

APART = 500.0
"""Least distance in m between any two sites: patches of 320 m never overlap."""

CANYON_SPREAD = 0.25
"""Scatter (log) of how a site's walls and inlet hold street air back; no input shows it."""


def make_sites(
    world: World, stations: int, unlabelled: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Choose the sites; stations first.

    Columns: site_id, x, y (m), lon, lat (degrees), labelled, country, altitude (m), the one-hots
    of area and type (NaN type for unlabelled sites), canyon.

    Raises:
        ConfigError: the land has no room for that many sites.
    """
    total = stations + unlabelled
    land = float((world.elevation_field > 0).sum()) * world.grid.step**2
    _check_room(total, int(land / (APART**2 * 3**0.5 / 2)))  # the densest packing of discs
    pools = [draw_candidates(world, kind, 14 * total // 10 + 400, rng) for kind in TYPES]
    x, y = (np.concatenate([pool[i] for pool in pools]) for i in (0, 1))
    kind = np.repeat(TYPES, [len(pool[0]) for pool in pools])
    dry = world.elevation(x, y) > 0
    busy = distances(world, x, y)[1]
    fits = dry & ((kind == "traffic") | (busy > BUSY_AWAY))
    x, y, kind = x[fits], y[fits], kind[fits]
    area = _area(world, x, y, rng)
    order = rng.permutation(len(x))
    taken: dict[tuple[int, int], tuple[float, float]] = {}
    first = _choose(x, y, area, kind, order, stations, taken)
    second = _choose(x, y, area, kind, order, unlabelled, taken)
    _check_room(total, len(first) + len(second))
    chosen = np.concatenate([first, second])
    labelled = np.arange(total) < stations
    return _table(world, x[chosen], y[chosen], area[chosen], kind[chosen], labelled, rng)


def _check_room(wanted: int, room: int) -> None:
    if room < wanted:
        fault = f"the land has room for {room} sites, not {wanted}"
        raise ConfigError("simulate", fault, "Ask for fewer sites or a larger extent_km")


def _area(world: World, x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    density = world.grid.sample(uniform_filter(world.population, 3), x, y)
    score = np.log10(density + 1.0) + AREA_NOISE * rng.standard_normal(len(x))
    return np.array(AREAS)[(score > SUBURBAN).astype(int) + (score > URBAN)]


def _choose(
    x: np.ndarray, y: np.ndarray, area: np.ndarray, kind: np.ndarray, order: np.ndarray,
    count: int, taken: dict[tuple[int, int], tuple[float, float]],
) -> np.ndarray:  # fmt: skip
    """Fill each kind's quota in random order, then what is missing with any kind."""
    whole = sum(KIND_COUNTS.values())
    quota = {key: round(count * share / whole) for key, share in KIND_COUNTS.items()}
    chosen: list[int] = []
    for free in (False, True):
        for i in order:
            key = (str(area[i]), str(kind[i]))
            if len(chosen) == count:
                break
            if (free or quota[key] > 0) and _claim(taken, x[i], y[i]):
                quota[key] -= 1
                chosen.append(int(i))
    return np.array(sorted(chosen), dtype=int)


def _claim(taken: dict[tuple[int, int], tuple[float, float]], x: float, y: float) -> bool:
    """Take the place unless another site is nearer than APART."""
    side = APART / 2**0.5  # a cell of this side holds one site at most
    column, row = int(x // side), int(y // side)
    for i in range(column - 2, column + 3):
        for j in range(row - 2, row + 3):
            other = taken.get((i, j))
            if other is not None and np.hypot(other[0] - x, other[1] - y) < APART:
                return False
    taken[column, row] = (x, y)
    return True


def _table(
    world: World, x: np.ndarray, y: np.ndarray, area: np.ndarray, kind: np.ndarray,
    labelled: np.ndarray, rng: np.random.Generator,
) -> pd.DataFrame:  # fmt: skip
    lon, lat = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True).transform(x, y)
    number = np.where(labelled, np.cumsum(labelled), np.cumsum(~labelled))
    names = [
        f"STA.{COUNTRY}{n:04d}A" if known else f"UNL.{COUNTRY}{n:05d}"
        for n, known in zip(number, labelled, strict=True)
    ]
    table = pd.DataFrame(
        {"site_id": names, "x": x, "y": y, "lon": np.round(lon, 6), "lat": np.round(lat, 6),
         "labelled": labelled, "country": COUNTRY, "altitude": np.round(world.elevation(x, y))}
    )  # fmt: skip
    for name in AREAS:
        table[name] = (area == name).astype(float)
    for name in TYPES:
        table[name] = np.where(labelled, (kind == name).astype(float), np.nan)
    table["canyon"] = np.exp(CANYON_SPREAD * rng.standard_normal(len(x)))
    return table


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
