"""Daily weather: a chain of weather types that sets wind, mixing depth, lifetime and demand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

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
