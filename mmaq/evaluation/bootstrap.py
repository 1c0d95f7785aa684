"""Bootstrap over stations: how far a figure would move with other stations of the same kind.

Percentile intervals (Efron and Tibshirani 1993, chapter 13). The unit that is redrawn is the
station, with its predictions of all seeds together, since the seeds share their stations. The
intervals hold the trained models fixed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from mmaq.evaluation.metrics import METRICS, metrics

LEVELS = (2.5, 97.5)
SEED = 20_000
"""One seed for all rows: on the same stations every method sees the same resamples, so that the
difference of two methods can be paired."""


class Estimate(NamedTuple):
    """Metrics in the order of ``METRICS``, (5,) each: the mean over seeds and its 95 % bounds."""

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray


def estimate_metrics(predictions: pd.DataFrame, draws: int) -> Estimate:
    """The mean over seeds of each metric of a seed's pooled predictions, and its interval.

    Args:
        predictions: columns seed, site_id, no2 and prediction (ug/m3); a station at most once a
            seed.
        draws: number of resamples.
    """
    stations = np.unique(predictions["site_id"].to_numpy(str))
    counts = draw_counts(len(stations), draws)
    values, resampled = [], []
    for _, run in predictions.groupby("seed"):
        target, prediction = run["no2"].to_numpy(float), run["prediction"].to_numpy(float)
        position = np.searchsorted(stations, run["site_id"].to_numpy(str))
        values.append(metrics(target, prediction, np.ones((1, len(run))))[0])
        resampled.append(metrics(target, prediction, counts[:, position]))
    low, high = _bounds(np.mean(resampled, axis=0))
    return Estimate(np.mean(values, axis=0), low, high)


def draw_counts(stations: int, draws: int) -> np.ndarray:
    """How often each station is in each resample of as many stations, (draws, stations)."""
    rng = np.random.default_rng(SEED)
    return rng.multinomial(stations, np.full(stations, 1.0 / stations), size=draws).astype(float)


def _bounds(resampled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Percentiles of (draws, 5); a resample of equal targets has no R2 and is left out."""
    defined = resampled[np.isfinite(resampled).all(axis=1)]
    if not len(defined):
        missing = np.full(len(METRICS), np.nan)
        return missing, missing
    low, high = np.percentile(defined, LEVELS, axis=0)
    return low, high
