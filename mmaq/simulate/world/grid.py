"""The raster of the country's fields (UTM metres, row 0 north), and noise to fill it with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from affine import Affine
from scipy import fft
from scipy.ndimage import map_coordinates

from mmaq.base.compiled import njit

CRS = "EPSG:32632"
CENTRE = (500_000.0, 5_900_000.0)
"""Easting and northing of the middle of every world, whatever its extent, in m."""

_SCALE = 4.6
"""Brings interpolated uniform noise to a standard deviation of about one."""


@dataclass(frozen=True)
class Grid:
    """``rows`` x ``columns`` square cells of ``step`` metres; ``west``, ``north`` are edges."""

    west: float
    north: float
    step: float
    rows: int
    columns: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, columns."""
        return self.rows, self.columns

    @property
    def transform(self) -> Affine:
        """Affine transform from (column, row) to easting and northing."""
        return Affine(self.step, 0.0, self.west, 0.0, -self.step, self.north)

    def centres(self) -> tuple[np.ndarray, np.ndarray]:
        """Eastings (rows, columns) and northings (rows, columns) of the cell centres."""
        x = self.west + (np.arange(self.columns) + 0.5) * self.step
        y = self.north - (np.arange(self.rows) + 0.5) * self.step
        return np.broadcast_to(x, self.shape), np.broadcast_to(y[:, None], self.shape)

    def cells(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Row and column of the cell that holds each point; points outside go to the edge."""
        row = np.clip(((self.north - y) / self.step).astype(int), 0, self.rows - 1)
        column = np.clip(((x - self.west) / self.step).astype(int), 0, self.columns - 1)
        return row, column

    def sample(self, field: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Bilinear value of ``field`` (rows, columns) at points; beyond the edge the edge's."""
        row = (self.north - np.asarray(y, float)) / self.step - 0.5
        column = (np.asarray(x, float) - self.west) / self.step - 0.5
        return map_coordinates(field, [row, column], order=1, mode="nearest")

    def coarser(self, factor: int) -> Grid:
        """The grid whose cells hold ``factor`` x ``factor`` of these."""
        rows, columns = self.rows // factor, self.columns // factor
        return Grid(self.west, self.north, self.step * factor, rows, columns)


def coarsen(field: np.ndarray, factor: int) -> np.ndarray:
    """Mean over blocks of ``factor`` x ``factor`` cells."""
    rows, columns = field.shape[0] // factor, field.shape[1] // factor
    return field.reshape(rows, factor, columns, factor).mean(axis=(1, 3))


def square(extent_km: float, step: float) -> Grid:
    """The grid of a world: a square about ``CENTRE``, its side rounded to 4 km."""
    half = 2000.0 * max(1, round(extent_km / 4))
    count = round(2 * half / step)
    return Grid(CENTRE[0] - half, CENTRE[1] + half, step, count, count)


def gaussian_field(
    rng: np.random.Generator, shape: tuple[int, int], length: float, slope: float = 3.0
) -> np.ndarray:
    """Correlated Gaussian noise of mean 0 and standard deviation 1, float64 (rows, columns).

    ``length`` is the correlation length in cells. White noise is filtered with the spectrum
    (1 + (k length)^2)^(-slope/2), the Matern family; the field is cut from a larger one, so that
    opposite edges do not match.
    """
    rows, columns = (fft.next_fast_len(int(n * 1.2) + 8, real=True) for n in shape)
    white = fft.rfft2(rng.standard_normal((rows, columns)))
    ky = 2 * np.pi * fft.fftfreq(rows)[:, None]
    kx = 2 * np.pi * fft.rfftfreq(columns)[None, :]
    spectrum = (1.0 + (kx**2 + ky**2) * length**2) ** (-slope / 2)
    field = fft.irfft2(white * spectrum, s=(rows, columns))[: shape[0], : shape[1]]
    return (field - field.mean()) / field.std()


@njit(cache=True)
def hashed(ix: int, iy: int, key: int) -> float:
    """A fixed number in [0, 1) for a lattice point and a key (splitmix-like 64-bit mixing)."""
    h = np.uint64(ix + 1_000_003) * np.uint64(0x9E3779B97F4A7C15)
    h ^= np.uint64(iy + 2_000_003) * np.uint64(0xC2B2AE3D27D4EB4F)
    h ^= np.uint64(key + 1) * np.uint64(0x165667B19E3779F9)
    h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    h = h ^ (h >> np.uint64(31))
    return float(h >> np.uint64(11)) / 9007199254740992.0


@njit(cache=True)
def lattice_noise(x: float, y: float, scale: float, key: int) -> float:
    """Smooth noise of mean 0 and standard deviation near 1 with cells of ``scale`` metres."""
    u, v = x / scale, y / scale
    i, j = int(np.floor(u)), int(np.floor(v))
    a, b = u - i, v - j
    a, b = a * a * (3 - 2 * a), b * b * (3 - 2 * b)
    south = hashed(i, j, key) * (1 - a) + hashed(i + 1, j, key) * a
    north = hashed(i, j + 1, key) * (1 - a) + hashed(i + 1, j + 1, key) * a
    return (south * (1 - b) + north * b - 0.5) * _SCALE


@njit(cache=True)
def parcel(x: float, y: float, scale: float, key: int) -> tuple[int, int]:
    """The field parcel of a point: lattice index of the nearest jittered seed (Voronoi cell)."""
    i, j = int(np.floor(x / scale)), int(np.floor(y / scale))
    best, at_i, at_j = 1e30, i, j
    for di in range(-1, 2):
        for dj in range(-1, 2):
            sx = (i + di + hashed(i + di, j + dj, key)) * scale
            sy = (j + dj + hashed(i + di, j + dj, key + 1)) * scale
            # Fields are oblong: the metric stretches one axis, by region.
            d = (sx - x) ** 2 + 2.0 * (sy - y) ** 2
            if d < best:
                best, at_i, at_j = d, i + di, j + dj
    return at_i, at_j
