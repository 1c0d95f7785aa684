"""The road network: motorways and primary roads between towns, rural roads, streets.

Each road is a polyline with a class, a traffic volume and a width that follows the volume. The
archive publishes the line and the class; the volume shows only in the width. Streets inside a
settlement are two families of parallel lines, cut into streets of a few blocks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import Delaunay, cKDTree

from mmaq.simulate.world.grid import Grid
from mmaq.simulate.world.settlements import TOWN, Settlements

CLASSES = ("motorway", "primary", "secondary", "residential")
"""OpenStreetMap's values of ``highway``."""

MEDIAN_VOLUME = np.array([42_000.0, 12_000.0, 4_500.0, 500.0])
"""Vehicles a day by class, before the town's and the place's own factors."""

VOLUME_SPREAD = np.array([0.55, 0.95, 1.15, 1.0])
"""Standard deviation of the logarithm of the volume by class."""

SPACING = 190.0
"""Mean distance in m between parallel streets."""

EDGE = 450.0
"""The lattice ends where the mean population density falls to this (1/km2)."""

LATTICE_FROM = 1500.0
"""Inhabitants from which a settlement has a lattice."""

Street = tuple[np.ndarray, int, float]


@dataclass(frozen=True)
class Roads:
    """Polylines: road ``i`` has the points ``start[i] : start[i + 1]`` of ``x``, ``y`` (m)."""

    start: np.ndarray
    x: np.ndarray
    y: np.ndarray
    kind: np.ndarray  # index into CLASSES
    volume: np.ndarray  # vehicles per day
    width: np.ndarray  # of the asphalt, m

    def __len__(self) -> int:
        return len(self.kind)


def road_width(volume: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Width in m: lanes follow the traffic, with a scatter of 12 % that images cannot resolve."""
    return (5.0 + 0.105 * np.sqrt(volume)) * rng.lognormal(0.0, 0.12, len(volume))


def make_roads(
    grid: Grid,
    elevation: np.ndarray,
    population: np.ndarray,
    settlements: Settlements,
    rng: np.random.Generator,
) -> Roads:
    """Lay out every road on land."""
    towns = int((settlements.inhabitants >= TOWN).sum())
    large = max(min(towns, 4), int((settlements.inhabitants >= 80_000).sum()))
    lines: list[np.ndarray] = []
    kinds: list[int] = []
    factors: list[float] = []
    for kind, count in ((0, large), (1, towns)):
        for a, b in _gabriel(settlements.x[:count], settlements.y[:count]):
            lines.append(_winding(settlements, a, b, rng))
            kinds.append(kind)
            busy = settlements.inhabitants[a] * settlements.inhabitants[b]
            factors.append((busy / (2e5**2 if kind == 0 else 1.5e4**2)) ** 0.12)
    for ends in _rural(grid, elevation, rng):
        lines.append(ends)
        kinds.append(2)
        factors.append(0.35)
    for ends, kind, factor in make_streets(grid, population, settlements, rng):
        lines.append(ends)
        kinds.append(kind)
        factors.append(factor)
    lines, kept = _on_land(grid, elevation, lines)
    kind = np.array(kinds, dtype=np.int8)[kept]
    spread = rng.standard_normal(len(kinds))[kept] * VOLUME_SPREAD[kind]
    volume = MEDIAN_VOLUME[kind] * np.array(factors)[kept] * np.exp(spread)
    points = np.concatenate(lines)
    start = np.concatenate([[0], np.cumsum([len(line) for line in lines])])
    width = road_width(volume, rng)
    return Roads(start.astype(np.int64), points[:, 0], points[:, 1], kind, volume, width)


def _gabriel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Edges (m, 2) of the Gabriel graph: no third town inside the circle over an edge."""
    if len(x) < 4:
        return np.array([(i, i + 1) for i in range(len(x) - 1)], dtype=int).reshape(-1, 2)
    points = np.column_stack([x, y])
    triangles = Delaunay(points).simplices
    edges = np.unique(np.sort(triangles[:, [[0, 1], [1, 2], [0, 2]]].reshape(-1, 2), 1), axis=0)
    middle = points[edges].mean(axis=1)
    reach = np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1) / 2
    nearest, _ = cKDTree(points).query(middle)
    return edges[nearest >= reach * (1 - 1e-9)]


def _winding(settlements: Settlements, a: int, b: int, rng: np.random.Generator) -> np.ndarray:
    """A road (points, 2) between two towns, bent sideways by a few sine waves."""
    first = np.array([settlements.x[a], settlements.y[a]])
    last = np.array([settlements.x[b], settlements.y[b]])
    length = np.hypot(*(last - first))
    t = np.linspace(0.0, 1.0, max(3, int(length / 1200) + 1))
    waves = np.arange(1, 6)
    size = rng.standard_normal(5) * 0.035 / waves**1.3
    bend = (np.sin(np.pi * t[:, None] * waves) * size).sum(axis=1) * length
    across = np.array([first[1] - last[1], last[0] - first[0]]) / max(length, 1.0)
    return first + t[:, None] * (last - first) + bend[:, None] * across


