"""What an instrument makes of the air: a gain error of its own, daily noise, gaps, bad days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from mmaq.simulate.world.air import Air

GAIN = 0.11
"""Standard deviation of a station's gain error; the EU asks for 15 % at the limit value."""
DAILY = 1.2
"""Standard deviation in µg/m3 of a day's random error."""
ABSENT, INVALID = 0.02, 0.02
"""Shares of days without a row and of days that the operator flags as invalid."""
LONGEST_GAP = 0.1
"""A station's one long outage lasts up to this share of the period."""


@dataclass(frozen=True)
class Measurements:
    """Arrays (days, stations) unless said otherwise."""

    days: tuple[date, ...]
    value: np.ndarray  # µg/m3; nonsense on invalid days
    present: np.ndarray  # bool: a row is published
    validity: np.ndarray  # EEA code: 1 valid, -1 invalid
    noise_sd: np.ndarray  # (stations,) µg/m3, of the mean over the period


def measure(air: Air, rng: np.random.Generator) -> Measurements:
    """Measure the daily concentrations (days, stations) of ``air``."""
    count, stations = air.surface.shape
    gain = 1.0 + GAIN * np.clip(rng.standard_normal(stations), -3.0, 3.0)
    value = np.maximum(air.surface * gain + DAILY * rng.standard_normal(air.surface.shape), 0.0)
    present = rng.uniform(size=value.shape) >= ABSENT
    first = rng.integers(0, count, stations)
    length = (rng.uniform(0.0, LONGEST_GAP, stations) * count).astype(int)
    day = np.arange(count)[:, None]
    present &= (day < first) | (day >= first + length)
    invalid = rng.uniform(size=value.shape) < INVALID
    value = np.where(invalid, value * rng.uniform(0.0, 4.0, value.shape), value)
    valid = np.maximum((present & ~invalid).sum(axis=0), 1)
    missing = 1.0 - valid / count
    sampling = air.surface.var(axis=0) * missing / valid
    noise = np.sqrt((GAIN * air.surface.mean(axis=0)) ** 2 + DAILY**2 / valid + sampling)
    return Measurements(air.days, value, present, np.where(invalid, -1, 1), noise)
