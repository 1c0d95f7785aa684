"""Whether 90 % intervals of exposure hold the truth, over small made-up worlds.

    python -m benchmarks.exposure [--worlds 100] [--method gbm_geo_kriging]

A world has 40 x 40 cells of 1 km and 60 to 100 stations, more of them where people live; its NO2
rests on population, a road's distance and altitude, and on a field that no input shows. An
estimator of the product is fitted to the stations and calibrated, and the interval of the mean
weighted by people made by the product's functions; beside it the one that errors drawn cell by cell
would give. Prints a row of Markdown each.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from scipy.stats import binomtest

from mmaq.contracts.context import CONTEXT
from mmaq.contracts.sites import FEATURES, GEO, SITING
from mmaq.estimators.base import Places, Training
from mmaq.estimators.catalogue import reference
from mmaq.estimators.intervals import calibrate
from mmaq.map.exposure import Cells, expose, fields_of
from mmaq.map.grid import MapGrid
from mmaq.statistics.fields import Correlation, Fields, cosines, in_km, waves
from mmaq.statistics.splits import Stations

GRID = MapGrid(3035, 1000.0, 4321, 3210, 40, 40, (9.0, 51.0, 11.0, 53.0))
NOISE = 0.25
"""Standard deviation of a measurement's error, in roots of ug/m3."""


def field(lonlat: np.ndarray, reach: float, rng: np.random.Generator) -> np.ndarray:
    """A Gaussian field of unit variance with an exponential covariance, (n,)."""
    seed = int(rng.integers(2**31))
    shape = cosines(waves(Correlation(1.0, reach), seed), in_km(lonlat))
    return shape @ rng.standard_normal(shape.shape[1])


def make_world(seed: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray, np.ndarray]:
    """Cells with what is known of them, truth (ug/m3), positions of the stations, measurements."""
    rng = np.random.default_rng(seed)
    row, column = (each.ravel() for each in np.mgrid[0 : GRID.rows, 0 : GRID.columns])
    lonlat = GRID.degrees(row, column)
    settled, lonely = 5.0 + 1.5 * field(lonlat, 10.0, rng), 6.0 + field(lonlat, 3.0, rng)
    altitude = 300.0 + 100.0 * field(lonlat, 20.0, rng)
    root = 4.0 + 0.35 * (settled - 5.0) - 0.25 * (lonely - 6.0) + 0.15 * np.sin(altitude / 60.0)
    root += 0.5 * field(lonlat, 8.0, rng) + 0.15 * rng.standard_normal(len(row))
    root = np.maximum(root, 0.3)
    table = pd.DataFrame({"site_id": np.arange(len(row)).astype(str)})
    table[["lon", "lat"]], table["country"] = lonlat, "DE"
    table["population_density"], table["road_distance"] = np.exp(settled), np.exp(lonely)
    table["altitude"] = altitude
    table[["traffic", "industrial", "background"]] = 0.0, 0.0, 1.0
    rest = [name for name in (*FEATURES, *GEO, *SITING, *CONTEXT) if name not in table]
    table = table.join(pd.DataFrame(np.nan, index=table.index, columns=rest))
    chance = np.exp(settled / 2)
    count = int(rng.integers(60, 101))
    stations = rng.choice(len(row), count, replace=False, p=chance / chance.sum())
    measured = np.maximum(root[stations] + NOISE * rng.standard_normal(count), 0.1) ** 2
    return table, root**2, stations, measured


def one(seed: int, method: str) -> list[dict[str, float]]:
    """Interval, truth and estimate of one world, by drawn fields and cell by cell."""
    table, truth, stations, measured = make_world(seed)
    places = Places(table, None)  # type: ignore[arg-type]  # nothing here reads an image
    there = places.take(stations)
    train = Training(there, measured, Stations.single(there.lonlat))
    estimator = reference(method)
    fitted = estimator.fit(train, seed=0)
    intervals = calibrate(estimator, fitted, train, seed=0)
    assert intervals is not None
    mean = np.maximum(fitted.mean(places), 0.0)
    names = np.column_stack([np.arange(len(mean)) % GRID.columns, np.arange(len(mean)) // 40])
    people = table["population_density"].to_numpy()
    cells = Cells(places.lonlat, names, mean, intervals.bounds(places, mean)[1], people)
    whole = csr_array(np.ones((1, len(mean))))
    true = float(people @ truth / people.sum())
    alone = Fields.draw(Correlation(0.0, 1.0), np.empty((0, 2)), 500, 0)
    rows = []
    for fields in (fields_of(intervals.errors), alone):
        found = expose(cells, whole, fields, [20.0]).iloc[0]
        share = float(people @ (truth > 20.0) / people.sum())
        rows.append(
            {
                "held": found["mean_low"] <= true <= found["mean_high"],
                "width": found["mean_high"] - found["mean_low"], "error": found["mean"] - true,
                "share": found["share_above_20_low"] <= share <= found["share_above_20_high"],
            }
        )  # fmt: skip
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=100)
    parser.add_argument("--method", default="gbm_geo_kriging", help="a reference without images")
    asked = parser.parse_args()
    began = time.process_time()
    found = [one(seed, asked.method) for seed in range(asked.worlds)]
    for name, rows in zip(("drawn fields", "cell by cell"), zip(*found, strict=True), strict=True):
        table = pd.DataFrame(rows)
        held, share = int(table["held"].sum()), int(table["share"].sum())
        ends = binomtest(held, len(table)).proportion_ci(0.95)
        error = table["error"]
        print(
            f"| {name} | {asked.method} | {held} of {len(table)}"
            f" ({ends.low:.2f} to {ends.high:.2f}) | {share} | {table['width'].mean():.2f} |"
            f" {error.mean():+.2f} | {error.pow(2).mean() ** 0.5:.2f} |"
        )
    print(f"{time.process_time() - began:.0f} s of one core")


if __name__ == "__main__":
    main()
