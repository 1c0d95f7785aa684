"""What both satellites need to look at a world: its fields, noise, tiles, worker processes.

Tiles are Sentinel-2's: the 100 km squares of the military grid in UTM zone 32 N, as the mission
cuts them.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol, TypeVar

import numpy as np
import pandas as pd
from affine import Affine
from pyproj import Transformer
from scipy import fft
from tqdm import tqdm

Task = TypeVar("Task")
Result = TypeVar("Result")

ZONE, EPSG = 32, 32632

SQUARE, SIDE, SNAP = 100_000.0, 109_800.0, 60.0
"""Metres: the square that names a tile, the tile's own side, and the grid its corner lies on."""

COLUMNS = "JKLMNPQR"
"""Easting letters of zones 2, 5, ..., 32, ... from 100 km on."""

ROWS = "ABCDEFGHJKLMNPQRSTUV"
"""Northing letters; in even zones they start with F at the equator."""

BANDS = "CDEFGHJKLMNPQRSTUVWXX"
"""Latitude bands of 8 degrees from 80 south."""


class Scenery(Protocol):
    """The part of a world that can be seen from orbit. Coordinates are UTM zone 32 N, metres."""

    sites: pd.DataFrame

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north."""
        ...

    def cover(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Land-cover fractions at points: (n, len(COVER)), summing to 1, at 10 m detail."""
        ...

    def greenness(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Vigour of the vegetation at points: (n,), 0 to 1."""
        ...

    def elevation(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Height above sea at points: (n,) m."""
        ...

    def column(self, day: date) -> tuple[np.ndarray, Affine]:
        """Tropospheric NO2 column of a day, mol/m2, first row north, and its transform."""
        ...

    def wind(self, day: date) -> tuple[float, float]:
        """Eastward and northward wind of a day, m/s."""
        ...


def rng_of(*key: int) -> np.random.Generator:
    """A generator that depends on its key alone, so that no order of work changes a draw."""
    return np.random.default_rng(np.random.SeedSequence(key))


def gaussian_field(
    rng: np.random.Generator, shape: tuple[int, int], length: float, slope: float
) -> np.ndarray:
    """Correlated Gaussian noise (rows, columns), mean 0, deviation 1, periodic in both axes.

    ``length`` is the outer scale in cells; beyond it amplitude falls with wavenumber**-slope.
    """
    rows, columns = shape
    white = fft.rfft2(rng.standard_normal(shape))
    ky = 2 * np.pi * fft.fftfreq(rows)[:, None]
    kx = 2 * np.pi * fft.rfftfreq(columns)[None, :]
    spectrum = (1.0 + (kx**2 + ky**2) * length**2) ** (-slope / 2)
    field = fft.irfft2(white * spectrum, s=shape)
    return (field - field.mean()) / field.std()


def ground_noise(x: np.ndarray, y: np.ndarray, key: int) -> np.ndarray:
    """Uncorrelated noise, mean 0 and deviation 1, that belongs to a place and not to a draw.

    ``x`` and ``y`` are integer pixel numbers; equal places give equal values in every window and
    on every date. The sum of four 16-bit parts of a mixed 64-bit word (splitmix64) is near normal.
    """
    with np.errstate(over="ignore"):
        word = x.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        word ^= y.astype(np.uint64) * np.uint64(0xC2B2AE3D27D4EB4F)
        word += np.uint64(key) * np.uint64(0xD6E8FEB86659FD93)
        word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        word ^= word >> np.uint64(31)
    parts = sum(
        ((word >> np.uint64(s)) & np.uint64(0xFFFF)).astype(np.float64) for s in (0, 16, 32, 48)
    )
    return ((np.asarray(parts) - 4 * 32767.5) / 37837.0).astype(np.float32)


@dataclass(frozen=True, order=True)
class Tile:
    """A tile by its name without the T, and its north-western corner in m."""

    name: str
    west: float
    north: float

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north in m."""
        return self.west, self.north - SIDE, self.west + SIDE, self.north

    @property
    def bbox(self) -> tuple[float, float, float, float]:
        """West, south, east, north in degrees."""
        to_degrees = Transformer.from_crs(EPSG, 4326, always_xy=True)
        west, south, east, north = to_degrees.transform_bounds(*self.bounds)
        return round(west, 5), round(south, 5), round(east, 5), round(north, 5)

    def depth(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Distance of points to the nearest edge, m; negative outside."""
        west, south, east, north = self.bounds
        return np.minimum(np.minimum(x - west, east - x), np.minimum(y - south, north - y))


def tile_of(column: int, row: int) -> Tile:
    """The tile whose square is ``column`` and ``row`` hundreds of kilometres east and north."""
    to_degrees = Transformer.from_crs(EPSG, 4326, always_xy=True)
    _, lat = to_degrees.transform((column + 0.5) * SQUARE, (row + 0.5) * SQUARE)
    band = BANDS[int((lat + 80) // 8)]
    name = f"{ZONE}{band}{COLUMNS[column - 1]}{ROWS[(row + 5) % len(ROWS)]}"
    west = np.floor(column * SQUARE / SNAP) * SNAP
    north = np.ceil((row + 1) * SQUARE / SNAP) * SNAP
    return Tile(name, float(west), float(north))


def assign_tiles(x: np.ndarray, y: np.ndarray) -> dict[Tile, np.ndarray]:
    """Positions of the points in each tile, every point in the one that holds it most centrally.

    Tiles overlap by 9.8 km to the east and south, so each point lies at least 4.9 km inside.
    """
    columns, rows = np.floor(x / SQUARE).astype(int), np.floor(y / SQUARE).astype(int)
    near = {
        (int(c) + dc, int(r) + dr)
        for c, r in set(zip(columns, rows, strict=True))
        for dc in (-1, 0)
        for dr in (0, 1)
        if 1 <= c + dc <= len(COLUMNS)
    }
    tiles = sorted(tile_of(*square) for square in near)
    depths = np.stack([tile.depth(x, y) for tile in tiles])
    best = depths.argmax(axis=0)
    members = {tile: np.flatnonzero(best == i) for i, tile in enumerate(tiles)}
    return {tile: found for tile, found in members.items() if len(found)}


_shared: Any = None


def _share(value: Any) -> None:
    global _shared
    _shared = value


def _call(job: tuple[Callable[[Any, Any], Any], Any]) -> Any:
    function, task = job
    return function(_shared, task)


def over_workers(
    function: Callable[[Any, Task], Result],
    shared: Any,
    tasks: Sequence[Task],
    workers: int,
    about: str,
) -> list[Result]:
    """``[function(shared, task) for task in tasks]`` on ``workers`` processes, in task order.

    ``shared`` (it holds the world, which is large) goes to each process once: by fork where the
    system has it, else by pickling. ``function`` must be a module's own, so that it can be found.
    """

    def seen(results: Iterable[Result]) -> Iterator[Result]:
        return iter(tqdm(results, desc=about, total=len(tasks), disable=None))

    if workers <= 1 or len(tasks) <= 1:
        return list(seen(function(shared, task) for task in tasks))
    method = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(workers, context, _share, (shared,)) as pool:
        return list(seen(pool.map(_call, [(function, task) for task in tasks])))
