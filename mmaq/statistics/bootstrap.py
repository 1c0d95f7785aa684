"""Bootstrap: how far a figure would move with other stations of the same kind.

Percentile intervals (Efron and Tibshirani 1993, chapter 13). What is resampled is what the split
leaves out: single stations, or whole blocks or countries, since neighbours err alike and a hundred
of them are not a hundred independent ones. A station comes with its predictions of all seeds,
since the seeds share their stations. The intervals hold the trained models fixed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from mmaq.statistics.metrics import INTERVAL_METRICS, METRICS, interval_metrics, metrics

LEVELS = (2.5, 97.5)

SEED = 20_000
"""One seed for all rows: on the same stations every method sees the same resamples, so that the
difference of two methods can be paired."""


class Estimate(NamedTuple):
    """Metrics by name, (k,) each: the mean over seeds and its 95 % bounds."""

    names: tuple[str, ...]
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray


def estimate_metrics(predictions: pd.DataFrame, units: pd.Series, draws: int) -> Estimate:
    """The mean over seeds of each metric of a seed's pooled predictions, and its interval.

    Coverage and width of the 90 % intervals are among them where all predictions have one.

    Args:
        predictions: columns seed, site_id, measured, prediction and radius (ug/m3); a station at
            most once a seed.
        units: what is resampled together, by ``site_id``: its own name, its block or its country.
        draws: number of resamples.
    """
    calibrated = bool(np.isfinite(predictions["radius"]).all())
    of_station = units.reindex(np.unique(predictions["site_id"].to_numpy(str)))
    weights = draw_weights(of_station.to_numpy(str), draws)
    once = np.ones((1, len(of_station)))
    values: list[np.ndarray] = []
    resampled: list[np.ndarray] = []
    for _, run in predictions.groupby("seed"):
        target, prediction = run["measured"].to_numpy(float), run["prediction"].to_numpy(float)
        radius = run["radius"].to_numpy(float)
        position = of_station.index.get_indexer(run["site_id"].to_numpy(str))
        for figures, weight in ((values, once), (resampled, weights)):
            weight = weight[:, position]
            found = [metrics(target, prediction, weight)]
            if calibrated:
                found.append(interval_metrics(target, prediction, radius, weight))
            figures.append(np.hstack(found))
    names = METRICS + INTERVAL_METRICS if calibrated else METRICS
    low, high = bounds(np.mean(resampled, axis=0))
    return Estimate(names, np.mean(values, axis=0)[0], low, high)


def estimate_counts(
    runs: dict[int, tuple[np.ndarray, np.ndarray]],
    names: tuple[str, ...],
    metrics: Callable[[np.ndarray], np.ndarray],
    draws: int,
) -> Estimate:
    """The mean over seeds of each metric, and its 95 % interval over locations.

    Args:
        runs: by seed, the locations of its test scenes (n,) and their counts (n, k).
        names: of the m metrics.
        metrics: (draws, k) sums to (draws, m).
        draws: number of resamples. A location is drawn with all its scenes, of all seeds.
    """  # fmt: skip
    places = np.unique(np.concatenate([location for location, _ in runs.values()]))
    weights = draw_weights(places, draws)
    values, resampled = [], []
    for location, counts in runs.values():
        by_place = pd.DataFrame(counts).groupby(location).sum().reindex(places, fill_value=0)
        values.append(metrics(by_place.to_numpy(float).sum(axis=0, keepdims=True))[0])
        resampled.append(metrics(weights @ by_place.to_numpy(float)))
    low, high = bounds(np.mean(resampled, axis=0))
    return Estimate(names, np.mean(values, axis=0), low, high)


def draw_weights(units: np.ndarray, draws: int) -> np.ndarray:
    """How often each station is in each resample of as many units, (draws, stations).

    Args:
        units: the unit of each station, (stations,).
        draws: number of resamples.
    """
    names, member = np.unique(units, return_inverse=True)
    return _multinomial(len(names), draws)[:, member]


@lru_cache(maxsize=16)
def _multinomial(count: int, draws: int) -> np.ndarray:
    """Resamples of ``count`` units, (draws, count); many rows of the table share them."""
    share = np.full(count, 1.0 / count)
    drawn = np.random.default_rng(SEED).multinomial(count, share, size=draws).astype(float)
    drawn.setflags(write=False)
    return drawn


def bounds(resampled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """95 % bounds of k figures, (k,) each, from those of resamples, (draws, k).

    A resample that leaves a figure undefined, as equal targets leave R2, is left out; where all do,
    the bounds are NaN.
    """
    defined = resampled[np.isfinite(resampled).all(axis=1)]
    if not len(defined):
        missing = np.full(resampled.shape[1], np.nan)
        return missing, missing
    low, high = np.percentile(defined, LEVELS, axis=0)
    return low, high