def _rural(grid: Grid, elevation: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """Straight country roads, some 0.25 km of them per km2 of land."""
    side = grid.step * grid.rows
    count = int(0.25 * (elevation > 0).mean() * (side / 1000) ** 2 / 9.0)
    corner = np.array([grid.west, grid.north - side])
    middle = corner + rng.uniform(0.0, side, (count, 2))
    angle, half = rng.uniform(0, np.pi, count), rng.uniform(2000.0, 7000.0, count)
    arm = np.column_stack([np.cos(angle), np.sin(angle)]) * half[:, None]
    return list(np.stack([middle - arm, middle + arm], axis=1))


def _on_land(
    grid: Grid, elevation: np.ndarray, lines: list[np.ndarray]
) -> tuple[list[np.ndarray], np.ndarray]:
    """Keep the roads that stay inside the world and cross water on under a tenth of their way."""
    steps = np.linspace(0.0, 1.0, 27)
    samples = np.stack([_along(line, steps) for line in lines])
    x, y = samples[..., 0], samples[..., 1]
    side = grid.step * grid.rows
    inside = (x > grid.west) & (x < grid.west + side) & (y < grid.north) & (y > grid.north - side)
    dry = grid.sample(elevation, x.ravel(), y.ravel()).reshape(x.shape) > 0
    kept = np.flatnonzero(inside.all(axis=1) & (dry.mean(axis=1) > 0.9))
    return [lines[i] for i in kept], kept


def _along(line: np.ndarray, steps: np.ndarray) -> np.ndarray:
    if len(line) == 2:
        return line[0] + steps[:, None] * (line[1] - line[0])
    return line[np.minimum((steps * len(line)).astype(int), len(line) - 1)]


def make_streets(
    grid: Grid, population: np.ndarray, settlements: Settlements, rng: np.random.Generator
) -> list[Street]:
    """Each street's two ends (2, 2) in m, its class index and its volume's factor.

    Every fifth line is secondary and, in large cities, every fifteenth primary. Traffic grows with
    the density about the street and with how much the city drives.
    """
    ends, kinds, driving = [], [], []
    for city in np.flatnonzero(settlements.inhabitants >= LATTICE_FROM).tolist():
        for family in (0, 1):
            found, kind = _family(settlements, city, family, rng)
            ends.append(found)
            kinds.append(kind)
            driving.append(np.full(len(kind), settlements.motoring[city]))
    if not ends:
        return []
    lines, kind = np.concatenate(ends), np.concatenate(kinds)
    middle = lines.mean(axis=1)
    density = grid.sample(population, middle[:, 0], middle[:, 1])
    factor = np.concatenate(driving) * (np.maximum(density, 100.0) / 2000.0) ** 0.3
    return list(zip(lines, kind.tolist(), factor.tolist(), strict=True))


def _family(
    settlements: Settlements, city: int, family: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    radius = settlements.radius[city]
    peak = settlements.inhabitants[city] / (2 * np.pi * (radius / 1000) ** 2)
    reach = max(500.0, radius * np.log(max(peak / EDGE, 1.0)))
    stretch = np.sqrt(settlements.stretch[city])
    along, across = (reach * stretch, reach / stretch)[:: 1 if family == 0 else -1]
    count = max(3, int(2 * across / SPACING))
    offset = (np.arange(count) - (count - 1) / 2 + rng.uniform(-0.25, 0.25, count)) * SPACING
    half = along * np.sqrt(np.clip(1 - (offset / (across + SPACING)) ** 2, 0.02, 1.0))
    half = half * rng.uniform(0.75, 1.05, count)
    order = (np.arange(count) + rng.integers(15)) % 15
    kind = np.where(order % 5 == 0, 2, 3)
    if settlements.inhabitants[city] >= 60_000:
        kind = np.where(order == 0, 1, kind)
    first, last, kind, offset = _cut_street(half, kind, offset, rng)
    angle = settlements.angle[city] + family * np.pi / 2
    ahead = np.array([np.cos(angle), np.sin(angle)])
    aside = np.array([-np.sin(angle), np.cos(angle)])
    centre = np.array([settlements.x[city], settlements.y[city]])
    base = centre + offset[:, None] * aside
    return np.stack([base + first[:, None] * ahead, base + last[:, None] * ahead], axis=1), kind


def _cut_street(
    half: np.ndarray, kind: np.ndarray, offset: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Cut each chord [-half, half] into streets of equal length, at most some 2 km."""
    parts = np.ceil(2 * half / rng.uniform(1200.0, 2400.0, len(half))).astype(int)
    chord = np.repeat(np.arange(len(half)), parts)
    place = np.arange(parts.sum()) - np.repeat(np.cumsum(parts) - parts, parts)
    length = (2 * half / parts)[chord]
    first = -half[chord] + place * length
    return first, first + length, kind[chord], offset[chord]
