"""Predictions beside measurements that took no part: an agency's own samplers, a campaign."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from mmaq.base.errors import TableError
from mmaq.base.tables import at_line, check_range, check_unique, read_table, to_numbers
from mmaq.contracts.sites import HIGHEST, UNITS
from mmaq.contracts.stations import MICROGRAMS
from mmaq.statistics.metrics import METRICS, interval_metrics, metrics
from mmaq.statistics.quality import UNCERTAINTY, quality_indicators, quality_metrics
from mmaq.statistics.resamples import Resamples
from mmaq.vocabulary import POLLUTANTS

BOUNDS = ("low", "high")
UNIT = ("unit", "units")
"""Columns that may say the unit of a measurement."""
FEWEST = 2
"""Measurements that an R2 needs."""


class Validation(NamedTuple):
    """How predictions agree with measurements.

    Concentrations in ug/m3; NaN where predictions have no interval, or the uncertainty of the
    pollutant's measurement is not known.
    """

    pollutant: str
    sites: int
    without: int
    """Measured sites at which nothing could be predicted; they take no part."""
    r2: float
    rmse: float
    bias: float
    coverage90: float
    mqi: float


def validate(*, measurements: Path, predictions: Path) -> Validation:
    """Compare predictions with measurements at the same sites.

    Args:
        measurements: CSV with ``site_id`` and the predicted pollutant in ug/m3, mean over the
            period of the predictions; rows without a value are passed over. A column ``unit`` or
            ``units`` must say so, where there is one.
        predictions: what `mmaq predict` wrote.

    Raises:
        TableError: a table cannot be read, lacks a column, or holds an impossible value or one in
            another unit; a measured site was not predicted; or fewer than two measurements have a
            prediction.
    """
    predicted = read_table(predictions, ["site_id"], [*POLLUTANTS, *BOUNDS])
    named = [name for name in POLLUTANTS if name in predicted]
    if len(named) != 1:
        fault = f"it holds {len(named)} of the columns {', '.join(POLLUTANTS)}, not one"
        raise TableError(predictions, fault, "Give what `mmaq predict` wrote")
    pollutant = named[0]
    figures = [name for name in (pollutant, *BOUNDS) if name in predicted]
    predicted = to_numbers(predicted, figures, "site_id", predictions)
    check_unique(predicted, "site_id", predictions)
    measured = read_table(measurements, ["site_id", pollutant], UNIT)
    measured = to_numbers(measured, [pollutant], "site_id", measurements)
    check_unique(measured, "site_id", measurements)
    measured = measured[measured[pollutant].notna()]
    if measured.empty:
        fault = f"column {pollutant!r} holds no measurement"
        raise TableError(measurements, fault, f"Give at least {FEWEST}")
    for name in [each for each in UNIT if each in measured]:
        _check_unit(measured, name, [*MICROGRAMS, UNITS[pollutant]], measurements)
    check_range(measured, pollutant, 0.0, HIGHEST[pollutant], "site_id", measurements)
    unknown = ~measured["site_id"].isin(predicted["site_id"])
    if unknown.any():
        site = measured.loc[unknown, "site_id"].iloc[0]
        fault = f"{at_line(measured, unknown)}site {site!r} is not in {predictions}"
        raise TableError(measurements, fault, "Predict there too: `mmaq predict --sites`")
    at = predicted.set_index("site_id").reindex(columns=[pollutant, *BOUNDS])
    at = at.loc[measured["site_id"]]
    held = at[pollutant].notna().to_numpy()
    if held.sum() < FEWEST:
        fault = f"{held.sum()} of its measurements have a prediction"
        raise TableError(measurements, fault, f"Give at least {FEWEST}")
    return _compare(measured[pollutant].to_numpy(float)[held], at[held], pollutant, (~held).sum())


def _check_unit(
    measured: pd.DataFrame, column: str, spellings: list[str], measurements: Path
) -> None:
    """Refuse a measurement whose unit is said to be another than that of the predictions."""
    other = ~measured[column].isin(spellings)
    if other.any():
        unit = measured.loc[other, column].fillna("").iloc[0]
        fault = f"{at_line(measured, other)}column {column!r} holds {unit!r}, not 'ug/m3'"
        raise TableError(measurements, fault, "Give measurements in µg/m³")


def _compare(target: np.ndarray, at: pd.DataFrame, pollutant: str, without: int) -> Validation:
    once = Resamples.once(len(target))
    prediction, low, high = at.to_numpy(float).T
    found = dict(zip(METRICS, metrics(target, prediction, once)[0], strict=True))
    bounded, coverage, mqi = np.isfinite(low) & np.isfinite(high), np.nan, np.nan
    if bounded.any():
        there = Resamples.once(int(bounded.sum()))
        coverage = interval_metrics(target[bounded], low[bounded], high[bounded], there)[0, 0]
    if pollutant in UNCERTAINTY:
        mqi = quality_metrics(quality_indicators(target, prediction, pollutant), once)[0, 0]
    figures = (found["r2"], found["rmse"], found["bias"], coverage, mqi)
    return Validation(pollutant, len(target), int(without), *map(float, figures))
