"""Intervals: how far a figure would move with other stations of the same kind, and other runs.

Stations: percentile intervals of a bootstrap (Efron and Tibshirani 1993, chapter 13). What is
resampled is what the split leaves out: single stations, or whole blocks or countries, since
neighbours err alike and a hundred of them are not a hundred independent ones. A station comes with
its predictions of all runs, since the runs share their stations.

Runs: a method that is trained again gives another figure. A bootstrap of three runs would hold
their mean in three of four cases only, so the spread of the runs enters as in Student's t.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import norm, t

from mmaq.statistics.metrics import (
    CLASS_METRICS,
    INTERVAL_METRICS,
    METRICS,
    PIXEL_METRICS,
    interval_metrics,
    metrics,
)

LEVELS = (2.5, 97.5)

POSSIBLE = {
    "r2": (-np.inf, 1.0),
    **dict.fromkeys(("mse", "rmse", "mae", "width90"), (0.0, np.inf)),
    **dict.fromkeys(("coverage90", *CLASS_METRICS, *PIXEL_METRICS), (0.0, 1.0)),
}
"""The least and the most that a figure can be."""

SEED = 20_000
"""One seed for all rows: on the same stations every method sees the same resamples, so that the
difference of two methods can be paired."""


class Estimate(NamedTuple):
    """Metrics by name, (k,) each: the mean over runs, or the pooled figure, and its 95 % bounds."""

    names: tuple[str, ...]
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray


def estimate_metrics(predictions: pd.DataFrame, units: pd.Series, draws: int) -> Estimate:
    """The mean over runs of each metric of a run's pooled predictions, and its interval.

    Coverage and width of the 90 % intervals are among them where all predictions have one.

    Args:
        predictions: columns run, site_id, measured, prediction and radius (ug/m3); a station at
            most once a run.
        units: what is resampled together, by ``site_id``: its own name, its block or its country.
        draws: number of resamples.
    """
    calibrated = bool(np.isfinite(predictions["radius"]).all())
    of_station = units.reindex(np.unique(predictions["site_id"].to_numpy(str)))
    weights = draw_weights(of_station.to_numpy(str), draws)
    once = np.ones((1, len(of_station)))
    values: list[np.ndarray] = []
    resampled: list[np.ndarray] = []
    for _, run in predictions.groupby("run"):
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
    units_drawn = of_station.nunique()
    bounds = interval(np.vstack(values), np.stack(resampled, axis=1), units_drawn)
    return Estimate(names, np.mean(values, axis=0)[0], *possible(names, *bounds))


def possible(
    names: tuple[str, ...], low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Bounds cut to what a figure can be: no R2 is above 1, and no error below 0."""
    least, most = np.array([POSSIBLE.get(name, (-np.inf, np.inf)) for name in names]).T
    return np.maximum(low, least), np.minimum(high, most)


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


def interval(
    values: np.ndarray,
    resampled: np.ndarray,
    units: int,
    pooled: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """95 % bounds of the mean over runs of k figures, or of their pooled figures, (k,) each.

    The squared standard error is that of other stations plus that of other runs. The first comes
    from the bootstrap, on each side by itself, since figures such as R2 are skewed; ``units`` - 1
    are its degrees of freedom. The second is the variance between runs over their number, less
    what the runs differ by because they were tested on different stations, which the resamples
    tell; it has one degree of freedom less than there are runs. The quantile of Student's t is the
    mean of two: Welch's, with degrees of freedom after Satterthwaite (1946), which is too narrow
    where three runs decide (92.5 % instead of 95 in a simulation), and Cochran's, the mean of both
    quantiles weighted by the variances (Cochran and Cox 1957, Experimental designs, section 4.14),
    which is too wide where both matter alike (97.3 %). Together they hold 94 to 96.5 %, and 93 to
    97 where runs are tested on different stations.

    A resample that leaves a figure undefined, as equal targets leave R2, is left out; where all do,
    or one unit was drawn, the bounds are NaN.

    Args:
        values: of each run, (runs, k).
        resampled: of each run in each resample of units, (draws, runs, k).
        units: how many stations, blocks or countries were drawn from.
        pooled: figures of all runs' samples together, (k,), and in each resample, (draws, k),
            where these are asked for and not the mean. Between runs they vary as the mean does.
    """
    runs, figures = values.shape
    whole = np.isfinite(resampled).all(axis=(1, 2))
    defined = resampled[whole]
    if not len(defined) or units < 2:
        missing = np.full(figures, np.nan)
        return missing, missing
    if pooled is None:
        pooled = values.mean(axis=0), resampled.mean(axis=1)
    middle, drawn = pooled
    sides = np.percentile(drawn[whole], LEVELS, axis=0) - middle
    # A bootstrap of few units is too narrow: its variance is that of the sample, not of its kind.
    of_units = (sides / norm.ppf(0.975)) ** 2 * units / (units - 1)
    between, of_runs = np.zeros(figures), np.zeros(figures)
    if runs > 1:
        between = values.var(axis=0, ddof=1)
        by_stations = (defined - values).var(axis=1, ddof=1).mean(axis=0)
        of_runs = np.maximum(between - by_stations, 0.0) / runs
    total = of_units + of_runs
    by_runs = np.where(of_runs > 0.0, between / runs, 0.0)
    rest = np.maximum(total - by_runs, 0.0)
    few, many = t.ppf(0.975, [max(runs - 1, 1), units - 1])
    with np.errstate(divide="ignore", invalid="ignore"):
        cochran = (rest * many + by_runs * few) / (rest + by_runs)
        known = of_units**2 / (units - 1) + by_runs**2 / max(runs - 1, 1)
        welch = t.ppf(0.975, total**2 / known)
        reach = np.where(total > 0.0, np.sqrt(total) * (cochran + welch) / 2, 0.0)
    return middle - reach[0], middle + reach[1]
