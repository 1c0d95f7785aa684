"""Weather of each day, and the transport of NOx in it from its sources to a column.

Weather is a chain of types that set wind, mixing depth, lifetime and demand. Transport is the
steady state of u.grad(C) - D lap(C) + C/tau = E (advection, dispersion, a finite lifetime), solved
wave number by wave number: C(k) = E(k) / (1/tau + i u.k + D k^2). The mean column is exactly tau
times the mean emission. Sources lie in a padded square, so that what leaves over one edge does not
come back over another.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from scipy import fft

DISPERSION = 6000.0
"""Horizontal dispersion in m2/s; it stands for the veering of the wind within a day, too."""

MARGIN = 500_000.0
"""Width in m of the padding: several e-foldings (wind x lifetime) of a plume."""

TYPES = (
    # wind from (degrees), its spread, speed (m/s), mixing relative to the season's, frequency
    ("westerly", 250.0, 25.0, 7.0, 1.20, 0.38),
    ("north-westerly", 315.0, 25.0, 6.5, 1.25, 0.17),
    ("southerly", 190.0, 25.0, 5.0, 0.95, 0.15),
    ("easterly", 85.0, 25.0, 4.5, 0.85, 0.16),
    ("stagnant", 140.0, 90.0, 2.2, 0.60, 0.14),
)
MIXING = 115.0
"""Mean effective depth in m: a layer this deep would hold the 24 h mean at the ground."""

PERSISTENCE = 0.6
"""Probability that a day keeps the weather type of the day before."""


@dataclass(frozen=True)
class Weather:
    """What one day does to every source alike."""

    east_wind: float  # m/s towards the east, mean of the lowest 500 m
    north_wind: float  # m/s towards the north
    mixing: float  # effective depth of the day's mean surface layer, m
    lifetime: float  # of NOx, s
    traffic: float  # emission relative to the year's mean
    heating: float

    @property
    def ventilation(self) -> float:
        """How fast the day's air carries local emission away, about 1 in the mean."""
        speed = np.hypot(self.east_wind, self.north_wind)
        return float((speed / 5.0) ** 0.5 * (self.mixing / MIXING) ** 0.5)


def season(day: date) -> float:
    """1 in the middle of January, -1 in the middle of July."""
    return float(np.cos(2 * np.pi * (day.timetuple().tm_yday - 15) / 365.25))


def weather_of_year(seed: int, year: int) -> list[Weather]:
    """The weather of each day of a year; each year is its own chain, whatever the period."""
    rng = np.random.default_rng([seed, 7, year])
    frequency = np.array([kind[5] for kind in TYPES])
    days = (date(year + 1, 1, 1) - date(year, 1, 1)).days
    state, result = int(rng.choice(len(TYPES), p=frequency)), []
    for offset in range(days):
        if rng.uniform() > PERSISTENCE:
            state = int(rng.choice(len(TYPES), p=frequency))
        day = date(year, 1, 1) + timedelta(days=offset)
        result.append(_draw(day, state, rng))
    return result


def _draw(day: date, state: int, rng: np.random.Generator) -> Weather:
    _, origin, spread, speed, mixing, _ = TYPES[state]
    winter = season(day)
    towards = np.deg2rad(origin + 180.0 + spread * rng.standard_normal())
    speed = max(1.2, speed * (1 + 0.15 * winter) * rng.lognormal(0.0, 0.25))
    weekday = day.weekday()
    return Weather(
        east_wind=float(speed * np.sin(towards)),
        north_wind=float(speed * np.cos(towards)),
        mixing=float(MIXING * mixing * np.exp(-0.2 * winter) * rng.lognormal(0.0, 0.15)),
        lifetime=float(4.0 * 3600 * np.exp(0.25 * winter)),
        traffic=1.07 if weekday < 5 else (0.88 if weekday == 5 else 0.77),
        heating=float(max(0.1, 1.0 + 0.9 * winter)),
    )


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
