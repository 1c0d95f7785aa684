"""Transport of NOx from its sources to a column: advection, dispersion and a finite lifetime.

The steady state of u.grad(C) - D lap(C) + C/tau = E, solved wave number by wave number:
C(k) = E(k) / (1/tau + i u.k + D k^2). The mean column is exactly tau times the mean emission.
Sources lie in a padded square, so that what leaves over one edge does not come back over another.
"""

from __future__ import annotations

import numpy as np
from scipy import fft

DISPERSION = 6000.0
"""Horizontal dispersion in m2/s; it stands for the veering of the wind within a day, too."""
MARGIN = 500_000.0
"""Width in m of the padding: several e-foldings (wind x lifetime) of a plume."""


class Transport:
    """Turns emission on one grid into columns; ``shape`` (rows, columns), ``step`` in m."""

    def __init__(self, shape: tuple[int, int], step: float) -> None:
        self.shape, self.step = shape, step
        cells = int(MARGIN / step)
        self.padded = tuple(fft.next_fast_len(n + cells, real=True) for n in shape)
        # Row 0 is the north, so the northward wave number falls with the row.
        self._north = -2 * np.pi * fft.fftfreq(self.padded[0], step)[:, None]
        self._east = 2 * np.pi * fft.rfftfreq(self.padded[1], step)[None, :]
        self._square = self._north**2 + self._east**2

    def spectrum(self, emission: np.ndarray) -> np.ndarray:
        """Padded Fourier transform of an emission field in mol m-2 s-1."""
        return fft.rfft2(emission, s=self.padded)

    def response(self, east_wind: float, north_wind: float, lifetime: float) -> np.ndarray:
        """Column per emission in s for each wave number."""
        drift = east_wind * self._east + north_wind * self._north
        return 1.0 / (1.0 / lifetime + 1j * drift + DISPERSION * self._square)

    def column(self, spectrum: np.ndarray) -> np.ndarray:
        """Back to the grid: columns in mol m-2 (rows, columns), what left the land cut off."""
        whole = fft.irfft2(spectrum, s=self.padded)
        return whole[: self.shape[0], : self.shape[1]]
