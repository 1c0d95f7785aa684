"""Resamples of a bootstrap, and sums over what they drew.

What is drawn are units: single stations, or blocks or countries with all their stations. A sum over
a resample needs only the sum of each unit, so that a thousand resamples of twenty blocks cost next
to nothing however many stations lie in them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

SEED = 20_000
"""One seed for all rows: on the same stations every method sees the same resamples, so that the
difference of two methods can be paired."""


class Resamples(NamedTuple):
    """How often each of several resamples drew each unit, and the unit of each station.

    ``drawn`` is (draws, units), ``unit`` the positions among the units, (stations,).
    """

    drawn: np.ndarray
    unit: np.ndarray

    @classmethod
    def once(cls, stations: int) -> Resamples:
        """The sample itself: one draw with every station once."""
        return cls(np.ones((1, 1)), np.zeros(stations, int))

    def take(self, stations: np.ndarray) -> Resamples:
        """The same draws of some of the stations, (stations,) bool or positions."""
        return Resamples(self.drawn, self.unit[stations])

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Of values of each station, (..., stations), the sums over each resample, (..., draws)."""
        stations, units = len(self.unit), self.drawn.shape[1]
        member = csr_array((np.ones(stations), (self.unit, np.arange(stations))), (units, stations))
        by_unit = member @ values.reshape(-1, stations).T
        return np.asarray((self.drawn @ by_unit).T).reshape(*values.shape[:-1], len(self.drawn))


def draw(units: np.ndarray, draws: int) -> Resamples:
    """Resamples of as many units as there are.

    Args:
        units: the unit of each station, (stations,).
        draws: number of resamples.
    """
    names, unit = np.unique(units, return_inverse=True)
    return Resamples(_multinomial(len(names), draws), unit)


@lru_cache(maxsize=16)
def _multinomial(count: int, draws: int) -> np.ndarray:
    """Resamples of ``count`` units, (draws, count); many rows of the table share them."""
    share = np.full(count, 1.0 / count)
    drawn = np.random.default_rng(SEED).multinomial(count, share, size=draws).astype(float)
    drawn.setflags(write=False)
    return drawn
