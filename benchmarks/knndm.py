"""How far the error by random, block and kNNDM folds is from the true error of a map.

    python -m benchmarks.knndm [--seeds 0 1 2 3 4 5 6 7 8 9] [--out FILE]

A simulated country of each seed has three networks of 300 stations: anywhere on land, around 15
places, and in cities only. Boosted trees on land use and coordinates are fitted to the true NO2 at
the stations, asked at every cell of 5 km of the land, and compared with the truth there; the folds
know the stations alone. Prints Markdown tables for docs/evaluation.md; some 2 CPU minutes.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import pandas as pd
from pyproj import Transformer
from scipy.ndimage import gaussian_filter
from sklearn.metrics import r2_score, root_mean_squared_error

from mmaq.base.geo import nearest_km
from mmaq.config.data import Period, Simulate
from mmaq.estimators.trees import BOOSTING, ask, grow
from mmaq.simulate.world.air import mean_air
from mmaq.simulate.world.grid import CRS
from mmaq.simulate.world.make import make_world
from mmaq.simulate.world.world import World
from mmaq.statistics.splits import outer_folds, related

STATIONS, CLUSTERS, FOLDS = 300, 15, 5

SPREAD = 12_000.0
"""Standard deviation in m of the stations around a place."""

CITY = 700.0
"""People per km2 of a city, mean of some 3 km."""

CELL = 5000.0

EVERY = 15
"""Days from one day of the mean to the next."""

SMOOTH = (0.0, 1500.0, 6000.0, 25000.0)
"""Standard deviations in m over which the population is averaged."""

SPLITS = ("random", "blocks", "knndm")
NETWORKS = ("anywhere", "clustered", "cities")


class Land:
    """A country: what is known of a point, and its true NO2."""

    def __init__(self, seed: int) -> None:
        period = Period()
        config = Simulate(seed=seed, stations=1, unlabelled=0)
        self.world: World = make_world(config, period)
        length = (period.end - period.start).days + 1
        self.days = [period.start + timedelta(days) for days in range(0, length, EVERY)]
        grid = self.world.grid
        self.people = [gaussian_filter(self.world.population, far / grid.step) for far in SMOOTH]

    def cells(self) -> np.ndarray:
        """Middles of the cells of the land, (m, 2) in m."""
        west, south, east, north = self.world.bounds
        sides = [np.arange(a + CELL / 2, b, CELL) for a, b in ((west, east), (south, north))]
        points = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2)
        return points[self.dry(points)]

    def dry(self, points: np.ndarray) -> np.ndarray:
        """Which points, (n, 2) in m, are land of the country."""
        west, south, east, north = self.world.bounds
        x, y = points.T
        inside = (west < x) & (x < east) & (south < y) & (y < north)
        return inside & (self.world.elevation(x, y) > 0)

    def network(self, kind: str, rng: np.random.Generator) -> np.ndarray:
        """Stations, (STATIONS, 2) in m."""
        west, south, east, north = self.world.bounds
        anywhere = rng.uniform([west, south], [east, north], (40_000, 2))
        points = anywhere[self.dry(anywhere)]
        if kind == "clustered":
            middles = points[rng.choice(len(points), CLUSTERS, replace=False)]
            points = middles[rng.integers(CLUSTERS, size=10 * STATIONS)]
            points = points + rng.normal(0, SPREAD, points.shape)
            points = points[self.dry(points)]
        if kind == "cities":
            points = points[self.world.grid.sample(self.people[1], *points.T) > CITY]
        return points[rng.choice(len(points), STATIONS, replace=False)]

    def known(self, points: np.ndarray) -> np.ndarray:
        """Altitude, population over some distances, and coordinates: (n, d)."""
        people = [np.log1p(self.world.grid.sample(field, *points.T)) for field in self.people]
        return np.column_stack([self.world.elevation(*points.T), *people, points])

    def truth(self, points: np.ndarray) -> np.ndarray:
        """Mean NO2 away from streets, (n,) in ug/m3."""
        return mean_air(self.world, *points.T, self.days)[1]


def sites_of(points: np.ndarray) -> pd.DataFrame:
    """Longitude, latitude and country, as the site table has them."""
    lon, lat = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True).transform(*points.T)
    return pd.DataFrame({"lon": lon, "lat": lat, "country": "XM"})


def measure(seed: int) -> Iterator[dict[str, object]]:
    """A row a network and way to tell the error; ``truth`` is that of the map."""
    land = Land(seed)
    cells = land.cells()
    at_cells, true = land.known(cells), land.truth(cells)
    for number, kind in enumerate(NETWORKS):
        points = land.network(kind, np.random.default_rng([seed, number]))
        known, measured, sites = land.known(points), land.truth(points), sites_of(points)
        mapped = ask(grow(known, measured, seed, BOOSTING, 1), at_cells)
        away = nearest_km(
            sites[["lon", "lat"]].to_numpy(), sites_of(cells)[["lon", "lat"]].to_numpy()
        )
        about = {"seed": seed, "network": kind}
        yield {**about, "by": "truth", **figures(true, mapped), "km": np.median(away)}
        for split in SPLITS:
            stations = related(sites, split, np.arange(STATIONS), 10.0, 1.0)
            found, near = np.empty(STATIONS), np.empty(STATIONS)
            for fold in outer_folds(sites, split, FOLDS, stations, seed):
                trees = grow(known[fold.train], measured[fold.train], seed, BOOSTING, 1)
                found[fold.test] = ask(trees, known[fold.test])
                places = stations.places
                near[fold.test] = nearest_km(places[fold.train], places[fold.test])
            yield {**about, "by": split, **figures(measured, found), "km": np.median(near)}


def figures(true: np.ndarray, found: np.ndarray) -> dict[str, float]:
    """RMSE in ug/m3, and R2."""
    return {"rmse": root_mean_squared_error(true, found), "r2": r2_score(true, found)}


def summary(rows: pd.DataFrame) -> str:
    """Means over the seeds: the RMSE also as a multiple of the map's, and in ug/m3 off it."""
    lines = [
        "| network | error by | median km | RMSE | over the map's | off the map's | R² |",
        "|---|---|---|---|---|---|---|",
    ]
    found = rows.set_index(["network", "by", "seed"]).sort_index()
    for kind in NETWORKS:
        true = found.loc[(kind, "truth"), "rmse"]
        for by in ("truth", *SPLITS):
            mine = found.loc[(kind, by)]
            over = mine["rmse"] / true
            told = f"{over.mean():.2f} ({over.min():.2f} to {over.max():.2f})"
            told += f" | {(mine['rmse'] - true).abs().mean():.2f}"
            lines.append(
                f"| {kind} | {by} | {mine['km'].mean():.0f} | {mine['rmse'].mean():.2f} | "
                f"{' | ' if by == 'truth' else told} | {mine['r2'].mean():.2f} |"
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(10)))
    parser.add_argument("--out", help="a CSV file of every network")
    given = parser.parse_args()
    rows = pd.DataFrame([row for seed in given.seeds for row in measure(seed)])
    if given.out:
        rows.to_csv(given.out, index=False, float_format="%.6g")
    print(summary(rows))


if __name__ == "__main__":
    main()
