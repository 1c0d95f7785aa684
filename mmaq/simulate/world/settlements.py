"""Settlements: a rank-size law, sites on land, and the population they spread about them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmaq.simulate.world.grid import Grid, gaussian_field

PER_KM2 = 0.03
"""Settlements per km2 of land."""

SMALLEST = 500.0
"""Inhabitants of the smallest settlement; the r-th largest of n has ``SMALLEST * n / r`` (Zipf)."""

TOWN = 5000.0
"""Towns from this size on keep a distance from one another and have a street lattice."""


@dataclass(frozen=True)
class Settlements:
    """Arrays of equal length (n,), largest settlement first. Lengths in m."""

    x: np.ndarray
    y: np.ndarray
    inhabitants: np.ndarray
    # e-folding length of the density: Clark 1951, Urban population densities, Journal of the Royal
    # Statistical Society A 114, 490-496.
    radius: np.ndarray
    stretch: np.ndarray  # axis ratio of the density's ellipse
    angle: np.ndarray  # of the long axis and of the street lattice, radians
    motoring: np.ndarray  # traffic relative to a settlement of this size

    def distance(self, which: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Elliptical distance in m of points from the centre of settlement ``which``."""
        dx, dy = x - self.x[which], y - self.y[which]
        cosine, sine = np.cos(self.angle[which]), np.sin(self.angle[which])
        along, across = dx * cosine + dy * sine, dy * cosine - dx * sine
        stretch = np.sqrt(self.stretch[which])
        return np.hypot(along / stretch, across * stretch)


def make_settlements(grid: Grid, elevation: np.ndarray, rng: np.random.Generator) -> Settlements:
    """Draw sizes and places; low land and some regions attract more than others."""
    land = elevation > 0
    count = max(60, round(PER_KM2 * land.sum() * (grid.step / 1000) ** 2))
    inhabitants = SMALLEST * count / np.arange(1, count + 1) * rng.lognormal(0.0, 0.1, count)
    inhabitants = np.sort(inhabitants)[::-1]
    region = gaussian_field(rng, grid.shape, grid.rows * 0.07)
    weight = np.where(land, np.exp(-np.maximum(elevation, 0) / 400 + 1.25 * region), 0.0)
    x, y = _places(grid, weight, inhabitants, rng)
    driving = grid.sample(gaussian_field(rng, grid.shape, grid.rows * 0.07), x, y)
    size = inhabitants / 1e6
    return Settlements(
        x=x,
        y=y,
        inhabitants=inhabitants,
        radius=5500.0 * size**0.38 * rng.lognormal(0.0, 0.2, count),
        stretch=rng.uniform(1.0, 1.8, count),
        angle=rng.uniform(0.0, np.pi, count),
        motoring=rng.lognormal(0.0, 0.3, count) * np.exp(0.3 * driving - 0.09),
    )


def _places(
    grid: Grid, weight: np.ndarray, inhabitants: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    tries = 24
    cumulative = np.cumsum(weight.ravel())
    drawn = rng.uniform(0.0, cumulative[-1], (len(inhabitants), tries))
    row, column = np.unravel_index(np.searchsorted(cumulative, drawn), grid.shape)
    xs = grid.west + (column + rng.uniform(size=row.shape)) * grid.step
    ys = grid.north - (row + rng.uniform(size=row.shape)) * grid.step
    x, y = xs[:, 0].copy(), ys[:, 0].copy()
    towns = int((inhabitants >= TOWN).sum())
    reach = 9000.0 * (inhabitants / 1e5) ** 0.3
    for i in range(1, towns):
        apart = np.hypot(xs[i][:, None] - x[:i], ys[i][:, None] - y[:i])
        room = (apart / (reach[:i] + reach[i])).min(axis=1)
        best = int(np.argmax(room > 1.0)) if (room > 1.0).any() else int(np.argmax(room))
        x[i], y[i] = xs[i, best], ys[i, best]
    return x, y


def make_population(
    grid: Grid, elevation: np.ndarray, settlements: Settlements, rng: np.random.Generator
) -> np.ndarray:
    """Inhabitants per km2, float32 (rows, columns): exponential profiles with a patchy texture."""
    texture = np.exp(0.45 * gaussian_field(rng, grid.shape, 3.0) - 0.10)
    rural = 14.0 * np.exp(
        0.8 * gaussian_field(rng, grid.shape, 15.0) - np.maximum(elevation, 0) / 500
    )
    density = np.zeros(grid.shape)
    eastings, northings = grid.centres()
    for i in range(len(settlements.x)):
        span = max(7.0 * settlements.radius[i], 1500.0)
        row, column = grid.cells(settlements.x[i : i + 1], settlements.y[i : i + 1])
        cells = int(span / grid.step) + 1
        rows = slice(max(0, row[0] - cells), row[0] + cells + 1)
        columns = slice(max(0, column[0] - cells), column[0] + cells + 1)
        away = settlements.distance(i, eastings[rows, columns], northings[rows, columns])
        # A village is smaller than a cell: its profile is no sharper than the grid can hold.
        radius = max(settlements.radius[i], 0.8 * grid.step)
        peak = settlements.inhabitants[i] / (2 * np.pi * (radius / 1000) ** 2)
        density[rows, columns] += peak * np.exp(-away / radius)
    return np.where(elevation > 0, rural + density * texture, 0.0).astype(np.float32)
