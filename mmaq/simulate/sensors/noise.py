"""Random fields: cloud shapes that repeat at their edges, and texture fixed to the ground."""

from __future__ import annotations

import numpy as np
from scipy import fft


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
