"""Streets inside a settlement: two families of parallel lines, cut into streets of a few blocks."""

from __future__ import annotations

import numpy as np

from mmaq.simulate.world.grid import Grid
from mmaq.simulate.world.settlements import Settlements

SPACING = 190.0
"""Mean distance in m between parallel streets."""
EDGE = 450.0
"""The lattice ends where the mean population density falls to this (1/km2)."""
LATTICE_FROM = 1500.0
"""Inhabitants from which a settlement has a lattice."""

Street = tuple[np.ndarray, int, float]


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
    first, last, kind, offset = _cut(half, kind, offset, rng)
    angle = settlements.angle[city] + family * np.pi / 2
    ahead = np.array([np.cos(angle), np.sin(angle)])
    aside = np.array([-np.sin(angle), np.cos(angle)])
    centre = np.array([settlements.x[city], settlements.y[city]])
    base = centre + offset[:, None] * aside
    return np.stack([base + first[:, None] * ahead, base + last[:, None] * ahead], axis=1), kind


def _cut(
    half: np.ndarray, kind: np.ndarray, offset: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Cut each chord [-half, half] into streets of equal length, at most some 2 km."""
    parts = np.ceil(2 * half / rng.uniform(1200.0, 2400.0, len(half))).astype(int)
    chord = np.repeat(np.arange(len(half)), parts)
    place = np.arange(parts.sum()) - np.repeat(np.cumsum(parts) - parts, parts)
    length = (2 * half / parts)[chord]
    first = -half[chord] + place * length
    return first, first + length, kind[chord], offset[chord]
