"""Random fields: correlated noise on a grid, and lattice noise at any point."""

from __future__ import annotations

import numpy as np
from numba import njit
from scipy import fft

_SCALE = 4.6
"""Brings interpolated uniform noise to a standard deviation of about one."""


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
