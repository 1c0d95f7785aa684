"""Intervals: how far a figure would move with other stations of the same kind, and other runs.

Stations: percentile intervals of a bootstrap (Efron and Tibshirani 1993, chapter 13). What is
resampled is what the split leaves out: single stations, or whole blocks or countries, since
neighbours err alike and a hundred of them are not a hundred independent ones. A station comes with
its predictions of all runs, since the runs share their stations.

Runs: a method that is trained again gives another figure. A bootstrap of three runs would hold
their mean in three of four cases only, so the spread of the runs enters as in Student's t.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtri, stdtrit

from mmaq.statistics.metrics import (
    CLASS_METRICS,
    INTERVAL_METRICS,
    METRICS,
    PIXEL_METRICS,
    interval_metrics,
    metrics,
)
from mmaq.statistics.quality import (
    QUALITY_METRICS,
    UNCERTAINTY,
    quality_indicators,
    quality_metrics,
)
from mmaq.statistics.resamples import Resamples, draw

LEVELS = (2.5, 97.5)

POSSIBLE = {
    "r2": (-np.inf, 1.0),
    **dict.fromkeys(("mse", "rmse", "mae", "width90", "interval_score90", "mqi"), (0.0, np.inf)),
    **dict.fromkeys(("coverage90", *CLASS_METRICS, *PIXEL_METRICS), (0.0, 1.0)),
}
"""The least and the most that a figure can be."""


class Estimate(NamedTuple):
    """Metrics by name, (k,) each: the mean over runs, or the pooled figure, and its 95 % bounds."""

    names: tuple[str, ...]
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class Outcomes:
    """What several methods predicted at the same stations in the same runs.

    Attributes:
        measured: (stations,) in ug/m3.
        tested: which run tested which station, (runs, stations) bool.
        prediction: (methods, runs, stations) in ug/m3, NaN where not tested.
        low, high: bounds of the 90 % intervals, as ``prediction``; NaN too where none was
            calibrated.
    """

    measured: np.ndarray
    tested: np.ndarray
    prediction: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def of(cls, predictions: pd.DataFrame, stations: pd.Index) -> Outcomes:
        """Those of one method at ``stations``, which names all that it was tested at.

        Args:
            predictions: columns run, site_id, measured, prediction, low and high (ug/m3); a
                station at most once a run.
            stations: ``site_id`` of each column of the result.
        """
        runs, row = np.unique(predictions["run"].to_numpy(), return_inverse=True)
        at = row, stations.get_indexer(predictions["site_id"])
        tested = np.zeros((len(runs), len(stations)), dtype=bool)
        tested[at] = True
        names = "measured", "prediction", "low", "high"
        values = np.full((len(names), *tested.shape), np.nan)
        for number, name in enumerate(names):
            values[(number, *at)] = predictions[name].to_numpy(float)
        first = tested.argmax(axis=0)
        measured = values[0, first, np.arange(len(stations))]
        return cls(measured, tested, values[1:2], values[2:3], values[3:])

    @classmethod
    def join(cls, methods: Sequence[Outcomes]) -> Outcomes:
        """Those of all ``methods``, which were tested at the same stations in the same runs."""
        parts = {
            name: np.concatenate([getattr(each, name) for each in methods])
            for name in ("prediction", "low", "high")
        }
        return replace(methods[0], **parts)

    def take(self, stations: np.ndarray) -> Outcomes:
        """Those at some of the stations, (stations,) bool, in the runs that tested one of them."""
        runs = self.tested[:, stations].any(axis=1)
        parts = (
            values[:, runs][:, :, stations] for values in (self.prediction, self.low, self.high)
        )
        return Outcomes(self.measured[stations], self.tested[runs][:, stations], *parts)


def estimate_metrics(
    outcomes: Outcomes, units: np.ndarray, draws: int, pollutant: str
) -> list[Estimate]:
    """The mean over runs of each metric of a run's pooled predictions, and its interval.

    One for each method, which all see the same resamples. Those of the 90 % intervals are among the
    metrics where all predictions of all methods have one, and those of the model's quality where
    the uncertainty of the pollutant's measurement is known.

    Args:
        outcomes: of methods on stations, each of which a run tested; a prediction that is missing
            leaves all methods without intervals.
        units: what is resampled together, (stations,): the station's own name, its block or its
            country.
        draws: number of resamples.
        pollutant: what is predicted.
    """
    calibrated = bool(np.isfinite(outcomes.high[:, outcomes.tested]).all())
    names: tuple[str, ...] = METRICS
    names += INTERVAL_METRICS if calibrated else ()
    names += QUALITY_METRICS if pollutant in UNCERTAINTY else ()
    values = _of_runs(outcomes, Resamples.once(len(units)), names, pollutant)[0]
    resampled = _of_runs(outcomes, draw(units, draws), names, pollutant)
    runs, methods, count = values.shape
    low, high = interval(
        values.reshape(runs, -1), resampled.reshape(draws, runs, -1), len(np.unique(units))
    )
    parts = values.mean(axis=0), low.reshape(methods, count), high.reshape(methods, count)
    return [
        Estimate(names, value, *possible(names, least, most))
        for value, least, most in zip(*parts, strict=True)
    ]


def _of_runs(
    outcomes: Outcomes, drawn: Resamples, names: tuple[str, ...], pollutant: str
) -> np.ndarray:
    """Metrics of each run of each method in each resample, (draws, runs, methods, k)."""
    found = []
    for run, here in enumerate(outcomes.tested):
        target, taken = outcomes.measured[here], drawn.take(here)
        prediction, low, high = (
            values[:, run, here] for values in (outcomes.prediction, outcomes.low, outcomes.high)
        )
        figures = [metrics(target, prediction, taken)]
        if "coverage90" in names:
            figures.append(interval_metrics(target, low, high, taken))
        if "mqi" in names:
            quality = quality_indicators(target, prediction, pollutant)
            figures.append(quality_metrics(quality, taken))
        found.append(np.moveaxis(np.concatenate(figures, axis=-1), 1, 0))
    return np.stack(found, axis=1)


def possible(
    names: tuple[str, ...], low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Bounds cut to what a figure can be: no R2 is above 1, and no error below 0."""
    least, most = np.array([POSSIBLE.get(name, (-np.inf, np.inf)) for name in names]).T
    return np.maximum(low, least), np.minimum(high, most)


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
    mean of two: Welch's, with degrees of freedom after Satterthwaite (1946, An approximate
    distribution of estimates of variance components, Biometrics Bulletin 2), which is too narrow
    where three runs decide (92.5 % instead of 95 in a simulation), and Cochran's, the mean of both
    quantiles weighted by the variances (Cochran and Cox 1957, Experimental designs, section 4.14),
    which is too wide where both matter alike (97.3 %). Together they hold 94 to 96.5 %, and 93 to
    97 where runs are tested on different stations. Satterthwaite's degrees are of a sum; here a
    part is taken off, which may leave less than one: they are held to those of the lesser part.

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
    of_units = (sides / ndtri(0.975)) ** 2 * units / (units - 1)
    between, of_runs = np.zeros(figures), np.zeros(figures)
    if runs > 1:
        between = values.var(axis=0, ddof=1)
        by_stations = (defined - values).var(axis=1, ddof=1).mean(axis=0)
        of_runs = np.maximum(between - by_stations, 0.0) / runs
    total = of_units + of_runs
    by_runs = np.where(of_runs > 0.0, between / runs, 0.0)
    rest = np.maximum(total - by_runs, 0.0)
    few, many = stdtrit([max(runs - 1, 1), units - 1], 0.975)
    with np.errstate(divide="ignore", invalid="ignore"):
        cochran = (rest * many + by_runs * few) / (rest + by_runs)
        known = of_units**2 / (units - 1) + by_runs**2 / max(runs - 1, 1)
        degrees = np.maximum(total**2 / known, min(max(runs - 1, 1), units - 1))
        welch = stdtrit(degrees, 0.975)
        reach = np.where(total > 0.0, np.sqrt(total) * (cochran + welch) / 2, 0.0)
    return middle - reach[0], middle + reach[1]
