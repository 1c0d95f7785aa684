"""Who breathes it: NO2 weighted by people, and how many live above a limit, with 90 % intervals.

Errors of neighbouring cells are alike and do not cancel, so whole fields of errors are drawn
(``mmaq.statistics.fields``) and pushed through each cell's predictive distribution. What is asked
of a district, a mean or a number of people, is asked of each field; the spread of the answers makes
the interval.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import rasterio
from scipy.sparse import csr_array, vstack

from mmaq.base.files import replacing
from mmaq.base.vectors import write_layer
from mmaq.estimators.intervals import Errors
from mmaq.map.distribution import concentrations
from mmaq.map.districts import coverage
from mmaq.map.grid import MapGrid
from mmaq.statistics.fields import Correlation, Fields, expected_correlation
from mmaq.statistics.intervals import LEVEL

FIELDS = 500
"""Drawn; an end of an interval is then the quantile of 5 % to within one per cent."""

SEED = 0
"""Of the fields: all maps of one estimator see the same ones."""

CELLS = 4096
"""Asked at a time: memory does not grow with the map."""


log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cells:
    """Cells of a map in which somebody may live, n of them.

    Attributes:
        lonlat: of their middles, (n, 2) in degrees.
        names: two whole numbers that name each in the world, (n, 2).
        mean: of the map, (n,) in ug/m3.
        high: upper ends of its 90 % intervals, (n,) in ug/m3; NaN where it has none.
        people: who live there, (n,).
    """

    lonlat: np.ndarray
    names: np.ndarray
    mean: np.ndarray
    high: np.ndarray
    people: np.ndarray


def write_exposure(
    path: Path,
    area: str,
    grid: MapGrid,
    raster: Path,
    people: np.ndarray,
    districts: geopandas.GeoDataFrame,
    truth: np.ndarray | None,
    fields: Fields,
    limits: Sequence[float],
) -> None:
    """Write the exposure of an area and its districts, and the districts as a GeoPackage.

    Args:
        path: the table, CSV.
        area: its name, that of the first row.
        grid: its cells.
        raster: its map.
        people: in each cell, (rows, columns).
        districts: name, surface in m2 and geometry, in the map's system.
        truth: true concentration of each cell, (rows, columns) in ug/m3; None where nobody knows.
        fields: of errors.
        limits: concentrations in ug/m3.
    """
    with rasterio.open(raster) as file:
        names = list(file.descriptions)
        mean, high = file.read([1, names.index("high") + 1]).reshape(2, -1).astype(float)
    inside = coverage(districts, grid)
    known = np.isfinite(mean)
    surface = np.append(grid.count() * grid.resolution**2, districts["surface"])
    mapped = np.append(known.sum(), inside @ known.astype(float)) * grid.resolution**2
    mapped = np.divide(mapped, surface, out=np.zeros(len(surface)), where=surface > 0)
    chosen = np.flatnonzero(known & (people.ravel() > 0))
    row, column = chosen // grid.columns, chosen % grid.columns
    cells = Cells(
        grid.degrees(row, column), np.column_stack([grid.left + column, grid.top - 1 - row]),
        mean[chosen], high[chosen], people.ravel()[chosen],
    )  # fmt: skip
    shares = csr_array(vstack([np.ones((1, len(chosen))), inside[:, chosen]]))
    table = pd.DataFrame({"name": [area, *districts["name"]], "mapped": mapped})
    parts = [table, expose(cells, shares, fields, limits)]
    if truth is not None:
        parts.append(true_exposure(truth.ravel()[chosen], cells.people, shares, limits))
    table = pd.concat(parts, axis=1).round(4)
    with replacing(path) as temporary:
        table.to_csv(temporary, index=False)
    beside = geopandas.GeoDataFrame(table.iloc[1:], geometry=list(districts.geometry),
                                    crs=districts.crs)  # fmt: skip
    with replacing(path.with_suffix(".gpkg")) as temporary:
        write_layer(beside, temporary, "districts")


def fields_of(errors: Errors | None) -> Fields:
    """Fields of errors that are as alike as those at stations; independent ones where none are
    known."""
    if errors is None:
        return Fields.draw(Correlation(0.0, 1.0), np.empty((0, 2)), FIELDS, SEED)
    there = np.isfinite(errors.places).all(axis=1)
    values, places = errors.values[there], errors.places[there]
    scale = np.sqrt(np.mean(values**2))
    found = expected_correlation(values / (scale or 1.0), places, errors.folds[there])
    log.info("errors share %.2f of their variance, over %.0f km", found.share, found.range_km)
    return Fields.draw(found, places, FIELDS, SEED)


def expose(
    cells: Cells, inside: csr_array, fields: Fields, limits: Sequence[float]
) -> pd.DataFrame:
    """The exposure of p districts.

    The mean is that of the map. Fields have a somewhat larger one, since their middle value is the
    map's, and are moved by the difference. Bounds are NaN where a cell has no interval.

    Args:
        cells: n cells.
        inside: share of each cell that lies in each district, (p, n).
        fields: of errors.
        limits: concentrations in ug/m3.

    Returns:
        A row a district: people, mean, mean_low and mean_high in ug/m3, and of each limit
        people_above_10, people_above_10_low, people_above_10_high, and the same of share_above_10.
    """
    weights = csr_array(inside * cells.people)
    people = weights.sum(axis=1)
    total, above = 0.0, np.zeros((len(limits), len(people), fields.weights.shape[1]))
    for start in range(0, len(cells.mean), CELLS):
        part = slice(start, start + CELLS)
        drawn = concentrations(
            cells.mean[part], cells.high[part], fields.at(cells.lonlat[part], cells.names[part])
        )
        here = weights[:, part]
        total = total + here @ drawn
        for number, limit in enumerate(limits):
            above[number] += here @ np.where(np.isnan(drawn), np.nan, drawn > limit)
    found = pd.DataFrame({"people": people})
    settled = np.where(people > 0, people, np.nan)
    found["mean"] = weights @ cells.mean / settled
    means = total / settled[:, None]
    means += (found["mean"].to_numpy() - means.mean(axis=1))[:, None]
    found["mean_low"], found["mean_high"] = bounds(means)
    for limit, each in zip(limits, above, strict=True):
        for name, values in (("people", each), ("share", each / settled[:, None])):
            column = f"{name}_above_{limit:g}"
            found[column] = values.mean(axis=1)
            found[f"{column}_low"], found[f"{column}_high"] = bounds(values)
    return found


def true_exposure(
    truth: np.ndarray, people: np.ndarray, inside: csr_array, limits: Sequence[float]
) -> pd.DataFrame:
    """True means and shares of p districts, columns as in ``expose`` with ``true_`` before them.

    Args:
        truth: of n cells, (n,) in ug/m3; NaN where it is not known, and there nobody counts.
        people: who live there, (n,).
        inside: share of each cell that lies in each district, (p, n).
        limits: concentrations in ug/m3.
    """
    known = np.isfinite(truth)
    weights = csr_array(inside * (people * known))
    settled = weights.sum(axis=1)
    settled = np.where(settled > 0, settled, np.nan)
    truth = np.where(known, truth, 0.0)
    above = {
        f"true_share_above_{limit:g}": weights @ (truth > limit).astype(float) / settled
        for limit in limits
    }
    return pd.DataFrame({"true_mean": weights @ truth / settled, **above})


def bounds(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the 90 % intervals of rows of draws, (p, fields) to (p,) each."""
    low, high = np.quantile(values, (0.5 - LEVEL / 2, 0.5 + LEVEL / 2), axis=1)
    return low, high
