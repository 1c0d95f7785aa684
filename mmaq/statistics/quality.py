"""The modelling quality indicator of FAIRMODE: the error beside the measurement's uncertainty.

FAIRMODE Guidance Document on Modelling Quality Objectives and Benchmarking, version 3.3 (JRC
2022, doi:10.2760/41988): indicator and objective for yearly means, the uncertainty of such means,
and the 90 % principle.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mmaq.statistics.resamples import Resamples

QUALITY_METRICS = ("mqi",)

BETA = 2.0
"""How many uncertainties an error may have."""
SHARE = 0.9
"""Share of the stations that have to meet the objective."""


class Uncertainty(NamedTuple):
    """Parameters of the uncertainty of a pollutant's yearly mean."""

    relative: float
    """Of a single measurement at the reference value, as a share."""
    alpha: float
    """The share of it, squared, that does not grow with the concentration."""
    reference: float
    """The reference value, ug/m3."""
    proportional: float
    absolute: float
    """By how much averaging lessens the squares of both parts."""

    def of(self, measured: np.ndarray) -> np.ndarray:
        """Expanded uncertainty (95 %) of yearly means, in the shape of ``measured``, ug/m3."""
        grows = (1.0 - self.alpha**2) * measured**2 / self.proportional
        stays = self.alpha**2 * self.reference**2 / self.absolute
        return self.relative * np.sqrt(grows + stays)


UNCERTAINTY = {"no2": Uncertainty(0.24, 0.20, 200.0, 5.2, 5.5)}
"""By pollutant."""


def quality_indicators(target: np.ndarray, prediction: np.ndarray, pollutant: str) -> np.ndarray:
    """Each station's indicator |prediction - target| / (beta U(target)), (..., n).

    Args:
        target: measured yearly means, (n,) in ug/m3.
        prediction: (..., n) in ug/m3.
        pollutant: one of ``UNCERTAINTY``.
    """
    allowed = BETA * UNCERTAINTY[pollutant].of(target)
    return np.asarray(np.abs(prediction - target) / allowed)


def quality_metrics(indicators: np.ndarray, resamples: Resamples) -> np.ndarray:
    """The 90th percentile over the stations of each resample, (..., draws, 1).

    As the guidance takes it: of N values in ascending order the one of rank 0.9 N, linear between
    two ranks. The objective is met up to 1. NaN for a draw of none, or with a missing indicator.

    Args:
        indicators: of each station, (..., n).
        resamples: of the n stations.
    """
    times = np.ascontiguousarray(resamples.drawn.T[resamples.unit], dtype=np.int32)
    number = times.sum(axis=0)
    rank = np.floor(np.round(SHARE * number, 9)).astype(int)
    between = SHARE * number - rank
    found = np.full((*indicators.shape[:-1], len(number), 1), np.nan)
    for method in np.ndindex(indicators.shape[:-1]):
        values = indicators[method]
        if np.isnan(values).any() or not len(values):
            continue
        order = np.argsort(-values)
        ranks = np.maximum(rank, 1), np.minimum(rank + 1, number)
        # The same ranks counted from the largest, of which a tenth of the stations is enough.
        low, high = values[order][_find(times, order, [number - each + 1 for each in ranks])]
        found[(*method, slice(None), 0)] = np.where(
            number > 0, low + between * (high - low), np.nan
        )
    return found


def _find(times: np.ndarray, order: np.ndarray, wanted: list[np.ndarray]) -> np.ndarray:
    """Positions in ``order`` at which so many stations have been drawn, (ranks, draws).

    Args:
        times: how often each resample drew each station, (n, draws).
        order: of the stations, (n,).
        wanted: numbers of stations, (draws,) each, no more than were drawn.
    """
    last, looked = len(order) - 1, 0
    while looked < len(order):
        looked = min(len(order), max(2 * looked, round(2 * (1.0 - SHARE) * len(order)) + 1))
        drawn = np.cumsum(times[order[:looked]], axis=0)
        if all((drawn[-1] >= each).all() for each in wanted):
            break
    return np.stack([np.minimum((drawn < each).sum(axis=0), last) for each in wanted])
